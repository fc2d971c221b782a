"""What generate and update take, and what an update does: which key may do it
is for test_grant.py and test_grant_cases.py."""
import time

import pytest

from client import Api
from contract import API_KEY
from few import few
from fixtures import everything
from session import tick

GENERATE, UPDATE, ROTATE = (
    "/project/api-keys/" + n for n in ("generate", "update", "rotate"))
HOUR, MINUTE, YEARS = 3_600_000, 60_000, 315_576_000_000    # ms; ten of them


@pytest.fixture(scope="module")
def form(shared):
    """Refuses a field in both calls that take it, and writes nothing."""
    def refuse(name, value, field=None):
        for path, body in ((GENERATE, {"name": "x"}),
                           (UPDATE, {"keyId": shared.key_id})):
            shared.api.invalid(path, {**body, name: value}, field or name)
    return refuse


@pytest.mark.parametrize("value, field", few([
    ([], "scopes"), (None, "scopes"), ("settings:read", "scopes"),
    ({}, "scopes"), ([1], "scopes[0]"), ([None], "scopes[0]"),
    (["settings:read"] * 2, "scopes[1]"), (["settings"], "scopes[0]"),
    (["settings:delete"], "scopes[0]"), (["Settings:read"], "scopes[0]"),
    (["settings:read", " members:read"], "scopes[1]"),
    (["*"], "scopes[0]"), (["settings:*"], "scopes[0]"), ([""], "scopes[0]"),
    (["settings:read,members:read"], "scopes[0]"),
    (["settings:read\u0001"], "scopes[0]"), (["audit:write"], "scopes[0]"),
    (["counters:write"], "scopes[0]"), (["x" * 201], "scopes[0]")], 5),
    ids=lambda v: f"{v!r:.30}")
def test_scopes_refused(form, value, field):
    form("scopes", value, field)


@pytest.mark.parametrize("name", ["expiresAt", "rateLimit"])
@pytest.mark.parametrize("value", few(["600", True, [], {}, 0, -1, 1.5,
                                       1 << 53, 1e300]), ids=repr)
def test_numbers_refused(form, name, value):
    form(name, value)


@pytest.mark.parametrize("name, value", few([
    ("rateLimit", 1_000_001), ("rateLimit", 0.5), ("disabled", None),
    ("disabled", 1), ("disabled", "true"), ("disabled", []), ("name", ""),
    ("name", None), ("name", "x" * 101), ("name", "a\nb"), ("name", " "),
    ("name", 1), ("allowedIps", "10.0.0.1"), ("allowedIps", {}),
    ("allowedIps", [f"10.0.0.{n}" for n in range(51)])], 3),
    ids=lambda v: f"{v!r:.20}")
def test_others_refused(form, name, value):
    form(name, value)


@pytest.mark.parametrize("value", few([
    "10.0.0.1/8", "10.0.0.0/33", "010.0.0.1", "localhost", "", " 10.0.0.1", 1,
    None, "::1%lo", "10.0.0.0/08"], 2), ids=repr)
def test_addresses_refused(form, value):
    form("allowedIps", ["192.0.2.1", value], "allowedIps[1]")


def test_ends(project):
    """From a minute to ten years ahead; the clock is the database's, and on
    this machine there is one."""
    def at(distance):
        return int(time.time() * 1000) + distance

    for distance in MINUTE - 1, 0, -HOUR, YEARS + 10 * MINUTE:
        for path, body in ((GENERATE, {"name": "x"}),
                           (UPDATE, {"keyId": project.key_id})):
            project.api.invalid(path, {**body, "expiresAt": at(distance)},
                                "expiresAt")
    for distance in 2 * MINUTE, YEARS:
        end = at(distance)
        made = project.api.post(GENERATE, {"name": "x", "expiresAt": end})
        assert made["expiresAt"] == end
        got = project.api.post(UPDATE, {"keyId": made["id"],
                                        "expiresAt": float(end - 1)})
        assert got["expiresAt"] == end - 1
        got = project.api.post(UPDATE, {"keyId": made["id"],
                                        "expiresAt": None})
        assert got["expiresAt"] is None


def test_edges_accepted(project):
    api = project.api
    made = api.post(GENERATE, {"name": "x", "rateLimit": 1, "disabled": True,
                               "allowedIps": [f"10.0.0.{n}" for n in range(50)],
                               "scopes": ["settings:read", "members:read",
                                          "audit:read"]})
    assert made["rateLimit"] == 1 and made["disabled"] is True
    assert len(made["allowedIps"]) == 50
    assert made["scopes"] == ["audit:read", "members:read", "settings:read"]
    got = api.post(UPDATE, {"keyId": made["id"], "rateLimit": 1_000_000,
                            "name": "  trimmed ", "disabled": False,
                            "allowedIps": ["::ffff:192.0.2.1",
                                           "2001:DB8:0:0::/32", "10.0.0.1/32",
                                           "0.0.0.0/0"]})
    assert (got["name"], got["rateLimit"]) == ("trimmed", 1_000_000)
    assert got["allowedIps"] == ["192.0.2.1", "2001:db8::/32", "10.0.0.1",
                                 "0.0.0.0/0"]
    got = api.post(UPDATE, {"keyId": made["id"], "rateLimit": 600.0})
    assert got["rateLimit"] == 600 and isinstance(got["rateLimit"], int)
    for value in None, []:
        api.post(UPDATE, {"keyId": made["id"], "allowedIps": ["10.0.0.1"]})
        assert api.post(UPDATE, {"keyId": made["id"], "allowedIps": value}
                        )["allowedIps"] == []
    for body in {"keyId": made["id"], "allowedIps": ["10.0.0.1",
                                                     "::ffff:10.0.0.1"]}, \
            {"keyId": made["id"], "allowedIps": ["10.0.0.1", "10.0.0.1/32"]}:
        api.invalid(UPDATE, body, "allowedIps[1]")


