"""doctor on what somebody who got at the workers' role has left behind, on texts
in the database that deceive, and on messages that lie there. What the role itself can do is done as it."""
import pytest

from cluster import TlsCluster, running
from contract import SHORT, column
from doctor import found, look
from psql import SqlError

# what migration 0006 guards, and what names a row; test_guards.py sees to it
# that no text is left out there
SETTINGS = [column(name) for name in [*SHORT, "gitCommitEmail"]]
TEXTS = [("project", "id", "slug"), ("project", "id", "name"),
         ("project", "id", "github_repo_url"), ("member", "id", "name"),
         ("member", "id", "email"), ("api_key", "id", "name"),
         ("provider_key", "project_id", "last4"),
         *(("settings", "project_id", c) for c in SETTINGS)]


@pytest.fixture(scope="module")
def own(stack):
    for cluster in running(stack):
        done = cluster.ctl("init")
        assert done.returncode == 0, done
        done = cluster.ctl("project", "create", "--name", "Shop", "--slug",
                           "shop", "--owner-email", "a@b.c")
        assert done.returncode == 0, done
        cluster.sql("insert into codecourier.provider_key (project_id, "
                    "provider, sealed, last4) select id, 'e2b', '', '1234' "
                    "from codecourier.project")
        done = cluster.ctl("key", "create", "shop", "--name", "x")
        assert done.returncode == 0, done
        yield cluster


def findings(cluster, check="role"):
    return look(cluster.stack, cluster.environ).get(check, [])


def as_role(cluster, text):
    return cluster.stack.psql(text, cluster.environ["CODECOURIER_DATABASE"])


def may_not(cluster, *statements):
    """Each is refused to the role, for want of a right."""
    try:
        as_role(cluster, "; ".join(
            f"do $$ begin {text}; raise $text$done: {text}$text$; "
            "exception when insufficient_privilege then end $$"
            for text in statements))
    except SqlError as error:
        raise AssertionError(error) from None


def finding(cluster, words, check="role"):
    """The one finding, and what mends it mends it."""
    return found(cluster.stack, check, words, "warning", cluster.environ)


def alter(cluster, *changes):
    """The role changes itself: in one session, as one setting may keep it
    from the next."""
    as_role(cluster, "; ".join(f"alter role codecourier {c}" for c in changes))


def mended_by_init(cluster, *names):
    """So many settings of ours are missed, and there again after init."""
    seen = findings(cluster)
    assert sorted((f["severity"], f["what"].split()[-1], f["fix"])
                  for f in seen) == sorted(
        ("warning", name, "codecourierctl init") for name in names)
    assert all(f"lacks its setting {f['what'].split()[-1]}" in f["what"]
               for f in seen), seen
    assert cluster.ctl("init").returncode == 0
    assert findings(cluster) == []


def test_a_new_one_has_nothing(own):
    here = look(own.stack, own.environ)
    assert not ("role" in here or "texts" in here), here


def test_settings_of_nobodys_making(own):
    """Each is told, for all databases and for one, and its fix is one."""
    made = [(where, text) for where in ("", "in database codecourier ")
            for text in (
                "default_transaction_read_only = on",
                "statement_timeout = '1ms'", "work_mem = '2GB'",
                "idle_session_timeout = 5", "exit_on_error = on",
                "log_parameter_max_length_on_error = -1")]
    alter(own, *(f"{where}set {text}" for where, text in made))
    seen = findings(own)
    assert len(seen) == len(made)
    for where, text in made:
        name = text.split(" = ")[0]
        there = where.replace("in database", "IN DATABASE")
        one, = [f for f in seen if f["fix"] ==
                f"ALTER ROLE codecourier {there}RESET {name}"]
        assert one["severity"] == "warning"
        assert f"has a setting that nobody here has made: {name}" in \
            one["what"]
    own.sql("set default_transaction_read_only = off; " +
            "; ".join(f["fix"] for f in seen))
    assert findings(own) == []


def test_settings_of_ours_that_were_changed(own):
    alter(own, "set lock_timeout = 0",
          "set search_path = 'codecourier, public'",
          "set default_transaction_isolation = 'serializable'",
          "set timezone = 'Asia/Tokyo'",
          "reset idle_in_transaction_session_timeout",
          "set client_connection_check_interval = 0")
    mended_by_init(own, "lock_timeout", "search_path", "timezone",
                   "default_transaction_isolation",
                   "idle_in_transaction_session_timeout",
                   "client_connection_check_interval")


def test_all_of_them_at_once(own):
    alter(own, "reset all")
    mended_by_init(own, "default_transaction_isolation", "search_path",
                   "timezone", "lock_timeout",
                   "idle_in_transaction_session_timeout",
                   "client_connection_check_interval")


