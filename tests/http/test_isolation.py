"""What belongs to another project is exactly as absent as what never was. The
server's table of routes says what is tried: a new route is covered by it."""
import pytest

from client import Api
from contract import CALLS, NOBODY, WRITES
from fixtures import make_project, written
from tables import ROUTES


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


def is_id(row):
    """A text of a body that no rule and no length is given for: it names an
    object."""
    kind, minimum, maximum, rule = row[0], row[6], row[7], row[8]
    return kind == 0 and minimum == maximum == 0 and not rule


# every field of every route that takes an object's id
TAKERS = [(path, name) for (_, path), table in ROUTES.items()
          for name, row in table[3].items() if is_id(row)]
KEYED = [(m, p.removeprefix("/api/v1")) for (m, p), t in ROUTES.items()
         if t[0]]
LISTS = [p.removeprefix("/api/v1") for (_, p), t in ROUTES.items() if t[1]]


def test_the_tables_are_read():
    """By name: what is not found below would not be tested."""
    assert {name for _, name in TAKERS} == {"targetUserId", "keyId"}
    assert set(KEYED) == set(CALLS) and len(LISTS) == 2


def objects(theirs):
    """Everything of theirs that has an id: {what: id}."""
    found = {"project": theirs.id}
    for path in LISTS:
        for number, row in enumerate(theirs.api.get(path)):
            found |= {f"{path} {number} {name}": row[name]
                      for name in ("id", "userId") if name in row}
    assert len(found) == 1 + 2 * 2 + 2
    return found


@pytest.mark.parametrize("path, name", TAKERS, ids=lambda v: v)
def test_another_projects_object(refusing, theirs, path, name):
    """The very answer, byte for byte, that an id gets which nobody has."""
    path = path.removeprefix("/api/v1")

    def answer(value):
        got = refusing.send("POST", path, {**WRITES[path], name: value})
        assert got.status == 404, (value, got)
        return got.body.replace(got.header("X-Request-ID").encode(), b"")

    absent = answer(NOBODY)
    for what, value in objects(theirs).items():
        assert answer(value) == absent, what


@pytest.mark.parametrize("path", [p for m, p in KEYED if m == "GET"])
def test_nothing_of_theirs_is_read(refusing, theirs, path):
    body = refusing.send("GET", path).body.decode()
    for text in [*objects(theirs).values(), theirs.slug, "theirs", "secret",
                 theirs.second["prefix"], theirs.provider["last4"]]:
        assert text not in body, text


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


@pytest.mark.parametrize("path", LISTS)
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
