"""What nginx refuses before it reads a body: nobody without a key can leave
one here. And bodies on their way take no place of a worker.

A request whose body never comes has its answer all the same.
"""
import os
import random
import re
import select
import signal
import socket
import time
import uuid

import pytest

from client import Line, at_once, raw, request_bytes
from contract import BASE62, KEYED as CALLS, WRITES, check, make_key
from fixtures import make_project
from openapi import PLAIN_HEADERS
from site_on_host import Site, answer_of
from tables import ROUTES
from test_request_id import wait_for
from test_refuse_auth import MALFORMED

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

UPDATE = "/api/v1/project/update"
KEY = make_key()            # nginx sees only its form
KIB = 1024
KEYED = {(m, "/api/v1" + p) for m, p in CALLS}
HOLDER = "/api/v1/credentials/revoke"
ACCEPT = "/api/v1/invitations/accept"
OPEN_POSTS = [HOLDER, ACCEPT]           # bodies without a key
POSTS = sorted(path for (method, path), row in ROUTES.items()
               if method == "POST" and row[0])
OTHERS = sorted({(m, p.replace("{n}", "1")) for m, p in ROUTES
                 if (m, p) != ("GET", "/metrics")
                 and p not in (*POSTS, *OPEN_POSTS)} | {("GET", "/api/v1/openapi.json")})
# around a key: spaces and tabs (RFC 9110, OWS), and what only looks like it
AROUND = ["Bearer {}\t", "Bearer {} ", "Bearer {} \t \t", "\tBearer {}",
          " \t Bearer {}\t", "bEARER   {}\t\t", "Bearer {}" + "\t" * 900]
NOT_AROUND = ["Bearer\t{}", "Bearer \t{}", "Bearer {}\v", "Bearer {}\f",
              "Bearer {}\xa0", "\xa0Bearer {}", "Bearer {}\t.", "Bearer {},\t",
              "Bearer {}\t{}", "Bearer\t {}"]


def head(value=None, length=1000, **more):
    found = [("Content-Type", "application/json")]
    if value is not None:
        found.append(("Authorization", value))
    if length is not None:
        found.append(("Content-Length", length))
    return found + list(more.items())


def begun(stack, method, target, headers):
    """The answer to a request whose body does not come."""
    try:
        answer = raw(stack.port, request_bytes(method, target, headers),
                     method, timeout=5)
    except TimeoutError:
        answer = None
    assert answer is not None, "nginx waits for the body"
    return answer


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("form", [
    {}, {"length": 2 ** 21}, {"length": None, "Transfer-Encoding": "chunked"},
    {"Expect": "100-continue"}], ids=["", "2 MiB", "chunked", "expect"])
def test_without_a_key(stack, path, form):
    for value in None, "", " ", "\t", "Bearer x", "Basic eDp5", KEY:
        answer = begun(stack, "POST", path, head(value, **form))
        assert answer.status == 401
        assert answer.json["error"]["code"] == (
            "AUTH_INVALID" if (value or "").strip() else "AUTH_MISSING")


@pytest.mark.parametrize("method, target, status", [
    ("POST", UPDATE.replace("date", "d%61te"), 404),
    ("POST", UPDATE.replace("/project", "//project"), 404),
    ("POST", UPDATE.replace("/project", "/x/../project"), 404),
    ("POST", UPDATE + "%3Fx", 413), ("POST", UPDATE + "/", 413),
    *((m, UPDATE, 405) for m in ("GET", "HEAD", "PUT", "DELETE", "PATCH",
                                 "BREW", "TRACE")),
    ("OPTIONS", UPDATE, 204), ("OPTIONS", UPDATE + "?x=1", 204),
    ("POST", UPDATE + "?x=1", 401), ("POST", UPDATE + "?", 401)])
def test_order(stack, method, target, status):
    """404, 405 and OPTIONS come before the key, with and without one."""
    for value in None, f"Bearer {KEY}":
        if (status, value) == (401, f"Bearer {KEY}"):
            continue
        answer = begun(stack, method, target, head(value, 2 ** 20))
        assert answer.status == status
        assert answer.header("Allow") == {
            405: "POST, OPTIONS" if method != "TRACE"
            else "GET, HEAD, OPTIONS, POST", 204: "POST, OPTIONS"}.get(status)


@pytest.mark.parametrize("path", OPEN_POSTS)
def test_order_without_a_key(stack, path):
    """Nothing that is refused without a look at a body waits for it."""
    for method, target, status in [
            ("POST", f"{path[:-1]}%{ord(path[-1]):x}", 404),
            ("POST", path.replace("/v1/", "/v1//"), 404),
            *((m, path, 405) for m in ("GET", "HEAD", "PUT", "TRACE")),
            ("OPTIONS", path + "?x=1", 204),
            *((m, path, 413) for m in ("GET", "POST", "OPTIONS"))]:
        length = 4 * KIB + (status == 413)
        for value in None, "Bearer x", f"Bearer {KEY}":
            assert begun(stack, method, target, head(value, length)
                         ).status == status
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (4 * KIB + 1, b" " * (4 * KIB + 1))
    assert raw(stack.port, request_bytes("POST", path, head(
        None, None, **{"Transfer-Encoding": "chunked"}), chunks), "POST"
        ).status == 413


