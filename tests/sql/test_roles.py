"""What each database role may do, column by column, and what it may not."""
import pytest

from contract import NOBODY
from fixtures import make_project
from psql import SqlError

DENIED = "42501"


def api_denied(stack, text):
    with pytest.raises(SqlError) as got:
        stack.api_sql(text)
    assert got.value.state == DENIED, got.value


def test_who_the_workers_are(stack):
    """No test below means anything if these are a superuser's sessions."""
    assert stack.api_sql("select current_user, session_user") == \
        "codecourier|codecourier"
    assert stack.rows(
        "select rolname, rolsuper s, rolcreaterole r, rolcreatedb d, "
        "rolcanlogin l, rolbypassrls b from pg_roles where rolname like "
        "'codecourier%' order by 1") == [
        {"rolname": name, "s": False, "r": False, "d": False, "l": login,
         "b": False} for name, login in [("codecourier", True),
                                         ("codecourier_owner", False),
                                         ("codecourier_platform", False)]]


def test_api_role_is_a_member_of_no_other(stack):
    assert stack.rows(
        "select 1 from pg_auth_members m join pg_roles r on r.oid = m.member "
        "where r.rolname in ('codecourier', 'codecourier_platform')") == []


def test_everything_belongs_to_the_owner(stack):
    assert stack.rows(
        "select relname from pg_class c join pg_namespace n on n.oid = "
        "c.relnamespace where n.nspname = 'codecourier' and "
        "pg_get_userbyid(c.relowner) <> 'codecourier_owner'") == []
    assert stack.rows(
        "select proname from pg_proc p join pg_namespace n on n.oid = "
        "p.pronamespace where n.nspname = 'codecourier' and "
        "pg_get_userbyid(p.proowner) <> 'codecourier_owner'") == []


@pytest.mark.parametrize("text", [
    "create table codecourier.x (y int)", "create table public.x (y int)",
    "create schema x", "create role x", "create database x",
    "create function codecourier.x() returns int language sql as 'select 1'",
    "create function public.x() returns int language sql as 'select 1'",
    "create view codecourier.x as select 1"])
def test_api_role_makes_nothing(stack, text):
    api_denied(stack, text)


@pytest.mark.parametrize("text", [
    "alter table codecourier.project add column x int",
    "alter table codecourier.api_key disable trigger all",
    "alter table codecourier.member disable trigger member_last_owner",
    "alter table codecourier.project owner to codecourier",
    "drop table codecourier.audit", "truncate codecourier.audit",
    "truncate codecourier.member", "drop schema codecourier cascade",
    "drop function codecourier.refuse()",
    "drop trigger api_key_stays_revoked on codecourier.api_key",
    "create index on codecourier.project (name)",
    "grant select on codecourier.audit to codecourier",
    "set role codecourier_owner", "set role codecourier_platform",
    "set role postgres", "set session_replication_role = replica",
    "copy codecourier.project to program 'true'",
    "copy codecourier.project to '/tmp/x'",
    "select pg_read_file('/etc/passwd')"])
def test_api_role_changes_nothing_of_the_structure(stack, text):
    api_denied(stack, text)


@pytest.mark.parametrize("column, table", [
    ("hash", "api_key"), ("check_value", "api_key"), ("*", "api_key"),
    ("sealed", "provider_key"), ("*", "provider_key"),
    ("convex_deploy_key", "settings"), ("convex_dev_key", "settings"),
    ("*", "settings"), ("*", "member"), ("token_hash", "member"),
    ("*", "audit"), ("previous", "audit"),
    ("*", "audit_head"), ("number", "audit_head"), ("sealed", "mail_queue"),
    ("id", "mail_queue")])
def test_api_role_reads_no(stack, column, table):
    api_denied(stack, f"select {column} from codecourier.{table}")


