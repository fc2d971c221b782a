"""Each trouble does something, and nothing is left of it: what hurts nobody
would show nothing, silently."""
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import Stack, started
from hosts import Arena
from session import until
from troubles import TROUBLES, Troubles

pytestmark = pytest.mark.plain     # nothing of the programs is asked

NOBODY = SimpleNamespace(id="00000000-0000-4000-8000-000000000000")


@pytest.fixture(scope="module")
def arena():
    stack = Stack(workers=1)
    stack.start()
    made = Arena(stack, workers=2)
    yield made
    made.close()
    assert stack.stop() == []
    stack.clean()


def born(pids):
    return {(p, started(p)) for p in pids}


def workers(arena, host):
    return born(host.workers())


def multiwatch(arena, host):
    return born(host.pids("multiwatch"))


def nginx(arena, host):
    return born([host.nginx_master()])


def nginx_workers(arena, host):
    return born(host.nginx.pids())


def backends(arena, host):
    return born(arena.database.backends())


def master(arena, host):
    return born([arena.database.master()])


def everybody(arena):
    return [p for h in arena.hosts for part in h.parts()
            for p in part.pids()] + arena.database.pids()


def is_stopped(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def stopped(arena, host):
    return {p for p in everybody(arena) if is_stopped(p)}


def ready(arena, host):
    return host.ready()


def sessions(arena, host):
    return arena.database.sql("select count(*) from pg_stat_activity where "
                              "query like 'select pg_sleep(%'")


# what is not as it was
CHANGES = {
    "worker killed": workers,
    "all workers killed": workers,
    "multiwatch killed": multiwatch,
    "nginx killed": nginx,
    "nginx's worker killed": nginx_workers,
    "backend killed": backends,
    "postmaster killed": master,
    "backends terminated": backends,
    "PostgreSQL restarted at once": master,
    "workers stopped": stopped,
    "multiwatch stopped": stopped,
    "nginx stopped": stopped,
    "backends stopped": stopped,
    "postmaster stopped": stopped,
    "host stopped": stopped,
    "way cut": ready,
    "answers lost": ready,
    "connections lost": backends,
    "rows locked": sessions,
    "long transaction": sessions,
    "pool reloaded": workers,
    "nginx reloaded": nginx_workers,
    "host vanished": ready,
}


@pytest.mark.parametrize("name", TROUBLES)
def test_it_hurts(arena, name):
    host, changes = arena.hosts[1], CHANGES[name]
    until(lambda: len(host.workers()) == 2 and arena.database.backends() and
          host.ready(), "not whole", 90)
    made = Troubles(arena, name, [NOBODY], 1)
    before = changes(arena, host)
    try:
        TROUBLES[name][0](made, host, 60)
        until(lambda: changes(arena, host) != before, "nothing happens", 90)
    finally:
        made.end()
        arena.go_on()
    arena.await_ready()
    until(lambda: not stopped(arena, host), "somebody sleeps on")
