"""The bounds of HTTP/1 hold over HTTP/2, and nothing slips through it."""
import select
import time
import uuid

import pytest

from contract import Answer, check, make_key
from fixtures import make_project
from h2client import ErrorCodes, Line2
from h2.settings import SettingCodes
from site_on_host import NAME, Site

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

UPDATE = "/api/v1/project/update"
STREAMS, PER_ADDRESS = 32, 500     # tls-server.conf, server.conf
CALM = ErrorCodes.ENHANCE_YOUR_CALM


@pytest.fixture(scope="module")
def site(stack):
    made = Site(stack)
    try:
        yield made.start()
    finally:
        made.clean()


@pytest.fixture
def line(site):
    made = Line2(site)
    yield made
    made.close()


@pytest.fixture(scope="module")
def victim(stack):
    """A project whose name nothing below may change."""
    made = make_project(stack)
    made.api.post("/project/update", {"name": "Untouched"})
    yield made
    assert made.api.get("/project")["name"] == "Untouched"


def as_json(project):
    return [("authorization", f"Bearer {project.key}"),
            ("content-type", "application/json")]


def test_many_requests_on_one_connection(line, project):
    project.api.get("/project")     # a cold key lets only some in at once
    first = [line.send("GET", "/api/v1/project", as_json(project))
             for _ in range(20)]
    first += [line.send("POST", UPDATE, as_json(project), b'{"name":"H2"}')
              for _ in range(10)]
    for stream in first:
        assert check(line.outcome(stream)).status == 200


@pytest.mark.parametrize("head, body", [
    ([("content-length", "10000000000")], None), ([], b"x" * 16000)])
def test_large_body(line, project, head, body):
    """Named, or without a length: refused before it is kept anywhere."""
    stream = line.send("POST", UPDATE, as_json(project) + head, body, False)
    sent = 16000
    while body and stream not in line.ended and sent < 3 * 2**20:
        while line.conn.local_flow_control_window(stream) < len(body):
            assert line.read()
            if stream in line.ended:
                break
        else:
            line.conn.send_data(stream, body)
            line.flush()
            sent += len(body)
    answer = check(line.outcome(stream))
    assert answer.status == 413
    assert answer.json["error"]["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("head", [
    [("x-long", "x" * 15000)], [("authorization", "Bearer " + "x" * 40000)],
    [(f"x-{n}", "x" * 4000) for n in range(10)]], ids=["one", "key", "many"])
def test_large_headers(site, line, head):
    """nginx has no 431 here: it ends the connection and says why."""
    assert line.outcome(line.send("GET", "/healthz", head)) == CALM
    assert check(site.curl("/healthz", version="--http2")).status == 200


def test_long_target(line):
    target = "/api/v1/project?" + "x" * 15000
    assert line.outcome(line.send("GET", target)) == CALM


def test_streams_of_one_connection(line):
    """One more than the server takes is refused, the others go on."""
    held = [line.send("POST", "/healthz", [("content-length", "1")], None,
                      False) for _ in range(STREAMS)]
    more = line.send("GET", "/healthz")
    assert line.outcome(more) == ErrorCodes.REFUSED_STREAM
    assert line.settings[SettingCodes.MAX_CONCURRENT_STREAMS] == STREAMS
    assert not line.ended.keys() & set(held)
    for stream in held:
        line.conn.send_data(stream, b"x", end_stream=True)
    line.flush()
    for stream in held:
        assert check(line.outcome(stream)).status == 405


