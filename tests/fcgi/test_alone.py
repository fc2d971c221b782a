"""The worker without nginx: what it answers, its headers, the ids it makes by
itself, what it makes of missing and strange parameters, and its log."""
import re
import subprocess
import time
import uuid

import pytest

from contract import ALWAYS, KEY, KEYED, NOBODY, OF_BODIES, UUID
from wire import PARAMS, STDIN, begin, pair, params_of, request, stream
from workers import Worker

PROJECT = "/api/v1/project"


def names(answer):
    found = [n for n, _ in answer.headers]
    assert len(set(found)) == len(found), found
    return set(found)


@pytest.mark.parametrize("method, path", KEYED, ids=[
    p[1:] for _, p in KEYED])
def test_headers_of_every_call(one, method, path):
    """Without a key: the refusal's. (contract.check has seen the values.)"""
    answer = one.ask(method, f"/api/v1{path}")
    assert answer.status == 401
    assert names(answer) == ALWAYS | {"www-authenticate"}


def test_headers_of_a_success(one, home):
    assert names(one.ask("GET", PROJECT, home.key)) == ALWAYS | {"etag"}
    body = b'{"name": "Headers"}'
    assert names(one.ask("POST", f"{PROJECT}/update", home.key, body)) == \
        ALWAYS | {"etag"}


def test_headers_of_refusals(one, home):
    answer = one.ask("GET", "/nope", home.key)
    assert (answer.status, names(answer)) == (404, ALWAYS)
    answer = one.ask("PUT", PROJECT, home.key)
    assert (answer.status, names(answer)) == (405, ALWAYS | {"allow"})
    assert sorted(answer.header("Allow").split(", ")) == [
        "GET", "HEAD", "OPTIONS"]
    answer = one.ask("OPTIONS", PROJECT)
    assert answer.status == 204
    assert names(answer) == ALWAYS - OF_BODIES | {"allow"}


def test_head(one, home):
    """A GET's headers, its length too, and no body."""
    get = one.ask("GET", PROJECT, home.key, REQUEST_ID=NOBODY)
    head = one.ask("HEAD", PROJECT, home.key, REQUEST_ID=NOBODY)
    assert head.headers == get.headers
    assert head.header("Content-Length") == str(len(get.body))
    refused = one.ask("HEAD", PROJECT)
    assert refused.status == 401 and refused.body == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(one, path):
    answer = one.ask("GET", path)
    assert (answer.status, answer.json) == (200, {"data": {"status": "ok"}})
    assert names(answer) == ALWAYS


def test_metrics(one):
    """The one answer that is no JSON; http/test_metrics.py reads it."""
    answer = one.ask("GET", "/metrics")
    assert answer.is_metrics and names(answer) == ALWAYS
    assert answer.body.startswith(b"# HELP codecourier_")
    assert one.ask("POST", "/metrics").status == 405


def test_without_the_shared_file(site, home):
    """It serves, and has nothing to tell as metrics."""
    worker = site.start({"CODECOURIER_RUNTIME_DIR": "/nonexistent"})
    assert site.ask("GET", PROJECT, home.key).status == 200
    refused = site.ask("GET", "/metrics")
    assert refused.status == 503
    assert refused.json["error"]["code"] == "UNAVAILABLE"
    worker.says("working without")


def test_makes_its_own_request_id(one, home):
    """A new one each time, a UUID of version 4, in log and answer."""
    seen = {one.ask("GET", PROJECT, home.key).header("X-Request-ID")
            for _ in range(20)}
    assert len(seen) == 20
    for rid in seen:
        assert UUID.fullmatch(rid) and uuid.UUID(rid).version == 4
        one.worker.says(f" rid={rid} ")


def test_request_id_of_the_client(one, home):
    for rid in (str(uuid.uuid4()), str(uuid.uuid4()).upper(), NOBODY,
                "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF"):
        answer = one.ask("GET", PROJECT, HTTP_X_REQUEST_ID=rid)
        assert answer.header("X-Request-ID") == rid
        assert answer.json["error"]["requestId"] == rid


