"""doctor on what somebody who got at the workers' role has left behind, and on
texts in the database that deceive. What the role itself can do is done as it."""
import pytest

from cluster import TlsCluster, running
from doctor import found, look
from harness import SqlError

# what migration 0006 guards, and what names a row; test_guards.py sees to it
# that no text is left out there
SETTINGS = ["learning_template_id", "learning_model", "merging_template_id",
            "merging_model", "git_commit_name", "git_commit_email"]
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
        here = look(stack, cluster.environ)
        assert not ("role" in here or "texts" in here), here
        yield cluster


def findings(cluster, check="role"):
    return look(cluster.stack, cluster.environ).get(check, [])


def as_role(cluster, text):
    return cluster.stack.psql(text, cluster.environ["CODECOURIER_DATABASE"])


def finding(cluster, words, check="role"):
    """The one finding, and what mends it mends it."""
    return found(cluster.stack, check, words, "warning", cluster.environ)


@pytest.mark.parametrize("where", ["", "in database codecourier "])
@pytest.mark.parametrize("text", [
    "default_transaction_read_only = on", "statement_timeout = '1ms'",
    "work_mem = '2GB'", "idle_session_timeout = 5", "exit_on_error = on",
    "log_parameter_max_length_on_error = -1"])
def test_a_setting_of_nobodys_making(own, text, where):
    as_role(own, f"alter role codecourier {where}set {text}")
    name = text.split(" = ")[0]
    fix = finding(own, f"has a setting that nobody here has made: {name}")
    there = where.replace("in database", "IN DATABASE")
    assert fix == f"ALTER ROLE codecourier {there}RESET {name}"
    own.sql("set default_transaction_read_only = off; " + fix)
    assert findings(own) == []


@pytest.mark.parametrize("text", [
    "set lock_timeout = 0", "reset lock_timeout",
    "set search_path = 'codecourier, public'",
    "set default_transaction_isolation = 'serializable'",
    "set timezone = 'Asia/Tokyo'",
    "reset idle_in_transaction_session_timeout",
    "set client_connection_check_interval = 0"])
def test_a_setting_of_ours_that_was_changed(own, text):
    as_role(own, f"alter role codecourier {text}")
    name = text.split()[1]
    assert finding(own, f"lacks its setting {name}") == "codecourierctl init"
    assert own.ctl("init").returncode == 0
    assert findings(own) == []


def test_all_of_them_at_once(own):
    as_role(own, "alter role codecourier reset all")
    assert {f["what"].split()[-1] for f in findings(own)} == {
        "default_transaction_isolation", "search_path", "timezone",
        "lock_timeout", "idle_in_transaction_session_timeout",
        "client_connection_check_interval"}
    assert own.ctl("init").returncode == 0
    assert findings(own) == []


def test_a_setting_of_the_superusers_is_not_taken_away(own):
    """The bound on temporary files is not the role's to lift."""
    for text in ("set temp_file_limit = -1", "reset temp_file_limit"):
        with pytest.raises(SqlError) as got:
            as_role(own, f"alter role codecourier {text}")
        assert got.value.state == "42501"
    with pytest.raises(SqlError) as got:
        as_role(own, "set work_mem = 64; select count(*) from (select "
                "repeat(md5(i::text), 10) from generate_series(1, 400000) i "
                "order by 1) t")
    assert got.value.state == "53400", got.value
    own.sql("alter role codecourier reset temp_file_limit")
    finding(own, "lacks its setting temp_file_limit")
    assert own.ctl("init").returncode == 0
    assert findings(own) == []


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
    for text in ("lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')",
                 "lo_put(1, 0, 'x')", "lo_open(1, 131072)", "lo_unlink(1)",
                 "lowrite(0, 'x')", "loread(0, 1)", "lo_get(1)",
                 "lo_import('/etc/passwd')", "lo_export(1, '/tmp/x')",
                 "lo_truncate(0, 0)", "lo_truncate64(0, 0)",
                 "pg_logical_emit_message(false, 'x', 'y')"):
        with pytest.raises(SqlError) as got:
            as_role(own, f"select {text}")
        assert got.value.state == "42501", text
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
    with pytest.raises(SqlError):
        as_role(own, "select lo_from_bytea(0, 'x')")


def test_an_administrator_who_is_no_superuser(stack):
    """Finds no fault with what he cannot mend."""
    for far in running(stack, TlsCluster):
        assert far.ctl("init").returncode == 0
        assert findings(far) == []
        assert far.ctl("migrate").returncode == 0


# ---- texts ----

@pytest.mark.parametrize("table, row, column", TEXTS)
def test_texts(own, table, row, column):
    """Of a row that was made before they were refused."""
    name = f"codecourier.{table}"
    before = own.sql(f"select {column} from {name} limit 1")
    bad = "U&'\\001b[1m'"
    if column == "slug":
        bad = "'00000000-0000-4000-8000-000000000000'"
    own.sql("set session_replication_role = replica; alter table "
            f"{name} drop constraint if exists {table}_{column}; "
            f"update {name} set {column} = {bad}")
    which = own.sql(f"select {row} from {name} limit 1")
    fix = found(own.stack, "texts", f"{table}.{column} of 1 rows", "warning",
                own.environ)
    what = findings(own, "texts")[0]["what"]
    assert which in what and "\x1b" not in what
    assert f"UPDATE {name} SET {column} = " in fix
    own.sql("set session_replication_role = replica; "
            f"update {name} set {column} = "
            + (f"'{before}'" if before else "null"))
    assert findings(own, "texts") == []
