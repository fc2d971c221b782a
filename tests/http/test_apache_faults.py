"""Apache in front of a service that fails: no worker, no database, none that
answers, no configuration. Its clients are told in our form, and the truth."""
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from apache import Apache, WAYS, fronts
from client import Api, at_once, raw, request_bytes
from contract import CALLS, sent
from fixtures import make_project, written
from session import Session, until
from test_apache import own
from test_database_down import connected, pg_ctl, unavailable
from test_request_id import wait_for

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE = "/api/v1/project/update"
BODY = b'{"name":"No"}'


@pytest.fixture(scope="module")
def ways(spare):
    yield from fronts(spare, WAYS)


@pytest.fixture
def pooled(ways):
    return ways["proxy"]


@pytest.fixture
def project(spare):
    """Its key has been verified."""
    made = make_project(spare)
    made.api.get("/project")
    return made


def comes_back(api):
    end = time.monotonic() + 30
    while api.send("GET", "/project").status != 200:
        assert time.monotonic() < end, "the service did not come back"
        time.sleep(0.1)


def update(port, project):
    """A write straight through Apache, which may have to answer itself."""
    return raw(port, request_bytes("POST", UPDATE, [
        ("Authorization", f"Bearer {project.key}"),
        ("Content-Type", "application/json"),
        ("Content-Length", len(BODY))], BODY), "POST", timeout=30, check=own)


@contextmanager
def frozen(stack):
    """The database takes requests and never answers."""
    stopped = stack.pids("postgres")
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def test_database_down(ways, spare, project):
    for front in ways.values():
        Api(front.base, project.key).get("/project")
    pg_ctl(spare, "stop", "-m", "fast")
    try:
        for front in ways.values():
            api = Api(front.base, project.key)
            for method, path in CALLS:
                unavailable(api.send(method, path, **sent(method, path)))
            Api(front.base).refused("AUTH_MISSING", "GET", "/project")
            ready = raw(front.port, request_bytes("GET", "/readyz"))
            assert ready.status == 503
    finally:
        pg_ctl(spare, "-l", spare.run_dir / "log/postgresql.log", "start")
    for front in ways.values():
        comes_back(Api(front.base, project.key))
    assert written(project) == 0


def test_hanging_database(ways, spare, project):
    """A program's own connection is not made; a worker's write has been
    sent, and may be taken."""
    def write(front):
        return update(front.port, project).status

    def read(front):
        return Api(front.base, project.key).send(
            "GET", "/project", timeout=30).status

    connected(project)
    with frozen(spare):
        seen = at_once([lambda f=f, ask=ask: ask(f)
                        for ask in (write, read) for f in ways.values()])
    assert seen == [504, 503, 503] + [503] * 3      # WAYS begins with proxy
    for front in ways.values():
        comes_back(Api(front.base, project.key))


def test_no_worker(pooled, spare, project):
    """Apache cannot tell whether a write has reached one."""
    path = os.path.join(spare.conf["CODECOURIER_RUNTIME_DIR"], "api.sock")
    os.rename(path, path + ".away")
    try:
        read = Api(pooled.base, project.key).send("GET", "/project")
        write = update(pooled.port, project)
    finally:
        os.rename(path + ".away", path)
    assert read.status == write.status == 503
    assert read.json["error"]["retryable"] is True
    assert write.json["error"]["retryable"] is False
    # asked again at once: a pool is not taken for dead
    Api(pooled.base, project.key).get("/project")
    assert written(project) == 0


def test_workers_that_die(pooled, spare, project):
    """In the middle of a write: it is in doubt, and not sent again."""
    session = Session(spare)
    session.hold(project)
    with ThreadPoolExecutor(1) as other:
        busy = other.submit(update, pooled.port, project)
        session.await_waiting()
        for pid in spare.workers():
            os.kill(pid, signal.SIGKILL)
        answer = busy.result()
    until(lambda: not session.waiting(), "a dead worker's session goes on")
    session.release()
    session.close()
    assert answer.status == 503
    assert answer.json["error"]["retryable"] is False
    comes_back(Api(pooled.base, project.key))
    assert written(project) == 0


@pytest.mark.parametrize("way", ["cgid", "cgi"])
def test_a_program_without_an_answer(stack, way):
    """It does not start: Apache says so in our form."""
    front = Apache(stack, way, conf="/nonexistent")
    front.start()
    try:
        for method, path in CALLS[0], CALLS[-1]:
            answer = raw(front.port, request_bytes(
                method, f"/api/v1{path}", [("Content-Length", 0)]), method)
            assert answer.status == 500, answer
            assert answer.json["error"]["retryable"] is (method == "GET")
    finally:
        front.stop()


@pytest.fixture
def behind_a_script(stack):
    """As suexec would have it: a user's own script, which names the file, and
    few variables for it."""
    script = stack.top / "api.cgi"
    script.write_text(
        "#!/bin/sh\nunset REQUEST_ID CODECOURIER_CONF\n"
        f"CODECOURIER_CONF={stack.env['CODECOURIER_CONF']} "
        f"exec {stack.worker_path}\n")
    script.chmod(0o755)
    front = Apache(stack, "cgid", conf="/nonexistent", program=script)
    front.start()
    yield front
    front.stop()


def test_behind_a_script(behind_a_script, stack):
    """One id in answer, error and log all the same."""
    api = Api(behind_a_script.base, make_project(stack).key)
    assert api.get("/project")
    error = api.refused("NOT_FOUND", "GET", "/nope")
    assert wait_for(behind_a_script.said, f"rid={error['requestId']} ")
