"""Two pools on one host: two configuration files, two runtime directories, one
database. Neither may notice what happens to the other."""
import json
import os
import signal
import subprocess
import time

import pytest

from contract import EMPTY_SETTINGS
from fixtures import make_project
from harness import program
from test_pool import Load
from session import as_user
from workers import ask

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PROJECT = "/api/v1/project"


class Second:
    """The other instance: two workers."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = stack.run_dir / "second"
        stack.run(["rm", "-rf", self.folder])
        stack.run(["mkdir", "-m", "0700", self.folder]).check_returncode()
        self.conf = self.folder / "api.conf"
        lines = {**stack.conf, "CODECOURIER_RUNTIME_DIR": str(self.folder),
                 "CODECOURIER_WORKERS": "2"}
        stack.run(["tee", self.conf], input="".join(
            f"{n}={v}\n" for n, v in lines.items())).check_returncode()
        self.socket = self.folder / "api.sock"
        self.start()

    def start(self):
        how = as_user(self.stack)
        how["env"]["CODECOURIER_CONF"] = str(self.conf)
        with open(self.stack.top / "second.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.stack.run_dir / "stage/cgi-bin/pool"),
                 str(self.socket), str(self.stack.worker_path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        self.complete()

    def workers(self):
        """As its own status shows them: it needs the second file."""
        return [w["pid"] for w in self.status()["workers"]]

    def status(self):
        return self.stack.ctl("status", environ={
            "CODECOURIER_CONF": str(self.conf)})

    def complete(self, without=(), seconds=15):
        end = time.monotonic() + seconds
        while True:
            if self.socket.exists():
                found = self.workers()
                if len(found) == 2 and not set(found) & set(without):
                    return found
            assert time.monotonic() < end, "the second pool is not complete"
            time.sleep(0.1)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(15)


@pytest.fixture
def first(stack, home):
    """The stack's own pool, without the workers of the second one."""
    stack.socket = stack.conf["CODECOURIER_RUNTIME_DIR"] + "/api.sock"
    stack.watcher, = stack.pids("multiwatch")
    yield stack


@pytest.fixture
def second(first):
    made = Second(first)
    yield made
    made.stop()


def of_first(stack):
    return [w["pid"] for w in stack.status()["workers"]]


def both_serve(first, second, project):
    for path in first.socket, second.socket:
        assert ask(path, "GET", PROJECT, project.key).status == 200


def test_side_by_side(first, second, home):
    """Each has workers, statistics and verified keys of its own."""
    both_serve(first, second, home)
    assert len(of_first(first)) == 3 and len(second.workers()) == 2
    assert not set(of_first(first)) & set(second.workers())
    before = first.status()["requests"], second.status()["requests"]
    for _ in range(10):
        assert ask(second.socket, "GET", PROJECT, home.key).status == 200
    # counted before the answer is whole
    after = first.status()["requests"], second.status()["requests"]
    assert after == (before[0], before[1] + 10)


@pytest.mark.parametrize("path, body", [
    ("/project/api-keys/revoke", '{"keyId": "%s"}'),
    ("/credentials/revoke", '{"key": "%s"}')])
def test_a_revoked_key_fails_on_both(first, second, path, body):
    """Also where it was warm: the database decides."""
    fresh = make_project(first)
    both_serve(first, second, fresh)
    body %= fresh.key_id if "keyId" in body else fresh.key
    assert ask(first.socket, "POST", f"/api/v1{path}", fresh.key,
               body.encode()).status == 200
    for path in second.socket, first.socket:
        assert ask(path, "GET", PROJECT, fresh.key).status == 401


def tell(path, project, body, call="update"):
    answer = ask(path, "POST", f"{PROJECT}/api-keys/{call}", project.key,
                 json.dumps(body).encode())
    assert answer.status == 200, answer
    return answer.json["data"]


NARROWER = [({"scopes": ["settings:read"]}, "SCOPE_DENIED"),
            ({"allowedIps": ["10.0.0.0/8"]}, "FORBIDDEN"),
            ({"disabled": True}, "AUTH_INVALID")]
BACK = {"scopes": ["projects:read"], "allowedIps": [], "disabled": False}


