"""What belongs to another project is exactly as absent as what never was."""
import pytest

from client import Api
from contract import NOBODY
from fixtures import make_project, written

REMOVE = "/project/members/remove"
ROLE = "/project/members/update-role"
REVOKE = "/project/api-keys/revoke"


@pytest.fixture(scope="module")
def theirs(stack):
    """Somebody else's project with one of everything in it."""
    project = make_project(stack)
    api = project.api
    project.member = api.post("/project/members/invite", {
        "email": "theirs@example.com", "role": "admin"})
    project.provider = api.post("/project/provider-keys/set", {
        "provider": "github", "key": "their-provider-key"})
    project.second = api.post("/project/api-keys/generate", {"name": "2nd"})
    api.post("/project/settings/update", {
        "claudeMd": "theirs", "envVars": {"THEIRS": "secret"}})
    stack.ctl("counter", "add", project.slug, "runs", "7")
    return project


@pytest.fixture(autouse=True)
def untouched(theirs):
    """Whatever a test tries, their project stays as it is."""
    before = written(theirs)
    yield
    assert written(theirs) == before
    assert theirs.api.get("/project")["slug"] == theirs.slug
    assert len(theirs.api.get("/project/members")) == 2
    assert [k["revoked"] for k in theirs.api.get("/project/api-keys")] == \
        [False, False]


def target(theirs, kind):
    owner = theirs.api.get("/project/members")[0]
    return {"member": theirs.member["userId"],
            "member-id": theirs.member["id"], "owner": owner["userId"],
            "key": theirs.second["id"], "own-key": theirs.key_id,
            "project": theirs.id}[kind]


CASES = [(path, name, more, kind)
         for path, name, more in [(REMOVE, "targetUserId", {}),
                                  (ROLE, "targetUserId", {"role": "member"}),
                                  (REVOKE, "keyId", {})]
         for kind in ("member", "member-id", "owner", "key", "own-key",
                      "project")]


@pytest.mark.parametrize("path, name, more, kind", CASES,
                         ids=[f"{c[0][9:]}-{c[3]}" for c in CASES])
def test_another_projects_object(refusing, theirs, path, name, more, kind):
    """The very answer that an id gets which nobody has."""
    got = refusing.refused("NOT_FOUND", "POST", path,
                           {name: target(theirs, kind), **more})
    absent = refusing.refused("NOT_FOUND", "POST", path,
                              {name: NOBODY, **more})
    for error in got, absent:
        del error["requestId"]
    assert got == absent


def test_their_provider_key_is_not_ours(refusing, theirs):
    refusing.refused("NOT_FOUND", "POST", "/project/provider-keys/remove",
                     {"provider": "github"})
    assert theirs.api.get("/project/provider-keys") == [theirs.provider]


def test_reads_show_our_own_only(refusing, shared, theirs):
    assert refusing.get("/project")["id"] == shared.id
    assert [m["email"] for m in refusing.get("/project/members")] == \
        [shared.owner_email]
    assert refusing.get("/project/provider-keys") == []
    assert [k["id"] for k in refusing.get("/project/api-keys")] == \
        [shared.key_id]
    settings = refusing.get("/project/settings")
    assert settings["claudeMd"] is None and settings["envVars"] == {}
    assert refusing.get("/project/counters")["runs"] == 0


@pytest.mark.parametrize("path", ["/project/members", "/project/api-keys"])
def test_their_cursor_is_foreign(refusing, theirs, path):
    cursor = theirs.api.page(path + "?limit=1")["nextCursor"]
    refusing.refused("VALIDATION", "GET", f"{path}?cursor={cursor}",
                     field="cursor")


def test_same_names_side_by_side(api, other, theirs):
    """Address, provider and names are each project's own."""
    for one in api, other.api:
        one.post("/project/members/invite", {"email": "theirs@example.com",
                                             "role": "owner"})
        one.post("/project/provider-keys/set", {"provider": "github",
                                                "key": "our-own-key-9999"})
        one.post("/project/api-keys/generate", {"name": "2nd"})
        assert one.get("/project/provider-keys")[0]["last4"] == "9999"
    assert theirs.api.get("/project/provider-keys") == [theirs.provider]


def test_a_key_opens_its_own_project_only(stack, theirs):
    key = Api(stack.base, theirs.second["key"])
    assert key.get("/project")["id"] == theirs.id


def test_delete_stops_no_other_project(project, theirs):
    project.api.post("/project/delete")
    assert theirs.api.get("/project")["id"] == theirs.id
