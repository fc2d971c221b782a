"""A revocation under load: nothing that begins after its answer succeeds.

ROUNDS says how often (default 10; the acceptance asks for 1000).
"""
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Line
from fixtures import make_project, rounds
from session import gate, until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

READERS = ["/project", "/project/settings", "/project/members",
           "/project/counters"] * 2
WRITERS = 8
BEFORE = 200        # successes that must be seen before the revocation
AFTER = 5           # requests of each client that begin after its answer


class Client(threading.Thread):
    """Asks until it is told to stop; keeps when each request began."""

    def __init__(self, port, key, number, path=None):
        super().__init__(daemon=True)
        self.line = Line(port, key)
        self.number, self.path = number, path
        self.seen = []          # (began, status)
        self.stop = False

    def one(self, count):
        if self.path:
            return self.line.get(self.path)[0]
        value = f"client {self.number} write {count}"
        return self.line.post("/project/settings/update",
                              {"gitCommitName": value})[0]

    def run(self):
        while not self.stop:
            began = time.monotonic()
            self.seen.append((began, self.one(len(self.seen))))
        self.line.close()

    def successes(self):
        return sum(status == 200 for _, status in self.seen)

    def judge(self, answered):
        """Its requests come one after the other: good until the first that
        is refused, and never again. Where that is among those that began
        before the answer nobody can say, the revocation is under way."""
        statuses = [status for _, status in self.seen]
        good = self.successes()
        assert statuses == [200] * good + [401] * (len(statuses) - good)
        assert all(began <= answered for began, _ in self.seen[:good])


def wait_until(clients, ready):
    def there():
        assert all(c.is_alive() for c in clients), "a client broke off"
        return ready()

    until(there, "too few requests", 60)


def rows_of(stack, key_id):
    return int(stack.sql("select count(*) from codecourier.audit "
                         f"where actor_key = '{key_id}'"))


def race(project, stop_key):
    """One round: load with a new key, end it, look what came through."""
    stack = project.stack
    made = project.api.post("/project/api-keys/generate", {"name": "load"})
    clients = [Client(stack.port, made["key"], n, path)
               for n, path in enumerate(READERS + [None] * WRITERS)]
    for client in clients:
        client.start()
    try:
        wait_until(clients, lambda: sum(c.successes() for c in clients)
                   >= BEFORE and all(c.successes() for c in clients))
        stop_key(made["id"])
        answered = time.monotonic()
        rows = rows_of(stack, made["id"])
        wait_until(clients, lambda: all(
            len(c.seen) > AFTER and c.seen[-AFTER][0] > answered
            for c in clients))
    finally:
        for client in clients:
            client.stop = True
        for client in clients:
            client.join(20)
    for client in clients:
        client.judge(answered)
    assert rows_of(stack, made["id"]) == rows, "written after the answer"
    assert rows == sum(c.successes() for c in clients if not c.path)


@pytest.mark.parametrize("number", range(rounds(10)))
def test_revoke_under_load(loaded, number):
    race(loaded, lambda key_id: loaded.api.post(
        "/project/api-keys/revoke", {"keyId": key_id}))


@pytest.fixture(scope="module")
def loaded(stack):
    return make_project(stack)


@pytest.mark.parametrize("number", range(2))
def test_operators_revocation_under_load(loaded, number):
    race(loaded, lambda key_id: loaded.stack.ctl("key", "revoke", key_id))


@pytest.mark.parametrize("number", range(2))
def test_delete_under_load(project, number):
    race(project, lambda key_id: project.api.post("/project/delete"))


def end_by(project, how, key_id):
    if how == "operator":
        return project.stack.ctl("key", "revoke", key_id)
    if how == "delete":
        return project.api.post("/project/delete")
    return project.api.post("/project/api-keys/revoke", {"keyId": key_id})


@pytest.mark.parametrize("how", ["revoke", "operator", "delete"])
def test_a_write_that_is_open_is_waited_for(project, session, how):
    """The key's own write has not come to its end: no answer before it, also
    when one wait for its lock was in vain."""
    stack = project.stack
    made = project.api.post("/project/api-keys/generate", {"name": "slow"})
    line = Line(stack.port, made["key"])
    assert line.get("/project")[0] == 200
    waits = set()

    def waited(end):
        """A worker waits a second at a time, the operator as long as it
        takes."""
        waits.update(session.waiting("%FOR UPDATE"))
        return len(waits) == (1 if how == "operator" else 2) or end.done()

    with gate(project, session, "settings"), ThreadPoolExecutor(2) as pool:
        write = pool.submit(line.post, "/project/settings/update",
                            {"claudeMd": "late"})
        session.await_waiting("%UPDATE settings%")
        end = pool.submit(end_by, project, how, made["id"])
        until(lambda: waited(end), "nobody waits for the write")
        assert not end.done(), "answered while the write was open"
        assert rows_of(stack, made["id"]) == 0
        session.release()
        assert write.result()[0] == 200
        end.result()
    assert rows_of(stack, made["id"]) == 1
    assert line.get("/project")[0] == 401
