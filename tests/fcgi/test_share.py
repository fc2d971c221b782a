"""What one project, or keys not yet verified, may have of the workers.

Each test has two workers of its own in a runtime directory of its own, so that
it knows who is served by whom: one of them is stopped in the middle of a
request, the other one is stopped until the queue is as the test wants it.
"""
import fcntl
import os
import signal

import pytest

from fixtures import make_project
from wire import params_of, request
from workers import Site

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PROJECT = "/api/v1/project"
GENERATE = PROJECT + "/api-keys/generate"
COLD = 2000             # the byte of the first cold place: layout.h
WAITS = {"1", "2", "3"}


def get(key):
    return request(params_of("GET", PROJECT, key))


class Pair:
    """Two workers, all of the pool, and their shared file."""

    def __init__(self, stack):
        self.site = Site(stack)
        self.folder = stack.top / f"run-{self.site.path.stem}"
        self.folder.mkdir()
        if os.geteuid() == 0:
            os.chown(self.folder, stack.uid, stack.gid)
        self.environ = {"CODECOURIER_RUNTIME_DIR": str(self.folder),
                        "CODECOURIER_WORKERS": "2",
                        "CODECOURIER_PROJECT_SHARE": "50"}
        self.first, self.second = (self.site.start(self.environ)
                                   for _ in range(2))
        for worker in self.first, self.second:
            worker.says("database connected", 20)

    def ask(self, key, method="GET", path=PROJECT, body=b""):
        return self.site.ask(method, path, key, body)

    def in_turn(self, *keys):
        """Requests that wait in this order when the second worker wakes up;
        their answers."""
        self.second.signal(signal.SIGSTOP)
        peers = [self.site.peer(get(key)) for key in keys]
        self.second.signal(signal.SIGCONT)
        found = [peer.answer() for peer in peers]
        for peer in peers:
            peer.close()
        return found

    def total(self, name):
        return self.site.stack.ctl("status", environ=self.environ)[name]

    def cold_place(self):
        """Takes the only place for keys that are not verified yet."""
        (path,) = self.folder.glob("host.v*")
        file = open(path, "r+b")
        fcntl.lockf(file, fcntl.LOCK_EX, 1, COLD)
        return file


@pytest.fixture
def pair(stack):
    made = Pair(stack)
    yield made
    for worker in made.site.workers:
        if worker.alive():
            worker.signal(signal.SIGCONT)
    made.site.close()


@pytest.fixture(scope="module")
def other(stack):
    return make_project(stack)


@pytest.fixture
def busy(pair, home, other, session):
    """The first worker is stopped while it serves `home`; the second one has
    served somebody else."""
    assert pair.ask(home.key).status == 200
    pair.second.signal(signal.SIGSTOP)
    session.hold(home)
    body = b'{"name": "Busy"}'
    peer = pair.site.peer(request(params_of(
        "POST", PROJECT + "/update", home.key, body), body))
    session.await_waiting()
    pair.first.signal(signal.SIGSTOP)
    session.release()
    pair.second.signal(signal.SIGCONT)
    assert pair.ask(other.key).status == 200
    yield pair
    peer.close()


def test_more_than_its_share_while_others_wait(busy, home, other):
    refused, served = busy.in_turn(home.key, other.key)
    assert refused.status == 503
    error = refused.json["error"]
    assert error["code"] == "UNAVAILABLE" and error["retryable"] is True
    assert error["message"].startswith("This project has its share of")
    assert refused.header("Retry-After") in WAITS
    assert served.status == 200
    assert busy.total("shareRefusals") == 1
    assert busy.total("coldRefusals") == 0


def test_the_other_project_is_not_refused(busy, home, other):
    """It waits behind one that is, and has somebody behind itself."""
    found = busy.in_turn(home.key, other.key, other.key, home.key)
    assert [a.status for a in found] == [503, 200, 200, 200]


def test_nobody_waits(busy, home, other):
    assert [a.status for a in busy.in_turn(home.key)] == [200]
    assert [a.status for a in busy.in_turn(other.key, home.key)] == [200, 200]
    assert busy.total("shareRefusals") == 0


def test_a_dead_worker_s_place_counts_for_nothing(busy, home, other):
    busy.first.process.kill()
    busy.first.expected = -signal.SIGKILL
    busy.first.ends(10)
    found = busy.in_turn(home.key, other.key)
    assert [a.status for a in found] == [200, 200]


def test_one_project_alone(pair, home, session):
    """It may have all, however many wait."""
    assert pair.ask(home.key).status == 200
    pair.second.signal(signal.SIGSTOP)
    session.hold(home)
    body = b'{"name": "Busy"}'
    peer = pair.site.peer(request(params_of(
        "POST", PROJECT + "/update", home.key, body), body))
    session.await_waiting()
    pair.first.signal(signal.SIGSTOP)
    session.release()
    found = pair.in_turn(*[home.key] * 5)
    assert [a.status for a in found] == [200] * 5
    assert pair.total("shareRefusals") == 0
    peer.close()


# ---- cold keys ----

def test_a_place_is_waited_for(pair, home):
    """While nobody else waits: it is free before the worker looks again."""
    pair.first.signal(signal.SIGSTOP)
    place = pair.cold_place()
    peer = pair.site.peer(get(home.key)).taken()
    pair.second.signal(signal.SIGSTOP)
    place.close()
    pair.second.signal(signal.SIGCONT)
    assert peer.answer().status == 200
    peer.close()
    assert pair.total("coldRefusals") == 0


def test_refused_ones_do_not_come_in_step(pair, home):
    """Who waits behind them, with no worker free, makes the refusals come at
    once."""
    pair.second.signal(signal.SIGSTOP)
    post = request(params_of("POST", GENERATE, home.key, b"{}"), b"{}")
    held = pair.site.peer(post[:-10]).taken()   # the first waits for the rest
    with pair.cold_place():
        found = pair.in_turn(*[home.key] * 60)
    held.close()
    for answer in found:
        assert answer.status == 503
        assert answer.json["error"]["retryable"] is True
    assert {a.header("Retry-After") for a in found} == WAITS
    assert pair.total("coldRefusals") == 60
    assert pair.total("scryptRuns") == 0


def test_a_new_key_takes_a_place(pair, home):
    """Making its hash is the same work as verifying one."""
    assert pair.ask(home.key).status == 200
    keys = len(home.api.get("/project/api-keys"))
    ask = (home.key, "POST", GENERATE, b'{"name": "x"}')
    with pair.cold_place():
        answer = pair.ask(*ask)
        assert answer.status == 503
        assert answer.header("Retry-After") in WAITS
        assert pair.total("coldRefusals") == 1
        assert pair.ask(home.key).status == 200     # a warm key needs none
    assert len(home.api.get("/project/api-keys")) == keys
    for _ in range(3):      # the place is given back each time
        assert pair.ask(*ask).status == 200
    assert len(home.api.get("/project/api-keys")) == keys + 3
