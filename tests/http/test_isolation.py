"""What belongs to another project is exactly as absent as what never was. The
server's table of routes says what is tried: a new route is covered by it."""
import pytest

from client import Api, raw, request_bytes
from contract import (CALLS, JSON_WRITES, KEPT, KEYED, MARK, NOBODY, PAGED, WRITES,
                      WRITE_CALLS, named, route)
from fixtures import everything, furnish, make_project
from session import until
from tables import ROUTES

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere


@pytest.fixture(scope="module")
def theirs(stack):
    """Somebody else's project with two and more of everything in it."""
    made = furnish(make_project(stack), MARK, 3)
    made.rows = everything(made)
    assert len({r["name"] for r in made.rows}) >= 8
    assert None not in [v for r in made.rows if r["name"] == "settings"
                        for n, v in r["row"].items() if n != "restored_from"]
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
TAKERS = [(path.removeprefix("/api/v1"), name)
          for (_, path), table in ROUTES.items()
          for name, field in table.fields.items() if field.is_id]


def test_the_tables_agree():
    """The contract's and the server's: what is not found in them would not
    be tested."""
    ours = {(m, p.removeprefix("/api/v1")): table
            for (m, p), table in ROUTES.items() if p.startswith("/api/")}
    assert set(ours) == {(m, route(p)) for m, p in CALLS}
    assert {c for c, table in ours.items() if table.keyed} == {
        (m, route(p)) for m, p in KEYED}
    assert {p for (_, p), table in ours.items() if table.paged} == set(PAGED)
    assert {p for (_, p), table in ours.items() if table.body == 1} == \
        {p for p, body in WRITES.items() if not body}
    assert TAKERS and set(TAKERS) == {
        (p, n) for p, body in JSON_WRITES.items() for n, v in body.items()
        if v == NOBODY}


def objects(theirs):
    """Everything of theirs that has an id: {id: what}."""
    found = {r["row"][n]: r["name"] for r in theirs.rows
             for n in ("id", "user_id") if n in r["row"]}
    assert {"project", "member", "api_key", "data_key", "audit"} <= {
        *found.values()}
    return found


def keys(project):
    """What it has generated."""
    return project.made["/project/api-keys/generate"]


@pytest.mark.parametrize("path, name", TAKERS, ids=lambda v: v)
def test_another_projects_object(refusing, theirs, path, name):
    """The very answer, byte for byte, that an id gets which nobody has."""
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
    for text in [*objects(theirs), theirs.slug, MARK, MARK[-4:],
                 *(k["prefix"] for k in keys(theirs))]:
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


def test_good_bodies_have_every_field():
    """What is said of every write below is said of all that it takes."""
    for call in WRITE_CALLS:
        if call.path in JSON_WRITES:
            assert {n for body in call.bodies for n in body} == \
                set(ROUTES["POST", "/api/v1" + call.path].fields), call.path


def test_every_write_writes_to_its_own_project_only(stack, theirs):
    """One after another, and after each of them theirs is as it was."""
    project = furnish(make_project(stack), "third", 1)
    for path, body in [(c.path, b) for c in WRITE_CALLS for b in c.bodies]:
        before = everything(project)
        project.api.post(path, named(body, project.ids))
        assert everything(project) != before, path
        assert everything(theirs) == theirs.rows, path


@pytest.mark.parametrize("args", [
    ["counter", "add", "{slug}", "runs", "5"],
    ["member", "accept", "{slug}", f"0@{MARK}.example", "--name", "Third"],
    ["key", "create", "{slug}", "--name", f"{MARK} 0"],
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
                  {"email": f"0@{MARK}.example", "role": "admin"})
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


@pytest.mark.parametrize("path", list(PAGED))
def test_their_cursor_is_foreign(refusing, theirs, path):
    cursor = theirs.api.page(path + "?limit=1")["nextCursor"]
    refusing.refused("VALIDATION", "GET", f"{path}?cursor={cursor}",
                     field="cursor")


def test_same_names_side_by_side(api, other):
    """Address, provider and names are each project's own."""
    for one in api, other.api:
        one.post("/project/members/invite", {"email": f"0@{MARK}.example",
                                             "role": "owner"})
        one.post("/project/provider-keys/set", {"provider": "anthropic",
                                                "key": "our-own-key-9999"})
        one.post("/project/api-keys/generate", {"name": f"{MARK} 0"})
        assert one.get("/project/provider-keys")[0]["last4"] == "9999"


def test_a_key_opens_its_own_project_only(stack, theirs):
    key = Api(stack.base, keys(theirs)[0]["key"])
    assert key.get("/project")["id"] == theirs.id
    assert raw(stack.port, request_bytes("GET", "/api/v1/project")
               ).status == 401


def test_delete_stops_no_other_project(project, theirs):
    project.api.post("/project/delete")
    assert theirs.api.get("/project")["id"] == theirs.id