def test_a_setting_of_the_superusers_is_not_taken_away(own):
    """The bound on temporary files is not the role's to lift."""
    may_not(own, *(f"alter role codecourier {text}" for text in (
        "set temp_file_limit = -1", "reset temp_file_limit")))
    with pytest.raises(SqlError) as got:
        as_role(own, "set work_mem = 64; select sum(length(x)) from (select "
                "repeat('x', 4000) || i as x from generate_series(1, 20000) i "
                "order by i desc) t")
    assert got.value.state == "53400", got.value
    own.sql("alter role codecourier reset temp_file_limit")
    alter(own, "reset lock_timeout")
    mended_by_init(own, "temp_file_limit", "lock_timeout")


def test_the_operators_own_setting(own):
    """How safe a commit is he decides; doctor looks at it by itself."""
    own.sql("alter role codecourier set synchronous_commit = 'remote_apply'")
    assert findings(own) == []
    own.sql("alter role codecourier reset synchronous_commit")


def test_its_rights_were_given_away(own):
    """Early releases of PostgreSQL 15 let a role do that with its own."""
    own.sql("grant codecourier to codecourier_platform")
    fix = finding(own, "were given to codecourier_platform")
    own.sql(fix)
    assert findings(own) == []


def test_it_was_given_rights(own):
    own.sql("grant codecourier_platform to codecourier")
    own.sql(finding(own, "has the rights of codecourier_platform"))
    assert findings(own) == []


def test_large_objects(own):
    """None can be made; those of before are found, and the rights, too."""
    may_not(own, *(f"perform {call}" for call in (
        "lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')",
        "lo_put(1, 0, 'x')", "lo_open(1, 131072)", "lo_unlink(1)",
        "lowrite(0, 'x')", "loread(0, 1)", "lo_get(1)",
        "lo_import('/etc/passwd')", "lo_export(1, '/tmp/x')",
        "lo_truncate(0, 0)", "lo_truncate64(0, 0)",
        "pg_logical_emit_message(false, 'x', 'y')")))
    own.sql("grant execute on function lo_from_bytea(oid, bytea) to public")
    number = as_role(own, "select lo_from_bytea(0, 'hidden')")
    whats = {f["what"]: f["fix"] for f in findings(own)}
    assert set(whats) == {
        "everybody may make large objects in the database",
        "1 large objects belong to the role codecourier, which makes none"}
    own.sql(f"select lo_unlink({number})")
    done = own.ctl("migrate")
    assert done.returncode == 0, done
    assert findings(own) == []
    may_not(own, "perform lo_from_bytea(0, 'x')")


@pytest.mark.plain
def test_an_administrator_who_is_no_superuser(stack):
    """Finds no fault with what he cannot mend."""
    for far in running(stack, TlsCluster):
        assert far.ctl("init").returncode == 0
        assert findings(far) == []
        assert far.ctl("migrate").returncode == 0


# ---- texts ----

def test_texts(own):
    """Of rows that were made before they were refused."""
    spoil, mend, rows = [], [], {}
    for table, row, column in TEXTS:
        name = f"codecourier.{table}"
        rows[table, column], before = own.sql(
            f"select {row}, quote_nullable({column}) from {name}").split("|")
        bad = "U&'\\001b[1m'"
        if column == "slug":
            bad = "'00000000-0000-4000-8000-000000000000'"
        spoil.append(f"alter table {name} drop constraint if exists "
                     f"{table}_{column}; update {name} set {column} = {bad}")
        mend.append(f"update {name} set {column} = {before}")
    for text in spoil, mend:
        text.insert(0, "set session_replication_role = replica")
    own.sql("; ".join(spoil))
    seen = findings(own, "texts")
    assert len(seen) == len(TEXTS)
    for table, row, column in TEXTS:
        one, = [f for f in seen
                if f"{table}.{column} of 1 rows" in f["what"]]
        assert one["severity"] == "warning"
        assert rows[table, column] in one["what"]
        assert "\x1b" not in one["what"]
        assert f"UPDATE codecourier.{table} SET {column} = " in one["fix"]
    own.sql("; ".join(mend))
    assert findings(own, "texts") == []


def test_mail(own):
    """Messages of which nothing comes by itself, and no others."""
    add = ("insert into codecourier.mail_queue (project_id, member_id, address, "
           "sealed, state, queued_at) select id, gen_random_uuid(), 'a@b.c', "
           "'x', '{}', now() - interval '{} min' from codecourier.project, "
           "generate_series(1, {})")
    own.sql(add.format("queued", 59, 1))
    assert findings(own, "mail") == []
    for state, minutes, number, words in (
            ("queued", 61, 2, "2 messages have waited"),
            ("failed", 0, 3, "3 messages were refused"),
            ("doubt", 0, 4, "4 messages may have been sent")):
        own.sql(add.format(state, minutes, number))
        found(own.stack, "mail", words, "warning", own.environ)
    own.sql("delete from codecourier.mail_queue")
