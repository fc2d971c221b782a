"""Load with a key, whatever ends it, and what came through afterwards."""
import threading
import time

from client import Line
from session import until

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

    def judge(self, answered, refused):
        """Its requests come one after the other: good until the first that
        is refused, and never again. Where that is among those that began
        before the answer nobody can say, the revocation is under way."""
        statuses = [status for _, status in self.seen]
        good = self.successes()
        assert statuses == [200] * good + [refused] * (len(statuses) - good)
        assert all(began <= answered for began, _ in self.seen[:good])


def wait_until(clients, ready):
    def there():
        assert all(c.is_alive() for c in clients), "a client broke off"
        return ready()

    until(there, "too few requests", 60)


def rows_of(stack, key_id):
    return int(stack.sql("select count(*) from codecourier.audit "
                         f"where actor_key = '{key_id}'"))


def race(project, stop_key, refused=401):
    """One round: load with a new key, end it, look what came through: nothing
    that began after the answer, or the moment that stop_key tells of."""
    stack = project.stack
    made = project.api.post("/project/api-keys/generate", {"name": "load"})
    clients = [Client(stack.port, made["key"], n, path)
               for n, path in enumerate(READERS + [None] * WRITERS)]
    for client in clients:
        client.start()
    try:
        wait_until(clients, lambda: sum(c.successes() for c in clients)
                   >= BEFORE and all(c.successes() for c in clients))
        moment = stop_key(made)
        answered = time.monotonic()
        rows = rows_of(stack, made["id"])
        if isinstance(moment, float):
            answered = moment
        wait_until(clients, lambda: all(
            len(c.seen) > AFTER and c.seen[-AFTER][0] > answered
            for c in clients))
    finally:
        for client in clients:
            client.stop = True
        for client in clients:
            client.join(20)
    for client in clients:
        client.judge(answered, refused)
    written = sum(c.successes() for c in clients if not c.path)
    assert rows_of(stack, made["id"]) == written
    # who tells a moment has answered before it
    assert rows == written or answered == moment, "written after the answer"
