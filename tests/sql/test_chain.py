"""The chain of audit rows, made by the database whoever inserts them; what the
API's role may not do to it; rows of before."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract import NOBODY
from fixtures import owners
from psql import SqlError
from session import until
from states import migration, older
from test_previous import Old, writes

ROW = ("insert into codecourier.audit (project_id, actor, actor_key, action, "
       "object, object_id{names}) values ('{id}', 'key', '{key}', 'x.y', 'x', "
       "'x'{values})")


def chain(stack, project):
    return stack.rows(
        "select number, encode(previous, 'hex') previous, encode(hash, 'hex') "
        "hash, hash = codecourier.audit_hash(a) as good, at from "
        f"codecourier.audit a where project_id = '{project}' order by number")


def is_chain(rows):
    before = "0" * 64
    for number, row in enumerate(rows, 1):
        assert (row["number"], row["previous"], row["good"]) == \
            (number, before, True), row
        before = row["hash"]
    return bool(rows)


def test_workers_of_before(project):
    """Their INSERT knows nothing of a chain: each write of theirs is in it, and
    told as it was."""
    stack = project.stack
    length = len(chain(stack, project.id))
    for length, (name, _) in enumerate(writes(Old(project, project.key_id)),
                                       length + 1):
        rows = chain(stack, project.id)
        assert is_chain(rows) and len(rows) == length, name
    (told,) = stack.ctl("audit", "verify", project.id)
    assert (told["number"], told["fault"]) == (length, None)


def test_nothing_of_it_is_taken_from_whoever_inserts(project):
    """Not even from the owner."""
    project.stack.sql(
        "begin; set local role codecourier_owner;" + ROW.format(
            id=project.id, key=project.key_id,
            names=", number, previous, hash, at",
            values=", 99, '\\x00', '\\x00', '2020-01-01'") + "; commit")
    rows = chain(project.stack, project.id)
    assert is_chain(rows) and rows[-1]["number"] == 3
    assert rows[-1]["at"] > rows[-2]["at"]


@pytest.mark.parametrize("text", [
    *(ROW.format(id=NOBODY, key=NOBODY, names=f", {name}", values=f", {value}")
      for name, value in [("number", "1"), ("previous", "'\\x00'"),
                          ("hash", "'\\x00'"), ("at", "now()")]),
    "update codecourier.audit set hash = '\\x00'",
    "update codecourier.audit set number = 1",
    "delete from codecourier.audit",
    "select previous from codecourier.audit",
    "select 1 from codecourier.audit for update",
    "select 1 from codecourier.audit_head",
    "update codecourier.audit_head set number = 0",
    "delete from codecourier.audit_head",
    f"insert into codecourier.audit_head values ('{NOBODY}')",
    "alter table codecourier.audit disable trigger audit_chain",
    "drop trigger audit_chain on codecourier.audit",
    "select codecourier.audit_hash(null)",
    "select codecourier.audit_chain()", "truncate codecourier.audit"])
@pytest.mark.parametrize("role", ["codecourier", "codecourier_platform"])
def test_what_no_other_role_can(stack, role, text):
    with pytest.raises(SqlError) as got:
        stack.sql(f"set role {role}; {text}")
    # a trigger's function is called by triggers only, whoever asks
    assert got.value.state in ("42501", "0A000")
    if "audit_chain()" not in text:
        assert got.value.state == "42501"


def test_a_project_without_a_chain(stack):
    """Made by SQL, say: the first row begins one, also at the same time."""
    stack.sql("insert into codecourier.project (id, name, slug) values "
              "(gen_random_uuid(), 'x', 'chain-first')")
    (row,) = stack.rows("select id from codecourier.project where slug = "
                        "'chain-first'")
    text = ROW.format(id=row["id"], key=NOBODY, names="", values="")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(stack.api_sql, [text] * 8))
    rows = chain(stack, row["id"])
    assert is_chain(rows) and len(rows) == 8


@pytest.mark.parametrize("path, more", [
    ("/project/members/update-role", {"role": "admin"}),
    ("/project/members/remove", {})])
def test_the_projects_row_before_the_head(project, session, path, more):
    """An owner who goes takes the project's row, for which others wait who
    come to the head from there. Whoever waits for it has not taken the head."""
    user = owners(project)[1]
    session.run("begin; select 1 from codecourier.project where id = "
                f"'{project.id}' for no key update")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(project.api.send, "POST", path,
                           {"targetUserId": user, **more})
        session.await_waiting("%member%", unless=call)
        head = session.run("select 1 from codecourier.audit_head where "
                           f"project_id = '{project.id}' for update nowait")
        session.release()
        assert head == ["1"] and call.result().status == 200


def test_two_ways_to_the_head(project):
    """Owners that come and go while members are invited: no deadlock, which
    the server's log would tell."""
    users = owners(project, 3)[1:]
    stack = project.stack
    before = stack.logs().count(b"deadlock detected")

    def swing(user):
        for role in ("admin", "owner") * 10:
            project.api.send("POST", "/project/members/update-role",
                             {"targetUserId": user, "role": role})

    def invite(n):
        for i in range(20):
            project.api.send("POST", "/project/members/invite", {
                "email": f"{n}-{i}@example.com", "role": "member"})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda f: f(), [
            lambda: swing(users[0]), lambda: swing(users[1]),
            lambda: invite(1), lambda: invite(2)]))
    assert stack.logs().count(b"deadlock detected") == before
    assert is_chain(chain(stack, project.id))


