"""Keys that no worker has verified yet: what they may cost, and cause."""
import fcntl
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from client import Api, Line, at_once
from contract import make_key
from few import few
from fixtures import make_project, written
from harness import ROOT, started
from metrics import total
from session import until
from test_auth_row import change, cold_keys, scrypt

UPDATE = "/project/update"


def settle(project):
    """Waits until the key's own first use is written down."""
    project.api.get("/project")
    end = time.monotonic() + 5
    while last_used(project) is None:
        assert time.monotonic() < end, "lastUsedAt was never written"
        time.sleep(0.05)


def last_used(project):
    (key,) = project.api.get("/project/api-keys")
    return key["lastUsedAt"]


def runs(stack):
    return total(stack, "scrypt_runs_total")


def lock_bytes():
    """The bytes of the shared file that stand for something: see there."""
    found = re.findall(
        r"^#define (\w*LOCK\w*) +\(?(\d+)[LU]?(?: << (\d+)\))?$",
        (ROOT / "src/shm/layout.h").read_text(), re.M)
    return {name: int(n) << int(left or 0) for name, n, left in found}


@contextmanager
def locked(stack, *parts):
    """Holds what workers lock: (first byte, how many)."""
    table = stack.conf["CODECOURIER_RUNTIME_DIR"] + "/host.v4"
    with open(table, "r+b") as file:
        for first, count in parts:
            fcntl.lockf(file, fcntl.LOCK_EX, count, first)
        yield


def places_taken(stack, *places):
    """Holds places for keys that no worker knows."""
    first = lock_bytes()["LOCK_COLD"]
    return locked(stack, *((first + place, 1) for place in places))


def all_keys_held(stack):
    """Who has a place waits there, as if others verified the same key."""
    found = lock_bytes()
    return locked(stack, (found["LOCK_KEY"], found["KEY_LOCKS"]))


def test_status_names(stack):
    status = stack.status()
    assert {"scryptRuns", "verifiedHits", "checkRefusals", "workers",
            "schemaVersion", "keyringFingerprint"} <= set(status)
    assert len(status["workers"]) == 8


