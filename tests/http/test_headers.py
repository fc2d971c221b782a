"""Headers of every answer, by whomever it is given.

check() holds each answer of every test against the rules; here they are
asked for one by one, over all calls and the other outcomes.
"""
import email.utils
import http.client
import json
import time

import pytest

from client import raw, request_bytes
from contract import ALWAYS, CALLS, CALL_IDS, READS, sent

EACH = pytest.mark.parametrize("method, path", CALLS, ids=CALL_IDS)


def once(answer):
    """None of them is doubled by nginx on top of the worker."""
    for name in {*ALWAYS, "date"}:
        assert answer.header(name), (name, answer)


@pytest.mark.parametrize("path", READS)
def test_success(refusing, path):
    once(refusing.send("GET", path))


@EACH
def test_refusal(nobody, method, path):
    once(nobody.send(method, path, **sent(method, path)))


@pytest.mark.parametrize("target", ["/nope", "/api/v1/nope", "/healthz",
                                    "/readyz", "/api/v1/project"])
def test_without_a_key(stack, target):
    once(raw(stack.port, request_bytes("GET", target)))


@EACH
@pytest.mark.parametrize("origin", ["https://example.com", "null"])
def test_no_cors(refusing, method, path, origin):
    """check() finds any Access-Control header."""
    refusing.send("OPTIONS", path, headers={
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization"})
    if method == "GET":
        assert refusing.send("GET", path, headers={"Origin": origin}
                             ).status == 200


def test_no_cookie_and_no_redirect(refusing):
    for path in READS:
        answer = refusing.send("GET", path)
        for name in "Set-Cookie", "Location", "Last-Modified":
            assert answer.header(name) is None


def test_nothing_tells_the_software(refusing):
    names = {n for n, _ in refusing.send("GET", "/project").headers}
    assert not names & {"x-powered-by", "status", "x-accel-redirect"}


def test_date_is_now(refusing):
    date = refusing.send("GET", "/project").header("Date")
    when = email.utils.parsedate_to_datetime(date).timestamp()
    assert abs(when - time.time()) < 60


@pytest.mark.parametrize("path", READS)
def test_body_is_utf_8_json(refusing, path):
    answer = refusing.send("GET", path)
    text = answer.body.decode("utf-8")
    assert answer.is_text or json.loads(text)


def test_text_comes_back_as_utf_8(api):
    name = "é\U0001f680\u2713"
    answer = api.send("POST", "/project/update", {"name": name})
    assert json.loads(answer.body.decode("utf-8"))["data"]["name"] == name


@pytest.mark.parametrize("status, path, body", [
    (200, "/project/update", {}), (400, "/project/update", {"name": ""}),
    (404, "/project/nope", {}), (405, "/project", {}),
    (404, "/project/api-keys/revoke", {"keyId": "x"})])
def test_connection_is_kept(shared, stack, status, path, body):
    """A refusal costs a client no new connection."""
    conn = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
    head = {"Authorization": f"Bearer {shared.key}",
            "Content-Type": "application/json"}
    ports = set()
    for _ in range(3):
        conn.request("POST", "/api/v1" + path, json.dumps(body), head)
        ports.add(conn.sock.getsockname()[1])
        got = conn.getresponse()
        got.read()
        assert got.status == status
    assert len(ports) == 1
    conn.close()


# as a proxy of old might pass them on; nginx takes - for _ in the end
UNDERSCORES = [("Idempotency_Key", "x"), ("If_Match", '"x"'),
               ("Content_Type", "text/plain"), ("Content_Encoding", "gzip"),
               ("X_Request_ID", "00000000-0000-4000-8000-00000000abcd"),
               ("Content_Length", "1"), ("Request_ID", "x"),
               ("Transfer_Encoding", "chunked")]


@pytest.mark.parametrize("name, value", UNDERSCORES, ids=dict(UNDERSCORES))
def test_a_name_with_an_underscore_is_another_header(api, stack, name, value):
    """It never stands for the one with a hyphen, which it could hide."""
    head = [("Content-Type", "application/json"),
            ("Authorization", f"Bearer {api.key}")]
    body = b'{"name": "Underscored"}'
    head += [("Content-Length", str(len(body))), (name, value)]
    answer = raw(stack.port, request_bytes(
        "POST", "/api/v1/project/update", head, body), "POST")
    assert answer.status == 200, answer
    assert answer.json["data"]["name"] == "Underscored"
    assert not answer.header("X-Request-ID").endswith("abcd")
