"""What the journal is told of workers: which one died of what, and how much
each line matters."""
import os
import signal
import subprocess

import pytest

from session import as_user, until
from test_pool import complete, pool  # noqa: F401

DEADLY = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS,
          signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS,
          signal.SIGXCPU, signal.SIGVTALRM]


def deaths(pool):  # noqa: F811
    return [line.split(" ", 1)[1] for line in
            pool.log("pool.log").splitlines() if " died of " in line]


def died(pid, number):
    name = signal.Signals(number).name
    return (f'level=error msg="worker {pid} died of signal {number} '
            f'({name})"')


def told(pool, worker, sig):  # noqa: F811
    until(lambda: died(worker, sig) in deaths(pool), "nobody says so")


@pytest.mark.plain      # theirs end the process without a signal
def test_a_death_is_told(pool):  # noqa: F811
    """By the worker that comes in its place; once."""
    dead, sigs = [], list(DEADLY)
    while sigs:
        now = list(zip(complete(pool), sigs))
        del sigs[:len(now)]
        for worker, sig in now:
            os.kill(worker, sig)
        complete(pool, without=[worker for worker, _ in now])
        for worker, sig in now:
            told(pool, worker, sig)
        dead += now
    assert [sig for _, sig in dead] == DEADLY
    old = pool.workers()
    os.kill(pool.watcher, signal.SIGUSR2)
    complete(pool, without=old)
    for worker, sig in dead:
        assert deaths(pool).count(died(worker, sig)) == 1


@pytest.mark.plain
def test_a_signal_without_a_name(pool):  # noqa: F811
    worker, sig = complete(pool)[0], signal.SIGRTMIN + 5
    os.kill(worker, sig)
    complete(pool, without=[worker])
    line = f'level=error msg="worker {worker} died of signal {int(sig)}"'
    until(lambda: line in deaths(pool), "nobody says so")


def test_two_at_once_are_told(pool):  # noqa: F811
    two = complete(pool)[:2]
    for worker in two:
        os.kill(worker, signal.SIGKILL)
    complete(pool, without=two)
    for worker in two:
        told(pool, worker, signal.SIGKILL)


def test_an_end_is_no_death(pool):  # noqa: F811
    ended = []
    for sig in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
                signal.SIGHUP):
        ended.append(complete(pool, without=ended)[0])
        os.kill(ended[-1], sig)
    killed = complete(pool, without=ended)[0]
    os.kill(killed, signal.SIGKILL)
    complete(pool, without=[*ended, killed])
    told(pool, killed, signal.SIGKILL)
    for worker in ended:
        assert not [line for line in deaths(pool)
                    if f"worker {worker} " in line]


def said(stack, argv, stream, environ=None):
    """The lines of a program whose output is one pipe, and what it is told
    of the journal's stream."""
    reader, writer = os.pipe()
    who = as_user(stack)
    who["env"] = {**who["env"], "JOURNAL_STREAM": stream.format(
        os.fstat(writer)), **(environ or {})}
    subprocess.run([str(a) for a in argv], stderr=writer, stdout=writer,
                   timeout=60, check=False, **who)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        return file.read().splitlines()


STREAMS = [("{0.st_dev}:{0.st_ino}", True), ("{0.st_dev}:1", False),
           pytest.param("", False, marks=pytest.mark.plain),
           pytest.param("1:{0.st_ino}", False, marks=pytest.mark.plain),
           pytest.param("{0.st_dev}:{0.st_ino} ", False,
                        marks=pytest.mark.plain)]
NO_KEYRING = {"CODECOURIER_KEYRING": "/nonexistent/keyring"}


@pytest.mark.parametrize("stream, ours", STREAMS)
def test_a_worker_tells_priorities(stack, stream, ours):
    lines = said(stack, [stack.worker_path, "-t"], stream, NO_KEYRING)
    bad = [line for line in lines if "level=error" in line]
    fine = [line for line in lines if "level=info" in line]
    assert len(bad) == 1 and fine
    assert bad[0].startswith("<3>ts=20" if ours else "ts=20")
    for line in fine:
        assert line.startswith("<6>ts=20" if ours else "ts=20")


@pytest.mark.parametrize("stream, ours", STREAMS)
def test_the_command_tells_priorities(stack, stream, ours):
    assert said(stack, [stack.ctl_path, "project", "show", "x"], stream) == [
        ("<3>" if ours else "") + 'codecourierctl: no live project "x"']


@pytest.mark.parametrize("stream, ours", STREAMS[:2])
def test_doctor_tells_priorities(stack, stream, ours):
    lines = said(stack, [stack.ctl_path, "doctor"], stream, NO_KEYRING)
    assert [line for line in lines if line.startswith(
        ("<3>" if ours else "") + "error: keyring: ")]
    for line in lines:
        kind = line.partition(": ")[0]
        assert kind.removeprefix("<3>") != "error" or \
            kind.startswith("<3>") == ours
        assert kind.removeprefix("<4>") != "warning" or \
            kind.startswith("<4>") == ours
