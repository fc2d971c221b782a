"""What a key may give another one, case by case; test_grant.py throws dice."""
import datetime
import time
from types import SimpleNamespace

import pytest

from contract import NOBODY

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

GENERATE, UPDATE, ROTATE = (
    "/project/api-keys/" + n for n in ("generate", "update", "rotate"))
MINUTE, HOUR = 60_000, 3_600_000    # ms
READS = [f"{n}:read" for n in ("projects", "settings", "members",
                               "provider-keys", "api-keys", "counters",
                               "audit")]
WRITES = [f"{n}:write" for n in ("projects", "settings", "members",
                                 "provider-keys", "api-keys")]
CARRIED = ["workflows:read", "runs:write", "issue-sessions:read",
           "webhooks:write"]


@pytest.fixture
def pair(project, session):
    """The caller's row and another key's are what a test says."""
    made = project.api.post(GENERATE, {"name": "other"})

    def put(key_id, scopes="projects:read,projects:write", end="null",
            addresses="", rate="null", disabled="false"):
        session.run(
            f"update codecourier.api_key set scopes = '{{{scopes}}}', ends_at "
            f"= now() + {end}, allowed_ips = '{{{addresses}}}', rate_limit = "
            f"{rate}, disabled = {disabled} where id = '{key_id}'")
    return SimpleNamespace(api=project.api, id=made["id"], made=made,
                           own=lambda **has: put(project.key_id, **has),
                           other=lambda **has: put(made["id"], **has))


DAY = "interval '1 day'"
LIMITS = [({"end": DAY}, "expiresAt"), ({"rate": 500}, "rateLimit"),
          ({"addresses": "127.0.0.0/8"}, "allowedIps")]


@pytest.mark.parametrize("limit, name", LIMITS, ids=[n for _, n in LIMITS])
def test_nothing_is_added_to_a_key_beyond_the_caller(pair, limit, name):
    """A day of the caller's scope would be for ever there."""
    pair.own(**limit)
    pair.other(scopes="settings:read")
    more = {"keyId": pair.id, "scopes": ["settings:read", "settings:write"]}
    error = pair.api.invalid(UPDATE, more, "scopes")
    assert name in error["message"]
    pair.api.refused("FORBIDDEN", "POST", ROTATE, {"keyId": pair.id},
                     field="keyId")
    # what is narrower, or says nothing of it, is fine
    pair.api.post(UPDATE, {"keyId": pair.id, "name": "renamed"})
    pair.api.post(UPDATE, {"keyId": pair.id, "scopes": ["settings:read"]})
    pair.api.post(UPDATE, {"keyId": pair.id, "disabled": True})
    pair.api.invalid(UPDATE, {"keyId": pair.id, "disabled": False},
                     "disabled")
    # and all of it with what brings it to the caller's own
    mine = pair.api.get("/whoami")
    own = {"expiresAt": int(time.time() * 1000) + HOUR,
           "rateLimit": mine["rateLimit"], "allowedIps": mine["allowedIps"]}
    got = pair.api.post(UPDATE, {**more, name: own[name], "disabled": False})
    assert got["scopes"] == more["scopes"] and not got["disabled"]
    pair.api.post(ROTATE, {"keyId": pair.id})


def test_one_limit_is_not_traded_for_another(pair):
    """Neither key can be used from anywhere for ever; nor can one after."""
    pair.own(end=DAY)
    pair.other(addresses="10.0.0.0/8")
    for name, body in ("allowedIps", {"allowedIps": []}), \
            ("allowedIps", {"allowedIps": ["10.0.0.0/8", "127.0.0.1"]}):
        pair.api.invalid(UPDATE, {"keyId": pair.id, **body}, name)
    pair.api.post(UPDATE, {"keyId": pair.id, "allowedIps": ["10.0.0.0/9"]})
    pair.other(rate=100)
    pair.api.invalid(UPDATE, {"keyId": pair.id, "rateLimit": 101},
                     "rateLimit")
    pair.api.invalid(UPDATE, {"keyId": pair.id, "rateLimit": None},
                     "rateLimit")
    pair.api.post(UPDATE, {"keyId": pair.id, "rateLimit": 99})


