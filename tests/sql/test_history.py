"""History of the settings is the database's: whoever changes them, a worker of
the version before included, leaves a row of who did it and what was there."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract import NOBODY, column, filled_settings
from fixtures import make_project
from psql import SqlError
from states import migration, older
from test_previous import Old

SEALED = ["env_vars", "deploy_env_vars", "test_user_credentials"]
WRITE_ONLY = ["convex_deploy_key", "convex_dev_key"]
UPDATE = "/project/settings/update"


def versions(project, columns="*"):
    """Rows of the table, the oldest first."""
    return project.stack.rows(
        f"select {columns} from codecourier.settings_version "
        f"where project_id = '{project.id}' order by version")


def by_hand(project, text, role="sql"):
    getattr(project.stack, role)(
        f"update codecourier.settings set {text} "
        f"where project_id = '{project.id}'")


def test_a_new_project_has_the_first(project):
    (row,) = versions(project)
    assert (row["version"], row["actor"], row["fields"]) == (1, "operator", [])
    assert row["actor_key"] is row["operator"] is row["restored_from"] is None


def test_what_is_there_is_the_first(cluster):
    """Of a database that is migrated."""
    older(cluster, 11).sql(
        "set search_path = codecourier; insert into project (id, name, slug) "
        f"values ('{NOBODY}', 'x', 'x'); insert into settings (project_id, "
        f"claude_md) values ('{NOBODY}', 'a'); set role codecourier_owner; "
        f"{migration(12)}")
    assert cluster.sql(
        "select version, actor, fields, claude_md from "
        "codecourier.settings_version") == "1|operator|{}|"
    assert cluster.sql(
        "update codecourier.settings set claude_md = 'b', updated_at = now(); "
        "select version, fields, claude_md from codecourier.settings_version "
        "order by version") == "1|{}|\n2|{claudeMd}|a"


def test_what_a_version_replaced_and_no_more(project):
    first, second = filled_settings("a", 1), filled_settings("b", 2)
    project.api.post(UPDATE, first)
    project.api.post(UPDATE, {"claudeMd": "x", "envVars": {"A": "1"}})
    project.api.post(UPDATE, {**second, "claudeMd": "x"})
    one, two, three, four = versions(project)
    assert [sorted(r["fields"]) for r in (one, two, three, four)] == [
        [], sorted(first), ["claudeMd", "envVars"],
        sorted({*second} - {"claudeMd"})]
    assert two["claude_md"] is four["claude_md"] is None
    assert three["claude_md"] == "a 1"
    held = {c for c, v in three.items() if v is not None} - {
        "project_id", "version", "at", "actor", "actor_key", "fields", "bytes",
        "total"}
    assert held == {"claude_md", "env_vars", "env_vars_size"}
    assert four["learning_model"] == "a 1"
    assert four["convex_dev_key_last4"] == first["convexDevKey"][-4:]


def test_each_write_has_its_own_with_its_maker(project):
    """The actor and the moment are those of its audit row."""
    project.api.post(UPDATE, {"claudeMd": "a", "convexDevKey": "12345678"})
    project.api.post(UPDATE, {"claudeMd": "a"})     # nothing that differs
    project.api.send("POST", "/project/settings/env/import?set=envVars", "A=1")
    rows = versions(project)[1:]
    assert [sorted(r["fields"]) for r in rows] == [
        ["claudeMd", "convexDevKey"], [], ["envVars"]]
    assert [(r["actor"], r["actor_key"], r["operator"], r["at"])
            for r in rows] == [
        (r["actor"], r["actor_key"], r["operator"], r["at"])
        for r in project.stack.rows(
            "select * from codecourier.audit where object = 'settings' "
            f"and project_id = '{project.id}' order by number")]
    assert {r["actor_key"] for r in rows} == {project.key_id}


def test_what_changes_nothing_makes_none(project):
    project.api.post(UPDATE, {})
    project.api.send("POST",
                     "/project/settings/env/import?set=envVars&dryRun=true",
                     "A=1")
    project.api.send("POST", "/project/settings/env/import?set=envVars", "#")
    by_hand(project, "claude_md = claude_md")
    assert len(versions(project)) == 1


def test_what_is_written_without_an_audit_row(project):
    project.api.post(UPDATE, {"claudeMd": "a"})
    by_hand(project, "claude_md = 'b', updated_at = now()")
    row = versions(project)[-1]
    assert (row["version"], row["actor"], row["actor_key"]) == (
        3, "operator", None)
    assert row["fields"] == ["claudeMd"] and row["claude_md"] == "a"


def test_no_write_of_the_version_before_misses_one(project):
    old = Old(project, project.key_id)
    old.write("settings_update", *[None] * 15, 0, 0)
    for key in WRITE_ONLY:
        old.ask("settings_" + key[len("convex_"):], project.id, "\\x00", "abcd")
    old.write("settings_update", *[None] * 15, 0, 0)
    rows = versions(project)
    assert [sorted(r["fields"]) for r in rows] == [
        [], [], ["convexDeployKey", "convexDevKey"]]
    assert {r["actor_key"] for r in rows[1:]} == {project.key_id}
    assert rows[2]["convex_dev_key"] is None


def test_statements_of_one_version_tell_the_first_value(project):
    """What was there before the first of them counts."""
    by_hand(project, "convex_dev_key = '\\x01', convex_dev_key_last4 = 'aaaa', "
            "claude_md = 'a', updated_at = now()")
    for n in "23":
        by_hand(project, f"convex_dev_key = '\\x0{n}', claude_md = '{n}'")
    by_hand(project, "convex_dev_key_last4 = 'bbbb', git_commit_name = 'x', "
            "updated_at = now()")
    row = versions(project)[-1]
    assert row["version"] == 3 and sorted(row["fields"]) == [
        "claudeMd", "convexDevKey", "gitCommitName"]
    assert (row["convex_dev_key"], row["convex_dev_key_last4"],
            row["claude_md"]) == ("\\x01", "aaaa", "a")


def test_sums(project):
    """`bytes` is what it takes at least, `total` all up to it."""
    for n in range(4):
        project.api.post(UPDATE, {"envVars": {"A": "x" * 1000 * n},
                                  "convexDevKey": f"1234567{n}"})
    rows = versions(project)
    total = 0
    for row in rows:
        total += row["bytes"]
        assert row["total"] == total
    assert [r["bytes"] // 1000 for r in rows] == [0, 0, 0, 1, 2]


# ---- what is brought back ----

def test_sealed_ones_move_sealed(project):
    """Byte for byte, the write-only ones too, though its role reads neither."""
    columns = ", ".join(SEALED + WRITE_ONLY)
    read = (f"select {columns} from codecourier.settings "
            f"where project_id = '{project.id}'")
    project.api.post(UPDATE, filled_settings("a", 1))
    before = project.stack.sql(read)
    project.api.post(UPDATE, dict.fromkeys(filled_settings("b", 2)))
    assert project.stack.sql(read) != before
    by_hand(project, "restored_from = 2, updated_at = now()", "api_sql")
    assert project.stack.sql(read) == before
    row = versions(project)[-1]
    assert row["restored_from"] == 2 and sorted(row["fields"]) == sorted(
        filled_settings("b", 2))
    assert project.stack.rows(
        "select restored_from from codecourier.settings "
        f"where project_id = '{project.id}'") == [{"restored_from": None}]


@pytest.mark.parametrize("n", ["0", "3", "-1", "9223372036854775807"])
def test_none_that_is_not_there(project, n):
    """Begun again by whoever asked, who finds it gone."""
    project.api.post(UPDATE, {"claudeMd": "a"})
    with pytest.raises(SqlError) as got:
        by_hand(project, f"restored_from = {n}, updated_at = now()", "api_sql")
    assert got.value.state == "40001"


# ---- how much is kept ----

MANY = """do $$ begin for i in 1..{} loop
    update codecourier.settings set {}, updated_at = now()
    where project_id = '{}'; end loop; end $$"""


def bounded(project, count, text, **bounds):
    """So many changes in a session that was told these bounds."""
    project.stack.sql("".join(
        f"set codecourier.history_{n} = '{v}'; " for n, v in bounds.items()) +
        MANY.format(count, text, project.id) +
        "".join(f"; reset codecourier.history_{n}" for n in bounds))
    return [r["version"] for r in versions(project, "version")]


@pytest.mark.parametrize("most, kept", [
    (150, 150), (100, 100), (99, 100), (0, 100), (-1, 100)])
def test_the_newest_stay(project, most, kept):
    """So many as the session was told, and 100 at least."""
    assert bounded(project, 300, "claude_md = i::text", versions=most) == [
        *range(302 - kept, 302)]


@pytest.mark.parametrize("bounds", [{}, {"versions": ""}])
def test_of_a_session_that_was_not_told(project, bounds):
    """A thousand: programs of before tell nothing."""
    assert bounded(project, 1050, "claude_md = i::text", **bounds) == [
        *range(52, 1052)]


def test_so_many_bytes_and_no_more(project):
    """What a version replaced counts, as it is stored; the newest stays."""
    sealed = "env_vars = decode(repeat(lpad(to_hex(i), 2, '0'), 1000000), 'hex')"
    last = bounded(project, 9, sealed, mib=4)
    assert last[-1] == 10
    rows = versions(project)
    assert rows[-1]["total"] - rows[0]["total"] + rows[0]["bytes"] <= 4 << 20
    assert len(rows) == 4 and rows[0]["bytes"] > 1000000
    # 4 MiB at least, whatever is told
    assert bounded(project, 1, sealed, mib=0) == [*range(8, 12)]
    assert bounded(project, 1, "claude_md = 'x'", mib=5) == [*range(8, 13)]


def test_what_is_dropped_costs_newer_ones_nothing(project):
    """A field that only a dropped version changed, and one that none did."""
    by_hand(project, "git_commit_name = 'early', updated_at = now()")
    by_hand(project, "claude_md = 'a', updated_at = now()")
    assert bounded(project, 120, "learning_model = i::text", versions=100)[
        0] == 24
    by_hand(project, "git_commit_name = 'late', updated_at = now()")
    by_hand(project, "restored_from = 30, updated_at = now()", "api_sql")
    assert project.stack.sql(
        "select git_commit_name, claude_md, learning_model from "
        f"codecourier.settings where project_id = '{project.id}'"
    ) == "early|a|27"


def aged(project, upto, days):
    project.stack.sql(
        f"update codecourier.settings_version set at = at - interval '{days} "
        f"days' where project_id = '{project.id}' and version <= {upto}")


def purge(project, **environ):
    project.stack.ctl("purge", environ=environ)
    return [r["version"] for r in versions(project, "version")]


def test_old_ones_are_purged(project):
    """Those beyond 90 days, but for the newest 100."""
    bounded(project, 149, "claude_md = i::text")
    aged(project, 20, 91)
    assert purge(project) == [*range(21, 151)]
    aged(project, 130, 89)
    assert purge(project) == [*range(21, 151)]
    aged(project, 130, 2)
    assert purge(project) == [*range(51, 151)]
    assert purge(project) == [*range(51, 151)]


def test_old_by_the_configuration(project):
    bounded(project, 149, "claude_md = i::text")
    aged(project, 10, 8)
    assert purge(project, CODECOURIER_HISTORY_DAYS="9") == [*range(1, 151)]
    assert purge(project, CODECOURIER_HISTORY_DAYS="7") == [*range(11, 151)]


def test_a_purge_waits_for_a_rollback(project, session):
    """A version that is being brought back stays until that is done."""
    bounded(project, 149, "claude_md = i::text")
    aged(project, 10, 91)
    session.run("begin; update codecourier.settings set restored_from = 5, "
                f"updated_at = now() where project_id = '{project.id}'")
    with ThreadPoolExecutor() as pool:
        done = pool.submit(purge, project)
        session.await_waiting("%settings_version%", unless=done)
        assert not done.done()
        session.run("commit")
        assert done.result() == [*range(11, 152)]
    assert project.stack.sql(
        "select claude_md from codecourier.settings "
        f"where project_id = '{project.id}'") == "4"


# ---- rights ----

@pytest.mark.parametrize("name", [
    *WRITE_ONLY, "bytes", "total", "env_vars_size, convex_dev_key", "*"])
def test_api_role_reads_no_more(stack, name):
    with pytest.raises(SqlError) as got:
        stack.api_sql(f"select {name} from codecourier.settings_version")
    assert got.value.state == "42501"


@pytest.mark.parametrize("text", [
    f"insert into codecourier.settings_version (project_id, version) "
    f"values ('{NOBODY}', 7)",
    "update codecourier.settings_version set claude_md = 'x'",
    "update codecourier.settings_version set actor = 'operator'",
    "delete from codecourier.settings_version",
    f"select codecourier.settings_drop('{NOBODY}', 7)",
    "select codecourier.settings_keep()",
    "select restored_from from codecourier.settings",
    "select from codecourier.settings_version for key share"])
def test_api_role_writes_nothing(stack, text):
    with pytest.raises(SqlError) as got:
        stack.api_sql(text)
    assert got.value.state == "42501"


def test_data_keys_stay(project):
    """But of a project whose purge has begun: test_purge.py."""
    with pytest.raises(SqlError) as got:
        project.stack.sql("delete from codecourier.data_key "
                          f"where project_id = '{project.id}'")
    assert got.value.state == "23514"


def test_columns_of_both_tables(stack):
    """All that settings has, kept in the same way, read by the same role."""
    kinds = ("select attname, format_type(atttypid, atttypmod) as type, "
             "attstorage, attcompression, has_column_privilege('codecourier', "
             "attrelid, attname, 'SELECT') as read from pg_attribute where "
             "attrelid = 'codecourier.{}'::regclass and attnum > 0 and attname "
             "not in ('project_id', 'updated_at', 'version', 'word', "
             "'restored_from', 'at', 'actor', 'actor_key', 'operator', "
             "'fields', 'bytes', 'total') order by 1")
    both = [stack.rows(kinds.format(t)) for t in ("settings", "settings_version")]
    assert both[0] == both[1] and len(both[0]) > 20
    assert {r["attname"] for r in both[0] if not r["read"]} == set(WRITE_ONLY)
    names = stack.rows("select distinct name from codecourier.settings_field")
    assert sorted(column(r["name"]) for r in names) == sorted(
        {r["attname"].removesuffix("_size").removesuffix("_last4")
         for r in both[0]})


def test_a_field_that_is_new(stack):
    """Its migration adds a column and calls settings_keep()."""
    project = make_project(stack)
    text = "alter table codecourier.settings {} column new_field{}; " \
        "select codecourier.settings_keep()"
    stack.sql(text.format("add", " text"))
    try:
        by_hand(project, "new_field = 'a', updated_at = now()")
        by_hand(project, "new_field = 'b', updated_at = now()")
        by_hand(project, "restored_from = 2, updated_at = now()")
        assert [(r["fields"], r["new_field"]) for r in versions(project)] == [
            ([], None), (["newField"], None), (["newField"], "a"),
            (["newField"], "b")]
        assert stack.sql("select new_field from codecourier.settings "
                         f"where project_id = '{project.id}'") == "a"
    finally:
        stack.sql("alter table codecourier.settings_version drop column "
                  "new_field; " + text.format("drop", ""))
