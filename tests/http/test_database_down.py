"""PostgreSQL stopped, and PostgreSQL that hangs: 503, and good again."""
import os
import signal
import time

import pytest

from client import Api, at_once, raw, request_bytes
from contract import CALLS, NOBODY, make_key, sent
from fixtures import make_project, written
from session import until

PG_CTL = "/usr/lib/postgresql/15/bin/pg_ctl"


def pg_ctl(stack, *args):
    done = stack.run([PG_CTL, "-D", stack.run_dir / "pg", "-w", "-t", "30",
                      *args])
    assert done.returncode == 0, done


def comes_back(project, workers):
    """The same workers serve again, nobody touched the pool."""
    end = time.monotonic() + 30
    while (answer := project.api.send("GET", "/project")).status != 200:
        assert answer.status == 503, answer
        assert time.monotonic() < end, "the service did not come back"
        time.sleep(0.1)
    ready = raw(project.stack.port, request_bytes("GET", "/readyz"))
    assert ready.status == 200
    assert project.stack.workers() == workers


@pytest.fixture
def down(spare):
    """A project whose stack has its database stopped during the test."""
    project = make_project(spare)
    project.api.get("/project")
    project.before = written(project)
    workers = spare.workers()
    pg_ctl(spare, "stop", "-m", "fast")
    yield project
    pg_ctl(spare, "-l", spare.run_dir / "log/postgresql.log", "start")
    comes_back(project, workers)
    assert written(project) == project.before


def ask(api, method, path):
    return api.send(method, path, **sent(method, path))


def unavailable(answer):
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["retryable"] is True       # nothing was written
    return True


def test_every_call(down):
    """With the key that was good a moment ago; three times each."""
    for _ in range(3):
        for method, path in CALLS:
            unavailable(ask(down.api, method, path))


def test_many_at_once(down):
    for answer in at_once([lambda: ask(down.api, "GET", "/project")] * 16):
        unavailable(answer)


def test_a_key_that_cannot_be_looked_up(down, spare):
    """Whether it is good nobody can say: that is no 401."""
    for method, path in CALLS:
        unavailable(ask(Api(spare.base, make_key()), method, path))


def test_what_needs_no_database(down, spare):
    """Refusals that are certain stay what they are."""
    nobody = Api(spare.base)
    nobody.refused("AUTH_MISSING", "GET", "/project")
    nobody.refused("NOT_FOUND", "GET", "/nope")
    nobody.refused("METHOD_NOT_ALLOWED", "PUT", "/project")
    assert nobody.send("OPTIONS", "/project").status == 204
    Api(spare.base, "cc_live_x").refused("AUTH_INVALID", "GET", "/project")


def test_health(down, spare):
    """A worker lives without a database; ready it is not."""
    for _ in range(4):
        assert raw(spare.port, request_bytes("GET", "/healthz")).status == 200
        unavailable(raw(spare.port, request_bytes("GET", "/readyz")))
    head = raw(spare.port, request_bytes("HEAD", "/readyz"), "HEAD")
    assert head.status == 503


def test_operators_program(down, spare):
    for args in ["project", "list"], ["key", "revoke", NOBODY]:
        assert spare.ctl(*args, code=5)["code"] == "UNAVAILABLE"
    assert spare.run([spare.worker_path, "-t"]).returncode == 1


def test_killed_backends(spare):
    """Each worker finds its connection dead: no request notices."""
    project = make_project(spare)
    project.api.get("/project")
    workers = spare.workers()
    for _ in range(5):
        spare.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                  "where usename = 'codecourier'")
        for _ in range(4):
            project.api.get("/project")
            project.api.post("/project/update", {"name": "Still here"})
    assert spare.workers() == workers


def connected(project):
    """Returns when each worker has its connection: one that lost it connects
    with its next request, so there are requests for all."""
    stack = project.stack
    project.api.get("/project")     # its key is known from now on
    ready = request_bytes("GET", "/readyz")

    def all_are():
        at_once([lambda: raw(stack.port, ready)] * 8)
        return len(stack.workers()) == int(stack.sql(
            "select count(*) from pg_stat_activity "
            "where usename = 'codecourier'"))

    until(all_are, "a worker is not connected")


def test_hanging_database(spare):
    """It takes requests and never answers: the worker gives up in time."""
    project = make_project(spare)
    connected(project)
    workers = spare.workers()
    stopped = spare.pids("postgres")
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        answers = at_once([
            lambda: ask(project.api, "GET", "/project"),
            lambda: ask(project.api, "POST", "/project/update")])
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    read, write = answers
    unavailable(read)
    assert write.status == 504, write   # it may have been taken
    assert write.json["error"]["retryable"] is False
    comes_back(project, workers)
