"""A deleted project: brought back, or removed for good and for ever."""
import re
import subprocess
import uuid

import pytest

from client import Api
from contract import NOBODY
from few import few
from fixtures import everything, furnish, make_project
from harness import ROOT
from psql import SqlError
from session import as_user

GENERATE = "/project/api-keys/generate"
DONE, FAILED, USAGE, ABSENT, CONFLICT, UNAVAILABLE = range(6)
# those of a project
TABLES = set(re.findall(r"^CREATE TABLE (\w+)", "".join(
    f.read_text() for f in (ROOT / "migrations").glob("*.sql")), re.M)
    ) - {"purge", "schema_version", "refused"}


@pytest.fixture(scope="module")
def theirs(stack):
    """Somebody else's project; whatever is purged, not a row of it changes."""
    made = furnish(make_project(stack), "theirs", 3)
    made.rows = everything(made)
    assert {r["name"] for r in made.rows} == TABLES
    return made


@pytest.fixture
def full(stack, theirs):
    """A project with rows in every table; deleted."""
    made = furnish(make_project(stack), "full", 2)
    made.gone = made.api.post("/project/delete")
    assert {r["name"] for r in everything(made)} == TABLES
    yield made
    assert everything(theirs) == theirs.rows


def due(project):
    """Its time is over: by the clock of the database, which says so."""
    project.stack.sql("update codecourier.project set purge_at = now() "
                      f"where id = '{project.id}'")


def rows_of(project):
    """Its rows, what the purge says of it apart."""
    return [r for r in everything(project) if r["name"] != "purge"]


def purges(stack, ids):
    return stack.rows("select project_id, operator, removed, "
                      "finished_at is not null as finished from "
                      "codecourier.purge where project_id in ("
                      + ",".join(f"'{i}'" for i in ids) + ")")


def test_everything_goes(full):
    before = rows_of(full)
    left = full.stack.ctl("project", "purge", full.id)
    assert rows_of(full) == []
    assert set(left) == {"projectId", "operator", "rows", "deletedAt",
                         "purgeAt", "startedAt", "finishedAt"}
    assert left["rows"] == len(before)
    assert (left["deletedAt"], left["purgeAt"]) == (
        full.gone["deletedAt"], full.gone["purgeAt"])
    assert left["finishedAt"] >= left["startedAt"] >= left["deletedAt"]
    (kept,) = purges(full.stack, [full.id])
    assert kept == {"project_id": full.id, "operator": left["operator"],
                    "removed": len(before), "finished": True}
    assert "full" not in str(everything(full))


@pytest.mark.plain     # the database's work
def test_no_table_is_left_out(stack):
    """Each that has a project's rows refers to it, and so is emptied."""
    named = stack.rows(
        "select table_name as t from information_schema.columns where "
        "table_schema = 'codecourier' and column_name = 'project_id' and "
        "table_name <> 'purge' order by 1")
    refer = stack.rows(
        "select distinct c.relname as t from pg_constraint k join pg_class c "
        "on c.oid = k.conrelid where k.contype = 'f' and k.confrelid = "
        "'codecourier.project'::regclass order by 1")
    assert named == refer


def test_its_keys_and_slug_are_nobodys(full):
    full.stack.ctl("project", "purge", full.slug)
    full.api.refused("AUTH_INVALID", "GET", "/project")
    full.stack.ctl("key", "find", full.key, code=ABSENT)
    for command in "restore", "purge":
        full.stack.ctl("project", command, full.id, code=ABSENT)
    assert full.id not in str(full.stack.ctl("project", "list", "--deleted"))
    made = full.stack.ctl("project", "create", "--name", "x", "--slug",
                          full.slug, "--owner-email", "a@b.c")
    assert made["id"] != full.id


def test_the_timer_takes_what_is_due(full, project):
    """Not what is live, and not what can still be restored."""
    other = make_project(full.stack)
    other.api.post("/project/delete")
    live, waits = everything(project), everything(other)
    full.stack.ctl("purge")     # what other tests have left
    due(full)
    got = full.stack.ctl("purge")
    assert [g["projectId"] for g in got] == [full.id]
    assert rows_of(full) == []
    assert everything(project) == live and everything(other) == waits
    assert full.stack.ctl("purge") == []


