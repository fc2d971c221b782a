"""Which key may make which call: the table of the contract against what the
server does, its own table and the document."""
import itertools

import pytest

import openapi
from contract import (ABSENT, KEYED, MARK, NOBODY, PROVIDERS, READ_CALLS,
                      WHOAMI, WRITE_CALLS, WRITES as SENT, named, route)
from fixtures import everything, furnish, make_project
from tables import ROUTES

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

READS = [f"{n}:read" for n in ("projects", "settings", "members",
                               "provider-keys", "api-keys", "counters",
                               "audit")]
WRITES = [f"{n}:write" for n in ("projects", "settings", "members",
                                 "provider-keys", "api-keys")]
OURS = READS + WRITES
NONE = "webhooks:read"      # a scope of another service
NEEDS = {(m, c.path): c.scope for m, calls in (("GET", READ_CALLS),
                                              ("POST", WRITE_CALLS))
         for c in calls if c.keyed}
SETS = [[NONE], *([s] for s in OURS), OURS, OURS + [NONE],
        *map(list, itertools.combinations(OURS, 2)),
        *([s, NONE] for s in OURS)]


def covers(scopes, need):
    """The contract's sentence of what projects:* cover."""
    return need is None or need in scopes or \
        need in READS and "projects:read" in scopes or \
        need in WRITES and "projects:write" in scopes


def array(scopes):
    return "{" + ",".join(sorted(scopes)) + "}"


@pytest.fixture
def narrow(project, session):
    """Gives the project's first key other scopes, in its row."""
    def give(*scopes):
        session.run("update codecourier.api_key set scopes = "
                    f"'{array(scopes)}' where id = '{project.key_id}'")
        return project.api
    return give


def test_tables_agree():
    """Contract, server and document: the same calls, the same scopes."""
    assert set(NEEDS) == set(KEYED)
    base = "/api/v1"
    needs = {(m, base + route(p)): need for (m, p), need in NEEDS.items()}
    assert {call: need or "" for call, need in needs.items()} == \
        {call: table.scope for call, table in ROUTES.items()
         if table.keyed}
    assert needs == {call: o.spec.get("x-scope")
                     for call, o in openapi.OPERATIONS.items()
                     if call in needs}
    assert {need for need in NEEDS.values() if need} <= set(OURS)
    assert set(OURS) - set(NEEDS.values()) <= {"audit:read"}


def asked(api, call, need, scopes):
    """One case of the matrix: what is allowed is not done, for its body has a
    field that is none: 400 comes after 403. None: as it should be."""
    method, path = call
    is_text = isinstance(SENT.get(path), str)
    body = {} if method != "POST" else {
        "body": "no field" if is_text else {"no field": 1}}
    answer = api.send(method, path, **body)
    if not covers(scopes, need):
        error = answer.json.get("error", {}) if answer.body else {}
        good = answer.status == 403 and (method == "HEAD" or (
            error["code"], error.get("field"), error["message"]) == (
            "SCOPE_DENIED", "scope", f'The API key lacks the scope "{need}" '
            "that this call needs."))
    elif method == "POST":
        good = answer.status == 400 and \
            answer.json["error"]["code"] == "VALIDATION" and \
            answer.json["error"]["field"] == (
                "line 1" if is_text else "no field")
    else:
        good = answer.status == 200
    return None if good else (scopes, call, answer)


def state(project):
    """All rows; of the key whose scopes the test changes its id alone."""
    return [r for r in everything(project)
            if r["row"].get("id") != project.key_id]


def test_matrix(project, narrow):
    """Every call with every scope alone, in pairs, with all and with none of
    ours. The same key all along: what the workers remember of it is wrong
    after each change, and never counts. Nothing is written."""
    before, cases, denied, wrong = state(project), 0, 0, []
    calls = {**NEEDS, **{("HEAD", p): need for (m, p), need in NEEDS.items()
                         if m == "GET"}}
    for scopes in SETS:
        api = narrow(*scopes)
        for call, need in calls.items():
            cases += 1
            denied += not covers(scopes, need)
            wrong += filter(None, [asked(api, call, need, scopes)])
    print(f"{cases} cases, {denied} of them denied, {len(wrong)} differences")
    assert wrong == []
    assert cases == len(SETS) * len(calls) >= 90 * 26 and denied > cases / 2
    assert state(project) == before


@pytest.mark.parametrize("call", [c for c in WRITE_CALLS if c.keyed],
                         ids=lambda c: c.path[1:])