@pytest.mark.parametrize("change, code", NARROWER, ids=[c for _, c in NARROWER])
def test_what_one_changes_the_other_sees(first, second, home, change, code):
    """Narrower and wider again, at once, though the key is warm on both; and
    no scrypt is run for a key that stays good: what is off is forgotten."""
    made = tell(first.socket, home, {"name": "x"}, "generate")
    both = first, second
    for site in both:
        for key in made["key"], home.key:
            assert ask(site.socket, "GET", PROJECT, key).status == 200
    runs = [site.status()["scryptRuns"] for site in both]
    for _ in range(3):
        tell(first.socket, home, {"keyId": made["id"], **change})
        for site in second, first:
            answer = ask(site.socket, "GET", PROJECT, made["key"])
            assert answer.json["error"]["code"] == code, answer
        tell(second.socket, home, {"keyId": made["id"], **BACK})
        for site in both:
            assert ask(site.socket, "GET", PROJECT, made["key"]).status == 200
    more = 3 if "disabled" in change else 0
    assert [site.status()["scryptRuns"] for site in both] == \
        [n + more for n in runs]


def test_who_is_rotated_on_one_is_over_on_the_other(first, second, home):
    made = tell(first.socket, home, {"name": "x"}, "generate")
    for path in first.socket, second.socket:
        assert ask(path, "GET", PROJECT, made["key"]).status == 200
    new = tell(first.socket, home, {"keyId": made["id"]}, "rotate")
    for path in second.socket, first.socket:
        assert ask(path, "GET", PROJECT, made["key"]).status == 401
        assert ask(path, "GET", PROJECT, new["key"]).status == 200


def test_settings_that_the_other_no_longer_shows(first, second, home):
    """A change of nothing is decided by the row, not by what is known."""
    scopes = {"scopes": ["settings:read", "settings:write"]}
    made = tell(first.socket, home, {"name": "x", **scopes}, "generate")
    target = f"{PROJECT}/settings/update"
    for _ in range(3):
        for path in first.socket, second.socket:
            data = ask(path, "POST", target, made["key"], b"{}").json["data"]
            assert EMPTY_SETTINGS.keys() <= data.keys()
        tell(first.socket, home, {"keyId": made["id"],
                                  "scopes": ["settings:write"]})
        data = ask(second.socket, "POST", target, made["key"], b"{}"
                   ).json["data"]
        assert not EMPTY_SETTINGS.keys() & data.keys()
        tell(first.socket, home, {"keyId": made["id"], **scopes})


def test_one_is_reloaded(first, second, home):
    """USR2 to one of them, then to the other; nobody loses a request."""
    both_serve(first, second, home)     # the key is known to both
    with Load(first.socket, home) as one, Load(second.socket, home) as two:
        one.go_on(20)
        two.go_on(20)
        mine, others = of_first(first), second.workers()
        os.kill(second.process.pid, signal.SIGUSR2)
        others = second.complete(without=others)
        assert of_first(first) == mine
        os.kill(first.watcher, signal.SIGUSR2)
        end = time.monotonic() + 15
        while len(now := of_first(first)) < 3 or set(now) & set(mine):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert second.workers() == others
        one.go_on(20)
        two.go_on(20)
    assert one.bad == [] and two.bad == []


def test_one_is_stopped(first, second, home):
    """And started again; the other one goes on."""
    with Load(first.socket, home) as load:
        load.go_on(20)
        mine = of_first(first)
        assert second.stop() is not None
        load.go_on(40)
        assert of_first(first) == mine
        second.start()
        load.go_on(20)
    assert load.bad == []
    both_serve(first, second, home)


def test_never_two_on_one_socket(first, second, home):
    """A second pool with the first one's file does not start."""
    how = as_user(first)
    done = subprocess.run(
        [str(first.run_dir / "stage/cgi-bin/pool"), first.socket,
         str(first.worker_path)], capture_output=True, timeout=20,
        stdin=subprocess.DEVNULL, **how)
    assert done.returncode != 0
    both_serve(first, second, home)
    assert program(first.watcher) == "multiwatch"
