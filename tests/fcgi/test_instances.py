"""Two pools on one host: two configuration files, two runtime directories, one
database. Neither may notice what happens to the other."""
import os
import signal
import subprocess
import time

import pytest

from fixtures import make_project
from harness import program
from test_pool import Load
from session import as_user
from workers import ask

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PROJECT = "/api/v1/project"


class Second:
    """The other instance: two workers."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = stack.run_dir / "second"
        stack.run(["rm", "-rf", self.folder])
        stack.run(["mkdir", "-m", "0700", self.folder]).check_returncode()
        self.conf = self.folder / "api.conf"
        lines = {**stack.conf, "CODECOURIER_RUNTIME_DIR": str(self.folder),
                 "CODECOURIER_WORKERS": "2"}
        stack.run(["tee", self.conf], input="".join(
            f"{n}={v}\n" for n, v in lines.items())).check_returncode()
        self.socket = self.folder / "api.sock"
        self.start()

    def start(self):
        how = as_user(self.stack)
        how["env"]["CODECOURIER_CONF"] = str(self.conf)
        with open(self.stack.top / "second.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.stack.run_dir / "stage/cgi-bin/pool"),
                 str(self.socket), str(self.stack.worker_path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        self.complete()

    def workers(self):
        """As its own status shows them: it needs the second file."""
        return [w["pid"] for w in self.status()["workers"]]

    def status(self):
        return self.stack.ctl("status", environ={
            "CODECOURIER_CONF": str(self.conf)})

    def complete(self, without=(), seconds=15):
        end = time.monotonic() + seconds
        while True:
            if self.socket.exists():
                found = self.workers()
                if len(found) == 2 and not set(found) & set(without):
                    return found
            assert time.monotonic() < end, "the second pool is not complete"
            time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(15)


@pytest.fixture
def first(stack, home):
    """The stack's own pool, without the workers of the second one."""
    stack.socket = stack.conf["CODECOURIER_RUNTIME_DIR"] + "/api.sock"
    stack.watcher, = stack.pids("multiwatch")
    yield stack


@pytest.fixture
def second(first):
    made = Second(first)
    yield made
    made.stop()


def of_first(stack):
    return [w["pid"] for w in stack.status()["workers"]]


def both_serve(first, second, project):
    for path in first.socket, second.socket:
        assert ask(path, "GET", PROJECT, project.key).status == 200


def test_side_by_side(first, second, home):
    """Each has workers, statistics and verified keys of its own."""
    both_serve(first, second, home)
    assert len(of_first(first)) == 3 and len(second.workers()) == 2
    assert not set(of_first(first)) & set(second.workers())
    before = first.status()["requests"], second.status()["requests"]
    for _ in range(10):
        assert ask(second.socket, "GET", PROJECT, home.key).status == 200
    # counted before the answer is whole
    after = first.status()["requests"], second.status()["requests"]
    assert after == (before[0], before[1] + 10)


def test_a_revoked_key_fails_on_both(first, second):
    """Also where it was warm: the database decides."""
    fresh = make_project(first)
    both_serve(first, second, fresh)
    body = b'{"keyId": "%s"}' % fresh.key_id.encode()
    assert ask(first.socket, "POST", f"{PROJECT}/api-keys/revoke", fresh.key,
               body).status == 200
    for path in second.socket, first.socket:
        assert ask(path, "GET", PROJECT, fresh.key).status == 401


def test_one_is_reloaded(first, second, home):
    """USR2 to one of them, then to the other; nobody loses a request."""
    both_serve(first, second, home)     # the key is known to both
    with Load(first.socket, home) as one, Load(second.socket, home) as two:
        one.go_on(20)
        two.go_on(20)
        mine, others = of_first(first), second.workers()
        os.kill(second.process.pid, signal.SIGUSR2)
        others = second.complete(without=others)
        assert of_first(first) == mine
        os.kill(first.watcher, signal.SIGUSR2)
        end = time.monotonic() + 15
        while len(now := of_first(first)) < 3 or set(now) & set(mine):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert second.workers() == others
        one.go_on(20)
        two.go_on(20)
    assert one.bad == [] and two.bad == []


def test_one_is_stopped(first, second, home):
    """And started again; the other one goes on."""
    with Load(first.socket, home) as load:
        load.go_on(20)
        mine = of_first(first)
        assert second.stop() is not None
        load.go_on(40)
        assert of_first(first) == mine
        second.start()
        load.go_on(20)
    assert load.bad == []
    both_serve(first, second, home)


def test_never_two_on_one_socket(first, second, home):
    """A second pool with the first one's file does not start."""
    how = as_user(first)
    done = subprocess.run(
        [str(first.run_dir / "stage/cgi-bin/pool"), first.socket,
         str(first.worker_path)], capture_output=True, timeout=20,
        stdin=subprocess.DEVNULL, **how)
    assert done.returncode != 0
    both_serve(first, second, home)
    assert program(first.watcher) == "multiwatch"
