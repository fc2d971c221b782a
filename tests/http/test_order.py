"""Two things wrong at once: the refusal that must win.

nginx's own, 404 route, 405, 401, 403, 415, 400, then the object's.
"""
import pytest

from client import Api, raw, request_bytes
from contract import ABSENT, NOBODY, make_key
from fixtures import make_project

HUGE = b" " * (2 * 1024 * 1024 + 1)
TEXT = {"Content-Type": "text/plain"}
GZIP = {"Content-Encoding": "gzip"}
UPDATE = "/project/update"
REMOVE = "/project/members/remove"




@pytest.mark.parametrize("method, path", [
    ("POST", UPDATE), ("POST", "/nope"), ("GET", UPDATE), ("PUT", "/project")])
@pytest.mark.parametrize("known", [True, False], ids=["key", "no-key"])
def test_413_before_everything(refusing, nobody, method, path, known):
    (refusing if known else nobody).refused(
        "PAYLOAD_TOO_LARGE", method, path, raw=HUGE)


@pytest.mark.parametrize("more", [
    {}, {"body": {"name": 1}}, {"raw": b"{"}, {"body": {}, "headers": TEXT},
    {"body": {}, "headers": GZIP},
    {"body": {}, "headers": {"Idempotency-Key": ""}}],
    ids=["bare", "invalid", "syntax", "media", "coding", "idempotency"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ["/nope", "/project/", "/nope?x=1"])
def test_404_route_before_the_rest(nobody, path, method, more):
    nobody.refused("NOT_FOUND", method, path, **more)


@pytest.mark.parametrize("more", [
    {}, {"body": {"name": 1}}, {"raw": b"{"}, {"body": {}, "headers": TEXT},
    {"body": {}, "headers": {"If-Match": "x"}}],
    ids=["bare", "invalid", "syntax", "media", "if-match"])
@pytest.mark.parametrize("path", ["/project", "/project?x=1"])
def test_405_before_401(nobody, path, more):
    nobody.refused("METHOD_NOT_ALLOWED", "POST", path, **more)


@pytest.mark.parametrize("more", [
    {"body": {"name": 1}}, {"raw": b"{"}, {"raw": b"\xff"},
    {"body": {}, "headers": TEXT}, {"body": {}, "headers": GZIP},
    {"body": {}, "headers": {"Idempotency-Key": ""}},
    {"body": {}, "headers": {"If-Match": "x"}}],
    ids=["invalid", "syntax", "utf-8", "media", "coding", "idempotency",
         "if-match"])
@pytest.mark.parametrize("path", [UPDATE, UPDATE + "?x=1", REMOVE])
def test_401_before_415_and_400(stack, nobody, path, more):
    nobody.refused("AUTH_MISSING", "POST", path, **more)
    Api(stack.base, make_key()).refused("AUTH_INVALID", "POST", path, **more)


@pytest.mark.parametrize("query", ["?x=1", "?limit=0", "?cursor=x"])
def test_401_before_the_query(nobody, query):
    nobody.refused("AUTH_MISSING", "GET", "/project/members" + query)


@pytest.mark.parametrize("more", [
    {"body": {"name": 1}}, {"raw": b"{"}, {"raw": b"\xff"},
    {"raw": b'{"a":1,"a":1}'}], ids=["invalid", "syntax", "utf-8", "twice"])
@pytest.mark.parametrize("path", [UPDATE, UPDATE + "?x=1"])
@pytest.mark.parametrize("head", [TEXT, GZIP, {**TEXT, "If-Match": "x"}],
                         ids=["media", "coding", "both"])
def test_415_before_400(refusing, path, head, more):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", path, headers=head,
                     **more)


@pytest.mark.parametrize("path, body, field", [
    *((path, {**body, "x": 1}, "x") for path, body in ABSENT.items()),
    ("/project/members/update-role", {"targetUserId": NOBODY, "role": "no"},
     "role")], ids=[*ABSENT, "role"])
def test_400_before_404_of_the_object(refusing, path, body, field):
    refusing.invalid(path, body, field)


def test_400_query_before_404_of_the_object(refusing):
    refusing.refused("VALIDATION", "POST", REMOVE + "?x=1",
                     {"targetUserId": NOBODY}, field="x")


def test_400_before_409(project, other):
    project.api.invalid(UPDATE, {"slug": other.slug, "name": ""}, "name")
    owner = project.api.get("/project/members")[0]
    project.api.invalid(REMOVE, {"targetUserId": owner["userId"], "x": 1},
                        "x")


def test_401_of_a_deleted_project_before_its_objects(stack):
    project = make_project(stack)
    project.api.post("/project/delete")
    project.api.refused("AUTH_INVALID", "POST", UPDATE, raw=b"{")
    project.api.refused("NOT_FOUND", "POST", "/nope")


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match"])
def test_header_of_a_write_on_a_read(refusing, name):
    assert refusing.send("GET", "/project", headers={name: "x"}
                         ).status == 200


def test_414_before_404(stack):
    answer = raw(stack.port, request_bytes("GET", "/nope/" + "x" * 40_000))
    assert answer.status == 414