# ---- update, apart from what it may give ----

def test_update_changes_what_is_given(project):
    api, row = project.api, project.api.post(GENERATE, {"name": "before"})
    row.pop("key")
    for name, value in [
            ("name", "after"), ("scopes", ["members:read"]),
            ("expiresAt", int(time.time() * 1000) + HOUR),
            ("allowedIps", ["10.0.0.0/8"]), ("rateLimit", 7),
            ("disabled", True), ("disabled", False), ("rateLimit", None),
            ("allowedIps", []), ("expiresAt", None)]:
        tick(row["updatedAt"])
        got = api.post(UPDATE, {"keyId": row["id"], name: value})
        assert set(got) == API_KEY and got["updatedAt"] > row["updatedAt"]
        assert got["etag"] != row["etag"]
        assert got == {**row, name: value, "updatedAt": got["updatedAt"],
                       "etag": got["etag"]}
        assert got == next(k for k in api.get("/project/api-keys")
                           if k["id"] == row["id"])
        row = got
    actions = project.stack.rows(
        "select action, fields, object_id from codecourier.audit where "
        f"project_id = '{project.id}' and action = 'api-key.update'")
    assert len(actions) == 10
    assert {a["object_id"] for a in actions} == {row["id"]}
    assert actions[0]["fields"] == ["keyId", "name"]


@pytest.mark.parametrize("disabled", [False, True])
def test_an_empty_update_changes_nothing(project, disabled):
    made = project.api.post(GENERATE, {"name": "x", "disabled": disabled})
    made.pop("key")
    before = everything(project)
    for _ in range(2):
        assert project.api.post(UPDATE, {"keyId": made["id"]}) == made
    assert everything(project) == before


def test_a_key_that_is_over_stays_so(project, session):
    """CONFLICT for any update, an empty one, too; of a disabled one none."""
    made = [project.api.post(GENERATE, {"name": "x"})["id"] for _ in "12"]
    project.api.post("/project/api-keys/revoke", {"keyId": made[0]})
    session.run("update codecourier.api_key set ends_at = now() where id = "
                f"'{made[1]}'")
    before = everything(project)
    for key_id in made:
        for body in ({}, {"name": "y"}, {"disabled": True},
                     {"disabled": False}, {"expiresAt": None}):
            project.api.refused("CONFLICT", "POST", UPDATE,
                                {"keyId": key_id, **body}, field="keyId")
        project.api.refused("CONFLICT", "POST", ROTATE, {"keyId": key_id},
                            field="keyId")
    assert everything(project) == before


def test_off_and_on_again(project):
    """Told apart in the list, and from outside not at all."""
    made = project.api.post(GENERATE, {"name": "x"})
    key = Api(project.stack.base, made["key"])
    key.get("/whoami")
    counters = project.api.get("/project/counters")
    project.api.post(UPDATE, {"keyId": made["id"], "disabled": True})
    off = key.refused("AUTH_INVALID", "GET", "/whoami")
    assert project.api.get("/project/counters")["apiKeys"] == \
        counters["apiKeys"] - 1
    project.api.post(UPDATE, {"keyId": made["id"], "disabled": False})
    key.get("/whoami")
    assert project.api.get("/project/counters") == counters
    project.api.post("/project/api-keys/revoke", {"keyId": made["id"]})
    gone = key.refused("AUTH_INVALID", "GET", "/whoami")
    assert {**off, "requestId": 0} == {**gone, "requestId": 0}


def test_a_key_that_is_made_disabled(project):
    made = project.api.post(GENERATE, {"name": "x", "disabled": True})
    key = Api(project.stack.base, made["key"])
    key.refused("AUTH_INVALID", "GET", "/whoami")
    project.api.post(UPDATE, {"keyId": made["id"], "disabled": False})
    assert key.get("/whoami")["keyId"] == made["id"]


def test_a_key_narrows_itself(project):
    """And cannot go back."""
    api, me = project.api, {"keyId": project.key_id}
    api.post(UPDATE, {**me, "scopes": ["api-keys:write", "settings:read"],
                      "rateLimit": 500_000})
    api.refused("SCOPE_DENIED", "GET", "/project")
    api.invalid(UPDATE, {**me, "scopes": ["projects:read"]}, "scopes")
    api.invalid(UPDATE, {**me, "rateLimit": None}, "rateLimit")
    api.post(UPDATE, {**me, "scopes": ["settings:read"]})
    api.refused("SCOPE_DENIED", "POST", UPDATE, me)
    api.get("/project/settings")


def test_whoami(project, session):
    """Times as the platform's page shows them."""
    session.run("update codecourier.api_key set created_at = "
                "'2026-01-02 03:04:05.678+00', ends_at = "
                "'2036-01-02 03:04:05+00', last_used_at = null, rate_limit = "
                "1000000, allowed_ips = '{127.0.0.1,::/0}' "
                f"where id = '{project.key_id}'")
    assert project.api.get("/whoami") == {
        "keyId": project.key_id, "projectId": project.id, "name": "first",
        "prefix": project.key[:16], "environment": "live",
        "scopes": ["projects:read", "projects:write"],
        "createdAt": "2026-01-02T03:04:05.678Z", "lastUsedAt": None,
        "expiresAt": "2036-01-02T03:04:05.000Z", "rateLimit": 1000000,
        "allowedIps": ["127.0.0.1", "::/0"]}
