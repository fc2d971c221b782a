"""What log_level=debug adds: a line a statement, its name, rows and time; never
a value, of a client or of a row."""
import json
import re
import uuid

import pytest

from contract import make_key
from fixtures import make_project
from workers import Site

SECRET = "Gr4ni7eSpoon"
LINE = re.compile(r"^(?:<7>)?ts=\S+ level=debug rid=(\S+) "
                  r"statement=([a-z_]+) rows=(\d+) us=\d+$", re.M)


@pytest.fixture(scope="module")
def project(stack):
    return make_project(stack)


@pytest.fixture
def site(stack):
    made = Site(stack)
    yield made
    made.close()


def call(site, project, method, path, body=None, **more):
    rid = str(uuid.uuid4())
    data = b"" if body is None else json.dumps(body).encode()
    answer = site.ask(method, "/api/v1/project" + path, project.key, data,
                      HTTP_X_REQUEST_ID=rid, **more)
    assert answer.status == 200, answer.body
    return rid


def test_a_line_a_statement(site, project):
    worker = site.start({"CODECOURIER_LOG_LEVEL": "debug"})
    call(site, project, "GET", "/settings")     # its key is known from now on
    read = call(site, project, "GET", "/settings")
    write = call(site, project, "POST", "/settings/update",
                 {"claudeMd": SECRET, "envVars": {SECRET: SECRET},
                  "convexDeployKey": SECRET * 3})
    empty = call(site, project, "GET", "/provider-keys")
    worker.says(f"rid={empty} key=")
    found = {rid: [(n, int(rows)) for r, n, rows in LINE.findall(worker.said())
                   if r == rid] for rid in (read, write, empty)}
    assert sorted(found[read]) == [("data_keys", 1), ("guard_read", 1),
                                   ("settings_get", 1)]
    assert {("guard_write", 1), ("settings_deploy_key", 1),
            ("settings_update", 1)} <= set(found[write])
    assert found[empty] == [("guard_read", 1), ("provider_key_list", 1)]
    for value in (SECRET, project.key[16:], project.slug, project.owner_email):
        assert value not in worker.said()


def test_a_key_that_is_shown(site, project):
    """Nobody's call: its key stands in the body only, and in no line."""
    worker = site.start({"CODECOURIER_LOG_LEVEL": "debug"})
    made = project.stack.make("key", "create", project.slug, "--name", "shown")
    for key in made["key"], make_key(made["prefix"][8:]), made["key"][:-1]:
        rid = str(uuid.uuid4())
        answer = site.ask("POST", "/api/v1/credentials/revoke", None,
                          json.dumps({"key": key}).encode(),
                          HTTP_X_REQUEST_ID=rid)
        assert answer.status == (200 if len(key) == 54 else 400)
        worker.says(f"rid={rid} ")
    said = [name for _, name, _ in LINE.findall(worker.said())]
    assert said == ["key_of_holder", "api_key_revoke_held", "api_key_drain",
                    "key_of_holder"]
    assert made["key"][16:48] not in worker.said() and "0" * 32 not in \
        worker.said()


def test_not_by_default(site, project):
    worker = site.start()
    rid = call(site, project, "GET", "/settings")
    worker.says(f"rid={rid} key=")
    assert "statement=" not in worker.said()
