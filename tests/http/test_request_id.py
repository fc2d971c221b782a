"""One id for a request: in its answer, in both logs, in the audit."""
import re
import time
import uuid

import pytest

from client import raw, request_bytes
from contract import NOBODY, UUID


def wait_for(read, text, seconds=5):
    """What was logged about an id, as soon as it stands there."""
    end = time.monotonic() + seconds
    while True:
        found = [line for line in read().splitlines() if text in line]
        if found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def test_made_when_none_is_sent(refusing):
    ids = {refusing.send("GET", "/project").header("X-Request-ID")
           for _ in range(10)}
    assert len(ids) == 10
    assert all(UUID.fullmatch(i) for i in ids)


@pytest.mark.parametrize("given", [
    "0123abcd-4567-89ef-0123-456789abcdef",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff"])
@pytest.mark.parametrize("target", ["/api/v1/project", "/nope", "/healthz",
                                    "/api/v1/nope"])
def test_the_clients_own_is_used(stack, given, target):
    answer = raw(stack.port, request_bytes("GET", target,
                                           [("X-Request-ID", given)]))
    assert answer.header("X-Request-ID") == given
    if answer.status != 200:
        assert answer.json["error"]["requestId"] == given


def test_upper_case_is_a_uuid_too(stack):
    given = "0123ABCD-4567-89EF-0123-456789ABCDEF"
    answer = raw(stack.port, request_bytes("GET", "/api/v1/project",
                                           [("X-Request-ID", given)]))
    assert answer.header("X-Request-ID").upper() == given


@pytest.mark.parametrize("given", [
    "0123abcd456789ef0123456789abcdef", "0123ABCD456789EF0123456789ABCDEF",
    "0" * 32, "F" * 32, "12345678901234567890123456789012"])
@pytest.mark.parametrize("target", ["/api/v1/project", "/nope", "/healthz"])
def test_nginx_form_becomes_a_uuid(stack, given, target):
    """What another nginx in front has made, in everybody's form, letters as
    they were; also in both logs."""
    answer = raw(stack.port, request_bytes("GET", target,
                                           [("X-Request-ID", given)]))
    rid = "-".join([given[:8], given[8:12], given[12:16], given[16:20],
                    given[20:]])
    assert answer.header("X-Request-ID") == rid
    assert wait_for(lambda: stack.log("nginx-access.log"), f"rid={rid} ")
    if target != "/nope":
        assert wait_for(lambda: stack.log("pool.log"), f"rid={rid} ")


@pytest.mark.parametrize("given", [
    "", "x", "1", "0123abcd4567 89ef0123456789abcdef",
    "0123abcd456789ef0123456789abcde", "0123abcd456789ef0123456789abcdefa",
    "0123abcd456789ef0123456789abcdeg", "0123abcd-456789ef0123456789abcdef",
    "{0123abcd-4567-89ef-0123-456789abcdef}",
    "0123abcd-4567-89ef-0123-456789abcde",
    "0123abcd-4567-89ef-0123-456789abcdef0",
    "0123abcd-4567-89ef-0123-456789abcdeg",
    "0123abcd_4567_89ef_0123_456789abcdef",
    "0123abcd-4567-89ef-0123-456789abcdef, 2",
    "x0123abcd-4567-89ef-0123-456789abcdef",
    '"},"x":"', "\\", "a" * 1000, "\xff" * 36], ids=lambda v: f"{v!r:.30}")
@pytest.mark.parametrize("target", ["/api/v1/project", "/nope"])
def test_anything_else_is_replaced(stack, given, target):
    answer = raw(stack.port, request_bytes("GET", target,
                                           [("X-Request-ID", given)]))
    got = answer.header("X-Request-ID")
    assert UUID.fullmatch(got) and got != given
    assert answer.json["error"]["requestId"] == got


def test_in_both_logs(shared, stack):
    rid = str(uuid.uuid4())
    shared.api.send("GET", "/project", headers={"X-Request-ID": rid})
    assert wait_for(lambda: stack.log("nginx-access.log"), rid)
    (line,) = wait_for(lambda: stack.log("pool.log"), f"rid={rid}")
    found = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line))
    assert {"rid", "key", "project", "method", "route", "status", "us",
            "dbus", "bytes"} <= set(found)
    assert found["method"] == "GET"
    assert found["route"] == "/api/v1/project"
    assert found["status"] == "200"
    assert found["project"] == shared.id
    assert shared.key[16:] not in line


@pytest.mark.parametrize("method, path, body, status", [
    ("GET", "/nope", None, "404"),
    ("PUT", "/project", None, "405"),
    ("POST", "/project/update", {"name": ""}, "400"),
    ("POST", "/project/members/remove", {"targetUserId": NOBODY}, "404")])
def test_refusals_are_logged_too(shared, stack, method, path, body, status):
    rid = str(uuid.uuid4())
    more = {} if body is None else {"body": body}
    shared.api.send(method, path, headers={"X-Request-ID": rid}, **more)
    (line,) = wait_for(lambda: stack.log("pool.log"), f"rid={rid}")
    assert f"status={status}" in line


def test_of_nginx_alone_in_its_log(stack):
    rid = str(uuid.uuid4())
    raw(stack.port, request_bytes("GET", "/nope", [("X-Request-ID", rid)]))
    assert wait_for(lambda: stack.log("nginx-access.log"), rid)


def test_in_the_audit(project):
    rid = str(uuid.uuid4())
    project.api.post("/project/update", {"name": "Seen"},
                     headers={"X-Request-ID": rid})
    rows = project.stack.rows("select project_id from codecourier.audit "
                              f"where request_id = '{rid}'")
    assert rows == [{"project_id": project.id}]


@pytest.mark.parametrize("value", [
    'a" status=200 x="', "a status=200", "a\\", "tab\there"], ids=repr)
def test_a_client_cannot_write_log_fields(stack, value):
    """What a client sends stands inside quotes, or not in the log at all."""
    rid = str(uuid.uuid4())
    head = [("X-Request-ID", rid), ("User-Agent", value),
            ("Authorization", f"Bearer {value}")]
    raw(stack.port, request_bytes("GET", "/api/v1/project", head))
    (line,) = wait_for(lambda: stack.log("pool.log"), f"rid={rid}")
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
    assert len(re.findall(r"\bstatus=", outside)) == 1
    assert re.search(r"\bstatus=401\b", outside)
