"""Whoever holds a key can end it: POST /credentials/revoke. Nobody is told
whether there was such a key, and for nobody's key scrypt is not run.

CALLS says how many wrong secrets are tried (the acceptance asks for 10,000).
"""
import os
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, Line, at_once, raw, request_bytes
from contract import BASE62, make_key
from fixtures import make_project, running
from session import gate, until
from test_cold import places_taken, runs
from test_refuse_auth import other_secret, typo

PATH = "/credentials/revoke"
TARGET = "/api/v1" + PATH
DONE = b'{"data":{"revoked":true}}'
CALLS = int(os.environ.get("CALLS", 300))


def generate(project, name="found", **more):
    return project.api.post("/project/api-keys/generate",
                            {"name": name, **more})


def show(stack, key, **more):
    """The whole answer but for the request id and the time."""
    answer = Api(stack.base).send("POST", PATH, {"key": key}, **more)
    assert answer.status == 200, answer
    return answer.body, sorted(h for h in answer.headers
                               if h[0] not in ("x-request-id", "date"))


def row(project, key_id):
    return next(k for k in project.api.get("/project/api-keys")
                if k["id"] == key_id)


def audited(project, key_id):
    return project.stack.rows(
        "select actor, actor_key, operator, action, object, project_id, "
        "fields, request_id, host(address) as address from codecourier.audit "
        f"where object_id = '{key_id}' and action = 'api-key.revoke'")


# what the key that is shown was, and whether it is revoked by that

def revoked(project, made):
    project.api.post("/project/api-keys/revoke", {"keyId": made["id"]})
    return made["key"]


def expired(project, made):
    project.stack.sql("update codecourier.api_key set ends_at = now() "
                      f"where id = '{made['id']}'")
    return made["key"]


def disabled(project, made):
    project.api.post("/project/api-keys/update",
                     {"keyId": made["id"], "disabled": True})
    return made["key"]


def narrow(project, made):
    """Of other addresses, and with next to no scope."""
    project.api.post("/project/api-keys/update", {
        "keyId": made["id"], "allowedIps": ["192.0.2.1"], "rateLimit": 1,
        "scopes": ["counters:read"]})
    return made["key"]


def of_a_deleted_project(project, made):
    project.stack.ctl("project", "delete", project.slug)
    return made["key"]


ENDS = {"cold": lambda p, made: made["key"],
        "warm": lambda p, made: Api(p.stack.base, made["key"]).get("/project")
        and made["key"],
        "revoked": revoked, "expired": expired, "disabled": disabled,
        "narrow": narrow,
        "of a deleted project": of_a_deleted_project}
STAYS = {"unknown": lambda p, made: make_key(),
         "unknown test": lambda p, made: make_key(kind="test"),
         "wrong secret": lambda p, made: other_secret(made["key"], 20)}


@pytest.mark.parametrize("name", {**ENDS, **STAYS})
def test_one_answer_for_all(project, name):
    body, headers = show(project.stack, make_key("AAAAAAAA"))
    assert body == DONE
    made = generate(project)
    key = {**ENDS, **STAYS}[name](project, made)
    stands = ("select revoked_at is null from codecourier.api_key where id = "
              f"'{made['id']}'")
    assert show(project.stack, key) == (body, headers)
    assert project.stack.sql(stands) == ("t" if name in STAYS else "f")
    assert show(project.stack, key) == (body, headers)
    if name in STAYS:
        Api(project.stack.base, made["key"]).get("/project")


@pytest.mark.parametrize("environment", ["live", "test"])
def test_ended_on_every_worker(project, environment):
    stack = project.stack
    made = generate(project, environment=environment)
    lines = [Line(stack.port, made["key"]) for _ in range(16)]
    assert {line.get("/project")[0] for line in lines} == {200}
    show(stack, made["key"])
    got = at_once([lambda x=line: [x.get("/project")[0] for _ in range(4)]
                   for line in lines])
    assert got == [[401] * 4] * 16
    assert Api(stack.base, made["key"]).refused(
        "AUTH_INVALID", "POST", "/project/update", {"name": "No"})
    seen = row(project, made["id"])
    assert seen["revoked"] and seen["revokedAt"]


def test_the_last_key_and_no_other(project, other):
    second = generate(project)
    show(project.stack, project.key)
    project.api.refused("AUTH_INVALID", "GET", "/project")
    Api(project.stack.base, second["key"]).get("/project")
    other.api.get("/project")


def test_the_first_time_stands(project):
    made = generate(project)
    revoked(project, made)
    first = row(project, made["id"])
    show(project.stack, made["key"])
    assert row(project, made["id"]) == first
    assert [a["actor"] for a in audited(project, made["id"])] == ["key"]


