"""Every wait for the database has its bound, and what is behind it holds:
statements, locks, writes that are still open, sessions that have stalled."""
import json
import socket
import struct

import pytest

from fixtures import make_project
from session import Session, until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE = "/api/v1/project/update"
ROTATE = "/api/v1/project/api-keys/rotate"
REVOKE = "/api/v1/project/api-keys/revoke"


class Stalled:
    """A worker's session whose host stopped in the middle of a pipeline: it
    has locked a project's row, and says no more."""

    def __init__(self, stack, project):
        host = dict(w.split("=", 1) for w in stack.admin().split())["host"]
        self.asked = Session(stack)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(f"{host}/.s.PGSQL.5432")
        self.say(b"", struct.pack(">i", 3 << 16) + b"user\0codecourier\0"
                 b"database\0codecourier\0\0")
        self.hear(b"Z")
        self.say(b"P", b"\0select pg_backend_pid()::text from codecourier."
                 b"project where id = '%b' for update\0\0\0"
                 % project.id.encode())
        self.say(b"B", b"\0\0" + struct.pack(">hhh", 0, 0, 0))
        self.say(b"E", b"\0" + struct.pack(">i", 0))
        self.say(b"H", b"")         # flush, and no sync
        row = self.hear(b"D")
        self.pid = int(row[row.index(b"D") + 11:].split(b"C")[0])

    def say(self, kind, text):
        self.sock.sendall(kind + struct.pack(">i", 4 + len(text)) + text)

    def hear(self, kind):
        """What comes, up to a message of this kind (there is no more)."""
        got = b""
        while kind not in got or not got.endswith(
                (b"Z\0\0\0\5I", b"SELECT 1\0")):
            more = self.sock.recv(4096)
            assert more, got
            got += more
        return got

    def age(self):
        """Seconds since its transaction began; None: it was ended."""
        found = self.asked.run(
            "select extract(epoch from now() - xact_start) "
            f"from pg_stat_activity where pid = {self.pid} "
            "and wait_event = 'ClientRead'")
        return float(found[0]) if found else None


@pytest.fixture(scope="module")
def locked(stack):
    return make_project(stack)


@pytest.fixture(scope="module", autouse=True)
def stalled(stack, locked):
    """From here on it grows old, while the other tests run; and beside it
    somebody else's session that may do so."""
    made = Stalled(stack, locked)
    made.beside = Session(stack)
    made.beside.run("begin; select 1 from codecourier.schema_version")
    yield made
    made.beside.close()
    made.asked.close()
    made.sock.close()


@pytest.fixture(scope="module")
def project(stack):
    made = make_project(stack)
    made.api.get("/project")
    return made


def update(site, project, name="Changed"):
    body = json.dumps({"name": name}).encode()
    return site.ask("POST", UPDATE, project.key, body)


def unavailable(answer):
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["retryable"] is True
    return error


def test_a_lock_that_is_held(site, locked, stalled):
    """A second, and a session that is young is let alone."""
    worker = site.ready()
    unavailable(update(site, locked))
    worker.says("SQLSTATE 55P03")
    assert stalled.age() is not None, "it was ended"
    assert "stalled" not in worker.said()


@pytest.fixture
def slow(stack, project):
    """Each write of the project takes a minute, but for its bounds."""
    stack.sql(
        "create function codecourier.test_slow() returns trigger language "
        "plpgsql as 'begin perform pg_sleep(60); return null; end'; "
        "create trigger test_slow after insert on codecourier.audit for each "
        f"row when (new.project_id = '{project.id}') "
        "execute function codecourier.test_slow()")
    yield project
    stack.sql("drop trigger test_slow on codecourier.audit; "
              "drop function codecourier.test_slow()")


SHORT = {"CODECOURIER_STATEMENT_TIMEOUT_MS": "1000"}


def test_a_statement_that_takes_too_long(site, slow):
    """The server ends it before the worker gives up: nothing is in doubt."""
    worker = site.start(SHORT)
    unavailable(update(site, slow))
    worker.says("SQLSTATE 57014")
    assert slow.api.get("/project")["name"] == "Test"


def test_a_command_that_takes_too_long(slow):
    error = slow.stack.ctl("counter", "add", slow.slug, "runs", "1", code=5,
                           environ=SHORT)
    assert error["code"] == "UNAVAILABLE"
    assert slow.api.get("/project/counters")["runs"] == 0


def hold_open(stack, key_id):
    """The write of a key, on another host, that has not been committed."""
    other = Session(stack, stack.conf["CODECOURIER_DATABASE"])
    assert other.run("begin; select 1 from codecourier.api_key where id = "
                     f"'{key_id}' for key share") == ["1"]
    return other


def test_a_write_that_stays_open(site, project):
    """The revocation holds, but does not claim what it could not see; a
    second one waits for the rest."""
    site.ready()
    made = project.api.post("/project/api-keys/generate", {"name": "open"})
    body = json.dumps({"keyId": made["id"]}).encode()
    other = hold_open(project.stack, made["id"])
    answer = site.ask("POST", REVOKE, project.key, body)
    assert answer.status == 504, answer
    error = answer.json["error"]
    assert error["code"] == "TIMEOUT"
    assert error["retryable"] is False
    assert site.ask("GET", "/api/v1/project", made["key"]).status == 401
    other.release()
    answer = site.ask("POST", REVOKE, project.key, body)
    other.close()
    assert answer.status == 200
    row = next(r for r in project.api.get("/project/api-keys")
               if r["id"] == made["id"])
    assert answer.json["data"] == row and row["revoked"] is True


def test_a_stalled_session_is_ended(site, stack, locked, stalled):
    """By the next one that waited a second for it; nobody else is."""
    worker = site.ready()
    until(lambda: stalled.age() > 16, "it does not grow old")
    old = "select count(*) from pg_stat_activity where usename is not null"
    before = int(stack.sql(old))
    unavailable(update(site, locked))
    worker.says("ended 1 stalled database sessions")
    assert update(site, locked, "At last").status == 200
    assert stalled.age() is None
    assert int(stack.sql(old)) == before - 1
    stalled.beside.run("select 1")


@pytest.mark.parametrize("more", [{}, {"HTTP_IDEMPOTENCY_KEY": "a"}],
                         ids=["", "once"])
def test_a_rotation_under_a_write_that_stays_open(site, project, more):
    """The new key is told all the same: nobody else will have it, least of
    all by a retry of the key that has ended so."""
    worker = site.ready()
    made = project.api.post("/project/api-keys/generate", {"name": "open"})
    other = hold_open(project.stack, made["id"])
    answer = site.ask("POST", ROTATE, made["key"] if more else project.key,
                      json.dumps({"keyId": made["id"]}).encode(), **more)
    other.close()
    assert answer.status == 200, answer
    assert site.ask("GET", "/api/v1/project", made["key"]).status == 401
    assert site.ask("GET", "/api/v1/project",
                    answer.json["data"]["key"]).status == 200
    assert f"key {made['id']} has ended: a write" in worker.said()
