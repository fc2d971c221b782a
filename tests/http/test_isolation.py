"""What belongs to another project is exactly as absent as what never was. The
server's table of routes says what is tried: a new route is covered by it."""
import pytest

from client import Api, raw, request_bytes
from contract import (CALLS, CONVEX, KEPT, LISTS, MAPS, NOBODY, PROVIDERS,
                      SHORT, TEXTS, WRITES)
from fixtures import everything, make_project
from session import until
from tables import ROUTES

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere


def furnish(project, mark, count):
    """Fills a project: every table, every column, all of it marked; so many
    of each thing, so that no two projects' counters agree."""
    api, stack = project.api, project.stack
    api.post("/project/update", {
        "name": mark, "githubRepoUrl": f"https://example.com/{mark}/x"})
    api.post("/project/settings/update", {
        **dict.fromkeys(TEXTS + SHORT, mark), **dict.fromkeys(LISTS, [mark]),
        **dict.fromkeys([*MAPS, "testUserCredentials"], {mark: mark}),
        **{n: f"{mark}-{n}" for n in CONVEX},
        "gitCommitEmail": f"{mark}@example.com"})
    project.providers = PROVIDERS[:count]
    for provider in project.providers:
        api.post("/project/provider-keys/set",
                 {"provider": provider, "key": f"{provider}-{mark}"})
    project.members = [api.post("/project/members/invite", {
        "email": f"{n}@{mark}.example", "role": "admin"})
        for n in range(count)]
    for member in project.members[1:]:
        stack.make("member", "accept", project.slug, member["email"])
    project.keys = [api.post("/project/api-keys/generate", {
        "name": f"{mark} {n}"}) for n in range(count)]
    stack.sql("set role codecourier_platform; select " + ", ".join(
        f"codecourier.counter_add('{project.id}', '{name}', {100 * count + n})"
        for n, name in enumerate(KEPT)))
    project.counters = {
        **{name: 100 * count + n for n, name in enumerate(KEPT)},
        "members": count, "apiKeys": count + 1, "providerKeys": count}
    return project


@pytest.fixture(scope="module")
def theirs(stack):
    """Somebody else's project with two and more of everything in it."""
    made = furnish(make_project(stack), "theirs", 3)
    made.rows = everything(made)
    assert len({r["name"] for r in made.rows}) >= 8
    assert None not in [v for r in made.rows if r["name"] == "settings"
                        for v in r["row"].values()]
    return made


@pytest.fixture(autouse=True)
def untouched(theirs):
    """Whatever a test tries, not a value of theirs changes."""
    yield
    assert everything(theirs) == theirs.rows


@pytest.fixture(scope="module")
def ours(stack):
    """The project that asks has other things of the same kinds."""
    return furnish(make_project(stack), "ours", 2)


# every field of every route that takes an object's id
TAKERS = [(path, name) for (_, path), table in ROUTES.items()
          for name, field in table[3].items() if field.is_id]
KEYED = [(m, p.removeprefix("/api/v1")) for (m, p), t in ROUTES.items()
         if t[0]]
PAGED = [p.removeprefix("/api/v1") for (_, p), t in ROUTES.items() if t[1]]


def test_the_tables_are_read():
    """By name: what is not found below would not be tested."""
    assert {name for _, name in TAKERS} == {"targetUserId", "keyId"}
    assert set(KEYED) == set(CALLS) and len(PAGED) == 2


def objects(theirs):
    """Everything of theirs that has an id: {id: what}."""
    found = {r["row"][n]: r["name"] for r in theirs.rows
             for n in ("id", "user_id") if n in r["row"]}
    assert {"project", "member", "api_key", "data_key", "audit"} <= {
        *found.values()}
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
    for value, what in objects(theirs).items():
        assert answer(value) == absent, what


@pytest.mark.parametrize("path", [p for m, p in KEYED if m == "GET"])
@pytest.mark.parametrize("who", ["empty", "furnished"])
def test_nothing_of_theirs_is_read(shared, ours, theirs, path, who):
    asking = shared if who == "empty" else ours
    body = asking.api.send("GET", path).body.decode()
    for text in [*objects(theirs), theirs.slug, "theirs", "theirs"[-4:],
                 *(k["prefix"] for k in theirs.keys)]:
        assert text not in body, text


def test_reads_show_our_own_only(refusing, shared):
    assert refusing.get("/project")["id"] == shared.id
    assert [m["email"] for m in refusing.get("/project/members")] == \
        [shared.owner_email]
    assert refusing.get("/project/provider-keys") == []
    assert [k["id"] for k in refusing.get("/project/api-keys")] == \
        [shared.key_id]
    settings = refusing.get("/project/settings")
    assert settings["claudeMd"] is None and settings["envVars"] == {}
    assert refusing.get("/project/counters") == {
        **dict.fromkeys(KEPT, 0), "members": 1, "apiKeys": 1,
        "providerKeys": 0}