@pytest.mark.parametrize("table, change", [
    ("api_key", "hash = '\\x00'"), ("api_key", "check_value = '\\x00000000'"),
    ("api_key", "prefix = 'cc_live_00000000'"), ("api_key", "stamp = 0"),
    ("api_key", "rotated_from = null"), ("api_key", "rate_window = null"),
    ("api_key", "updated_at = null"), ("project", "key_room = '00'"),
    ("api_key", "project_id = gen_random_uuid()"),
    ("api_key", "expires_at = null"),
    ("api_key", "created_at = now()"), ("api_key", "environment = 'test'"),
    ("project", "id = gen_random_uuid()"), ("project", "created_at = now()"),
    ("member", "email = 'a@b.c'"), ("member", "status = 'active'"),
    ("member", "project_id = gen_random_uuid()"), ("member", "name = 'x'"),
    ("member", "user_id = gen_random_uuid()"), ("member", "joined_at = now()"),
    ("member", "invitation_ends_at = now()"),
    ("provider_key", "provider = 'e2b'"),
    ("provider_key", "project_id = gen_random_uuid()"),
    ("settings", "project_id = gen_random_uuid()"),
    ("data_key", "wrapped = '\\x00'"), ("counter", "value = 0"),
    ("replay", "ends_at = now()"), ("replay", "answer = '\\x00'"),
    ("replay_room", "bytes = 0"), ("mail_queue", "state = 'queued'"),
    ("audit", "action = 'x'"), ("schema_version", "version = 0")])
def test_api_role_updates_no(stack, table, change):
    api_denied(stack, f"update codecourier.{table} set {change}")


@pytest.mark.parametrize("table", ["project", "settings", "api_key", "audit",
                                   "data_key", "counter", "schema_version",
                                   "replay", "replay_room", "mail_queue"])
def test_api_role_deletes_no(stack, table):
    api_denied(stack, f"delete from codecourier.{table}")


@pytest.mark.parametrize("table, columns, values", [
    ("project", "name, slug", "'x', 'x'"),
    ("settings", "project_id", f"'{NOBODY}'"),
    ("data_key", "id, project_id, master_key, wrapped",
     f"'{NOBODY}', '{NOBODY}', 'x', '\\x00'"),
    ("replay", "project_id, key_id, name, request, answer",
     f"'{NOBODY}', '{NOBODY}', '', '', ''"),
    ("replay_room", "project_id, bytes", f"'{NOBODY}', 0"),
    ("mail_queue", "project_id, member_id, address, sealed",
     f"'{NOBODY}', '{NOBODY}', 'a@b.c', ''"),
    ("counter", "project_id, counter, slot, value",
     f"'{NOBODY}', 'runs', 0, 1"),
    ("schema_version", "version, oldest_program", "99, 1"),
    ("member", "project_id, email, role, status",
     f"'{NOBODY}', 'a@b.c', 'owner', 'active'"),
    ("member", "project_id, email, role, invitation_ends_at",
     f"'{NOBODY}', 'a@b.c', 'owner', now()"),
    ("api_key", "id, project_id, name, prefix, hash, check_value",
     f"'{NOBODY}', '{NOBODY}', 'x', 'cc_live_00000000', '', '\\x00000000'"),
    ("audit", "id, project_id, actor, actor_key, action, object, object_id",
     f"'{NOBODY}', '{NOBODY}', 'key', '{NOBODY}', 'x', 'x', 'x'"),
    ("audit", "at, project_id, actor, actor_key, action, object, object_id",
     f"now(), '{NOBODY}', 'key', '{NOBODY}', 'x', 'x', 'x'"),
    ("audit", "project_id, actor, operator, action, object, object_id",
     f"'{NOBODY}', 'operator', 'root', 'x', 'x', 'x'")])
def test_api_role_inserts_no(stack, table, columns, values):
    api_denied(stack, f"insert into codecourier.{table} ({columns}) "
                      f"values ({values})")


def test_api_role_cannot_play_the_operator(project):
    """Not without naming one, which it may not."""
    with pytest.raises(SqlError) as got:
        project.stack.api_sql(
            "insert into codecourier.audit (project_id, actor, action, "
            f"object, object_id) values ('{project.id}', 'operator', 'x', "
            "'x', 'x')")
    assert got.value.state == "23514"
    assert got.value.constraint == "audit_who"


@pytest.fixture(scope="module")
def revoked(stack):
    made = make_project(stack)
    made.api.get("/project")
    stack.ctl("key", "revoke", made.key_id)
    return made