def test_request_id_of_nginx_goes_first(one):
    given, other = str(uuid.uuid4()), str(uuid.uuid4())
    answer = one.ask("GET", PROJECT, REQUEST_ID=given,
                     HTTP_X_REQUEST_ID=other)
    assert answer.header("X-Request-ID") == given
    answer = one.ask("GET", PROJECT, REQUEST_ID="0" * 31,
                     HTTP_X_REQUEST_ID=other)
    assert answer.header("X-Request-ID") == other


@pytest.mark.parametrize("rid", [
    "", "x", "0" * 31, "0" * 33, "0" * 36, NOBODY + "0", NOBODY[:-1], " " + NOBODY,
    NOBODY + "\n", "{" + NOBODY + "}", NOBODY.replace("-", "_"),
    NOBODY[:-1] + "g", f"{NOBODY}\r\nSet-Cookie: a=b", "0" * 5000], ids=repr)
def test_not_a_request_id(one, rid):
    for name in ("REQUEST_ID", "HTTP_X_REQUEST_ID"):
        answer = one.ask("GET", PROJECT, **{name: rid})
        made = answer.header("X-Request-ID")
        assert made != rid and uuid.UUID(made).version == 4
        assert names(answer) == ALWAYS | {"www-authenticate"}


@pytest.mark.parametrize("given, kept", [
    ("192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"),
    ("::ffff:192.0.2.7", "::ffff:192.0.2.7"), ("unix:", None), ("", None),
    (None, None), ("localhost", None), ("192.0.2.7:80", None),
    ("fe80::1%lo", None), ("192.0.2.0/24", None), ("[::1]", None),
    ("192.0.2.7, 192.0.2.8", None), ("1.2.3", None), ("x" * 5000, None),
    ("\xff", None)], ids=repr)
def test_address_in_the_audit(one, home, given, kept):
    """What is no address is none: a write is not lost over it."""
    rid = str(uuid.uuid4())
    answer = one.ask("POST", f"{PROJECT}/update", home.key,
                     b'{"name": "Audited"}', REMOTE_ADDR=given,
                     REQUEST_ID=rid)
    assert answer.status == 200
    row, = home.stack.rows("select actor, host(address) as address from "
                           f"codecourier.audit where request_id = '{rid}'")
    assert row == {"actor": "key", "address": kept}


@pytest.mark.parametrize("given, status", [
    ({"REQUEST_METHOD": None}, 405), ({"REQUEST_METHOD": ""}, 405),
    ({"REQUEST_METHOD": "get"}, 405), ({"REQUEST_METHOD": "G" * 70000}, 405),
    ({"REQUEST_METHOD": "GET "}, 405), ({"REQUEST_METHOD": "GET\n"}, 405),
    ({"REQUEST_URI": None}, 404), ({"REQUEST_URI": ""}, 404),
    ({"REQUEST_URI": "?"}, 404), ({"REQUEST_URI": PROJECT[1:]}, 404),
    ({"REQUEST_URI": "http://localhost" + PROJECT}, 404),
    ({"REQUEST_URI": PROJECT + "\n"}, 404), ({"REQUEST_URI": "*"}, 404),
    ({"REQUEST_URI": PROJECT + "#x"}, 404),
    ({"REQUEST_URI": PROJECT + "/x" * 50000}, 404),
    ({"REQUEST_URI": PROJECT + "\xff"}, 404),
    ({"REQUEST_URI": PROJECT + "?" + "a" * 100000}, 400),
    ({"REQUEST_URI": PROJECT + "?\xff=\n"}, 400),
    ({"HTTP_AUTHORIZATION": None}, 401), ({"HTTP_AUTHORIZATION": ""}, 401),
    ({"HTTP_AUTHORIZATION": "Bearer " + "c" * 100000}, 401),
    ({"HTTP_AUTHORIZATION": "Bearer \xff\n"}, 401)],
    ids=lambda v: str(v)[:60])
def test_parameters(one, home, given, status):
    params = {**params_of("GET", PROJECT, home.key), **given}
    params = {n: v for n, v in params.items() if v is not None}
    peer = one.peer(request(params))
    answer = peer.answer()
    peer.close()
    assert answer.status == status
    assert one.worker.alive()


