"""A worker, or PostgreSQL, is killed at each step of a POST with an
Idempotency-Key: sent again with the same key until it is answered, it has been
done exactly once.

KILLS=1000 for so many rounds, a tenth of which kill PostgreSQL; a step is a
call of the worker to libpq, one after the other.
"""
import itertools
import json
import os
import signal
import time
import uuid
from types import SimpleNamespace

import pytest

from client import Api
from contract import WRITE_CALLS, target
from faults import ARMED, CLOSED, Rig, case_of
from fixtures import make_project, running
from session import until
from wire import Peer

KILLS = int(os.environ.get("KILLS", 0))
EACH = KILLS // len(WRITE_CALLS) + 1 if KILLS else 4    # of a kind of POST
DATABASE = max(KILLS // 10, 3)
HURT = {"IDEMPOTENCY_IN_PROGRESS", "UNAVAILABLE", "TIMEOUT"}


@pytest.fixture(scope="module")
def site():
    """A stack of our own, to be hurt, with durable commits."""
    for stack in running(workers=1, environ={"DURABLE": "on"}):
        rig = Rig(stack)
        rig.start()
        yield SimpleNamespace(stack=stack, rig=rig, home=make_project(stack))
        rig.close()
        rig.end()


def made(project, path):
    """What a POST is about: (body, audit rows it leaves are this action's)."""
    api, new = project.api, uuid.uuid4().hex
    member = {"email": f"{new}@x.example", "role": "member"}
    provider = {"provider": "e2b", "key": new}
    if path == "/invitations/accept":
        return {"token": api.post("/project/members/invite", member)["token"]}
    if path.startswith("/project/members/") and "invite" not in path:
        who = api.post("/project/members/invite", member)["userId"]
        return {"targetUserId": who,
                **({"role": "admin"} if "role" in path else {})}
    if path == "/project/provider-keys/remove":
        api.post("/project/provider-keys/set", provider)
        return {"provider": "e2b"}
    if path == "/project/settings/rollback":
        was = api.post("/project/settings/update", {"claudeMd": new})
        return {"version": was["version"]}
    if path.startswith(("/project/api-keys/", "/credentials")) and \
            "generate" not in path:
        key = api.post("/project/api-keys/generate", {"name": new})
        return {"/credentials/revoke": {"key": key["key"]},
                "/project/api-keys/update": {"keyId": key["id"], "name": new},
                "/project/api-keys/rotate": {"keyId": key["id"],
                                             "graceSeconds": 9}
                }.get(path, {"keyId": key["id"]})
    return {"/project/update": {"name": new}, "/project/delete": {},
            "/project/settings/update": {"envVars": {"A": new}},
            "/project/settings/env/import": f"A={new}",
            "/project/members/invite": member,
            "/project/provider-keys/set": provider}.get(path, {"name": new})


def done(project):
    """How many writes by a key, or by who holds one, there were."""
    return int(project.stack.sql(
        "select count(*) from codecourier.audit where project_id = "
        f"'{project.id}' and actor in ('key', 'holder')"))


class Post:
    """One POST of a kind, with a key of its own."""

    def __init__(self, site, call):
        self.site, self.rig = site, site.rig
        path = call.path
        self.project = make_project(site.stack) if path.endswith("/delete") \
            else site.home
        body, more = made(self.project, path), {}
        if isinstance(body, str):
            more = {"CONTENT_TYPE": "text/plain"}
        else:
            body = json.dumps(body)
        key = self.project.key if call.keyed else None
        self.check = case_of("GET", "/api/v1/whoami", self.project.key)
        self.case = case_of("POST", "/api/v1" + target(path), key,
                            body.encode(), **more,
                            HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex)
        self.rig.ask(self.check)        # the key is known
        self.before = done(self.project)

    def steps(self):
        """How many calls to libpq it takes."""
        return self.rig.fail(self.case, None, 0).count["database"]

    def strike(self, nth, deadly):
        """Sends it; a signal comes at the nth of its calls to libpq."""
        rig = self.rig
        rig.arm("database", nth, deadly=deadly)
        idle = rig.page.idle
        rig.page.window = ARMED
        peer = Peer(rig.path, timeout=20)
        peer.send(self.case.bytes)
        until(lambda: rig.page.fired or rig.page.idle != idle, "it hangs")
        return peer

    def kill_worker(self, nth):
        """False: the step was not reached. How often it reads depends on how
        the server's answers come in."""
        peer = self.strike(nth, signal.SIGKILL)
        fired = self.rig.page.fired
        if fired:
            assert self.rig.process.wait(20) == -signal.SIGKILL
            self.rig.start()
        peer.close()
        return fired

    def kill_database(self, nth):
        """The backend is killed, which ends all others, too. The answer."""
        rig = self.rig
        peer = self.strike(nth, signal.SIGSTOP)
        if not rig.page.fired:
            peer.close()
            return None
        pids = self.site.stack.rows(
            "select pid from pg_stat_activity where application_name = "
            "'faults'")
        for row in pids:
            os.kill(row["pid"], signal.SIGKILL)
        rig.process.send_signal(signal.SIGCONT)
        try:
            answer = peer.answer("POST")
        finally:
            peer.close()
            rig.page.window = CLOSED
        return answer

    def settle(self):
        """Again and again, until it is answered."""
        end = time.monotonic() + 60
        gone = self.case.target == "/api/v1/project/delete"
        while True:
            answer = self.rig.ask(self.case)
            if answer.status == 200 or gone and answer.status == 401:
                return answer
            assert answer.json["error"]["code"] in HURT, answer
            assert time.monotonic() < end, answer
            time.sleep(0.02)

    def is_done_once(self):
        until(lambda: done(self.project) >= self.before, "no database", 60)
        assert done(self.project) == self.before + 1
        again = self.settle()
        assert again.status == 401 or again.header(
            "Idempotency-Replayed") == "true"
        assert done(self.project) == self.before + 1


@pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda c: c.path[1:])
def test_worker_killed(site, call):
    """Steps as far apart as there are rounds; with rounds enough, each."""
    steps = Post(site, call).steps()
    assert steps > 20, steps
    for n in range(EACH):
        nth = 1 + (n * max(steps // EACH, 1)) % steps
        post = Post(site, call)
        while not post.kill_worker(nth):
            post, nth = Post(site, call), nth - 1
        post.settle()
        post.is_done_once()


def test_database_killed(site):
    """Each kind in its turn, each time at another step."""
    for n, call in zip(range(DATABASE), itertools.cycle(WRITE_CALLS)):
        steps = Post(site, call).steps()
        nth = 1 + (n * 7 + 5) % steps
        post = Post(site, call)
        while not (answer := post.kill_database(nth)):
            post, nth = Post(site, call), nth - 1
        assert answer.status == 200 or answer.json["error"]["code"] in HURT
        post.settle()
        post.is_done_once()


def test_it_would_be_seen(site):
    """Without the header a retry does it twice."""
    project = site.home
    before = done(project)
    for _ in range(2):
        Api(site.stack.base, project.key).post(
            "/project/api-keys/generate", {"name": "twice"})
    assert done(project) == before + 2
