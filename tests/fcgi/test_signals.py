"""A signal to one worker, wherever it finds it: the request in hand is
answered whole, then the process ends with 0, and nobody else's is lost."""
import fcntl
import json
import re
import select
import signal
import threading
import time
from pathlib import Path

import pytest

from session import until
from wire import PARAMS, params_of, record, request

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
           signal.SIGUSR2]
# what the worker does is the same for each: one is enough for the sanitizers
each_signal = pytest.mark.parametrize("sig", [
    pytest.param(s, id=s.name,
                 marks=[] if s == signal.SIGTERM else pytest.mark.plain)
    for s in SIGNALS])

# For a peer that is served and has closed; the machine may be busy.
SOON = 8            # less than WIRE_LIMIT


def update(home, name):
    """A write as its parameters and body: several records' worth."""
    body = json.dumps({"name": name}).encode() + b" " * 100000
    return params_of("POST", "/api/v1/project/update", home.key, body), body


def is_update(answer, name):
    return answer.status == 200 and answer.json["data"]["name"] == name


def stays(worker, *signals):
    """The signals have arrived, and the worker is still at work."""
    for sig in signals:
        until(lambda: bit(worker, "ShdPnd", sig), f"{sig} does not arrive")
    assert worker.alive(), worker.said()


@each_signal
def test_idle(site, home, sig):
    worker = site.ready()
    assert site.ask("GET", "/api/v1/project", home.key).status == 200
    worker.signal(sig)
    assert worker.ends(SOON) == 0


def bit(worker, name, sig):
    """Whether a signal is in a mask of the worker's."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    mask = int(re.search(rf"{name}:\s*([0-9a-f]+)", status).group(1), 16)
    return mask >> (sig - 1) & 1 == 1


def holds_back(worker):
    """Whether the signals wait until it looks for them."""
    return all(bit(worker, "SigBlk", sig) for sig in SIGNALS)


@each_signal
def test_while_it_starts(site, home, sig):
    """It reads the keyring, connects, prepares: then it ends, and has taken
    nothing from the queue. A lock on the host's file keeps it starting."""
    peer = site.peer(request(*update(home, f"early {sig.name}")))
    folder = Path(site.stack.conf["CODECOURIER_RUNTIME_DIR"])
    (path,) = folder.glob("host.v*")
    with open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 1)
        worker = site.start()
        end = time.monotonic() + SOON
        while not holds_back(worker):
            assert worker.alive() and time.monotonic() < end, worker.said()
        worker.signal(sig)
    assert worker.ends(SOON) == 0
    assert "method=" not in worker.said()
    site.start()
    assert is_update(peer.answer("POST"), f"early {sig.name}")
    peer.close()


CUTS = {
    "header": lambda data: 3,
    "begin": lambda data: 12,
    "params": lambda data: data.index(b"REQUEST_URI") + 4,
    "between-params-and-body": lambda data: data.index(
        record(PARAMS)) + len(record(PARAMS)),
    "body": lambda data: data.index(b'{"name"') + 50000,
    "end-of-body": lambda data: len(data) - 9,
}


@each_signal
@pytest.mark.parametrize("where", CUTS)
def test_while_the_request_comes_in(site, home, sig, where):
    """The peer sends a part, the worker has read it and waits for more."""
    name = f"{where} {sig.name}"
    data = request(*update(home, name))
    cut = CUTS[where](data)
    worker = site.start()
    peer = site.peer(data[:cut]).taken()
    worker.signal(sig)
    stays(worker, sig)
    peer.send(data[cut:])
    assert is_update(peer.answer("POST"), name)
    peer.close()
    assert worker.ends(SOON) == 0
    assert home.api.get("/project")["name"] == name


@each_signal
def test_while_it_works(site, home, session, sig):
    """The database keeps it waiting."""
    worker = site.ready()
    session.hold(home)
    peer = site.peer(request(*update(home, sig.name)))
    session.await_waiting()
    worker.signal(sig)
    stays(worker, sig)
    session.release()
    assert is_update(peer.answer("POST"), sig.name)
    peer.close()
    assert worker.ends(SOON) == 0


@each_signal
def test_while_it_answers(site, large, sig):
    """The peer reads slowly; an answer cut short would look whole to nginx
    but for its Content-Length."""
    worker = site.start()
    peer = site.peer(request(params_of(
        "GET", "/api/v1/project/settings", large.key)))
    peer.receive(1)             # it has begun, and cannot have ended
    worker.signal(sig)
    for _ in range(3):
        stays(worker, sig)
        peer.receive(100000)
    answer = peer.answer()
    assert answer.status == 200 and len(answer.body) > 1500000
    peer.close()
    assert worker.ends(SOON) == 0


@each_signal
def test_between_two_requests(site, home, sig):
    """It has answered; that the peer keeps the connection holds nobody."""
    worker = site.ready()
    peer = site.peer(request(params_of("GET", "/api/v1/project", home.key)))
    assert peer.answer().status == 200
    worker.signal(sig)
    assert worker.ends(SOON) == 0
    peer.close()


@each_signal
def test_next_in_the_queue(site, home, session, sig):
    """The signalled worker does not take another request, and the one that
    was waiting for it goes to its successor."""
    old = site.ready()
    session.hold(home)
    first = site.peer(request(*update(home, "first")))
    session.await_waiting()
    old.signal(sig)
    second = site.peer(request(params_of("GET", "/api/v1/project", home.key,
                                         REQUEST_ID=home.id)))
    session.release()
    assert is_update(first.answer("POST"), "first")
    first.close()
    assert old.ends(SOON) == 0
    new = site.start()
    assert second.answer().json["data"]["name"] == "first"
    second.close()
    assert f"rid={home.id}" not in old.said()
    new.says(f"rid={home.id}")


def test_all_signals_at_once(site, home):
    """And some of them twice: still one request, one answer, one end."""
    worker = site.start()
    data = request(*update(home, "all of them"))
    peer = site.peer(data[:1000]).taken()
    for sig in SIGNALS + SIGNALS:
        worker.signal(sig)
    stays(worker, *SIGNALS)
    peer.send(data[1000:])
    assert is_update(peer.answer("POST"), "all of them")
    peer.close()
    assert worker.ends(SOON) == 0


@each_signal
def test_under_load(site, home, sig):
    """There is always a next request in the queue: the signal is obeyed all
    the same, and the other worker serves on."""
    site.ready()
    found, over = [], threading.Event()

    def load():
        while not over.is_set():
            found.append(site.ask("GET", "/api/v1/project", home.key).status)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        worker = site.start()
        worker.says("method=GET")
        worker.signal(sig)
        assert worker.ends(SOON) == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(found) == {200}


@pytest.mark.plain      # nothing is preloaded before the sanitizers
def test_no_wake_up_is_lost(site):
    """A worker that ends at the moment when a connection comes must not keep
    the news of it to itself (EPOLLEXCLUSIVE wakes one worker only): it is
    signalled when it has been told and nobody else (late.c)."""
    worker = site.late(LATE_STOP="1")
    worker.says("database connected", 20)
    other = site.start()
    other.says("database connected", 20)
    end = time.monotonic() + 60
    while worker.alive():       # the kernel may wake the other one
        peer = site.peer(request(params_of("GET", "/healthz")))
        assert select.select([peer.sock], [], [], SOON)[0], "it is forgotten"
        assert peer.answer().status == 200
        peer.close()
        assert time.monotonic() < end, "it is told of none"
    assert worker.ends(SOON) == 0
    worker.says("method=GET")
    assert other.alive()