def test_no_parameter_at_all(one):
    assert one.ask("GET", None, REQUEST_METHOD=None, CONTENT_TYPE=None,
                   CONTENT_LENGTH=None, REMOTE_ADDR=None).status == 404
    peer = one.peer(begin() + stream(PARAMS, b"") + stream(STDIN, b""))
    assert peer.answer().status == 404
    peer.close()


def test_the_first_of_two(one, home):
    """nginx sends its own before the client's: they cannot be overridden."""
    rid, other = str(uuid.uuid4()), str(uuid.uuid4())
    pairs = [*params_of("GET", PROJECT, home.key, REQUEST_ID=rid).items(),
             ("REQUEST_ID", other), ("REQUEST_METHOD", "PUT"),
             ("REQUEST_URI", "/nope"), ("CONTENT_LENGTH", "-1"),
             ("HTTP_AUTHORIZATION", "Bearer x")]
    peer = one.peer(begin() + stream(PARAMS, b"".join(
        pair(n, v) for n, v in pairs)) + stream(STDIN, b""))
    answer = peer.answer()
    peer.close()
    assert answer.status == 200 and answer.header("X-Request-ID") == rid


def test_many_parameters(one, home):
    params = params_of("GET", PROJECT, **{
        f"HTTP_X_{n}": "v" * (n % 300) for n in range(5000)})
    params["HTTP_AUTHORIZATION"] = f"Bearer {home.key}"
    peer = one.peer(request(params))
    assert peer.answer().status == 200
    peer.close()


def test_media_types(one, home, nothing_written):
    body = b'{"name": "Never Written"}'
    for given in ({"CONTENT_TYPE": None}, {"CONTENT_TYPE": "text/plain"},
                  {"CONTENT_TYPE": "application/jsonp"},
                  {"HTTP_CONTENT_ENCODING": "gzip"}):
        answer = one.ask("POST", f"{PROJECT}/update", home.key, body, **given)
        assert answer.status == 415


def test_one_line_a_request(one, home):
    """Whatever is in a parameter, and no key among it."""
    strange = 'X\nlevel=error rid=x" =\x1b[31m\x7f\xff'
    first, last = str(uuid.uuid4()), str(uuid.uuid4())
    one.ask("GET", PROJECT, home.key, REQUEST_ID=first)
    one.worker.says(f"rid={first}")
    said = len(one.worker.said())
    for given in ({"REQUEST_METHOD": strange}, {"REQUEST_URI": strange},
                  {"REMOTE_ADDR": strange}, {"HTTP_X_REQUEST_ID": strange},
                  {"HTTP_AUTHORIZATION": f"{home.key}\n{home.key}"},
                  {"REQUEST_METHOD": home.key}, {"REQUEST_URI": home.key},
                  {"REQUEST_METHOD": "\n" * 9000}):
        one.ask("GET", PROJECT, home.key, **given)
    one.ask("GET", PROJECT, home.key, REQUEST_ID=last)
    one.worker.says(f"rid={last}")
    log = one.worker.said()[said:]
    lines = log.splitlines()
    assert len(lines) == 9, log
    field = r'[a-z]+=([^ "=]*|"([^"\\]|\\.)*")'
    for line in lines:
        assert re.fullmatch(rf"{field}( {field})*", line, re.A), line
        assert all(" " <= c <= "~" for c in line), line
        assert " level=info " in line and len(line) < 4096
    assert not KEY.search(log), log


def test_every_call_is_refused_without_a_key(one, home, nothing_written):
    """Nothing but the Authorization header makes a request somebody's."""
    for method, path in KEYED:
        answer = one.ask(method, f"/api/v1{path}", None,
                         b"{}" if method == "POST" else b"",
                         REMOTE_USER="root", HTTP_X_API_KEY=home.key,
                         HTTP_COOKIE=home.key, REMOTE_ADDR="127.0.0.1")
        assert answer.status == 401, path


def test_no_listening_socket(stack):
    """Started by hand, it says what is wrong, and after a pause (whoever
    restarts it must not spin) ends with 1."""
    began = time.monotonic()
    workers = [Worker(stack, subprocess.DEVNULL),
               Worker(stack, subprocess.PIPE)]
    for worker in workers:
        assert worker.ends(6) == 1
        assert "descriptor 0 is no listening socket" in worker.said()
    workers[1].process.stdin.close()
    assert time.monotonic() - began > 2
