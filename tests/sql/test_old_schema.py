"""New programs before `migrate`. The worker serves every call; of the
operator's command what needs the new schema says so, all else works."""
import json
import re

import pytest

from harness import ROOT
from openapi import OPERATIONS
from states import older
from test_migrations import NEWEST, OLDEST
from workers import serving

PURGES = int(re.search(r"define DB_PURGE_SCHEMA (\d+)",
                       (ROOT / "src/db/db.h").read_text())[1])
NO_PROJECT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def old(cluster):
    """A cluster with the oldest schema that the programs serve."""
    return older(cluster, OLDEST)


@pytest.fixture(scope="module")
def ctl(old):
    def run(*args):
        done = old.ctl("--json", *args)
        assert done.returncode == 0, done
        return json.loads(done.stdout)["data"]
    return run


def make(ctl, slug):
    made = ctl("project", "create", "--name", "x", "--slug", slug,
               "--owner-email", "a@b.c")
    return made, ctl("key", "create", slug, "--name", "x")


def test_every_call_is_served(old, ctl):
    """With the example of its body: an id in it is nobody's."""
    _, key = make(ctl, "served")
    calls = {call: o.spec for call, o in OPERATIONS.items()
             if "security" not in o.spec}
    last = "POST", "/api/v1/project/delete"
    assert old.sql("select max(version) from codecourier.schema_version") == \
        str(OLDEST)
    with serving(old.stack, old) as site:
        assert site.ask("GET", "/readyz").status == 200
        for method, path in [*(c for c in calls if c != last), last]:
            body = {}
            if method == "POST":
                media = calls[method, path]["requestBody"]["content"]
                body = media["application/json"]["example"]
            answer = site.ask(
                method, path, key["key"],
                json.dumps(body).encode() if method == "POST" else b"")
            nobody = {"targetUserId", "keyId"} & set(body)
            assert answer.status == (404 if nobody else 200), answer


def test_commands_of_before(ctl):
    made, key = make(ctl, "shop")
    assert ctl("key", "find", key["prefix"])["projectId"] == made["id"]
    assert [p["slug"] for p in ctl("project", "list")] == ["shop"]
    ctl("project", "delete", "shop")
    assert "shop" in [p["slug"] for p in ctl("project", "list", "--deleted")]


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