SECRETS = ["0" * 32, "z" * 32, "aZ9" * 10 + "aZ"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wrong_secret_runs_no_scrypt(project, method):
    """A known prefix, anybody's secret: refused by its check value."""
    settle(project)
    stack = project.stack
    before, used, status = (written(project), last_used(project),
                            stack.status())
    body = {"body": {"name": "No"}} if method == "POST" else {}
    path = UPDATE if method == "POST" else "/project"
    for secret in SECRETS:
        wrong = Api(stack.base, make_key(project.key[8:16], secret))
        for _ in range(20):
            wrong.refused("AUTH_INVALID", method, path, **body)
    after = stack.status()
    assert after["scryptRuns"] == status["scryptRuns"]
    assert after["checkRefusals"] == \
        status["checkRefusals"] + 20 * len(SECRETS)
    assert written(project) == before
    assert last_used(project) == used
    assert project.api.get("/project")["name"] == "Test"


def test_unknown_prefix_runs_no_scrypt(stack):
    before = runs(stack)
    for public in "AAAAAAAA", "00000000", "zzzzzzzz":
        Api(stack.base, make_key(public)).refused("AUTH_INVALID", "GET",
                                                  "/project")
    assert runs(stack) == before


def test_revoked_key_runs_no_scrypt(project):
    settle(project)
    project.stack.ctl("key", "revoke", project.key_id)
    before = runs(project.stack)
    for _ in range(20):
        project.api.refused("AUTH_INVALID", "GET", "/project")
    assert runs(project.stack) == before


@pytest.mark.parametrize("method", few(["GET", "POST"]))
def test_first_requests_are_one_scrypt(project, method):
    """Twenty at once: two have a place, and wait for each other; all others
    are told to come again."""
    stack = project.stack
    before = stack.status()

    def first(number):
        line = Api(stack.base, project.key)
        if method == "GET":
            return line.send("GET", "/project")
        return line.send("POST", UPDATE, {"name": f"Name {number}"})

    with ThreadPoolExecutor(20) as pool:
        with all_keys_held(stack):
            asked = [pool.submit(first, n) for n in range(20)]
            until(lambda: sum(a.done() for a in asked) == 18,
                  "places for less or more than two")
        answers = [a.result() for a in asked]
    after = stack.status()
    assert after["scryptRuns"] == before["scryptRuns"] + 1
    assert after["coldRefusals"] == before["coldRefusals"] + 18
    assert sorted(a.status for a in answers) == [200] * 2 + [503] * 18
    for answer in answers:
        if answer.status == 503:
            assert answer.header("Retry-After") in ("1", "2", "3")
            assert answer.json["error"]["retryable"] is True
    if method == "POST":
        assert written(project) == 2


def test_warm_keys_are_served_beside_cold_ones(project):
    """Two places for eight workers, both taken: more cold keys than workers
    are told to come again, and no warm request is."""
    stack = project.stack
    keys = cold_keys(make_project(stack), 12)
    settle(project)
    warm = Line(stack.port, project.key)

    def ask(key):
        return Line(stack.port, key).get("/project")[0]

    def steady():
        return [warm.get("/project")[0] for _ in range(100)]

    before = stack.status()
    with places_taken(stack, 0, 1):
        got = at_once([steady] + [lambda k=key: ask(k) for key in keys])
    after = stack.status()
    assert got == [[200] * 100] + [503] * 12
    assert after["coldRefusals"] == before["coldRefusals"] + 12
    assert after["scryptRuns"] == before["scryptRuns"]
    for place in 0, 1:      # the other one is free
        with places_taken(stack, place):
            assert ask(keys[place]) == 200
    assert [ask(key) for key in keys] == [200] * 12
    assert runs(stack) == before["scryptRuns"] + 12


def test_a_row_that_changes_while_it_is_asked(project, session):
    """The hash of the same key, and once more when the row has been asked for
    it: that is no 401."""
    settle(project)
    line = Line(project.stack.port, project.key)
    hashes = [scrypt(project.key) for _ in range(2)]
    change(project, f"hash = '{hashes[0]}'")
    (since,) = session.run("select clock_timestamp()")
    asked = ("select count(*) from pg_stat_activity where usename = "
             "'codecourier' and state = 'idle' and query like "
             f"'%key_row%' and state_change > '{since}'")
    with ThreadPoolExecutor(1) as pool:
        with all_keys_held(project.stack):
            answer = pool.submit(line.get, "/project")
            until(lambda: session.run(asked) == ["1"], "nobody asks the row")
            change(project, f"hash = '{hashes[1]}'")
        assert answer.result()[0] == 200


def test_a_generated_key_is_known_at_once(project):
    settle(project)
    made = [project.api.post("/project/api-keys/generate",
                             {"name": f"k{n}"})["key"] for n in range(3)]
    before = runs(project.stack)
    for key in made:
        Api(project.stack.base, key).get("/project")
    assert runs(project.stack) == before


@pytest.mark.ends_workers
def test_no_scrypt_after_a_reload(project):
    """USR2 to the pool: other workers, the same verified keys."""
    settle(project)
    stack = project.stack
    before, old = runs(stack), set(stack.workers())
    (pool,) = stack.pids("multiwatch")
    start = {p: started(p) for p in old}
    os.kill(pool, signal.SIGUSR2)
    end = time.monotonic() + 10
    while True:
        new = stack.workers()
        fresh = [p for p in new if started(p) not in (None, start.get(p))]
        if len(fresh) == len(new) == 8:
            break
        assert time.monotonic() < end, (old, new)
        time.sleep(0.05)
    for answer in at_once([lambda: Api(stack.base, project.key).send(
            "GET", "/project")] * 24):
        assert answer.status == 200, answer
    assert runs(stack) == before


@pytest.mark.plain     # a load
@pytest.mark.ends_workers
def test_no_request_is_lost_in_a_reload(project):
    settle(project)
    stack = project.stack
    (pool,) = stack.pids("multiwatch")
    seen = []

    def ask():
        line = Line(stack.port, project.key)
        got = [seen.append(line.get("/project")[0]) or seen[-1]
               for _ in range(200)]
        return got

    def reload():
        for count in 200, 600, 1000:    # of 1600
            until(lambda: len(seen) > count, "nobody answers")
            os.kill(pool, signal.SIGUSR2)
        return [200]

    for got in at_once([ask] * 8 + [reload]):
        assert set(got) == {200}