@pytest.mark.parametrize("value", ["null", "now() + interval '1 day'",
                                   "revoked_at - interval '1 day'"])
@pytest.mark.parametrize("who", ["api_sql", "sql"])
def test_a_revoked_key_stays_revoked(revoked, who, value):
    """Not even the superuser un-revokes one by accident."""
    with pytest.raises(SqlError) as got:
        getattr(revoked.stack, who)(
            f"update codecourier.api_key set revoked_at = {value} "
            f"where id = '{revoked.key_id}'")
    assert got.value.state == "23514"
    assert got.value.constraint == "api_key_stays_revoked"
    revoked.api.refused("AUTH_INVALID", "GET", "/project")


@pytest.mark.parametrize("text", [
    f"select codecourier.counter_add('{NOBODY}', 'runs', 1)"])
def test_api_role_does_not_count(stack, text):
    api_denied(stack, text)


def platform(stack, text):
    return stack.sql("set role codecourier_platform; " + text)


def test_platform_counts(project):
    platform(project.stack, "select codecourier.counter_add("
                            f"'{project.id}', 'runs', 3)")
    assert project.api.get("/project/counters")["runs"] == 3


def test_platform_reads_no_table(stack):
    tables = stack.rows("select relname as name from pg_class where relkind = "
                        "'r' and relnamespace = 'codecourier'::regnamespace")
    assert len(tables) >= 10
    for row in tables:
        with pytest.raises(SqlError) as got:
            platform(stack, f"select 1 from codecourier.{row['name']}")
        assert got.value.state == DENIED, row


@pytest.mark.parametrize("text", [
    "update codecourier.counter set value = 0",
    "delete from codecourier.counter",
    f"insert into codecourier.counter values ('{NOBODY}', 'runs', 0, 1)",
    "select * from codecourier.key_by_prefix('cc_live_00000000')",
    "select codecourier.refuse()", "select codecourier.ms(now())",
    "create table codecourier.x (y int)", "create table public.x (y int)"])
def test_platform_does_nothing_else(stack, text):
    with pytest.raises(SqlError) as got:
        platform(stack, text)
    assert got.value.state == DENIED, got.value


def test_platform_cannot_log_in(stack):
    for role in "codecourier_platform", "codecourier_owner":
        with pytest.raises(SqlError):
            stack.psql("select 1", stack.admin() + f" user={role}")


def test_public_may_do_nothing(stack):
    """A role that nobody gave anything."""
    stack.sql("create role nobody_at_all")
    try:
        for text in ("select 1 from codecourier.project",
                     "select codecourier.refuse()",
                     f"select codecourier.counter_add('{NOBODY}', 'runs', 1)",
                     "select * from codecourier.key_by_prefix('x')"):
            with pytest.raises(SqlError) as got:
                stack.sql("set role nobody_at_all; " + text)
            assert got.value.state == DENIED, got.value
    finally:
        stack.sql("drop role nobody_at_all")


def test_definer_functions_fix_their_search_path(stack):
    rows = stack.rows(
        "select proname, proconfig, proacl::text acl from pg_proc p join "
        "pg_namespace n on n.oid = p.pronamespace where n.nspname = "
        "'codecourier' and prosecdef")
    assert {r["proname"] for r in rows} >= {"counter_add", "key_by_prefix"}
    for row in rows:
        assert "search_path=codecourier, pg_temp" in row["proconfig"], row
        assert "{=X" not in row["acl"] and ",=X" not in row["acl"], row


@pytest.mark.parametrize("role", ["codecourier", "codecourier_platform"])
def test_no_shadow_of_our_tables(stack, role):
    """Nobody can put a temporary table before the real one."""
    with pytest.raises(SqlError) as got:
        stack.sql(f"set role {role}; create temp table project (id uuid)")
    assert got.value.state == DENIED, got.value


@pytest.mark.parametrize("name, value", [
    ("default_transaction_isolation", "read committed"),
    ("lock_timeout", "1s"), ("TimeZone", "UTC")])
def test_settings_of_the_api_role(stack, name, value):
    assert stack.api_sql(f"show {name}") == value
