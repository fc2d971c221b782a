"""The operator's command before `migrate`: what needs the new schema says so,
all else works."""
import json
import re

import pytest

from harness import ROOT
from states import older
from test_migrations import NEWEST, OLDEST

PURGES = int(re.search(r"define DB_PURGE_SCHEMA (\d+)",
                       (ROOT / "src/db/db.h").read_text())[1])
NO_PROJECT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def old(cluster):
    """A cluster with the oldest schema that the programs serve."""
    return older(cluster, OLDEST)


def test_commands_of_before(old):
    def ctl(*args):
        done = old.ctl("--json", *args)
        assert done.returncode == 0, done
        return json.loads(done.stdout)["data"]

    made = ctl("project", "create", "--name", "x", "--slug", "shop",
               "--owner-email", "a@b.c")
    key = ctl("key", "create", "shop", "--name", "x")
    assert ctl("key", "find", key["prefix"])["projectId"] == made["id"]
    assert [p["slug"] for p in ctl("project", "list")] == ["shop"]
    ctl("project", "delete", "shop")
    assert [p["slug"] for p in ctl("project", "list", "--deleted")] == ["shop"]


if OLDEST < PURGES:     # else each schema that they serve has it
    @pytest.mark.parametrize("command", ["restore", "purge"])
    def test_what_needs_more_says_so(old, command):
        done = old.ctl("project", command, NO_PROJECT)
        assert done.returncode == 5 and done.stdout == ""
        assert "codecourierctl migrate" in done.stderr

    def test_the_timer_waits_for_migrate(old):
        """No failed unit each day: the upgrade has said what to do."""
        done = old.ctl("purge")
        assert (done.returncode, done.stdout) == (0, "")
        assert "codecourierctl migrate" in done.stderr
        assert NEWEST > OLDEST
