"""Migrations and init: from nothing, again, several at the same time."""
import re

import pytest

from client import at_once
from harness import ROOT
from states import cleared, good

FILES = sorted(p.name for p in (ROOT / "migrations").glob("[0-9]*.sql"))
NEWEST = int(FILES[-1][:4])
OLDEST = max(int(re.search(words, (ROOT / "src/db" / name).read_text())[1])
             for name, words in [
                 ("db.h", r"define DB_OLDEST_SCHEMA .*: (\d+)\)"),
                 ("settings.def", r"define SETTINGS_SCHEMA (\d+)")])

PROGRAM = int(re.search(r"define DB_PROGRAM (\d+)",
                        (ROOT / "src/db/db.h").read_text())[1])


@pytest.fixture
def empty(cluster):
    """A cluster of which nothing is ours."""
    return cleared(cluster)


@pytest.fixture
def made(cluster):
    """A cluster after init, for tests that leave its database alone."""
    return good(cluster)


@pytest.fixture
def broken(made):
    """Does SQL in a copy of a good database; then the worker looks at it."""
    made.sql("create database copy template codecourier", "postgres")
    made.sql("grant connect on database copy to codecourier", "postgres")
    assert made.check("copy") == 0

    def look(text):
        made.sql(text, "copy")
        return made.check("copy")

    yield look
    made.sql("drop database copy with (force)", "postgres")


def shape(sql):
    """Everything that the migrations have made, as comparable rows."""
    return sql("""
        select 'column', table_name, column_name, data_type, is_nullable,
            column_default from information_schema.columns
            where table_schema = 'codecourier'
        union all select 'constraint', conrelid::regclass::text, conname,
            pg_get_constraintdef(c.oid), '', '' from pg_constraint c
            join pg_namespace n on n.oid = connamespace
            where nspname = 'codecourier'
        union all select 'index', tablename, indexname, indexdef, '', ''
            from pg_indexes where schemaname = 'codecourier'
        union all select 'function', proname, pg_get_functiondef(p.oid),
            proacl::text, '', '' from pg_proc p join pg_namespace n
            on n.oid = pronamespace where nspname = 'codecourier'
        union all select 'table', relname, relacl::text, '', '', ''
            from pg_class c join pg_namespace n on n.oid = relnamespace
            where nspname = 'codecourier'
        union all select 'grant', attrelid::regclass::text, attname,
            attacl::text, '', '' from pg_attribute where attacl is not null
            and attrelid::regclass::text like 'codecourier.%'
        union all select 'version', version::text, oldest_program::text,
            '', '', '' from codecourier.schema_version
        order by 1, 2, 3, 4""")


def test_numbered_without_a_gap():
    assert [f[:4] for f in FILES] == \
        [f"{n:04}" for n in range(1, len(FILES) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", f) for f in FILES)


def test_the_stack_has_them_all(stack):
    assert stack.status()["schemaVersion"] == NEWEST
    assert stack.rows("select version from codecourier.schema_version "
                      "order by 1") == \
        [{"version": n} for n in range(1, NEWEST + 1)]


def test_from_nothing_and_again(stack, empty):
    assert empty.check() == 1
    assert empty.ctl("init").returncode == 0
    keyring = (empty.top / "keyring").read_bytes()
    first = shape(empty.sql)
    assert first == shape(stack.sql)
    assert empty.check() == 0
    for command in "init", "migrate", "init":
        done = empty.ctl(command)
        assert done.returncode == 0, done
        assert shape(empty.sql) == first
        assert (empty.top / "keyring").read_bytes() == keyring
    assert empty.check() == 0


@pytest.mark.parametrize("args", [["migrate"], ["migrate", "--plan"]],
                         ids=["migrate", "plan"])
def test_migrate_where_nothing_was_made(empty, args):
    """The database itself is init's to make."""
    done = empty.ctl(*args)
    assert done.returncode == 5, done
    assert empty.sql("select count(*) from pg_database where datname = "
                     "'codecourier'", "postgres") == "0"


def test_plan_changes_nothing(empty):
    """All of them are to do in a database that is there and empty."""
    empty.sql("create role codecourier_owner; create database codecourier "
              "owner codecourier_owner", "postgres")
    done = empty.ctl("migrate", "--plan")
    assert done.returncode == 0, done
    for number in range(1, NEWEST + 1):
        assert re.search(rf"\b0*{number}\b", done.stdout), done.stdout
    assert empty.sql("select count(*) from pg_namespace where nspname = "
                     "'codecourier'") == "0"


@pytest.mark.parametrize("again", range(2))
def test_init_at_the_same_time(stack, empty, again):
    """One makes it all, the others find it made; one keyring."""
    for done in at_once([lambda: empty.ctl("init")] * 4):
        assert done.returncode == 0, done
    assert shape(empty.sql) == shape(stack.sql)
    lines = (empty.top / "keyring").read_text().splitlines()
    assert len([li for li in lines if li and li[0] != "#"]) == 1


def test_plan_of_what_is_done(made):
    done = made.ctl("migrate", "--plan")
    assert done.returncode == 0, done
    assert not re.search(r"\b000\d\b", done.stdout), done.stdout


def version(number, oldest):
    return ("insert into codecourier.schema_version (version, "
            f"oldest_program) values ({number}, {oldest})")


def test_a_schema_too_new_is_refused(broken):
    assert broken(version(9999, 9999)) == 1


def test_a_newer_schema_that_still_serves_us(broken):
    """N and N+1 serve side by side."""
    assert broken(version(NEWEST + 1, 1)) == 0


def test_a_schema_too_old_is_refused(broken):
    assert broken("delete from codecourier.schema_version "
                  f"where version >= {OLDEST}") == 1


def test_the_oldest_schema_that_serves_us(broken):
    """Programs may be upgraded before the schema is."""
    assert broken("delete from codecourier.schema_version "
                  f"where version > {OLDEST}") == 0


@pytest.mark.parametrize("text", [
    "alter table codecourier.member rename column email to address",
    "drop function codecourier.refuse() cascade",
    "drop schema codecourier cascade"])
def test_a_statement_that_does_not_prepare_is_found(broken, text):
    assert broken(text) == 1


def test_database_as_designed(stack):
    assert stack.sql(
        "select pg_encoding_to_char(encoding), datcollate, datctype, "
        "pg_get_userbyid(datdba) from pg_database "
        "where datname = 'codecourier'") == "UTF8|C|C|codecourier_owner"
    assert stack.rows("select extname from pg_extension "
                      "where extname <> 'plpgsql'") == []
