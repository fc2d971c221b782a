"""GET api-keys, generate, revoke."""
import time

import pytest

from client import Api
from contract import (API_KEY, KEY, NOBODY, checksum, make_key, same_id)
from few import few
from fixtures import make_project, written
from session import tick, until

LIST = "/project/api-keys"
GENERATE = "/project/api-keys/generate"
REVOKE = "/project/api-keys/revoke"


@pytest.fixture(scope="module")
def making(stack):
    """For keys that are made, one after the other."""
    return make_project(stack)


def by_id(api, key_id):
    (found,) = [k for k in api.get(LIST) if k["id"] == key_id]
    return found


def test_checksum_of_the_contract():
    assert checksum("cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV") == \
        "2NMmLo"


def test_operators_first_key(project):
    (row,) = project.api.get(LIST)
    assert set(row) == API_KEY
    assert same_id(row) == project.key_id
    assert row["name"] == "first"
    assert row["prefix"] == project.key[:16]
    assert row["environment"] == "live"
    assert row["scopes"] == ["projects:read", "projects:write"]
    assert row["expiresAt"] is None
    assert row["revoked"] is False and row["revokedAt"] is None


@pytest.mark.parametrize("more, kind", [
    ({}, "live"), ({"environment": "live"}, "live"),
    ({"environment": "test"}, "test")], ids=["default", "live", "test"])
def test_generate(making, more, kind):
    project = making
    got = project.api.post(GENERATE, {"name": "My New Key", **more})
    assert set(got) == API_KEY | {"key"}
    key = got.pop("key")
    assert KEY.fullmatch(key) and key.startswith(f"cc_{kind}_")
    assert checksum(key[:48]) == key[48:]
    assert got["prefix"] == key[:16]
    assert got["environment"] == kind
    assert got["name"] == "My New Key"
    assert got["lastUsedAt"] is None and got["expiresAt"] is None
    assert got["revoked"] is False and got["revokedAt"] is None
    assert abs(got["_creationTime"] - time.time() * 1000) < 60_000
    same_id(got)
    assert by_id(project.api, got["id"]) == got
    assert Api(project.stack.base, key).get("/project")["id"] == project.id


def test_keys_differ_everywhere(making):
    api = making.api
    """And are drawn from all of base62: of 62 characters, 40 keys of 40, one
    stays away in 3 of 10^10 runs."""
    keys = [api.post(GENERATE, {"name": "same"})["key"] for _ in range(40)]
    assert len({k[8:16] for k in keys}) == 40
    assert len({k[16:48] for k in keys}) == 40
    assert len(set("".join(k[8:48] for k in keys))) == 62


def test_the_full_key_is_shown_once(api):
    key = api.post(GENERATE, {"name": "secret"})["key"]
    assert key[16:] not in api.send("GET", LIST).body.decode()
    assert key[16:48] not in api.send("GET", LIST).body.decode()


def test_newest_first(api):
    made = [api.post(GENERATE, {"name": f"k{n}"})["id"] for n in range(4)]
    assert [k["id"] for k in api.get(LIST)][:4] == made[::-1]


@pytest.mark.parametrize("name", few(["a", "x" * 100, "\U0001f680" * 100,
                                      "a'b\"c\\d"]),
                         ids=["1", "100", "emoji", "quotes"])
def test_name_accepted(making, name):
    assert making.api.post(GENERATE, {"name": name})["name"] == name


@pytest.mark.parametrize("name", few(["", "x" * 101, "\U0001f680" * 101, None,
                                      1, True, [], {}, ["x"]]),
                         ids=lambda v: f"{v!r:.20}")
def test_name_refused(refusing, name):
    refusing.invalid(GENERATE, {"name": name}, "name")


@pytest.mark.parametrize("kind", few(["", "Live", "TEST", "prod", "test ", 1,
                                      True, [], {}, ["test"]]), ids=repr)
def test_environment_refused(refusing, kind):
    refusing.invalid(GENERATE, {"name": "x", "environment": kind},
                     "environment")


@pytest.mark.parametrize("path, body, name", [
    (GENERATE, {}, "name"), (GENERATE, {"environment": "test"}, "name"),
    (REVOKE, {}, "keyId")])
def test_required_field(refusing, path, body, name):
    refusing.invalid(path, body, name)


@pytest.mark.parametrize("path, body", [
    (GENERATE, {"name": "x"}), (REVOKE, {"keyId": NOBODY})],
    ids=["generate", "revoke"])
@pytest.mark.parametrize("name", few(["scopes", "expiresAt", "key", "id",
                                      "prefix", "Name"]))
def test_unknown_field(refusing, path, body, name):
    refusing.invalid(path, {**body, name: "x"}, name)


