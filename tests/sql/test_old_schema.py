"""New programs on the oldest schema that they accept: every call is served,
and the operator's command works."""
import json

import pytest

from contract import target
from openapi import OPERATIONS
from states import older
from test_migrations import OLDEST
from workers import serving


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
            body, content, data = {}, "", b""
            if method == "POST":
                media = calls[method, path]["requestBody"]["content"]
                (content, of), = media.items()
                body = of["example"]
                data = (json.dumps(body) if content == "application/json"
                        else body).encode()
            answer = site.ask(
                method, "/api/v1" + target(path.removeprefix("/api/v1")
                                           .replace("{n}", "1")),
                key["key"], data, CONTENT_TYPE=content)
            nobody = {"targetUserId", "keyId"} & set(body)
            assert answer.status == (404 if nobody else 200), answer


def test_commands_of_before(ctl):
    made, key = make(ctl, "shop")
    assert ctl("key", "find", key["prefix"])["projectId"] == made["id"]
    assert [p["slug"] for p in ctl("project", "list")] == ["shop"]
    ctl("project", "delete", "shop")
    assert "shop" in [p["slug"] for p in ctl("project", "list", "--deleted")]

