"""A migration that meets a held lock: it never keeps others waiting, comes
again, and says in the end who holds the lock."""
import json
import re
import threading

import pytest

from client import at_once
from contract import NOBODY
from psql import SqlError
from session import Session, until
from states import migration, older
from test_migrations import NEWEST, PROGRAM

FIRST = 3           # of those that are to be applied
TABLE = "codecourier.settings"


def open_session(cluster, options=""):
    return Session(cluster.stack,
                   cluster.environ["CODECOURIER_ADMIN_DATABASE"]
                   + f" dbname=codecourier {options}")


@pytest.fixture
def old(cluster):
    """A cluster with the first migrations."""
    return older(cluster, FIRST - 1)


@pytest.fixture
def holder(old):
    """A session that has read the table and does not end its transaction."""
    one = open_session(old, "application_name=holder")
    one.run(f"begin; select 'planted secret', count(*) from {TABLE}")
    (one.pid,) = one.run("select pg_backend_pid()")
    yield one
    if one.process.poll() is None:
        one.close()


class Readers(threading.Thread):
    """Reads the table again and again, with the API's lock_timeout. The
    pauses, during which it holds nothing, save the processor."""

    def __init__(self, cluster):
        super().__init__()
        self.session = open_session(cluster, "options='-c lock_timeout=1s'")
        self.ended = False
        self.read = 0
        self.failed = []

    def run(self):
        try:
            while not self.ended:
                self.session.run("select pg_sleep(0.02); "
                                 f"select count(env_vars) from {TABLE}")
                self.read += 1
        except AssertionError as error:     # a read that was refused
            self.failed.append(error)

    def end(self):
        self.ended = True
        self.join()
        if not self.failed:
            self.session.close()


def version(cluster):
    return int(cluster.sql(
        "select max(version) from codecourier.schema_version"))


def wait_until_it_waits(holder):
    """The migration stands in the queue for the lock."""
    until(lambda: holder.run(
        "select count(*) from pg_locks where not granted "
        f"and relation = '{TABLE}'::regclass") != ["0"],
        "the migration never waited", 20)


def test_readers_are_served_and_the_holder_is_named(old, holder):
    readers = Readers(old)
    readers.start()
    done = old.ctl("migrate")
    readers.end()
    assert done.returncode == 1, done
    assert readers.failed == [] and readers.read > 10
    line = done.stderr.splitlines()[-1]
    assert f"process {holder.pid}," in line, line
    assert "role postgres, idle in transaction" in line
    assert re.search(r"transaction open for \d+ s", line)
    assert "0003_storage" in line
    assert "planted secret" not in done.stdout + done.stderr
    assert version(old) == FIRST - 1


def test_it_goes_on_when_the_lock_is_free(old, holder):
    readers = Readers(old)
    readers.start()
    result = []
    migration = threading.Thread(
        target=lambda: result.append(old.ctl("migrate")))
    migration.start()
    wait_until_it_waits(holder)
    holder.close()
    migration.join()
    readers.end()
    assert result[0].returncode == 0, result
    assert readers.failed == []
    assert version(old) == NEWEST
    assert old.check() == 0


def test_it_waits_where_requests_begin(cluster):
    """One that has a key's row goes on to its project: the migration holds
    nothing that it wants yet. So none waits for the other."""
    older(cluster, 7)
    request = open_session(cluster, "options='-c lock_timeout=1ms'")
    request.run("begin; select count(*) from codecourier.api_key")
    result = []
    migration = threading.Thread(
        target=lambda: result.append(cluster.ctl("migrate")))
    migration.start()
    until(lambda: request.run("select count(*) from pg_locks where not granted "
                              "and locktype = 'relation'") == ["1"],
          "the migration never waited", 20)
    request.run("select count(*) from codecourier.project; commit")
    migration.join()
    request.close()
    assert result[0].returncode == 0, result
    assert version(cluster) == NEWEST


def test_who_waits_for_the_numbering(cluster):
    """While 0011 numbers the audit rows: reads, guards and last uses do not
    wait. Writes do, until the API's lock_timeout has them come again (503)."""
    older(cluster, 10)
    numbering = open_session(cluster)
    request = open_session(cluster, "options='-c lock_timeout=1ms'")
    numbering.run("begin; set role codecourier_owner; "
                  + migration(11).partition("begin;")[2].rpartition("; insert")[0])
    request.run("set search_path = codecourier; select count(*) from settings; "
                "begin; select 1 from api_key k, project t for key share; "
                "update api_key set last_used_at = now(); commit")
    request.close()
    with pytest.raises(SqlError) as got:
        cluster.sql(
            "begin; set local lock_timeout = '1ms'; insert into "
            "codecourier.audit (project_id, actor, action, object, object_id) "
            f"values ('{NOBODY}', 'key', 'x', 'x', 'x'); commit")
    assert got.value.state == "55P03"
    numbering.run("rollback")
    numbering.close()


def test_two_at_a_time_wait_for_each_other(old):
    """The advisory lock is nobody's but theirs, and no reason to fail."""
    for done in at_once([lambda: old.ctl("migrate")] * 3):
        assert done.returncode == 0, done
    assert version(old) == NEWEST


def test_plan_says_who_can_go_on(old):
    done = old.ctl("--json", "migrate", "--plan")
    assert done.returncode == 0, done
    plan = json.loads(done.stdout)["data"]
    assert [m["version"] for m in plan["pending"]] == \
        list(range(FIRST, NEWEST + 1))
    assert plan["oldestProgram"] == plan["oldestProgramAfter"] == 1
    assert plan["running"] == [] and plan["runningServe"] is True
    assert version(old) == FIRST - 1
    text = old.ctl("migrate", "--plan").stdout
    assert "every program that serves now goes on serving" in text


def test_plan_knows_the_workers(stack):
    plan = stack.ctl("migrate", "--plan")
    assert plan["pending"] == []
    assert [r["program"] for r in plan["running"]
            if r["connections"] >= 8] == [PROGRAM], plan
    assert plan["runningServe"] is True
