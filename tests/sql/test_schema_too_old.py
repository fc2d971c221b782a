"""The programs on the schema before the oldest that they serve: each says what
is missing and what mends it, in the same words, and none does half of it."""
import json
import re

import pytest

from states import migration, older
from test_migrations import NEWEST, OLDEST

SAID = (f"schema version {OLDEST - 1}: this program needs {OLDEST}: "
        "codecourierctl migrate")
NO_PROJECT = "00000000-0000-4000-8000-000000000000"
COMMANDS = [
    ["project", "list"], ["project", "restore", NO_PROJECT],
    ["project", "create", "--name", "x", "--slug", "shop",
     "--owner-email", "a@b.c"],
    ["key", "list", NO_PROJECT], ["key", "create", NO_PROJECT, "--name", "x"],
    ["key", "find", "cc_live_00000000"], ["purge"]]


@pytest.fixture(scope="module")
def old(cluster):
    return older(cluster, OLDEST - 1)


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_commands(old, args):
    done = old.ctl(*args)
    assert (done.returncode, done.stdout) == (5, ""), done
    assert SAID in done.stderr and "SQLSTATE" not in done.stderr, done


def test_a_worker_and_the_check_before_a_reload(old):
    done = old.run(old.stack.worker_path, "-t")
    assert done.returncode == 1
    assert f"database unavailable: {SAID}" in done.stderr, done
    assert "SQLSTATE" not in done.stderr, done


def test_status(old):
    done = old.ctl("--json", "status")
    found = json.loads(done.stdout)["data"]
    assert done.returncode == 5
    assert found["schemaVersion"] == OLDEST - 1
    assert found["database"] == "ok"
    assert found["workersDatabase"] == SAID


def test_doctor(old):
    done = old.ctl("--json", "doctor")
    found = {f["check"]: f for f in json.loads(done.stdout)["data"]["findings"]}
    assert SAID in found["database-login"]["what"]
    for check in "database-login", "schema":
        assert found[check]["severity"] == "error"
        assert found[check]["fix"] == "codecourierctl migrate"
    assert "SQLSTATE" not in done.stdout + done.stderr


def test_plan_promises_no_outage(old):
    done = old.ctl("migrate", "--plan")
    assert done.returncode == 0, done
    assert "every program that serves now goes on serving" in done.stdout


def test_a_schema_for_later_programs_is_told_apart(old):
    """The other way round; then nothing is left but the newer package."""
    old.sql("set role codecourier_owner; " + "".join(
        migration(n) for n in range(OLDEST, NEWEST + 1)) +
        "insert into codecourier.schema_version values (9000, 9)")
    done = old.ctl("project", "list")
    assert done.returncode == 5
    assert re.search("schema version 9000 serves programs from number 9 on, "
                     r"this is \d+: upgrade the package", done.stderr), done
    doctor = json.loads(old.ctl("--json", "doctor").stdout)["data"]
    fixes = {f["check"]: f["fix"] for f in doctor["findings"]}
    assert fixes["schema"] == fixes["database-login"] == \
        "upgrade the package codecourier-api on this host"