@pytest.mark.parametrize("path", POSTS)
def test_413_comes_first(stack, path):
    for method in "POST", "GET", "OPTIONS":
        for value in None, f"Bearer {KEY}":
            assert begun(stack, method, path, head(value, 2 ** 21 + 1)
                         ).status == 413


@pytest.mark.parametrize("method, path", OTHERS, ids=lambda v: v)
def test_where_no_body_is_needed(stack, method, path):
    """4 KiB are let pass, by any method, with or without a key."""
    for how in method, "POST", "OPTIONS":
        for value in None, f"Bearer {KEY}":
            assert begun(stack, how, path, head(value, 4 * KIB + 1)
                         ).status == 413
        got = raw(stack.port, request_bytes(how, path, head(None, 4 * KIB),
                                            b" " * 4 * KIB), how)
        assert got.status == {"POST": 405, "OPTIONS": 204}.get(
            how, 401 if (method, path) in KEYED else 200)
        chunks = b"%x\r\n%b\r\n0\r\n\r\n"
        chunks %= 4 * KIB + 1, b" " * (4 * KIB + 1)
        got = raw(stack.port, request_bytes(how, path, head(
            None, None, **{"Transfer-Encoding": "chunked"}), chunks), how)
        # the document is no worker's: a body is thrown away, not kept
        assert got.status == 413 or path.endswith("/openapi.json")


def test_a_call_without_a_body(stack):
    """No length, none needed: what a worker says, not nginx."""
    answer = raw(stack.port, request_bytes("POST", UPDATE, [
        ("Authorization", f"Bearer {KEY}")]), "POST")
    assert answer.status == 401


def shape(answer):
    """A refusal without what is never the same twice."""
    error = dict(answer.json["error"])
    del error["requestId"]
    return answer.status, error, sorted(
        (n, v) for n, v in answer.headers
        if n not in ("date", "x-request-id", "connection"))


def test_the_same_refusal(stack, shared):
    """Of nginx (before a body) and of a worker (there is none)."""
    values = [None, "", "\t", *(f(shared.key) for f in MALFORMED.values()),
              *(v.format(KEY, KEY) for v in AROUND + NOT_AROUND)]
    for value in values:
        by_worker = raw(stack.port, request_bytes(
            "GET", "/api/v1/project", head(value, None)))
        by_nginx = raw(stack.port, request_bytes(
            "POST", UPDATE, head(value, 2), b"{}"), "POST")
        assert shape(by_worker) == shape(by_nginx), value
        assert by_worker.status == 401, value
    assert "www-authenticate" not in PLAIN_HEADERS      # it was compared


@pytest.mark.parametrize("value", AROUND)
def test_blanks_around_a_key(stack, shared, value):
    """OWS is no part of a field's value (RFC 9110 section 5.5)."""
    value = value.format(shared.key)
    for method, target, body in [("GET", "/api/v1/project", b""),
                                 ("POST", UPDATE, b'{"name":""}')]:
        answer = raw(stack.port, request_bytes(
            method, target, head(value, len(body)), body), method)
        assert answer.status == (200 if method == "GET" else 400), answer


FORM = re.compile(r"[ \t]*(?i:bearer) +cc_(live|test)_[0-9A-Za-z]{46}[ \t]*")


def changed(value, pick):
    """The same with one to three of its characters changed."""
    letters = BASE62 + " \t_-.,:%=\"'\\/+\x01\x0b\x7f\x80\xff"
    for _ in range(pick.choice([1, 1, 1, 2, 3])):
        at = pick.randrange(len(value) + 1)
        value = value[:at] + pick.choice(["", pick.choice(letters)]) + \
            value[at + pick.choice([0, 0, 1, 1, 8]):]
    return value