def test_last_used(project):
    fresh = project.api.post(GENERATE, {"name": "fresh"})
    Api(project.stack.base, fresh["key"]).get("/project")
    end = time.monotonic() + 5
    while not by_id(project.api, fresh["id"])["lastUsedAt"]:
        assert time.monotonic() < end, "lastUsedAt was never written"
        time.sleep(0.05)
    used = by_id(project.api, fresh["id"])["lastUsedAt"]
    assert abs(used - time.time() * 1000) < 60_000


def used_ago(project, seconds):
    """Sets a key's last use into the past; the time as the API shows it."""
    project.stack.sql("update codecourier.api_key set last_used_at = now() - "
                      f"interval '{seconds} s' where id = '{project.key_id}'")
    (row,) = project.stack.ctl("key", "list", project.slug)
    return row["lastUsedAt"]


def test_last_used_is_renewed_after_a_minute(project):
    old = used_ago(project, 61)
    end = time.monotonic() + 5
    while by_id(project.api, project.key_id)["lastUsedAt"] == old:
        assert time.monotonic() < end, "lastUsedAt was never renewed"
        time.sleep(0.05)


def test_last_used_is_kept_within_a_minute(project):
    """Right to the minute is enough: no write for each request."""
    old = used_ago(project, 30)
    for _ in range(10):
        project.api.get("/project")
    until(lambda: project.stack.sql(
        "select count(*) from pg_stat_activity where usename = 'codecourier' "
        "and state <> 'idle'") == "0", "the workers do not come to rest")
    assert by_id(project.api, project.key_id)["lastUsedAt"] == old


def test_revoke(project):
    made = project.api.post(GENERATE, {"name": "short-lived"})
    key = Api(project.stack.base, made.pop("key"))
    got = project.api.post(REVOKE, {"keyId": made["id"]})
    assert set(got) == API_KEY
    assert got["revoked"] is True
    assert got["revokedAt"] >= got["_creationTime"]
    assert {n for n in API_KEY if got[n] != made[n]} == \
        {"revoked", "revokedAt", "updatedAt", "etag"}
    assert by_id(project.api, made["id"]) == got
    key.refused("AUTH_INVALID", "GET", "/project")
    key.refused("AUTH_INVALID", "POST", GENERATE, {"name": "no"})


def test_revoke_after_use(project):
    made = project.api.post(GENERATE, {"name": "used"})
    key = Api(project.stack.base, made["key"])
    for _ in range(20):     # so that most of the workers have seen it
        key.get("/project")
    project.api.post(REVOKE, {"keyId": made["id"]})
    for _ in range(40):
        key.refused("AUTH_INVALID", "GET", "/project")


def test_revoke_again_answers_the_first_time(project):
    made = project.api.post(GENERATE, {"name": "twice"})
    first = project.api.post(REVOKE, {"keyId": made["id"]})
    tick(first["revokedAt"])
    assert project.api.post(REVOKE, {"keyId": made["id"]}) == first


def test_revoke_the_callers_own(project):
    got = project.api.post(REVOKE, {"keyId": project.key_id})
    assert got["revoked"] is True
    project.api.refused("AUTH_INVALID", "GET", "/project")
    assert project.stack.ctl("key", "list", project.slug, "--all")[0][
        "revokedAt"] == got["revokedAt"]


def test_revoked_keys_stay_in_the_list(api):
    made = api.post(GENERATE, {"name": "listed"})
    api.post(REVOKE, {"keyId": made["id"]})
    assert [k["revoked"] for k in api.get(LIST)] == [True, False]


@pytest.mark.parametrize("key_id", few([
    NOBODY, "", "x", NOBODY[:-1], NOBODY + "0", NOBODY.replace("-", ""),
    "{" + NOBODY + "}", NOBODY + "\n", "cc_live_Ab3dE6gH", make_key(),
    "0" * 5000], 2), ids=lambda v: f"{v!r:.20}")
def test_unknown_id_is_not_found(refusing, key_id):
    error = refusing.refused("NOT_FOUND", "POST", REVOKE, {"keyId": key_id},
                             field="keyId")
    assert error["message"] == \
        'The project has no API key with this id. Send the "id" that the ' \
        'list of keys shows, not the prefix and not the key.'


@pytest.mark.parametrize("key_id", few([None, 1, True, [], {}, [NOBODY]]),
                         ids=repr)
def test_id_of_a_wrong_type(refusing, key_id):
    refusing.invalid(REVOKE, {"keyId": key_id}, "keyId")


def test_upper_case_id_is_not_found(project):
    made = [project.api.post(GENERATE, {"name": "u"})["id"]
            for _ in range(2)]
    upper = max(made, key=lambda i: i != i.upper()).upper()
    before = written(project)
    project.api.refused("NOT_FOUND", "POST", REVOKE, {"keyId": upper})
    assert written(project) == before


def test_prefix_of_a_key_is_not_its_id(project):
    project.api.refused("NOT_FOUND", "POST", REVOKE,
                        {"keyId": project.key[:16]})
    project.api.get("/project")
