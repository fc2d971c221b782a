"""A migration that meets a held lock: it never keeps others waiting, comes
again, and says in the end who holds the lock."""
import json
import os
import re
import subprocess
import threading
import time

import pytest

from client import at_once
from cluster import running
from harness import ROOT
from test_migrations import NEWEST

FIRST = 3           # of those that are to be applied
TABLE = "codecourier.settings"


def text(number):
    """A migration as `migrate` applies it."""
    (path,) = (ROOT / "migrations").glob(f"{number:04}_*.sql")
    return (f"begin; {path.read_text()}; insert into "
            f"codecourier.schema_version values ({number}, 1); commit;")


@pytest.fixture
def old(stack):
    """A cluster with the first migrations."""
    for cluster in running(stack):
        done = cluster.ctl("init")
        assert done.returncode == 0, done
        cluster.sql("drop schema codecourier cascade; "
                    "set role codecourier_owner; "
                    + "".join(text(n) for n in range(1, FIRST)))
        yield cluster


class Holder:
    """A session that has read the table and does not end its transaction."""

    def __init__(self, cluster):
        self.cluster = cluster
        stack = cluster.stack
        conninfo = cluster.environ["CODECOURIER_ADMIN_DATABASE"] + \
            " dbname=codecourier application_name=holder"
        # psql of its own, kept open by its standard input
        self.process = subprocess.Popen(
            ["setpriv", f"--reuid={stack.uid}", f"--regid={stack.gid}",
             "--clear-groups", "psql", "-XAtq", "-d", conninfo]
            if os.geteuid() == 0 else ["psql", "-XAtq", "-d", conninfo],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd="/")
        self.process.stdin.write(
            f"begin; select 'planted secret', count(*) from {TABLE};\n"
            "select pg_backend_pid();\n")
        self.process.stdin.flush()
        self.process.stdout.readline()
        self.pid = self.process.stdout.readline().strip()

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def holder(old):
    one = Holder(old)
    yield one
    one.end()


class Readers(threading.Thread):
    """Reads the table again and again, with the API's lock_timeout."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.ended = False
        self.read = 0
        self.failed = []

    def run(self):
        while not self.ended:
            done = self.cluster.stack.run(
                ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
                 self.cluster.environ["CODECOURIER_ADMIN_DATABASE"]
                 + " dbname=codecourier options='-c lock_timeout=1s'",
                 "-c", f"select count(env_vars) from {TABLE}"])
            self.read += 1
            if done.returncode:
                self.failed.append(done.stderr)

    def end(self):
        self.ended = True
        self.join()


def version(cluster):
    return int(cluster.sql(
        "select max(version) from codecourier.schema_version"))


def wait_until_it_waits(cluster):
    """The migration stands in the queue for the lock."""
    end = time.monotonic() + 20
    while cluster.sql("select count(*) from pg_locks where not granted "
                      f"and relation = '{TABLE}'::regclass") == "0":
        assert time.monotonic() < end, "the migration never waited"


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
    wait_until_it_waits(old)
    holder.end()
    migration.join()
    readers.end()
    assert result[0].returncode == 0, result
    assert readers.failed == []
    assert version(old) == NEWEST
    assert old.check() == 0


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
            if r["connections"] >= 8] == [1], plan
    assert plan["runningServe"] is True