def test_the_calling_key_lacks_a_scope(pair):
    """It may revoke and disable, and nothing else; an id that is none comes
    first."""
    pair.own(scopes="settings:read,api-keys:write")
    for body in ({"name": "x"}, {}, {"disabled": False}, {"expiresAt": None},
                 {"disabled": True, "name": "x"},
                 {"scopes": ["settings:read"]}):
        error = pair.api.refused("SCOPE_DENIED", "POST", UPDATE,
                                 {"keyId": pair.id, **body}, field="scope")
        assert '"projects:read"' in error["message"]
        pair.api.refused("NOT_FOUND", "POST", UPDATE,
                         {"keyId": NOBODY, **body}, field="keyId")
    pair.api.refused("SCOPE_DENIED", "POST", ROTATE, {"keyId": pair.id},
                     field="scope")
    pair.api.refused("NOT_FOUND", "POST", ROTATE, {"keyId": NOBODY},
                     field="keyId")
    got = pair.api.post(UPDATE, {"keyId": pair.id, "disabled": True})
    assert got["disabled"] is True
    assert pair.api.post(UPDATE, {"keyId": pair.id, "disabled": True}) == got
    assert pair.api.post("/project/api-keys/revoke",
                         {"keyId": pair.id})["revoked"] is True
    # what is carried for others counts the same
    pair.own(scopes="projects:read,projects:write")
    pair.other(scopes="webhooks:read")
    pair.api.refused("SCOPE_DENIED", "POST", UPDATE,
                     {"keyId": pair.id, "name": "x"}, field="scope")


def test_a_scope_that_covers_others(pair):
    """What projects:* cover may be given one by one; they themselves only by
    who has them."""
    pair.own(scopes="projects:read,projects:write")
    got = pair.api.post(UPDATE, {"keyId": pair.id, "scopes": READS + WRITES})
    assert got["scopes"] == sorted(READS + WRITES)
    pair.own(scopes=",".join(READS[1:] + WRITES[1:]))
    pair.other(scopes="settings:read")
    for name in "projects:read", "projects:write", *CARRIED:
        error = pair.api.invalid(UPDATE, {
            "keyId": pair.id, "scopes": ["settings:read", name]}, "scopes")
        assert f'"{name}"' in error["message"]
        pair.api.invalid(GENERATE, {"name": "x", "scopes": [name]}, "scopes")
    pair.own(scopes="api-keys:write,webhooks:write")
    made = pair.api.post(GENERATE, {"name": "x", "scopes": [
        "webhooks:write", "api-keys:write"]})
    assert made["scopes"] == ["api-keys:write", "webhooks:write"]


def test_what_generate_leaves_out_is_the_callers(pair):
    pair.own(scopes="api-keys:write,settings:read,webhooks:read", end=DAY,
             addresses="127.0.0.0/8,::1,10.0.0.1", rate=123456)
    made, mine = (pair.api.post(GENERATE, {"name": "x"}),
                  pair.api.get("/whoami"))
    for name in "scopes", "allowedIps", "rateLimit":
        assert made[name] == mine[name], name
    assert made["allowedIps"] == ["127.0.0.0/8", "::1", "10.0.0.1"]
    end = datetime.datetime.fromisoformat(mine["expiresAt"])
    assert made["expiresAt"] == round(end.timestamp() * 1000)
    assert not made["disabled"] and made["rotatedFrom"] is None
    # null is not absent
    for name in "expiresAt", "allowedIps", "rateLimit":
        pair.api.invalid(GENERATE, {"name": "x", name: None}, name)
    pair.own()
    made = pair.api.post(GENERATE, {"name": "x", "expiresAt": None,
                                    "allowedIps": None, "rateLimit": None})
    assert (made["expiresAt"], made["allowedIps"], made["rateLimit"]) == \
        (None, [], None)


def test_a_caller_that_is_about_to_end(pair):
    """Its own end is what it can give, however near that is."""
    pair.own(end="interval '40 s'")
    made = pair.api.post(GENERATE, {"name": "x"})
    assert made["expiresAt"] < time.time() * 1000 + MINUTE
    pair.api.invalid(UPDATE, {"keyId": made["id"],
                              "expiresAt": made["expiresAt"]}, "expiresAt")
