"""Tags are the database's: whoever changes an object, a worker of the version
before included, changes its version and its word; and what shows no change
changes neither."""

import pytest

from contract import NOBODY
from psql import SqlError
from states import migration, older
from test_previous import Old, generate, writes

TABLES = ["project", "settings", "member", "provider_key", "api_key"]


@pytest.fixture
def old(project):
    return Old(project, project.key_id)


def tags(old):
    """{table: {row: (version, word)}} of the project."""
    found = {}
    for table in TABLES:
        owner = "id" if table == "project" else "project_id"
        name, word = {"settings": "project_id", "provider_key": "provider"
                      }.get(table, "id"), "word"
        if table == "api_key":
            word = "stamp"
        rows = old.project.stack.rows(
            f"select {name} as name, version, {word} as word from "
            f"codecourier.{table} where {owner} = '{old.project.id}'")
        found[table] = {r["name"]: (r["version"], r["word"]) for r in rows}
    return found


class Seen:
    """What a write has changed: one row, whose version is the next one."""

    def __init__(self, old):
        self.old, self.tags = old, tags(old)

    def changed(self, table=None, name=None):
        before, self.tags = self.tags, tags(self.old)
        for t in TABLES:
            for n, tag in before[t].items():
                now = self.tags[t].get(n)
                if (t, n) == (table, name):
                    assert now[0] == tag[0] + 1 and now[1] != tag[1]
                else:
                    assert now in (None, tag), (t, n)


def test_no_write_of_theirs_misses_a_tag(old):
    """Each of their statements that changes something to be seen."""
    seen = Seen(old)
    for _, changed in writes(old):
        seen.changed(*changed)


def test_what_is_none_of_theirs_either(old):
    """Last use, the same role, a revocation once more, a member that goes."""
    made = generate(old)
    old.write("api_key_revoke", made)
    old.write("member_invite", "new@example.com", "admin", 1000)
    user = old.project.stack.rows("select user_id from codecourier.member "
                                  "where email = 'new@example.com'")[-1]
    seen = Seen(old)
    old.ask("key_used", old.project.id, old.key_id)
    old.write("api_key_revoke", made)
    old.write("member_update_role", user["user_id"], "admin")
    seen.changed()
    old.write("member_remove", user["user_id"])
    seen.changed()


def test_new_rows_have_a_word_of_their_own(old):
    words = {}
    for _ in range(3):
        old.write("provider_key_set", "e2b", "\\x00", "abcd")
        for t, rows in tags(old).items():
            words.setdefault(t, set()).update(rows.values())
        old.write("provider_key_remove", "e2b")
    assert len(words["provider_key"]) == 3
    assert all(w != 0 for rows in words.values() for _, w in rows)
    assert {v for rows in words.values() for v, _ in rows} == {1}


@pytest.mark.parametrize("table", TABLES)
def test_nobody_but_the_database_sets_them(old, table):
    word = "stamp" if table == "api_key" else "word"
    for column in "version", word:
        with pytest.raises(SqlError) as got:
            old.project.stack.api_sql(f"update {table} set {column} = 1")
        assert got.value.state == "42501"


def test_rows_of_before_are_not_written(cluster):
    """They have a version and a word, the same of each migration, and their
    tables are the files that they were."""
    older(cluster, 8)
    cluster.sql(
        "set search_path = codecourier; set role codecourier_owner; "
        f"insert into project (id, name, slug) values ('{NOBODY}', 'x', 'x');"
        f"insert into settings (project_id) values ('{NOBODY}');"
        f"insert into member (project_id, email, role) values ('{NOBODY}', "
        f"'a@b', 'owner'), ('{NOBODY}', 'b@b', 'owner')")
    names = "'" + "', '".join(TABLES) + "'"
    files = ("select relname, relfilenode from pg_class where relname in "
             f"({names}) and relnamespace = 'codecourier'::regnamespace "
             "order by 1")
    place = "select ctid, xmin from codecourier.member order by 1"
    before, rows = cluster.sql(files), cluster.sql(place)
    cluster.sql(f"set role codecourier_owner; {migration(9)}")
    assert cluster.sql(files) == before and cluster.sql(place) == rows
    words = "select distinct version, word from codecourier."
    found = [cluster.sql(words + t) for t in ("project", "settings", "member")]
    assert all(f.startswith("1|") and not f.endswith("|0") for f in found)
    assert len(set(found)) == 3 and "\n" not in found[2]
    cluster.sql(f"set role codecourier_owner; update codecourier.member set "
                f"role = 'admin' where email = 'b@b'")
    assert cluster.sql("select version from codecourier.member where "
                       "email = 'b@b'") == "2"
