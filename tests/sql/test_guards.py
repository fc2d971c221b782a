"""What a break-in as the API's role cannot turn back, forward or hide, and
texts that deceive whoever reads them."""
import pytest
import requests

from contract import NOBODY, TEXTS, column
from fixtures import furnish, make_project
from psql import SqlError

BAD = ["a\x1b[2Jb", "a\nb", "\x7f", "a\x85b", "\u061c", "a\u200eb",
       "\u2028", "a\u2029b", "\u202eabc", "a\u2066b", "\u2069"]


def refused(stack, text, constraint, who="api_sql"):
    with pytest.raises(SqlError) as got:
        getattr(stack, who)(text)
    assert got.value.state == "23514", got.value
    assert got.value.constraint == constraint, got.value


def quoted(text):
    return "U&'" + "".join(
        f"\\{ord(c):04x}" if not c.isalnum() else c for c in text) + "'"


def change(project, what, table="project"):
    key = "id" if table == "project" else "project_id"
    return (f"update codecourier.{table} set {what} "
            f"where {key} = '{project.id}'")


def owner(stack, text):
    return stack.sql("set role codecourier_owner; " + text)


@pytest.fixture(scope="module")
def furnished(stack):
    """Rows in every table."""
    return furnish(make_project(stack), "guarded", 2)


# ---- deleted projects ----

@pytest.fixture(scope="module")
def deleted(stack):
    made = make_project(stack)
    made.api.post("/project/delete", {})
    return made


@pytest.mark.parametrize("what", [
    "deleted_at = null, purge_at = null", "deleted_at = null",
    "purge_at = now()", "purge_at = purge_at + interval '1 year'",
    "purge_at = 'infinity'", "deleted_at = now()", "name = 'x'",
    "slug = 'x-' || slug", "updated_at = now()", "github_repo_url = null"])
def test_a_deleted_project_stays_as_it_is(deleted, what):
    refused(deleted.stack, change(deleted, what), "project_stays_deleted")
    deleted.api.refused("AUTH_INVALID", "GET", "/project")


@pytest.mark.parametrize("what", [
    "deleted_at = now(), purge_at = now()",
    "deleted_at = now(), purge_at = now() - interval '1 year'",
    "deleted_at = now(), purge_at = now() + interval '23 hours'",
    "deleted_at = now(), purge_at = '-infinity'",
    "deleted_at = now() - interval '40 days', "
    "purge_at = now() + interval '30 days'",
    "deleted_at = now() + interval '1 s', "
    "purge_at = now() + interval '30 days'",
    "deleted_at = 'infinity', purge_at = 'infinity'"])
def test_none_is_deleted_to_be_purged_at_once(furnished, what):
    refused(furnished.stack, change(furnished, what), "project_deleted_now")
    assert furnished.api.get("/project")["id"] == furnished.id


def test_the_operator_restores(deleted):
    owner(deleted.stack, change(deleted, "purge_at = now()"))
    owner(deleted.stack, change(
        deleted, "deleted_at = null, purge_at = null"))
    assert deleted.api.get("/project")["id"] == deleted.id
    owner(deleted.stack, change(deleted, "deleted_at = now(), "
                                         "purge_at = now()"))


# ---- times ----

def times(stack):
    """The columns with a time that are the API's to write: {column: the
    constraint that guards it}."""
    rows = stack.rows("""
        select table_name tab, column_name col from information_schema.columns
        where table_schema = 'codecourier' and data_type like 'timestamp%'
        and (has_column_privilege('codecourier', 'codecourier.' ||
             table_name, column_name, 'update')
          or has_column_privilege('codecourier', 'codecourier.' ||
             table_name, column_name, 'insert'))""")
    found = [(r["tab"], r["col"]) for r in rows]
    return {(t, c): f"{t}_{c.removesuffix('_at').removeprefix('last_')}_now"
            for t, c in found if c not in ("deleted_at", "purge_at", "ends_at")
            and t != "refused"}     # what a worker counted, a minute ago


