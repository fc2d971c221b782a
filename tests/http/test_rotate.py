"""POST api-keys/rotate: one key takes another one's place."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, Line, at_once
from contract import API_KEY, KEY, NOBODY, checksum
from few import few
from fixtures import everything, make_project
from session import until

GENERATE, UPDATE, ROTATE, REVOKE = (
    "/project/api-keys/" + n for n in ("generate", "update", "rotate",
                                       "revoke"))
HOUR = 3_600_000    # ms


def rows(project):
    return {k["id"]: k for k in project.api.get("/project/api-keys")}


def column(project, key_id, text):
    return project.stack.sql(f"select {text} from codecourier.api_key "
                             f"where id = '{key_id}'")


@pytest.fixture
def old(project):
    """A key with something of everything; it has been used."""
    made = project.api.post(GENERATE, {
        "name": "worker", "environment": "test",
        "scopes": ["settings:read", "api-keys:write"],
        "expiresAt": int(time.time() * 1000) + 48 * HOUR,
        "allowedIps": ["127.0.0.0/8", "::1"], "rateLimit": 100_000})
    made["api"] = Api(project.stack.base, made.pop("key"))
    made["api"].get("/project/settings")
    return made


def test_the_new_key_has_all_of_the_old_one(project, old):
    made = project.api.post(ROTATE, {"keyId": old["id"], "graceSeconds": 60})
    key = made.pop("key")
    assert set(made) == API_KEY
    assert KEY.fullmatch(key) and key.startswith("cc_test_")
    assert checksum(key[:48]) == key[48:] and made["prefix"] == key[:16]
    for name in ("name", "environment", "scopes", "expiresAt", "allowedIps",
                 "rateLimit", "disabled"):
        assert made[name] == old[name], name
    assert not made["revoked"] and made["lastUsedAt"] is None
    assert made["rotatedFrom"] == old["id"] and made["rotatedTo"] is None
    found = rows(project)
    assert found[made["id"]] == made
    was = found[old["id"]]
    assert was["rotatedTo"] == made["id"] and was["rotatedFrom"] is None
    assert {n for n in API_KEY - {"lastUsedAt"} if was[n] != old[n]} == \
        {"rotatedTo", "expiresAt", "updatedAt", "etag"}
    new = Api(project.stack.base, key)
    for api in new, old["api"]:         # for the time of the grace
        api.get("/project/settings")
        api.refused("SCOPE_DENIED", "GET", "/project")
    assert new.get("/whoami")["keyId"] == made["id"]


def test_one_row_of_audit(project, old):
    made = project.api.post(ROTATE, {"keyId": old["id"], "graceSeconds": 5})
    assert project.stack.rows(
        "select actor_key, object, object_id, fields from codecourier.audit "
        f"where project_id = '{project.id}' and action = 'api-key.rotate'") \
        == [{"actor_key": project.key_id, "object": "api-key",
             "object_id": old["id"], "fields": ["keyId", "graceSeconds"]}]
    assert made["id"] not in project.stack.sql(
        f"select object_id from codecourier.audit where project_id = "
        f"'{project.id}'")


@pytest.mark.parametrize("grace", few([1, 60, 2_592_000, 600.0, 6e2]))
def test_the_grace(project, old, grace):
    """From the moment of the rotation, to the microsecond; at most what the
    old key had left."""
    free = project.api.post(GENERATE, {"name": "x"})
    for key_id in old["id"], free["id"]:
        before = column(project, key_id, "ends_at")
        project.api.post(ROTATE, {"keyId": key_id, "graceSeconds": grace})
        assert column(project, key_id, (
            "ends_at = least(" + (f"'{before}', " if before else "") +
            f"updated_at + interval '{int(grace)} s')")) == "t"
        assert column(project, key_id, "revoked_at") == ""


@pytest.mark.parametrize("body", [{}, {"graceSeconds": 0},
                                  {"graceSeconds": -0.0}],
                         ids=["default", "0", "-0"])
def test_no_grace_is_a_revocation(project, old, body):
    made = project.api.post(ROTATE, {"keyId": old["id"], **body})
    old["api"].refused("AUTH_INVALID", "GET", "/project/settings")
    was = rows(project)[old["id"]]
    assert was["revoked"] and was["revokedAt"] == was["updatedAt"]
    assert was["rotatedTo"] == made["id"]
    Api(project.stack.base, made["key"]).get("/project/settings")


@pytest.mark.parametrize("grace", few([-1, 2_592_001, "600", None, True, 1.5,
                                       [], {}, 1 << 53, 1e300], 2), ids=repr)
def test_grace_refused(refusing, shared, grace):
    refusing.invalid(ROTATE, {"keyId": shared.key_id, "graceSeconds": grace},
                     "graceSeconds")


def test_fields(refusing, shared):
    refusing.invalid(ROTATE, {"graceSeconds": 1}, "keyId")
    for name in "name", "scopes", "expiresAt", "disabled", "key":
        refusing.invalid(ROTATE, {"keyId": shared.key_id, name: "x"}, name)
    refusing.refused("NOT_FOUND", "POST", ROTATE, {"keyId": NOBODY},
                     field="keyId")


def test_who_cannot_be_rotated(project):
    """Revoked, expired, disabled, rotated with and without grace: none of it
    changes a thing."""
    api = project.api
    made = [api.post(GENERATE, {"name": "x"})["id"] for _ in range(5)]
    api.post(REVOKE, {"keyId": made[0]})
    api.post(UPDATE, {"keyId": made[1], "disabled": True})
    project.stack.sql("update codecourier.api_key set ends_at = now() where "
                      f"id = '{made[2]}'")
    api.post(ROTATE, {"keyId": made[3], "graceSeconds": 3600})
    api.post(ROTATE, {"keyId": made[4]})
    before = everything(project)
    for key_id in made:
        for grace in 0, 60:
            api.refused("CONFLICT", "POST", ROTATE, {
                "keyId": key_id, "graceSeconds": grace}, field="keyId")
    assert everything(project) == before


def test_the_end_of_a_rotated_key_only_comes_nearer(project):
    api = project.api
    made = api.post(GENERATE, {"name": "x"})
    api.post(ROTATE, {"keyId": made["id"], "graceSeconds": 7200})
    end = rows(project)[made["id"]]["expiresAt"]
    for later in end + 1, end + HOUR, None:
        api.invalid(UPDATE, {"keyId": made["id"], "expiresAt": later},
                    "expiresAt")
    for nearer in end, end - HOUR:
        got = api.post(UPDATE, {"keyId": made["id"], "expiresAt": nearer})
        assert got["expiresAt"] == nearer
    api.invalid(UPDATE, {"keyId": made["id"], "expiresAt": end}, "expiresAt")
    api.post(UPDATE, {"keyId": made["id"], "name": "still"})
    key = Api(project.stack.base, made["key"])
    api.post(UPDATE, {"keyId": made["id"], "disabled": True})
    key.refused("AUTH_INVALID", "GET", "/whoami")
    api.post(UPDATE, {"keyId": made["id"], "disabled": False})
    key.get("/whoami")
    assert api.post(REVOKE, {"keyId": made["id"]})["revoked"] is True


def test_a_key_rotates_itself(project, old):
    """With grace both go on; without, it has its answer, and is over."""
    first = old["api"].post(ROTATE, {"keyId": old["id"], "graceSeconds": 60})
    second = Api(project.stack.base, first["key"])
    old["api"].refused("CONFLICT", "POST", ROTATE, {"keyId": old["id"]},
                       field="keyId")
    third = second.post(ROTATE, {"keyId": first["id"]})
    second.refused("AUTH_INVALID", "GET", "/whoami")
    old["api"].get("/whoami")
    third = Api(project.stack.base, third["key"]).get("/whoami")
    assert third["scopes"] == old["scopes"]
    assert third["allowedIps"] == old["allowedIps"]
    assert third["rateLimit"] == old["rateLimit"]


def test_a_chain_is_linked_and_counts_as_one(project):
    """Requests of all of a chain's keys count in the window of its first."""
    chain = [project.api.post(GENERATE, {"name": "x"})["id"]]
    for grace in 60, 0, 3600:
        chain.append(project.api.post(ROTATE, {
            "keyId": chain[-1], "graceSeconds": grace})["id"])
    found = rows(project)
    for old, new in zip(chain, chain[1:]):
        assert found[old]["rotatedTo"] == new
        assert found[new]["rotatedFrom"] == old
    assert found[chain[-1]]["rotatedTo"] is None
    assert [column(project, k, "coalesce(rate_window, id)") for k in chain] \
        == [chain[0]] * len(chain)
    other = project.api.post(GENERATE, {"name": "x"})["id"]
    assert column(project, other, "rate_window") == ""


