"""404 and 405; OPTIONS and HEAD where they belong."""

import pytest

from client import raw, request_bytes
from contract import CALLS, CALL_IDS, READS, WRITES
from session import until

EACH = pytest.mark.parametrize("method, path", CALLS, ids=CALL_IDS)
HEALTH = ["/healthz", "/readyz"]
UNKNOWN = [
    "/", "/index.html", "/nope", "/project", "/api", "/api/", "/api/v1",
    "/api/v1/", "/api/v1/nope", "/api/v1/project/", "/api/v1/project/nope",
    "/api/v1/Project", "/api/v1/PROJECT", "/API/v1/project",
    "/api/V1/project", "/api/v2/project", "/api/v1/projects",
    "/api/v1//project", "//api/v1/project", "/api//v1/project",
    "/api/v1/project//settings", "/api/v1/./project",
    "/api/v1/x/../project", "/api/v1/project/../project",
    "/api/v1/project/.", "/api/v1/project/..", "/x/../api/v1/project",
    "/api/v1/%70roject", "/api/v1/project%2Fsettings", "/%61pi/v1/project",
    "/api/v1/project%20", "/api/v1/project%3Fx=1",
    "/api/v1/project%2f", "/api/v1/project;x=1", "/api/v1/project:1",
    "/api/v1/project.json", "/api/v1/project/settings/",
    "/api/v1/project/members/remove/", "/api/v1/project/members/invite/x",
    "/api/v1/project/update/", "/api/v1/settings", "/api/v1/healthz",
    "/healthz/", "/healthz/x", "/Healthz", "/%68ealthz", "/x/../healthz",
    "/readyz/", "/api/v1/../../healthz", "/api/v1/project\\settings",
    "/.git/config", "/api/v1/%2e%2e/project"]


def allow(answer):
    return {m.strip() for m in answer.header("Allow").split(",")}


def allowed(method):
    return {"GET", "HEAD", "OPTIONS"} if method == "GET" else \
        {"POST", "OPTIONS"}


@pytest.mark.parametrize("target", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_such_route(shared, stack, method, target):
    """Also for who has a good key: the path counts as it was sent."""
    head, body = [("Authorization", f"Bearer {shared.key}")], b""
    if method == "POST":
        body = b'{"name":"No"}'
        head += [("Content-Type", "application/json"),
                 ("Content-Length", len(body))]
    answer = raw(stack.port, request_bytes(method, target, head, body),
                 method)
    assert answer.status == 404, answer
    assert answer.json["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("target", ["/nope", "/api/v1/nope",
                                    "/api/v1/project/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE",
                                    "PATCH", "BREW"])
def test_no_such_route_by_any_method(stack, method, target):
    answer = raw(stack.port, request_bytes(method, target), method)
    assert answer.status == 404, answer


@EACH
@pytest.mark.parametrize("wrong", ["PUT", "PATCH", "DELETE", "BREW"])
def test_wrong_method(refusing, method, path, wrong):
    answer = refusing.send(wrong, path)
    assert answer.status == 405, answer
    assert answer.json["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert allow(answer) == allowed(method)


@EACH
def test_the_other_method(refusing, method, path):
    other = "POST" if method == "GET" else "GET"
    answer = refusing.send(other, path)
    assert answer.status == 405, answer
    assert answer.json["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert allow(answer) == allowed(method)


@pytest.mark.parametrize("path", list(WRITES))
def test_head_of_a_write(refusing, path):
    answer = refusing.send("HEAD", path)
    assert answer.status == 405
    assert allow(answer) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("path", HEALTH)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_wrong_method_on_health(stack, method, path):
    answer = raw(stack.port, request_bytes(method, path), method)
    assert answer.status == 405, answer
    assert allow(answer) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("target", ["/api/v1/project", "/nope"])
def test_trace_echoes_nothing(stack, target):
    head = [("Authorization", "Bearer planted")]
    answer = raw(stack.port, request_bytes("TRACE", target, head), "TRACE")
    assert answer.status == 405, answer
    assert b"planted" not in answer.body


@EACH
def test_options_needs_no_key(nobody, method, path):
    answer = nobody.send("OPTIONS", path)
    assert answer.status == 204
    assert allow(answer) == allowed(method)


@pytest.mark.parametrize("path", HEALTH)
def test_options_of_health(stack, path):
    answer = raw(stack.port, request_bytes("OPTIONS", path), "OPTIONS")
    assert answer.status == 204
    assert allow(answer) == {"GET", "HEAD", "OPTIONS"}


def test_options_asks_no_other_site(nobody):
    """A browser's question before a call from a foreign page: no."""
    answer = nobody.send("OPTIONS", "/project", headers={
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "GET"})
    assert answer.status == 204     # and check() saw no CORS header


@pytest.mark.parametrize("path", READS)
def test_head_is_get_without_its_body(api, path):
    api.get("/project")
    until(lambda: all(k["lastUsedAt"] for k in api.get("/project/api-keys")),
          "lastUsedAt, which is shown, is not written")
    head, get = api.send("HEAD", path), api.send("GET", path)
    assert head.status == get.status == 200
    for name in "Content-Type", "Content-Length", "Cache-Control":
        assert head.header(name) == get.header(name)


@pytest.mark.parametrize("path", HEALTH)
def test_head_of_health(stack, path):
    assert raw(stack.port, request_bytes("HEAD", path), "HEAD").status == 200


def test_head_without_a_key(nobody):
    answer = nobody.send("HEAD", "/project")
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == "Bearer"