def test_streams_count_as_open_requests(site):
    """A crowd of connections gives nobody more than 500 at once."""
    lines = [Line2(site) for _ in range(20)]
    try:
        held = [(line, line.send("POST", "/healthz",
                                 [("content-length", "1")], None, False))
                for line in lines for _ in range(PER_ADDRESS // 20)]
        for line in lines:      # nginx has seen all that came before
            line.conn.ping(b"are here")
            line.flush()
            line.read()
        answer = check(site.curl("/healthz", version="--http2"))
        assert answer.status == 503
        assert answer.json["error"]["code"] == "UNAVAILABLE"
        assert check(site.ask("/healthz")).status == 503
        assert not any(stream in line.ended for line, stream in held)
    finally:
        for line in lines:
            line.close()
    end = time.monotonic() + 5
    while site.ask("/healthz").status != 200:
        assert time.monotonic() < end
        time.sleep(0.1)


def answered(begun):
    """Not those that were cut off for being slow."""
    found = [one.ended.get(stream) for one, stream in begun]
    return [answer for answer in found if isinstance(answer, Answer)]


@pytest.mark.parametrize("key, path, length, refused, most", [
    (None, UPDATE, 2 ** 21, 401, 0), ("Bearer cc_live_x", UPDATE, 9, 401, 0),
    (None, "/api/v1/project", 2 ** 21, 413, 0),
    (f"Bearer {make_key()}", UPDATE, 2 ** 21, 503, 16),
    (f"Bearer {make_key()}", UPDATE, None, 503, 16),
    (f"Bearer {make_key()}", UPDATE, 59000, 503, 100)])
def test_unfinished_bodies(site, project, key, path, length, refused, most):
    """With limits as shipped, from five addresses: who has no key is refused
    at once, the others hold so many; everybody else is served."""
    project.api.get("/project")
    head = [("authorization", key)] if key else []
    head += [("content-length", str(length))] if length else []
    lines = [Line2(site, f"127.0.{len(path)}.{most + n}")
             for n in range(1, 6) for _ in range(4)]
    try:
        begun = [(line, line.send("POST", path, head, b" " * 8, False))
                 for _ in range(STREAMS) for line in lines]
        good = Line2(site)
        want = len(begun) - 5 * most
        end = time.monotonic() + 9
        while len(answered(begun)) < want:
            assert time.monotonic() < end
            for one in select.select(lines, [], [], 1)[0]:
                one.read()
        told = [check(answer).status for answer in answered(begun)]
        assert told == [refused] * want
        for _ in range(20):
            ask = [good.send("GET", "/api/v1/project", as_json(project)),
                   good.send("POST", UPDATE, as_json(project), b"{}")]
            assert [good.outcome(i).status for i in ask] == [200, 200]
        good.close()
    finally:
        for one in lines:
            one.close()


def test_slow_body(line, site):
    """Cut off without an answer, as over HTTP/1; the connection goes on."""
    slow = line.send("POST", "/healthz", [("content-length", "1")], None,
                     False)
    assert isinstance(line.outcome(slow), ErrorCodes)
    assert check(line.outcome(line.send("GET", "/healthz"))).status == 200


BODY = b'{"name":"Smuggled"}'
LINES = "x\r\nHost: x\r\n\r\nPOST /api/v1/project/delete HTTP/1.1\r\n"
PSEUDO = [(":method", "POST"), (":scheme", "https"), (":authority", NAME),
          (":path", UPDATE)]


def pseudo(**other):
    return [(n, other.get(n[1:], v)) for n, v in PSEUDO]


MALFORMED = {
    "short-length": ([("content-length", "3")], BODY, PSEUDO),
    "long-length": ([("content-length", "300")], BODY, PSEUDO),
    "no-number": ([("content-length", "nineteen")], BODY, PSEUDO),
    "two-lengths": ([("content-length", "19"), ("content-length", "3")], BODY,
                    PSEUDO),
    "lines-in-value": ([("x-a", LINES)], BODY, PSEUDO),
    "nul-in-value": ([("x-a", "a\0b")], BODY, PSEUDO),
    "lines-in-name": ([("x-a: b\r\nx-c", "d")], BODY, PSEUDO),
    "upper-case-name": ([("Content-Length", "19")], BODY, PSEUDO),
    "colon-in-name": ([("content-length:", "19")], BODY, PSEUDO),
    "lines-in-path": ([], BODY, pseudo(path="/ HTTP/1.1\r\n" + LINES)),
    "space-in-path": ([], BODY, pseudo(path=UPDATE + " HTTP/1.1")),
    "relative-path": ([], BODY, pseudo(path=UPDATE[1:])),
    "no-path": ([], BODY, PSEUDO[:-1]),
    "empty-path": ([], BODY, pseudo(path="")),
    "two-paths": ([], BODY, [*PSEUDO, (":path", UPDATE)]),
    "two-methods": ([], BODY, [*PSEUDO, (":method", "GET")]),
    "lines-in-method": ([], BODY, pseudo(method="GET / HTTP/1.1\r\n" + LINES)),
    "lower-case-method": ([], BODY, pseudo(method="post")),
    "no-method": ([], BODY, PSEUDO[1:]),
    "no-authority": ([], BODY, [p for p in PSEUDO if p[0] != ":authority"]),
    "lines-in-authority": ([], BODY, pseudo(authority=NAME + "\r\nx: y")),
    "two-hosts": ([("host", "evil.example"), ("host", NAME)], BODY, PSEUDO),
    "unknown-pseudo": ([], BODY, [*PSEUDO, (":x", "y")]),
    "two-keys": ([("authorization", "Bearer x")], BODY, PSEUDO),
    "chunks": ([("transfer-encoding", "chunked")],
               b"13\r\n" + BODY + b"\r\n0\r\n\r\n", PSEUDO),
    "connect": ([], BODY, pseudo(method="CONNECT")),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(site, line, victim, name):
    """Refused; what was in it never becomes a request of its own."""
    headers, body, first = MALFORMED[name]
    rid = str(uuid.uuid4())
    before = site.stack.log("pool.log").count("\n")
    stream = line.send("POST", None, as_json(victim) +
                       [("x-request-id", rid), *headers], body, pseudo=first)
    outcome = line.outcome(stream)
    if isinstance(outcome, Answer):
        assert 400 <= check(outcome).status < 600, outcome
    else:
        assert outcome, "closed without a word"
    assert check(site.curl("/healthz", version="--http2")).status == 200
    seen = site.stack.log("pool.log").splitlines()[before:]
    assert sum(rid in text for text in seen) <= 1
    assert "/project/delete" not in "".join(seen)
