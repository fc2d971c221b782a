"""The stack's own pool (spawn-fcgi, multiwatch, three workers), straight at
its socket: reloads and lost workers under load, and what multiwatch does."""
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness import parent, program, started
from test_broken import FATAL
from wire import Peer, params_of, request
from session import as_user, until
from workers import ask

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

CLIENTS = 4


class Load:
    """Clients that write and read without a pause; each wants its 200."""

    def __init__(self, path, project):
        self.path, self.project = path, project
        self.found, self.bad = 0, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,))
                        for n in range(CLIENTS)]

    def run(self, number):
        body = b'{"name": "Load %d"}' % number
        while not self.over.is_set():
            for method, target, body_ in (
                    ("GET", "/api/v1/project", b""),
                    ("POST", "/api/v1/project/update", body)):
                try:
                    answer = ask(self.path, method, target, self.project.key,
                                 body_)
                    if answer is None or answer.status != 200:
                        self.bad.append(answer)
                except (AssertionError, OSError) as error:
                    self.bad.append(error)
                self.found += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def go_on(self, count):
        """Waits for so many answers more."""
        goal, end = self.found + count, time.monotonic() + 15
        while self.found < goal:
            assert time.monotonic() < end, "nobody answers"
            time.sleep(0.01)


@pytest.fixture
def pool(stack, home):
    stack.socket = stack.conf["CODECOURIER_RUNTIME_DIR"] + "/api.sock"
    assert len(stack.workers()) == 3
    stack.watcher, = stack.pids("multiwatch")
    yield stack
    complete(stack)


def is_ready(worker):
    """It has its place and tells of its death: SIGVTALRM, the last signal
    with a name that nobody else handles, is caught."""
    try:
        with open(f"/proc/{worker}/status", encoding="utf-8") as file:
            caught = re.search(r"SigCgt:\s*(\w+)", file.read())[1]
    except OSError:
        return False
    return int(caught, 16) >> (signal.SIGVTALRM - 1) & 1


def complete(stack, without=(), seconds=30):
    """Waits until three workers are there, none of them of the old ones."""
    end = time.monotonic() + seconds
    while True:
        found = stack.workers()
        if len(found) == 3 and not set(found) & set(without) and \
                all(map(is_ready, found)):
            return found
        assert time.monotonic() < end, (found, without)
        time.sleep(0.02)


def test_reload_loses_nothing(pool, home):
    """USR2 to multiwatch: each worker finishes, and is started again."""
    with Load(pool.socket, home) as load:
        for _ in range(3):
            old = pool.workers()
            load.go_on(50)
            os.kill(pool.watcher, signal.SIGUSR2)
            complete(pool, without=old)
        load.go_on(50)
    assert load.bad == []
    assert pool.pids("multiwatch") == [pool.watcher]


def test_one_worker_ends(pool, home):
    """By each signal. It loses nothing, and there is a new one in its
    place."""
    with Load(pool.socket, home) as load:
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                    signal.SIGUSR1, signal.SIGUSR2):
            load.go_on(20)
            old = pool.workers()[1]
            os.kill(old, sig)
            complete(pool, without=[old])
        load.go_on(20)
    assert load.bad == []


def test_an_abort_costs_one_worker(pool, home):
    """Nobody but the peer that did it notices."""
    with Load(pool.socket, home) as load:
        for how, data in FATAL.items():
            load.go_on(20)
            before = set(complete(pool))
            peer = Peer(pool.socket).send(data)
            peer.sock.shutdown(1)
            while peer.receive():
                pass
            peer.close()
            load.go_on(60)
            after = set(complete(pool))
            assert len(before - after) <= 1, how
    assert load.bad == []


def test_worker_ends_with_its_parent(stack, home):
    """Killed -9, a parent tells nobody: the kernel does (PDEATHSIG)."""
    code = ("import os, socket, subprocess, sys, time\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "s.bind(sys.argv[1])\n"
            "s.listen()\n"
            "w = subprocess.Popen([sys.argv[2]], stdin=s)\n"
            "print(w.pid, flush=True)\n"
            "time.sleep(60)\n")
    path = stack.conf["CODECOURIER_RUNTIME_DIR"] + "/orphan.sock"
    with subprocess.Popen([sys.executable, "-c", code, path,
                           str(stack.worker_path)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True,
                          **as_user(stack)) as above:
        pid = int(above.stdout.readline())
        end = time.monotonic() + 10
        while not Path(path).exists():
            assert time.monotonic() < end
        assert ask(path, "GET", "/healthz").status == 200
        start = started(pid)
        assert parent(pid) == above.pid and program(pid)
        peer = Peer(path).send(request(params_of(
            "GET", "/api/v1/project", home.key))[:60]).taken()
        above.kill()
    until(lambda: parent(pid) != above.pid, "its parent is still there")
    assert started(pid) == start, "it did not finish its request"
    peer.send(request(params_of("GET", "/api/v1/project", home.key))[60:])
    assert peer.answer().status == 200
    peer.close()
    end = time.monotonic() + 3
    while started(pid) == start:
        assert time.monotonic() < end, "it has outlived its parent"
        time.sleep(0.01)
    os.unlink(path)
