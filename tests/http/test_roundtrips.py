"""What goes over the PostgreSQL socket, counted by strace on the workers.

libpq alone uses sendto and recvfrom in a worker, so every one of them is a
half of a round trip (or a probe, which must not be one).
"""
import os
import re
import signal
import subprocess
import time
import uuid
from contextlib import contextmanager

import pytest

from client import Line
from contract import READS, make_key
from fixtures import make_project, running
from once import HEADER, name_of

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere


@pytest.fixture(scope="module")
def stack():
    """Its own: on the shared one workers write down, a minute later, what keys
    of other tests were refused."""
    yield from running(workers=8)


TRACED = "sendto", "recvfrom", "futex"


def traced(pids):
    def tracer(pid):
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"TracerPid:\s+(\d+)", file.read()).group(1))
    return all(tracer(p) for p in pids)


@contextmanager
def counting(stack, tmp_path):
    """Counts system calls of all workers; the counts are in the result."""
    pids, out = stack.workers(), tmp_path / "calls"
    assert len(pids) == 8
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-e", "trace=" + ",".join(TRACED), "-o", str(out),
         *(f"-p{p}" for p in pids)], stderr=subprocess.PIPE)
    counts = {}
    try:
        end = time.monotonic() + 10
        while not traced(pids):
            assert tracer.poll() is None, tracer.stderr.read()
            assert time.monotonic() < end, "strace did not attach"
            time.sleep(0.02)
        yield counts
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
    calls = re.findall(r"^\d+ +(\w+)\(", out.read_text(), re.M)
    counts.update({name: calls.count(name) for name in TRACED})
    # nobody waits for a mutex: one client asks after the other
    assert counts.pop("futex") == 0


def warmed(stack, limit="null"):
    """A key that every worker knows and whose lastUsedAt is not written: it
    lies ahead, as a run on a loaded machine may take longer than a minute."""
    project = make_project(stack)
    line = Line(stack.port, project.key)
    assert line.get("/project")[0] == 200
    stack.sql("update codecourier.api_key set last_used_at = now() + "
              f"interval '1 day', rate_limit = {limit} "
              f"where id = '{project.key_id}'")
    for path in READS * 20:
        assert line.get(path)[0] == 200
    project.line = line
    return project


@pytest.fixture(scope="module")
def warm(stack):
    return warmed(stack)


def count(stack, tmp_path, number, call):
    with counting(stack, tmp_path) as counts:
        got = [call(n)[0] for n in range(number)]
    assert got == [200] * number
    return counts


def test_the_counter_counts(warm, stack, tmp_path):
    """A cold key makes more than one: the trace is not blind."""
    cold = make_project(stack)
    line = Line(stack.port, cold.key)
    counts = count(stack, tmp_path, 1, lambda n: line.get("/project"))
    assert counts["sendto"] >= 2 and counts["recvfrom"] >= 2


def test_a_thousand_reads(warm, stack, tmp_path):
    assert count(stack, tmp_path, 1000,
                 lambda n: warm.line.get("/project")) == \
        {"sendto": 1000, "recvfrom": 1000}


def test_a_read_that_is_counted(stack, tmp_path):
    """By memory alone: a limit costs no call of the system."""
    line = warmed(stack, 1000000).line
    assert count(stack, tmp_path, 200, lambda n: line.get("/project")) == \
        {"sendto": 200, "recvfrom": 200}
    assert stack.status()["rateWindows"] > 0


@pytest.mark.parametrize("path", READS)
def test_one_round_trip_a_read(warm, stack, tmp_path, path):
    assert count(stack, tmp_path, 40, lambda n: warm.line.get(path)) == \
        {"sendto": 40, "recvfrom": 40}


@pytest.mark.parametrize("path, body", [
    ("/project/update", lambda n: {"name": f"Name {n}"}),
    ("/project/settings/update", lambda n: {"claudeMd": f"Text {n}"}),
    ("/project/members/invite", lambda n: {"email": f"m{n}@example.com",
                                           "role": "member"}),
    ("/project/settings/update", lambda n: {}),
    ("/project/update", lambda n: {})],
    ids=["update", "settings", "invite", "empty-settings", "empty-update"])
def test_one_round_trip_a_simple_write(warm, stack, tmp_path, path, body):
    assert count(stack, tmp_path, 20,
                 lambda n: warm.line.post(path, body(n))) == \
        {"sendto": 20, "recvfrom": 20}


@pytest.mark.parametrize("path, body", [
    ("/project/settings/update", lambda n: {"envVars": {"A": str(n)}}),
    ("/project/provider-keys/set", lambda n: {"provider": "e2b",
                                              "key": f"key-{n:08}"})],
    ids=["settings", "provider-key"])
def test_two_round_trips_a_sealed_write(warm, stack, tmp_path, path, body):
    """The data key is read first."""
    assert count(stack, tmp_path, 20,
                 lambda n: warm.line.post(path, body(n))) == \
        {"sendto": 40, "recvfrom": 40}


@pytest.mark.parametrize("trips, path, body", [
    (2, "/project/update", lambda n: {"name": f"Once {n}"}),
    (2, "/project/update", lambda n: {}),
    (3, "/project/settings/update", lambda n: {"envVars": {"B": str(n)}})],
    ids=["update", "empty-update", "sealed"])
def test_one_more_with_an_idempotency_key(warm, stack, tmp_path, trips, path,
                                          body):
    """And two for a retry, whatever it is (which is ended by an error, that
    the server sends apart). Once in eight times the worker tidies up behind
    its answer: not with these keys."""
    keys = [k for k in map(f"{uuid.uuid4().hex}{{}}".format, range(100))
            if name_of(warm.key, k)[0] % 8 != 0]
    head = warm.line.head

    def post(n, key):
        warm.line.head = {**head, HEADER: key}
        return warm.line.post(path, body(n))

    try:
        for again in trips, 2:
            counts = count(stack, tmp_path, 20, lambda n: post(n, keys[n]))
            assert counts["sendto"] == 20 * again
    finally:
        warm.line.head = head


def test_refusals_without_the_database(warm, stack, tmp_path):
    """A missing or malformed key costs no round trip at all."""
    line = Line(stack.port, "cc_live_nonsense")
    with counting(stack, tmp_path) as counts:
        got = [line.get("/project")[0] for _ in range(50)]
    assert got == [401] * 50
    assert counts == {"sendto": 0, "recvfrom": 0}


def test_one_round_trip_for_an_unknown_key(warm, stack, tmp_path):
    line = Line(stack.port, make_key())
    with counting(stack, tmp_path) as counts:
        got = [line.get("/project")[0] for _ in range(50)]
    assert got == [401] * 50
    assert counts == {"sendto": 50, "recvfrom": 50}


def test_strace_may_look(stack):
    """Says why the others fail where tracing is forbidden."""
    assert os.access("/usr/bin/strace", os.X_OK)
    done = stack.run(["strace", "-o", "/dev/null", "true"])
    assert done.returncode == 0, done.stderr