def test_people_are_told(full):
    run = full.stack.run
    done = run([full.stack.ctl_path, "purge"])
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout == "nothing to do: no deleted project is due\n"
    due(full)
    done = run([full.stack.ctl_path, "purge"])
    assert (done.returncode, done.stderr) == (DONE, "")
    head, line = done.stdout.splitlines()
    assert head.startswith("PROJECT ID ") and line.startswith(full.id)


@pytest.mark.parametrize("command", ["restore", "purge"])
def test_a_live_project_is_refused(theirs, project, command):
    before = everything(project)
    for which in project.id, project.slug:
        error = project.stack.ctl("project", command, which, code=CONFLICT)
        assert "is not deleted" in error["message"]
    assert everything(project) == before
    project.api.get("/project")


@pytest.mark.parametrize("which", few([NOBODY, "no-such-slug", "",
                                       "' or true --", "x" * 1000]))
@pytest.mark.parametrize("command", ["restore", "purge", "delete"])
def test_no_such_project(stack, command, which):
    stack.ctl("project", command, which, code=ABSENT)


@pytest.mark.parametrize("command", few(["restore", "purge"]))
def test_which_of_two_is_asked(full, command):
    """By the slug only where one deleted project had it."""
    stack = full.stack
    again = stack.ctl("project", "create", "--name", "x", "--slug", full.slug,
                      "--owner-email", "a@b.c")
    stack.ctl("project", "delete", again["id"])
    error = stack.ctl("project", command, full.slug, code=CONFLICT)
    assert "2 deleted projects" in error["message"]
    stack.ctl("project", command, again["id"])
    assert rows_of(full) != []
    stack.ctl("project", "purge", full.id)


def test_delete_by_the_operator(project):
    gone = project.stack.ctl("project", "delete", project.slug)
    assert gone == {"id": project.id, "_id": project.id, "deleted": True,
                    "deletedAt": gone["deletedAt"],
                    "purgeAt": gone["deletedAt"] + 30 * 86400_000}
    project.api.refused("AUTH_INVALID", "GET", "/project")
    assert project.stack.rows(
        "select actor, action, object_id from codecourier.audit where "
        f"project_id = '{project.id}' order by at desc limit 1") == [
        {"actor": "operator", "action": "project.delete",
         "object_id": project.id}]
    project.stack.ctl("project", "delete", project.slug, code=ABSENT)


def test_restore(full):
    """All of it is there again, and the keys that live are named."""
    full.stack.sql("update codecourier.api_key set ends_at = now() where "
                   f"id = '{full.made[GENERATE][0]['id']}'")
    before = [r for r in everything(full)
              if r["name"] not in ("project", "audit", "audit_head")]
    got = full.stack.ctl("project", "restore", full.slug)
    keys = got.pop("keys")
    assert got == full.stack.ctl("project", "show", full.id)
    assert got == full.api.get("/project")
    live = [k for k in full.api.get("/project/api-keys") if not k["revoked"]
            and k["id"] != full.made[GENERATE][0]["id"]]
    assert full.made[GENERATE][1]["id"] in {k["id"] for k in live}
    assert {k.pop("state") for k in keys} == {"live"}
    assert [k["id"] for k in keys] == [k["id"] for k in live]
    assert keys[-1] == live[-1]
    assert before == [r for r in everything(full)
                      if r["name"] not in ("project", "audit", "audit_head")]
    assert full.stack.rows(
        "select actor, action, fields from codecourier.audit where "
        f"project_id = '{full.id}' order by at desc limit 1") == [
        {"actor": "operator", "action": "project.restore", "fields": []}]
    full.stack.ctl("project", "restore", full.slug, code=CONFLICT)
    shown = full.stack.run([full.stack.ctl_path, "provider-key", "reveal",
                            full.slug, "anthropic"]).stdout
    assert "anthropic-full" in shown
    assert full.stack.ctl("purge") == []