def test_which_times(stack):
    assert {("project", "updated_at"), ("settings", "updated_at"),
            ("provider_key", "updated_at"), ("api_key", "revoked_at"),
            ("api_key", "last_used_at")} <= set(times(stack))


@pytest.mark.parametrize("value", [
    "now() - interval '1 minute'", "now() + interval '1 minute'",
    "'infinity'", "'epoch'"])
def test_a_time_is_that_of_the_moment(furnished, value):
    """Whichever the API may write, in whatever table."""
    for (table, column), constraint in times(furnished.stack).items():
        refused(furnished.stack,
                change(furnished, f"{column} = {value}", table), constraint)


def test_a_use_is_not_taken_back(project):
    project.api.get("/project")
    refused(project.stack, change(project, "last_used_at = null", "api_key"),
            "api_key_used_now")


def test_no_row_is_moved_by_the_api(stack):
    """What belongs to a project stays with it, and rows keep their ids."""
    rows = stack.rows("""
        select table_name tab, column_name col from information_schema.columns
        where table_schema = 'codecourier'
        and column_name in ('id', 'project_id', 'user_id', 'status', 'prefix',
                            'hash', 'check_value', 'wrapped', 'provider')
        and has_column_privilege('codecourier', 'codecourier.' || table_name,
                                 column_name, 'update')""")
    assert rows == []


# ---- texts ----

MANY_LINES = {("settings", column(name)) for name in TEXTS}
# the operator's own, its login name is the one text; what stood in settings, and who
# put it there; what columns are called
COPIES = {"purge", "settings_version", "settings_field"}
# what another CHECK has always kept to some letters
NARROW = {("member", "email"), ("member", "role"), ("member", "status"),
          ("project", "key_room"), ("api_key", "prefix"), ("api_key", "environment"),
          ("project", "slug"), ("counter", "counter"), ("audit", "actor"),
          ("provider_key", "provider"), ("refused", "reason"),
          ("mail_queue", "state")}


def texts(stack):
    return sorted((r["tab"], r["col"]) for r in stack.rows(
        "select c.table_name tab, c.column_name col from "
        "information_schema.columns c where table_schema = 'codecourier' "
        "and data_type = 'text'"))


def test_every_text_is_one_line(furnished):
    """Each column of every table: no control character gets in."""
    stack, tried = furnished.stack, set()
    stack.api_sql("insert into codecourier.refused (project_id, at, "
                  "key_id, reason, host, count) values "
                  f"('{furnished.id}', now(), '{furnished.key_id}', "
                  "'rate', 'a', 1)")
    for table, column in texts(stack):
        if (table, column) in MANY_LINES or table in COPIES:
            continue
        with pytest.raises(SqlError) as got:
            stack.sql(f"update codecourier.{table} set {column} = "
                      f"U&'abc\\001b'")
        assert got.value.state == "23514", (table, column, got.value)
        tried.add((table, column))
        if (table, column) in NARROW:
            continue
        constraint = f"{table}_one_line" if table in ("audit", "data_key") \
            else f"{table}_{column}_text"
        assert got.value.constraint == constraint
    assert len(tried) > 20
    with pytest.raises(SqlError) as got:
        stack.sql("update codecourier.audit set fields = "
                  "array['a', U&'b\\001b']")
    assert got.value.constraint == "audit_one_line"


@pytest.mark.parametrize("text", BAD, ids=ascii)
@pytest.mark.parametrize("table, column, who", [
    ("project", "name", "api_sql"), ("member", "name", "sql"),
    ("api_key", "name", "sql"), ("settings", "git_commit_name", "api_sql"),
    ("settings", "learning_model", "api_sql")])
def test_control_characters(furnished, table, column, who, text):
    refused(furnished.stack,
            change(furnished, f"{column} = {quoted(text)}", table),
            f"{table}_{column}_text", who)