def test_rotations_use_up_one_rate(project):
    """What the old key has used is missing to the new one."""
    made = project.api.post(GENERATE, {"name": "x", "rateLimit": 1000})
    old = Api(project.stack.base, made["key"])
    for _ in range(5):
        old.get("/whoami")
    new = project.api.post(ROTATE, {"keyId": made["id"], "graceSeconds": 60})
    new = Api(project.stack.base, new["key"])
    left = [int(dict(p.split("=") for p in api.send(
        "GET", "/whoami").header("RateLimit").split(";")[1:])["r"])
        for api in (new, old, new)]
    assert left[0] <= 994 and left[1] < left[0] and left[2] < left[1]


# ---- the two characters that are a project's ----

def test_all_keys_of_a_project_begin_alike(stack, project, other):
    room = project.stack.sql("select key_room from codecourier.project "
                             f"where id = '{project.id}'")
    made = [project.api.post(GENERATE, {"name": "x", **more})
            for more in ({}, {"environment": "test"})]
    made.append(project.api.post(ROTATE, {"keyId": made[1]["id"]}))
    made.append(stack.ctl("key", "create", project.slug, "--name", "x"))
    assert {k["key"][8:10] for k in made} == {room} == {project.key[8:10]}
    assert len({k["key"][10:16] for k in made}) == len(made)
    # chance: 1 of 3,844 that two projects have the same
    rooms = {other.key[8:10], *(make_project(stack).key[8:10]
                                for _ in range(2)), room}
    assert len(rooms) > 1