@pytest.mark.parametrize("name", ["cold", "expired", "disabled",
                                  "of a deleted project"])
def test_audited_once(project, name):
    made = generate(project)
    key, rid = ENDS[name](project, made), str(uuid.uuid4())
    for headers in {"X-Request-ID": rid}, {}:
        show(project.stack, key, headers=headers)
    assert audited(project, made["id"]) == [{
        "actor": "holder", "actor_key": None, "operator": None,
        "action": "api-key.revoke", "object": "api-key",
        "project_id": project.id, "fields": ["key"], "request_id": rid,
        "address": "127.0.0.1"}]


@pytest.mark.parametrize("name", STAYS)
def test_nothing_audited(project, name):
    made = generate(project)
    show(project.stack, STAYS[name](project, made))
    assert audited(project, made["id"]) == []


def test_a_restored_projects_key_stays_ended(project):
    made = generate(project)
    show(project.stack, of_a_deleted_project(project, made))
    project.stack.ctl("project", "restore", project.id)
    Api(project.stack.base, made["key"]).refused("AUTH_INVALID", "GET",
                                                 "/project")
    project.api.get("/project")


@pytest.mark.parametrize("value", [
    "Bearer x", "Basic eDp5", "", "Bearer " + make_key(), "{other}", "{own}"])
def test_no_authorization_is_looked_at(project, other, value):
    made = generate(project)
    value = value.format(other=f"Bearer {other.key}",
                         own=f"Bearer {made['key']}")
    with_it = show(project.stack, made["key"],
                   headers={"Authorization": value})
    assert with_it == show(project.stack, make_key())
    assert row(project, made["id"])["revoked"]
    assert [a["actor"] for a in audited(project, made["id"])] == ["holder"]
    other.api.get("/project")


def test_a_second_one_waits_as_the_first(project, session):
    """Whoever has the answer knows that no write is open, also one who came
    while another was waiting for it."""
    made, stack = generate(project), project.stack
    line = Line(stack.port, made["key"])
    with gate(project, session, "settings"), ThreadPoolExecutor(3) as pool:
        write = pool.submit(line.post, "/project/settings/update",
                            {"claudeMd": "late"})
        session.await_waiting("%UPDATE settings%")
        first = pool.submit(show, stack, made["key"])
        until(lambda: stack.sql("select revoked_at from codecourier.api_key "
                                f"where id = '{made['id']}'"), "not revoked")
        second = pool.submit(show, stack, made["key"])
        until(lambda: first.done() or second.done() or
              len(set(session.waiting("%FOR UPDATE"))) == 2, "nobody waits")
        assert not first.done() and not second.done()
        session.release()
        assert write.result()[0] == 200
        assert first.result() == second.result()


# what it costs

def test_wrong_secrets_run_no_scrypt(project):
    """A known prefix, anybody's secret: refused by the check value."""
    stack, pick = project.stack, random.Random(7)
    line = Line(stack.port, None)
    del line.head["Authorization"]
    before = stack.status()
    for _ in range(CALLS):
        secret = "".join(pick.choices(BASE62, k=32))
        assert line.post(PATH, {"key": make_key(project.key[8:16], secret)}
                         ) == (200, DONE)
    after = stack.status()
    assert after["scryptRuns"] == before["scryptRuns"]
    assert after["checkRefusals"] == before["checkRefusals"] + CALLS
    project.api.get("/project")


@pytest.mark.parametrize("name, count", [
    ("unknown", 0), ("wrong secret", 0), ("revoked", 0), ("cold", 1),
    ("warm", 0), ("narrow", 1), ("expired", 1), ("disabled", 1), ("of a deleted project", 1)])
def test_scrypt(project, name, count):
    """At most as often as for a first use; a revoked key needs none."""
    made = project.stack.make("key", "create", project.slug, "--name", "x")
    key = {**ENDS, **STAYS}[name](project, made)
    before = runs(project.stack)
    show(project.stack, key)
    show(project.stack, key)
    assert runs(project.stack) == before + count


@pytest.mark.parametrize("name", ["cold", "unknown"])
def test_a_cold_place_as_any_first_use(project, name):
    stack = project.stack       # one that this host has not seen
    made = stack.make("key", "create", project.slug, "--name", "x")
    key = {**ENDS, **STAYS}[name](project, made)
    with places_taken(stack, 0, 1):
        answer = Api(stack.base).send("POST", PATH, {"key": key})
    assert answer.status == 503
    assert answer.header("Retry-After") in ("1", "2", "3")
    assert answer.json["error"]["retryable"] is True
    assert show(stack, key)[0] == DONE


# refusals