def test_a_write_scope_is_enough(stack, session, call):
    """Its one scope, and the call is made, with every good body: of a key on
    keys that have no other."""
    project = furnish(make_project(stack), "narrow", len(PROVIDERS))
    session.run(f"update codecourier.api_key set scopes = '{{{call.scope}}}' "
                f"where project_id = '{project.id}'")
    shown = set()
    for body in call.bodies:
        if "scopes" in body:
            body = {**body, "scopes": [call.scope]}
        shown |= set(project.api.post(call.path, named(body, project.ids)))
    # what it wrote is shown, but settings, which hold more than was written
    assert (shown == {"version", "etag"}) == (call.path in (
        "/project/settings/update", "/project/settings/rollback"))
    project.api.refused(
        "AUTH_INVALID" if call.path == "/project/delete" else "SCOPE_DENIED",
        "GET", "/project")


def test_settings_are_not_shown_to_who_may_not_read(project, narrow):
    """Neither by a change nor by one that changes nothing; also when a worker
    still remembers the scope that was taken away."""
    update, text = "/project/settings/update", {"claudeMd": MARK}
    for _ in range(8):
        narrow("settings:read", "settings:write")
        assert project.api.post(update, text)["claudeMd"] == MARK
        narrow("settings:write")
        for _ in range(2):
            assert set(project.api.post(update, {})) == {"version", "etag"}
        narrow("settings:read", "settings:write")
        assert project.api.post(update, {})["claudeMd"] == MARK
        narrow("settings:write")
        for body in text, {"envVars": {"A": MARK}}:
            assert set(project.api.post(update, body)) == {"version", "etag"}
    narrow("projects:read", "settings:write")
    assert project.api.post(update, {})["claudeMd"] == MARK


@pytest.mark.parametrize("scopes", SETS[:13], ids=lambda s: s[0])
def test_whoami_needs_none(project, narrow, scopes):
    got = narrow(*scopes).get("/whoami")
    assert set(got) == WHOAMI
    assert got["keyId"] == project.key_id and got["scopes"] == sorted(scopes)


@pytest.mark.parametrize("path", [p for p in ABSENT if "api-keys" in p])
def test_another_projects_key(project, narrow, other, path):
    """To who has this one scope it is as absent as one that never was, and to
    who has not, no more than that."""
    def answer(key_id):
        got = project.api.send("POST", path, {"keyId": key_id})
        return got.status, got.body.replace(
            got.header("X-Request-ID").encode(), b"")

    for scopes, status in ("api-keys:write", 404), ("api-keys:read", 403):
        narrow(scopes)
        before = everything(other)
        assert answer(NOBODY)[0] == status
        assert answer(other.key_id) == answer(NOBODY)
        assert everything(other) == before


def test_scope_comes_before_what_is_wrong_with_the_request(project, narrow):
    """401, 403, 415, 400, 404; and 405 before all of them."""
    narrow("api-keys:read")
    for body in {"keyId": NOBODY}, {"keyId": project.key_id}, {"x": 1}, {}:
        project.api.refused("SCOPE_DENIED", "POST", "/project/api-keys/revoke",
                            body, field="scope")
    for more in ({"raw": b"{"}, {"raw": b"x", "headers": {
            "Content-Type": "text/plain"}}, {"raw": b"{}", "headers": {
                "Idempotency-Key": ""}}):
        project.api.refused("SCOPE_DENIED", "POST", "/project/update",
                            field="scope", **more)
    project.api.refused("SCOPE_DENIED", "GET", "/project?x=1", field="scope")
    project.api.refused("METHOD_NOT_ALLOWED", "GET", "/project/update")
    project.api.refused("NOT_FOUND", "GET", "/projects")


def test_a_bad_key_is_not_told_of_scopes(project, narrow, nobody):
    """What is denied is denied to a key that is good, and only then."""
    api = narrow("audit:read")
    api.refused("SCOPE_DENIED", "GET", "/project")
    project.stack.ctl("key", "revoke", project.key_id)
    for method, path in KEYED:
        api.refused("AUTH_INVALID", method, path,
                    **({"body": {}} if method == "POST" else {}))
        nobody.refused("AUTH_MISSING", method, path,
                       **({"body": {}} if method == "POST" else {}))


def test_what_a_worker_knows_counts_for_nothing(project, session):
    """Neither a scope that was taken away nor one that was given: nobody is
    let in or refused by what is remembered, and no scrypt is run for it."""
    runs = project.stack.status()["scryptRuns"]
    line = [f"update codecourier.api_key set scopes = '{{{s}}}' where id = "
            f"'{project.key_id}'" for s in ("members:read", "counters:read")]
    for _ in range(10):
        session.run(line[0])
        project.api.get("/project/members")
        session.run(line[1])
        project.api.refused("SCOPE_DENIED", "GET", "/project/members")
        project.api.get("/project/counters")
    assert project.stack.status()["scryptRuns"] == runs + 1