def test_keys_of_before_stay_as_they_are(project):
    """A key that does not begin like its project's goes on, and what comes
    of it does begin so."""
    old = project.key[8:10]
    new = "Zz" if old != "Zz" else "zZ"
    made = project.api.post(GENERATE, {"name": "x"})
    project.stack.sql(f"update codecourier.project set key_room = '{new}' "
                      f"where id = '{project.id}'")
    project.api.get("/project")
    # what the workers know of the caller may be of before: they look it up
    project.stack.sql("update codecourier.api_key set stamp = 1 where id = "
                      f"'{project.key_id}'")
    project.api.get("/project")
    assert project.api.post(GENERATE, {"name": "x"})["key"][8:10] == new
    assert project.api.post(ROTATE, {"keyId": made["id"]})["key"][8:10] == new
    assert rows(project)[made["id"]]["prefix"][8:10] == old


# ---- at the same moment ----

@pytest.mark.plain
def test_two_rotations_of_one_key(project, session):
    """One waits for the other, and finds the key rotated."""
    made = project.api.post(GENERATE, {"name": "x"})
    before = len(rows(project))
    lines = [Line(project.stack.port, project.key) for _ in range(2)]
    body = {"keyId": made["id"], "graceSeconds": 60}
    with ThreadPoolExecutor(2) as pool:
        session.run("begin; select 1 from codecourier.api_key where id = "
                    f"'{made['id']}' for update")
        asked = [pool.submit(li.post, ROTATE, body) for li in lines]
        session.await_waiting("%FROM api_key%FOR NO KEY UPDATE%", 2)
        session.release()
        got = sorted(a.result() for a in asked)
    assert [status for status, _ in got] == [200, 409]
    assert b'"field":"keyId"' in got[1][1]
    assert len(rows(project)) == before + 1