def test_a_revoked_key_does_not_live_again(project):
    more = project.api.post("/project/api-keys/generate", {"name": "more"})
    project.stack.ctl("key", "revoke", more["id"])
    project.stack.ctl("project", "delete", project.id)
    got = project.stack.ctl("project", "restore", project.id)
    assert [k["id"] for k in got["keys"]] == [project.key_id]
    Api(project.stack.base, more["key"]).refused("AUTH_INVALID", "GET",
                                                 "/project")


def test_restore_where_the_slug_is_taken(full):
    stack, slug = full.stack, "r-" + uuid.uuid4().hex
    taken = stack.ctl("project", "create", "--name", "x", "--slug", full.slug,
                      "--owner-email", "a@b.c")
    before = everything(full)
    error = stack.ctl("project", "restore", full.slug, code=CONFLICT)
    assert error["field"] == "slug" and "--slug" in error["message"]
    stack.ctl("project", "restore", full.slug, "--slug", "A b", code=USAGE)
    stack.ctl("project", "restore", full.slug, "--slug", full.slug,
              code=CONFLICT)
    assert everything(full) == before
    got = stack.ctl("project", "restore", full.slug, "--slug", slug)
    assert (got["id"], got["slug"]) == (full.id, slug)
    assert full.api.get("/project")["slug"] == slug
    assert stack.ctl("project", "show", full.slug)["id"] == taken["id"]
    assert stack.rows(
        "select fields from codecourier.audit where project_id = "
        f"'{full.id}' order by at desc limit 1") == [{"fields": ["slug"]}]


def start(stack, *args):
    """The command as a process of its own, to be killed in the middle."""
    return subprocess.Popen(
        [str(stack.ctl_path), *args], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **as_user(stack))


HOLD = "begin; select 1 from codecourier.{} where project_id = '{}' for update"


@pytest.mark.parametrize("table", few(sorted(
    TABLES - {"data_key", "project"})))
def test_killed_and_begun_again(full, session, theirs, table):
    """The first step is whole: nothing sealed opens any more, nothing brings
    the project back; the next run does the rest, due or not."""
    stack = full.stack
    session.run(HOLD.format(table, full.id))
    process = start(stack, "project", "purge", full.id)
    session.await_waiting("%purge_some%")
    process.kill()
    process.communicate()
    stack.sql("select pg_terminate_backend(pid, 10000) from pg_stat_activity "
              "where wait_event_type = 'Lock' and query like '%purge_some%'")
    session.release()
    names = {r["name"] for r in rows_of(full)}
    assert "data_key" not in names and "project" in names
    error = stack.ctl("project", "restore", full.id, code=CONFLICT)
    assert "being purged" in error["message"]
    assert purges(stack, [full.id])[0]["finished"] is False
    assert everything(theirs) == theirs.rows
    assert [g["projectId"] for g in stack.ctl("purge")] == [full.id]
    assert rows_of(full) == []


def test_after_the_first_step_nothing_opens(full):
    """Even if somebody brought the rows back by hand."""
    stack = full.stack
    stack.sql(f"select codecourier.purge_begin('{full.id}', 'x', "
              "gen_random_uuid(), false)")
    stack.sql("update codecourier.project set deleted_at = null, purge_at = "
              f"null where id = '{full.id}'")
    stack.ctl("provider-key", "reveal", full.slug, "anthropic",
              code=UNAVAILABLE)
    full.api.refused("INTERNAL", "GET", "/project/settings")
    stack.sql("update codecourier.project set deleted_at = now(), purge_at = "
              f"now() where id = '{full.id}'")
    stack.ctl("purge")
    assert rows_of(full) == []


@pytest.mark.plain     # the database's work
def test_rows_go_in_batches(full, project):
    """So many a transaction, and only the project's own row at the end."""
    stack = full.stack
    stack.sql("insert into codecourier.audit (project_id, actor, operator, "
              "action, object, object_id) select "
              f"'{full.id}', 'operator', 'x', 'x', 'x', n::text from "
              "generate_series(1, 100) n")
    stack.sql(f"select codecourier.purge_begin('{full.id}', 'x', "
              "gen_random_uuid(), false)")
    left = len(rows_of(full))
    assert left > 120
    while True:
        over = stack.sql(f"select codecourier.purge_some('{full.id}', 50)")
        now = len(rows_of(full))
        assert left - now == min(50, left)
        left = now
        assert over == ("f" if left else "t")
        if over == "t":
            break
        assert "project" in {r["name"] for r in rows_of(full)}
        project.api.get("/project")
    assert stack.sql(f"select codecourier.purge_some('{full.id}', 50)") == "t"