def test_which_characters(stack):
    """The same as utf8_has_control() of the server, and no other."""
    bad = [*range(1, 32), *range(127, 160), 0x61c, 0x200e, 0x200f,
           *range(0x2028, 0x202f), *range(0x2066, 0x206a)]
    assert stack.rows(
        "select i from generate_series(1, 1114111) i where i not between "
        "55296 and 57343 and not codecourier.one_line('a' || chr(i) || 'b')"
        ) == [{"i": i} for i in bad]
    assert stack.sql("select codecourier.one_line('')") == "t"


@pytest.mark.parametrize("text", BAD[:3], ids=ascii)
def test_of_new_rows(furnished, text):
    project, stack, bad = furnished, furnished.stack, quoted(text)
    for columns, values, constraint in [
            ("api_key (project_id, name, prefix, hash, check_value)",
             f"'{project.id}', {bad}, 'cc_live_GUARDS00', '', '\\x00000000'",
             "api_key_name_text"),
            ("audit (project_id, actor, actor_key, action, object, "
             "object_id)", f"'{project.id}', 'key', '{NOBODY}', 'x', 'x', "
             f"{bad}", "audit_one_line"),
            ("audit (project_id, actor, actor_key, action, object, "
             "object_id, fields)", f"'{project.id}', 'key', '{NOBODY}', 'x',"
             f" 'x', 'x', array[{bad}]", "audit_one_line")]:
        refused(stack, f"insert into codecourier.{columns} "
                       f"values ({values})", constraint)
    refused(stack, "insert into codecourier.project (name, slug) values "
                   f"({bad}, 'guards')", "project_name_text", "sql")


def test_a_slug_has_no_form_of_an_id(project, other):
    for slug in other.id, NOBODY, "deadbeef-dead-beef-dead-beefdeadbeef":
        refused(project.stack, change(project, f"slug = '{slug}'"),
                "project_slug_text")
    refused(project.stack, "insert into codecourier.project (name, slug) "
            f"values ('x', '{NOBODY}')", "project_slug_text", "sql")
    for slug in other.id[:-1], other.id.replace("-", ""), "x" + other.id:
        project.stack.api_sql(change(project, f"slug = '{slug}'"))


# ---- what was there before ----

def plant(project, what, table="project"):
    """A row of before, past all triggers."""
    project.stack.sql("set session_replication_role = replica; "
                      + change(project, what, table))


def post(project, path, body):
    """Past Api, which holds each answer against the document."""
    got = requests.post(
        f"{project.stack.base}/api/v1/project/{path}", json=body,
        headers={"Authorization": f"Bearer {project.key}"}, timeout=20)
    assert got.status_code == 200, got.text


def test_old_rows_stay_of_use(project, other):
    """A key with an old name is used and revoked, a project with an old slug
    changed and deleted, settings with an old model written."""
    stack, bad = project.stack, quoted("old\x1b")
    plant(project, f"slug = '{other.id}', name = {bad}")
    plant(project, f"name = {bad}", "api_key")
    plant(project, f"learning_model = {bad}, git_commit_name = {bad}",
          "settings")
    plant(project, f"name = {bad}", "member")
    post(project, "settings/update", {"claudeMd": "new"})
    post(project, "update", {"githubRepoUrl": "https://github.com/o/r"})
    row = stack.ctl("key", "create", project.id, "--name", "second")
    assert stack.ctl("key", "revoke", project.key_id)["revoked"] is True
    project.api.refused("AUTH_INVALID", "GET", "/project")
    assert stack.rows("select last_used_at is not null as used from "
                      "codecourier.api_key where id = "
                      f"'{project.key_id}'") == [{"used": True}]
    assert stack.rows(
        "select slug, name from codecourier.project where id = "
        f"'{project.id}'") == [{"slug": other.id, "name": "old\x1b"}]
    project.key = row["key"]
    post(project, "update", {"name": "Now good"})
    post(project, "delete", {})


def test_an_old_text_is_not_changed_to_another(project):
    plant(project, f"name = {quoted('old' + chr(27))}", "api_key")
    refused(project.stack, change(
        project, f"name = {quoted('new' + chr(27))}", "api_key"),
        "api_key_name_text", "sql")
    project.stack.sql(change(project, "name = 'good'", "api_key"))