@pytest.mark.parametrize("change", [
    lambda k: "", lambda k: k[:16], lambda k: k[:53], lambda k: k + "0",
    lambda k: typo(k, 10), lambda k: typo(k, 30), lambda k: typo(k, 53),
    lambda k: " " + k, lambda k: k + " ", lambda k: k + "\n",
    lambda k: "Bearer " + k, str.lower, str.upper,
    lambda k: make_key(k[8:16], k[16:48], "prod"),
    lambda k: k[:20] + "-" + k[21:], lambda k: k[:20] + "\xe9" + k[21:],
    lambda k: None, lambda k: 1, lambda k: [k], lambda k: {"key": k}])
def test_ill_formed(shared, nobody, change):
    nobody.invalid(PATH, {"key": change(shared.key)}, "key")


def test_other_bodies(shared, nobody):
    nobody.invalid(PATH, {}, "key")
    nobody.invalid(PATH, {"key": shared.key, "keyId": shared.key_id}, "keyId")
    nobody.invalid(PATH, {"Key": shared.key}, "Key", "key")
    for text in (b"", b"{", b"[]", b"null",
                 b'{"key":"%b","key":"%b"}' % ((shared.key.encode(),) * 2)):
        nobody.refused("VALIDATION", "POST", PATH, raw=text)


def test_order(shared, nobody):
    """404, 405, 415, 400; there is no 401."""
    good, bad = {"body": {"key": shared.key}}, {"body": {"key": "x"}}
    text = {"headers": {"Content-Type": "text/plain"}}
    for path in PATH + "/", PATH + "%20", "/credentials", "/credentials/Revoke":
        nobody.refused("NOT_FOUND", "POST", path, **bad, **text)
    for method in "GET", "PUT", "DELETE":
        nobody.refused("METHOD_NOT_ALLOWED", method, PATH + "?x=1", **good)
    for headers in text["headers"], {"Content-Encoding": "gzip"}:
        nobody.refused("UNSUPPORTED_MEDIA_TYPE", "POST", PATH + "?x=1",
                       headers=headers, **bad)
    nobody.refused("VALIDATION", "POST", PATH + "?x=1", field="x", **good)
    for name, value in (("Idempotency-Key", ""), ("If-Match", "x"),
                        ("If-None-Match", "x")):
        nobody.refused("VALIDATION", "POST", PATH, field=name,
                       headers={name: value}, **good)
    assert nobody.send("OPTIONS", PATH).header("Allow") == "POST, OPTIONS"
    nobody.refused("PAYLOAD_TOO_LARGE", "POST", PATH, raw=b" " * 4097)


# nginx

@pytest.fixture(scope="module")
def limited():
    """An own stack: what this address has used up, no other test may miss."""
    yield from running(workers=1, limits="on")


@pytest.mark.plain     # nginx's work
def test_thirty_a_minute_from_one_address(limited):
    """So many at once, whatever they say; the rest of the API goes on."""
    project = make_project(limited)
    nobody = Api(limited.base)
    for _ in range(40):
        nobody.refused("METHOD_NOT_ALLOWED", "GET", PATH)
        nobody.refused("NOT_FOUND", "POST", PATH + "/", {})
    began, passed = time.monotonic(), 0
    while (answer := nobody.send("POST", PATH, {"key": make_key()
                                                if passed else "x"})
           ).status != 429:
        assert answer.status == (200 if passed else 400), answer
        passed += 1
        # one more for every two seconds, and for those that have begun
        assert passed <= 31 + (time.monotonic() - began) / 2
    assert passed >= 30
    assert answer.json["error"]["code"] == "RATE_LIMITED"
    assert answer.header("Retry-After") == "2"
    project.api.get("/project")
    assert nobody.send("OPTIONS", PATH).status == 204


@pytest.mark.plain
def test_without_limits_there_is_none(stack):
    for _ in range(40):
        show(stack, make_key())


def test_its_line_in_the_log(project):
    """Which key it was, and nothing of its secret."""
    made, rid = generate(project), str(uuid.uuid4())
    show(project.stack, made["key"], headers={"X-Request-ID": rid})
    line = until(lambda: [x for x in project.stack.log("pool.log").splitlines()
                          if rid in x], "no line")[0]
    assert f"key={made['id']} project={project.id} " in line
    assert f"route={TARGET} status=200" in line
    assert made["key"][16:48] not in project.stack.logs().decode("latin-1")


def test_without_a_length(stack, project):
    """A chunked body, which nginx collects as any other."""
    made = generate(project)
    text = b'{"key":"%b"}' % made["key"].encode()
    answer = raw(stack.port, request_bytes("POST", TARGET, [
        ("Content-Type", "application/json"),
        ("Transfer-Encoding", "chunked")],
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)), "POST")
    assert (answer.status, answer.body) == (200, DONE)
    assert row(project, made["id"])["revoked"]