def test_the_form_is_the_workers(stack):
    """nginx asks a worker about exactly what has a key's form, and whatever
    it refuses a worker would refuse with the same code."""
    pick, asked = random.Random(11), {}
    values = [changed(f"Bearer {make_key(secret=c * 32)}", pick)
              for c in BASE62 for _ in range(8)]
    values += [f"Bearer {make_key(kind=k)}" for k in ("live", "test")]
    values += [f"Bearer {KEY[:20]}{chr(c)}{KEY[21:]}" for c in range(1, 256)
               if chr(c) not in "\n\r"]
    for value in values:
        rid = str(uuid.uuid4())
        nginx, worker = (raw(stack.port, request_bytes(
            method, target, head(value, length, **{"X-Request-ID": rid}),
            b"{}"[:length or 0]), method)
            for method, target, length in [("POST", UPDATE, 2),
                                           ("GET", "/api/v1/project", None)])
        assert shape(nginx) == shape(worker), value
        asked[rid] = bool(FORM.fullmatch(value))
    assert wait_for(lambda: stack.log("nginx-access.log"), rid)
    found = dict(re.findall(r' rid=(\S+) .*"POST .* upstream=(\S+) ',
                            stack.log("nginx-access.log")))
    assert {rid: found[rid] == "401" for rid in asked} == asked
    assert 20 < sum(asked.values()) < len(asked) - 200


# Places

@pytest.fixture(scope="module")
def narrow(stack):
    """The installed site with three places in place of 2,000."""
    site = Site(stack, tls=False)
    path = site.etc / "sites-available/codecourier"
    text = path.read_text()
    assert text.count("max_conns=2000") == 1
    path.write_text(text.replace("max_conns=2000", "max_conns=3"))
    site.port = site.ports[8080]
    try:
        yield site.start()
    finally:
        site.clean()


def begin(site, data, source="127.0.0.1"):
    conn = socket.create_connection(("127.0.0.1", site.port), 20,
                                    (source, 0))
    conn.sendall(data)
    return conn


def unfinished(key, length=2 ** 21, sent=500):
    return request_bytes("POST", UPDATE, head(f"Bearer {key}", length),
                         b" " * sent)


def test_bodies_on_their_way_take_no_place(narrow, shared):
    """However many there are, and slow readers neither."""
    held = [begin(narrow, unfinished(shared.key, length), f"127.0.0.{n}")
            for n in range(2, 6) for length in [2 ** 21, 900] * 8]
    held += [begin(narrow, request_bytes("GET", "/api/v1/openapi.json"))
             for _ in range(8)]
    line = Line(narrow.port, shared.key)
    assert [line.get("/project")[0] for _ in range(50)] == [200] * 50
    assert line.post("/project/update", {})[0] == 200
    for conn in held:
        conn.close()


def whole(conn):
    """All that comes."""
    found = b""
    while part := conn.recv(65536):
        found += part
    return found


def test_no_place(narrow, stack, shared):
    """All three are taken by requests that wait: 503 at once, by any method,
    and those who wait are served."""
    get = request_bytes("GET", "/api/v1/project", [
        ("Authorization", f"Bearer {shared.key}"), ("Connection", "close")])
    post = request_bytes("POST", UPDATE, head(f"Bearer {shared.key}", 2), b"{}")
    workers = stack.workers()
    try:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        waiting = [begin(narrow, get) for _ in range(4)]
        got = select.select(waiting, [], [], 12)[0]
        assert len(got) == 1, got
        waiting.remove(got[0])
        refused = [check(answer_of("GET", None, whole(got[0]))),
                   raw(narrow.port, post, "POST"),
                   *at_once([lambda: raw(narrow.port, get)] * 8)]
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    for answer in refused:
        assert answer.status == 503
        assert answer.json["error"]["code"] == "UNAVAILABLE"
        assert answer.json["error"]["retryable"] is True
        assert answer.header("Retry-After") == "1"
    for conn in waiting:
        assert check(answer_of("GET", None, whole(conn))).status == 200
    assert raw(narrow.port, get).status == 200


def raw_bytes(conn):
    try:
        return conn.recv(4096)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("length, most, source", [
    (900, 100, "127.0.0.7"), (2 ** 21, 16, "127.0.0.8"),
    (None, 16, "127.0.0.9")])
def test_open_calls_of_one_address(narrow, shared, length, most, source):
    """So many bodies may be on their way, large ones fewer; the next call is
    503, reads go on, and another address has its own."""
    data = unfinished(shared.key, length)
    if length is None:
        data = request_bytes("POST", UPDATE, head(
            f"Bearer {shared.key}", None, **{"Transfer-Encoding": "chunked"}),
            b"fff\r\n ")
    held = [begin(narrow, data, source) for _ in range(most + 1)]
    got = select.select(held, [], [], 9)[0]
    assert len(got) == 1, [conn.recv(4096) for conn in got]
    refused = got[0]
    assert refused.recv(4096).startswith(b"HTTP/1.1 503 ")
    refused.close()
    held.remove(refused)
    get = request_bytes("GET", "/healthz", [("Connection", "close")])
    with begin(narrow, get, source) as conn:
        assert conn.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert Line(narrow.port, shared.key).post("/project/update", {})[0] == 200
    for conn in select.select(held, [], [], 0)[0]:      # slow: cut off
        assert raw_bytes(conn) == b""
    for conn in held:
        conn.close()