@pytest.mark.plain
def test_many_rotations_at_once(project):
    """Of one key, by another and by itself: exactly one goes through."""
    for who in "another", "itself":
        made = project.api.post(GENERATE, {"name": "x"})
        key = project.key if who == "another" else made["key"]
        lines = [Line(project.stack.port, key) for _ in range(8)]
        assert lines[0].get("/whoami")[0] == 200
        before = len(rows(project))
        got = at_once([lambda li=li: li.post(ROTATE, {"keyId": made["id"]})
                       for li in lines])
        statuses = sorted(status for status, _ in got)
        assert statuses.count(200) <= 1, statuses   # or all places were taken
        assert {*statuses} <= {200, 401, 409, 503}, statuses
        if 200 not in statuses:
            assert {*statuses} == {503}, statuses
        assert len(rows(project)) == before + statuses.count(200)


@pytest.mark.plain
@pytest.mark.parametrize("path, more", [
    (ROTATE, {}), (UPDATE, {"scopes": ["settings:read"]})],
    ids=["rotate", "update"])
@pytest.mark.parametrize("change", [
    "name = 'changed'", "scopes = '{webhooks:read}'", "disabled = true",
    "revoked_at = now()", "rate_limit = 5"])
def test_a_key_that_changes_meanwhile(project, session, path, more, change):
    """It was looked at, and then it is another one: nothing is done."""
    made = project.api.post(GENERATE, {"name": "x"})
    line = Line(project.stack.port, project.key)
    assert line.get("/project")[0] == 200
    with ThreadPoolExecutor(1) as pool:
        session.run(f"begin; update codecourier.api_key set {change} where "
                    f"id = '{made['id']}'")
        before = everything(project)
        asked = pool.submit(line.post, path, {"keyId": made["id"], **more})
        session.await_waiting("%api_key%", unless=asked)
        session.release()
        status, body = asked.result()
    assert status == 409 and b'"field":"keyId"' in body, body
    after = everything(project)
    assert len(after) == len(before)
    assert [r for r in after if r["row"].get("id") != made["id"]] == \
        [r for r in before if r["row"].get("id") != made["id"]]


@pytest.mark.plain
@pytest.mark.parametrize("path, body", [
    (GENERATE, {"name": "x"}), (ROTATE, {"keyId": "$key"}),
    (UPDATE, {"keyId": "$key", "scopes": ["settings:write"]})],
    ids=["generate", "rotate", "update"])
def test_a_caller_that_changes_meanwhile(project, session, path, body):
    """It was looked at, and narrowed before the write: nothing is done, or it
    would give what it no longer has."""
    made = project.api.post(GENERATE, {"name": "x",
                                       "scopes": ["settings:read"]})
    caller = project.api.post(GENERATE, {"name": "caller"})
    body = {n: made["id"] if v == "$key" else v for n, v in body.items()}
    line = Line(project.stack.port, caller["key"])
    assert line.get("/project")[0] == 200
    with ThreadPoolExecutor(1) as pool:
        session.run("begin; update codecourier.api_key set scopes = "
                    "'{api-keys:write,settings:read}' "
                    f"where id = '{caller['id']}'; select 1 from "
                    "codecourier.api_key where id = "
                    f"'{caller['id']}' for update")
        before = everything(project)
        asked = pool.submit(line.post, path, body)
        session.await_waiting("%FOR KEY SHARE%", unless=asked)
        session.release()
        status, text = asked.result()
    assert status == 503 and b"changed" in text, text
    after = everything(project)
    assert len(after) == len(before)
    assert [r for r in after if r["row"].get("id") != caller["id"]] == \
        [r for r in before if r["row"].get("id") != caller["id"]]
    # what is left to it goes through
    assert line.post(GENERATE, {"name": "x"})[0] == 200