def test_one_project_waits_for_no_other(project, other, session):
    session.run("begin; select 1 from codecourier.audit_head where "
                f"project_id = '{project.id}' for update")
    other.api.post("/project/update", {"name": "meanwhile"})
    project.api.get("/project/audit-log")
    project.api.get("/project/settings")
    session.release()


def test_last_use_and_counters_wait_for_no_chain(project, session):
    stack = project.stack
    session.run("begin; select 1 from codecourier.audit_head where "
                f"project_id = '{project.id}' for update")
    stack.sql("update codecourier.api_key set last_used_at = null where id = "
              f"'{project.key_id}'")
    project.api.get("/project")
    until(lambda: stack.sql("select last_used_at from codecourier.api_key "
                            f"where id = '{project.key_id}'"), "no last use")
    stack.sql("set role codecourier_platform; select codecourier.counter_add("
              f"'{project.id}', 'runs', 1)")
    project.api.refused("NOT_FOUND", "POST", "/project/members/remove",
                        {"targetUserId": NOBODY})
    session.release()


@pytest.fixture(scope="module")
def migrated(cluster):
    """Two projects with rows of before, several of one instant, and one
    without."""
    older(cluster, 8)
    cluster.sql(
        "set search_path = codecourier; set role codecourier_owner; "
        "insert into project (id, name, slug) select "
        f"overlay('{NOBODY}' placing n::text from 1)::uuid, 'x', 'x' || n "
        "from (values (1), (2), (3)) v (n);"
        "insert into audit (project_id, at, actor, operator, action, object, "
        "object_id, fields, address) select overlay("
        f"'{NOBODY}' placing (1 + n % 2)::text from 1)::uuid, "
        "timestamptz '2026-01-01' + (n / 10) * interval '1 s', 'operator', "
        "'x', 'a.b', 'x', n::text, '{a,b}', '10.0.0.1' "
        f"from generate_series(1, 100) n; {migration(11)}")
    return cluster


def test_rows_of_before(migrated):
    for n in 1, 2:
        rows = chain(SimpleRows(migrated), f"{n}" + NOBODY[1:])
        assert is_chain(rows) and len(rows) == 50
    assert migrated.sql(
        "select count(*) from (select number, row_number() over (partition "
        "by project_id order by at, id) as n from codecourier.audit) t "
        "where number <> n") == "0"
    assert migrated.sql(
        "select count(*), count(*) filter (where (h.number, h.hash, h.at) = "
        "(select number, hash, at from codecourier.audit a where a.project_id "
        "= h.project_id order by number desc limit 1)) from "
        "codecourier.audit_head h") == "2|2"


def test_the_chain_goes_on(migrated):
    for n in 1, 3:
        project = f"{n}" + NOBODY[1:]
        migrated.sql(ROW.format(id=project, key=NOBODY, names="", values=""))
        rows = chain(SimpleRows(migrated), project)
        assert is_chain(rows) and len(rows) == (51 if n == 1 else 1)


class SimpleRows:
    """rows() of a cluster, as a stack has it."""

    def __init__(self, cluster):
        self.cluster = cluster

    def rows(self, query):
        return json.loads(self.cluster.sql(
            f"select coalesce(json_agg(t), '[]') from ({query}) t"))