@pytest.mark.plain     # one more round than the others
def test_many_rows_go(full):
    """More than a batch has."""
    full.stack.sql(
        "insert into codecourier.audit (project_id, actor, operator, action, "
        f"object, object_id) select '{full.id}', 'operator', 'x', 'x', 'x', "
        "n::text from generate_series(1, 3500) n")
    before = len(rows_of(full))
    assert full.stack.ctl("project", "purge", full.id)["rows"] == before
    assert rows_of(full) == []


@pytest.mark.plain     # whoever waits for whom, the calls are the same
def test_others_are_served_meanwhile(full, session, project):
    """While a step waits for a lock nobody else waits for the step."""
    session.run(HOLD.format("audit", full.id))
    process = start(full.stack, "project", "purge", full.id)
    session.await_waiting("%purge_some%")
    project.api.post("/project/update", {"name": "meanwhile"})
    project.api.post("/project/members/invite",
                     {"email": "a@b.c", "role": "owner"})
    project.api.post("/project/api-keys/generate", {"name": "meanwhile"})
    made = make_project(full.stack)
    made.api.post("/project/delete")
    session.release()
    out = process.communicate()
    assert process.returncode == DONE, out
    assert rows_of(full) == []


@pytest.mark.plain
def test_two_at_once(full):
    """Two hosts have the same timer."""
    due(full)
    two = [start(full.stack, "purge") for _ in range(2)]
    for process in two:
        out = process.communicate()
        assert process.returncode == DONE, out
    assert rows_of(full) == []
    assert purges(full.stack, [full.id])[0]["finished"] is True


@pytest.mark.plain
def test_restored_and_deleted_again_is_not_due(full, session):
    """Between the timer's list and its turn."""
    stack = full.stack
    due(full)
    session.hold(full)
    process = start(stack, "purge")
    session.await_waiting("%purge_begin%")
    session.run("update codecourier.project set purge_at = now() + interval "
                f"'30 days' where id = '{full.id}'")
    session.release()
    assert process.communicate() and process.returncode == DONE
    stack.ctl("project", "restore", full.id)
    full.api.get("/project/settings")


@pytest.mark.plain
@pytest.mark.parametrize("first", ["restore", "purge"])
def test_restore_and_purge_at_once(full, session, first):
    """Whichever comes first has the project, whole."""
    stack = full.stack
    session.hold(full)
    one = start(stack, "project", first, full.id)
    session.await_waiting("%", count=1)
    other = {"restore": "purge", "purge": "restore"}[first]
    two = start(stack, "project", other, full.id)
    session.await_waiting("%", count=2)
    session.release()
    assert one.communicate() and one.returncode == DONE
    assert two.communicate() and two.returncode == CONFLICT
    assert (rows_of(full) == []) == (first == "purge")
    if first == "restore":
        full.api.get("/project")


@pytest.mark.plain     # the database's work
def test_the_last_owner_stays_where_nothing_is_purged(project):
    with pytest.raises(SqlError) as got:
        project.stack.sql("delete from codecourier.member where project_id = "
                          f"'{project.id}'")
    assert got.value.constraint == "member_last_owner"


@pytest.mark.plain
@pytest.mark.parametrize("text", [
    f"select codecourier.purge_begin('{NOBODY}', 'x', '{NOBODY}', true)",
    f"select codecourier.purge_some('{NOBODY}', 9)",
    "select 1 from codecourier.purge", "delete from codecourier.purge",
    "insert into codecourier.purge values "
    f"('{NOBODY}', now(), now(), 'x', '{NOBODY}')"])
@pytest.mark.parametrize("role", ["codecourier", "codecourier_platform"])
def test_no_other_role_purges(stack, text, role):
    with pytest.raises(SqlError) as got:
        stack.sql(f"set role {role}; {text}")
    assert got.value.state == "42501"
