"""Peers that say nothing, or do not listen: each holds one worker until
WIRE_LIMIT (wire.h), then the worker is somebody else's.

The limit cannot be made shorter: so all cases run at the same time, each on
a worker of its own, and then the tests look at what came of each.
"""
import re
import signal
import threading
import time

import pytest

from harness import ROOT
from session import until
from wire import PARAMS, begin, params_of, record, request
from workers import Site

LIMIT = int(re.search(r"define WIRE_LIMIT (\d+)", (
    ROOT / "src/http/wire.h").read_text()).group(1))
SLACK = 8       # of a loaded machine; with it less than two limits
UPDATE = "/api/v1/project/update"
BODY = b'{"name": "Never Written"}' + b" " * 50000
FINE = params_of("GET", "/healthz")


def write(home):
    return request(params_of("POST", UPDATE, home.key, BODY), BODY)


def part(cut):
    """Sends the first bytes of a write, and no more."""
    def act(peer, home, large, over):
        peer.send(write(home)[:cut] if cut else b"")
        over.wait()
    return act


def never_reads(peer, home, large, over):
    peer.send(request(params_of("GET", "/api/v1/project/settings",
                                large.key)))
    over.wait()


def trickles(data, pause):
    """Always one byte more, each well before any limit of its own."""
    def act(peer, home, large, over):
        for at in range(len(data(home))):
            peer.send(data(home)[at:at + 1])
            if over.wait(pause):
                break
    return act


def reads_slowly(peer, home, large, over):
    peer.send(request(params_of("GET", "/api/v1/project/settings",
                                large.key)))
    while not over.wait(0.2) and peer.receive(4096):
        pass


def does_not_close(peer, home, large, over):
    peer.send(request(FINE))
    assert peer.answer().status == 200
    over.wait()


def goes_on_talking(peer, home, large, over):
    peer.send(request(FINE))
    assert peer.answer().status == 200
    while not over.wait(0.2):
        peer.send(b"and another thing")


def goes_on_after_garbage(peer, home, large, over):
    while not over.wait(0.2):
        peer.send(b"\0" * 64)


def sends_for_ever(peer, home, large, over):
    """Parameters without an end; there is always something to read."""
    peer.send(begin())
    while not over.is_set():
        try:
            peer.sock.sendall(record(PARAMS, b"\1\1ab" * 100) * 10)
        except OSError:
            break
        over.wait(0.05)


CASES = {
    "says nothing": part(0),
    "a part of a header": part(5),
    "no parameters": part(16),
    "a part of the parameters": part(60),
    "a part of the body": part(1000),
    "all but the last byte of the body": part(-9),
    "trickles": trickles(write, 0.3),
    "trickles the body": lambda peer, *more: (
        peer.send(write(more[0])[:1000]),
        trickles(lambda home: write(home)[1000:], 0.3)(peer, *more)),
    "never reads": never_reads,
    "reads slowly": reads_slowly,
    "does not close": does_not_close,
    "goes on talking": goes_on_talking,
    "goes on after garbage": goes_on_after_garbage,
    "sends for ever": sends_for_ever,
}
# Held by the first of these, each gets a signal: it ends when it is free.
SIGNALLED = ["a part of a header", "a part of the parameters",
             "a part of the body", "never reads", "trickles"]


class Case:
    """One worker, its bad peer, and a good one that stands behind it."""

    def __init__(self, stack, name, sig=None):
        self.site = Site(stack)
        self.name, self.sig = name, sig
        self.worker = self.site.ready()
        self.over = threading.Event()
        self.waited = self.answer = self.status = None
        self.cut = False

    def run(self, home, large):
        bad = self.site.peer()
        self.began = time.monotonic()
        acting = threading.Thread(target=CASES[self.name], args=(
            bad, home, large, self.over))
        acting.start()
        self.site.all_accepted()        # the bad one is the first
        if self.sig:
            until(lambda: bad.sent, "it says nothing")
            bad.taken()
            self.worker.signal(self.sig)
            self.status = self.worker.ended(LIMIT + SLACK)
        else:
            good = self.site.peer(request(FINE))
            good.sock.settimeout(LIMIT + SLACK + 3)
            try:
                self.answer = good.answer()
            except TimeoutError:
                pass
            good.close()
        self.waited = time.monotonic() - self.began
        self.over.set()
        acting.join()
        bad.sock.settimeout(30)
        while bad.receive():    # a TimeoutError here fails the thread
            pass
        self.cut = True
        bad.close()


class Late:
    """A request that begins within the time of the one before it, and ends
    when that is over: the time itself is the state that is waited for, and
    half a limit is left of its own."""

    def __init__(self, stack, home):
        self.site = Site(stack)
        self.worker = self.site.ready()
        self.answer = None

    def run(self, home, large):
        assert self.site.ask("GET", "/healthz").status == 200
        first = time.monotonic()        # its time has begun before
        until(lambda: time.monotonic() > first + LIMIT / 2, "no time passes")
        data = request(params_of("GET", "/api/v1/project", home.key))
        peer = self.site.peer(data[:50]).taken()
        until(lambda: time.monotonic() > first + LIMIT, "no time passes")
        peer.send(data[50:])
        self.answer = peer.answer()
        peer.close()


@pytest.fixture(scope="module")
def cases(stack, home, large):
    """All of them, done."""
    made = [Case(stack, name) for name in CASES]
    made += [Case(stack, name, signal.SIGTERM) for name in SIGNALLED]
    late = Late(stack, home)
    threads = [threading.Thread(target=case.run, args=(home, large))
               for case in [*made, late]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield {**{(c.name, c.sig): c for c in made}, "late": late}
    for case in [*made, late]:
        case.site.close()


@pytest.mark.parametrize("name", CASES)
def test_the_next_one_is_served(cases, home, name):
    case = cases[name, None]
    assert case.worker.alive(), case.worker.said()
    assert case.answer and case.answer.status == 200
    assert case.waited < LIMIT + SLACK, "the worker was held for too long"
    assert case.cut, "the connection of the bad peer is still open"


@pytest.mark.parametrize("name", SIGNALLED)
def test_a_signal_is_obeyed(cases, name):
    case = cases[name, signal.SIGTERM]
    assert case.status == 0
    assert case.cut


ANSWERED = ["does not close", "goes on talking"]


def test_it_was_the_limit_that_freed_them(cases):
    """Or the cases above show nothing: these had no other end."""
    for name in CASES:
        if name not in (*ANSWERED, "goes on after garbage"):
            assert cases[name, None].waited > LIMIT - 1, name


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answered_peer_holds_nobody(cases, name):
    assert cases[name, None].waited < SLACK


def test_nothing_was_written(cases, home):
    assert home.api.get("/project")["name"] != "Never Written"


def test_the_limit_is_each_request_s_own(cases):
    assert cases["late"].answer.status == 200


@pytest.mark.plain
def test_an_alarm_that_comes_late(site, home):
    """That of the request before, in the moment in which the next one's is
    set (late.c): it cuts nobody."""
    worker = site.late()
    for _ in range(3):
        for answer in (site.ask("GET", "/healthz"),
                       site.ask("POST", UPDATE, home.key, b"{}")):
            assert answer and answer.status == 200
    assert "cannot be preloaded" not in worker.said()
