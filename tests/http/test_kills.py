"""Parts of the stack are killed under mixed load, PostgreSQL with durable
commits. At worst the requests in flight fail; what was acknowledged is there,
what was said not to have happened is not, and no good key ever sees a 401."""
import http.client
import os
import signal
import threading
import time

import pytest

from client import raw, request_bytes
from contract import Answer, check
from fixtures import make_project, running, written
from harness import started
from session import until
from test_database_down import pg_ctl

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

READERS = WRITERS = 4
UPDATE = "/project/settings/update"
WARM, AFTER = 20, 10    # successes of each client before and after
# after an answer: some ask at any time, and others get the processor; and
# after none
PAUSE, PATIENCE = 0.01, 0.1


class Client(threading.Thread):
    """Asks again and again; each answer is held against the contract."""

    def __init__(self, project, number):
        super().__init__(daemon=True)
        self.project, self.number = project, number
        self.writes = number < WRITERS
        self.good = 0           # answered with 200
        self.lost = 0           # not answered at all
        self.doubt = 0          # writes that may have happened
        self.refused = []       # what else was answered
        self.last = None        # the last value that was acknowledged
        self.problem = None
        self.over = False
        self.connect()

    def connect(self):
        self.line = http.client.HTTPConnection(
            "127.0.0.1", self.project.stack.port, timeout=20)

    def ask(self, value):
        method, path, body = "GET", "/api/v1/project/settings", None
        head = {"Authorization": f"Bearer {self.project.key}"}
        if self.writes:
            method, path = "POST", "/api/v1" + UPDATE
            body = b'{"claudeMd": "%s"}' % value.encode()
            head["Content-Type"] = "application/json"
        self.line.request(method, path, body, head)
        got = self.line.getresponse()
        pairs = [(n.lower(), v) for n, v in got.getheaders()]
        return check(Answer(method, got.status, pairs, got.read(), path))

    def one(self, value):
        try:
            answer = self.ask(value)
        except (OSError, http.client.HTTPException):
            self.lost += 1
            self.doubt += 1
            self.line.close()
            self.connect()
            time.sleep(PATIENCE)
            return
        if answer.status == 200:
            self.good += 1
            self.last = value
            return
        self.refused.append(answer)
        if not answer.json["error"]["retryable"]:
            self.doubt += 1
        time.sleep(PATIENCE)

    def run(self):
        count = 0
        try:
            while not self.over:
                count += 1
                self.one(f"client {self.number} write {count}")
                time.sleep(PAUSE)
        except Exception as problem:    # shown by the test
            self.problem = problem
        self.line.close()


class Load:
    """Each writer has a project of its own, so that its rows are counted;
    the readers share theirs. All keys are known: none is told to wait."""

    def __init__(self, stack, projects):
        self.stack = stack
        self.before = [written(project) for project in projects]
        for project in projects:
            project.api.get("/project")
        self.clients = [Client(project, n)
                        for n, project in enumerate(projects)]
        self.clients += [Client(self.clients[0].project, n)
                         for n in range(WRITERS, WRITERS + READERS)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        self.go_on(WARM)
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.over = True
        for client in self.clients:
            client.join(30)

    def go_on(self, count, seconds=40):
        """Waits until each client has had so many successes more."""
        goals = [(c, c.good + count) for c in self.clients]
        end = time.monotonic() + seconds
        while any(c.good < goal for c, goal in goals):
            problems = [c.problem for c in self.clients if c.problem]
            assert not problems, problems
            assert time.monotonic() < end, \
                [(c.good, c.refused[-1:]) for c in self.clients]
            time.sleep(0.01)

    def refused(self):
        return [a for c in self.clients for a in c.refused]

    def lost(self):
        return sum(c.lost for c in self.clients)

    def judge(self, told):
        """The refusals are of the right kind; the rows tell the truth."""
        assert [c.problem for c in self.clients if c.problem] == []
        for answer in self.refused():
            assert answer.status in told[answer.method], answer
            again = answer.json["error"]["retryable"]
            if answer.method == "GET" or answer.status == 503:
                assert again is True, answer
            elif answer.status == 504:
                assert again is False, answer
        until(lambda: is_ready(self.stack), "not ready again")
        for client, before in zip(self.clients, self.before):
            rows = written(client.project) - before
            assert client.good <= rows <= client.good + client.doubt, \
                (rows, client.good, client.doubt, client.refused)
            if client.doubt == 0:
                assert self.value(client.project) == client.last

    def value(self, project):
        """Each worker comes back by itself, within its pause."""
        found = []
        until(lambda: (found.append(project.api.send(
            "GET", "/project/settings")) or found[-1].status == 200),
            "not ready again")
        return found[-1].json["data"]["claudeMd"]


def is_ready(stack):
    try:
        if raw(stack.port, request_bytes("GET", "/readyz")).status == 200:
            return True
    except (OSError, AttributeError):
        pass
    time.sleep(PATIENCE)
    return False


def revivals(stack):
    """How often a part ended and was started again."""
    return stack.output.read_text().count("ended by itself")


@pytest.fixture(scope="module")
def site():
    yield from running(workers=4, environ={"DURABLE": "on"})


def made_for(site):
    return [make_project(site) for _ in range(WRITERS)]


@pytest.fixture(scope="module")
def projects(site):
    return made_for(site)


def master(stack, name):
    """The topmost process of a program."""
    pids = stack.pids(name)
    above = {p: int(open(f"/proc/{p}/stat").read().rpartition(")")[2]
                    .split()[1]) for p in pids}
    return next(p for p in pids if above[p] not in pids)


def children(stack, name):
    return [p for p in stack.pids(name) if p != master(stack, name)]


def kill(*pids):
    """They are gone when it returns."""
    before = {pid: started(pid) for pid in pids}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(started(p) != t for p, t in before.items()),
          "somebody lives on")