def test_each_counter_is_of_one_project(ours, theirs):
    for one in ours, theirs:
        assert one.api.get("/project/counters") == one.counters


# every write as it succeeds, with each field that it can have
EVERY_WRITE = [
    ("/project/update", {"name": "x", "slug": "SLUG", "githubRepoUrl":
                         "https://example.com/x/y"}),
    ("/project/settings/update", {n: None for n in (
        "sandboxSystemPrompt", "selectedSkills", "envVars",
        "testUserCredentials", "gitCommitEmail")}),
    *(("/project/settings/update", {n: v}) for n in CONVEX
      for v in ("our-own-key", None)),
    ("/project/settings/update", {"envVars": {"A": "b"}, "claudeMd": "x",
                                  "deployEnvVars": {"A": "b"},
                                  "testUserCredentials": {"A": "b"},
                                  **dict.fromkeys(CONVEX, "our-own-key")}),
    ("/project/members/invite", {"email": "0@theirs.example",
                                 "role": "owner"}),
    ("/project/members/update-role", {"targetUserId": "MEMBER",
                                      "role": "member"}),
    ("/project/members/remove", {"targetUserId": "MEMBER"}),
    *(("/project/provider-keys/set", {"provider": p, "key": "our-own-key"})
      for p in PROVIDERS),
    *(("/project/provider-keys/remove", {"provider": p}) for p in PROVIDERS),
    ("/project/api-keys/generate", {"name": "theirs 0"}),
    ("/project/api-keys/revoke", {"keyId": "KEY"}),
    ("/project/delete", {}),
]


def test_no_write_is_left_out():
    assert {path for path, _ in EVERY_WRITE} == set(WRITES)


def test_every_write_writes_to_its_own_project_only(stack, theirs):
    """One after another, and after each of them theirs is as it was."""
    project = furnish(make_project(stack), "third", 1)
    ids = {"SLUG": project.slug + "-x", "KEY": project.keys[0]["id"],
           "MEMBER": project.members[0]["userId"]}
    for path, body in EVERY_WRITE:
        before = everything(project)
        body = {n: ids.get(v, v) if isinstance(v, str) else v
                for n, v in body.items()}
        project.api.post(path, body)
        assert everything(project) != before, path
        assert everything(theirs) == theirs.rows, path


@pytest.mark.parametrize("args", [
    ["counter", "add", "{slug}", "runs", "5"],
    ["member", "accept", "{slug}", "0@theirs.example", "--name", "Third"],
    ["key", "create", "{slug}", "--name", "theirs 0"],
    ["key", "revoke", "{key_id}"],
    ["provider-key", "reveal", "{slug}", "anthropic"]],
    ids=lambda a: "-".join(a[:2]))
def test_a_command_writes_to_its_own_project_only(third, args):
    before = everything(third)
    third.stack.ctl(*(a.format(**vars(third)) for a in args))
    assert everything(third) != before


@pytest.fixture(scope="module")
def third(stack):
    """It has invited an address that is pending elsewhere, too."""
    made = furnish(make_project(stack), "third", 1)
    made.api.post("/project/members/invite",
                  {"email": "0@theirs.example", "role": "admin"})
    return made


def test_a_note_of_use_is_of_one_key(stack, theirs):
    """lastUsedAt, which the comparison above leaves out."""
    def used(project):
        return stack.rows("select id, last_used_at from codecourier.api_key "
                          f"where project_id = '{project.id}' order by 1")

    before = used(theirs)
    project = make_project(stack)
    project.api.get("/project")
    row = "select last_used_at from codecourier.api_key where id = '{}'"
    until(lambda: stack.sql(row.format(project.key_id)), "no use was noted")
    assert used(theirs) == before


@pytest.mark.parametrize("path", PAGED)
def test_their_cursor_is_foreign(refusing, theirs, path):
    cursor = theirs.api.page(path + "?limit=1")["nextCursor"]
    refusing.refused("VALIDATION", "GET", f"{path}?cursor={cursor}",
                     field="cursor")


def test_same_names_side_by_side(api, other):
    """Address, provider and names are each project's own."""
    for one in api, other.api:
        one.post("/project/members/invite", {"email": "0@theirs.example",
                                             "role": "owner"})
        one.post("/project/provider-keys/set", {"provider": "anthropic",
                                                "key": "our-own-key-9999"})
        one.post("/project/api-keys/generate", {"name": "theirs 0"})
        assert one.get("/project/provider-keys")[0]["last4"] == "9999"


def test_a_key_opens_its_own_project_only(stack, theirs):
    key = Api(stack.base, theirs.keys[0]["key"])
    assert key.get("/project")["id"] == theirs.id
    assert raw(stack.port, request_bytes("GET", "/api/v1/project")
               ).status == 401


def test_delete_stops_no_other_project(project, theirs):
    project.api.post("/project/delete")
    assert theirs.api.get("/project")["id"] == theirs.id