# what those are told whose request was under way: by nginx of a worker that is
# gone, or by a worker of a database. A read was not done. Of a write either is
# right: 504 if the database was gone between the commit and its answer.
BY_NGINX = {"GET": {502}, "POST": {502}}
BY_WORKERS = {"GET": {503}, "POST": {503, 504}}
NOBODY_THERE = {"GET": set(), "POST": set()}
# whom; what is told; may a client be left without an answer; does a part start
# again?
VICTIMS = {
    "one worker": (lambda s: kill(s.workers()[0]), BY_NGINX, False, False),
    "all workers": (lambda s: kill(*s.workers()), BY_NGINX, False, False),
    "multiwatch": (lambda s: kill(*s.pids("multiwatch")), BY_NGINX, False,
                   True),
    "nginx's worker": (lambda s: kill(children(s, "nginx")[0]), NOBODY_THERE,
                       True, False),
    "nginx's master": (lambda s: kill(master(s, "nginx")), NOBODY_THERE, True,
                       True),
    "all of nginx": (lambda s: kill(*s.pids("nginx")), NOBODY_THERE, True,
                     True),
    "a backend of PostgreSQL": (
        lambda s: kill(int(s.sql(
            "select pid from pg_stat_activity where usename = 'codecourier' "
            "order by state_change desc limit 1"))), BY_WORKERS, False,
        False),
    "PostgreSQL's master": (
        lambda s: kill(master(s, "postgres")), BY_WORKERS, False, True),
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_under_load(site, projects, victim):
    """It comes back by itself, and nobody was told anything wrong."""
    strike, told, may_lose, part = VICTIMS[victim]
    with Load(site, projects) as load:
        for _ in range(2):
            before = revivals(site)
            strike(site)
            until(lambda: revivals(site) == before + part, "not revived")
            until(lambda: is_ready(site), "not ready again")
            load.go_on(AFTER)
    load.judge(told)
    assert may_lose or load.lost() == 0, load.lost()


def test_postgresql_stopped_at_once(site, projects):
    """pg_ctl stop -m immediate: no checkpoint, the log is replayed."""
    with Load(site, projects) as load:
        pg_ctl(site, "stop", "-m", "immediate")
        until(load.refused, "nobody has noticed")
        pg_ctl(site, "-l", site.run_dir / "log/postgresql.log", "start")
        load.go_on(AFTER)
    load.judge(BY_WORKERS)
    assert load.refused() and load.lost() == 0
    assert "automatic recovery in progress" in site.log("postgresql.log")


def test_make_run_killed():
    """Its parts end by themselves; the next one starts clean, with all that
    was acknowledged."""
    for site in running(workers=2, environ={"DURABLE": "on"}):
        with Load(site, made_for(site)) as load:
            pids = {p: started(p) for p in site.pids()}
            site.process.kill()
            site.process.wait()
            until(lambda: not any(started(p) == t for p, t in pids.items()),
                  "something lives on")
            (site.run_dir / "env").unlink()     # or we would read the old one
            site.start()
            load.go_on(AFTER)
        # parts end in any order, and the keys that come then are new ones
        load.judge({"GET": {502, 503}, "POST": {502, 503, 504}})
        assert "ended by itself" not in site.output.read_text()
