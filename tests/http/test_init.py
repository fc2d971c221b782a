"""codecourierctl init: from an empty server to the first key, once."""
import contextlib
import json
import os
import pty
import re
import stat
import subprocess

import pytest

from cluster import TlsCluster, running
from contract import KEY
from test_ctl import DONE, FAILED, USAGE

FIRST = ["--name", "Shop", "--slug", "shop", "--owner-email", "me@shop.test"]


@pytest.fixture(scope="module")
def server(stack):
    yield from running(stack)


@pytest.fixture
def empty(server):
    """The server, as it was before any init."""
    yield server
    server.forget()


@pytest.fixture(scope="module")
def remote(stack):
    yield from running(stack, TlsCluster)


@pytest.fixture
def far(remote):
    """The same "on another host"."""
    yield remote
    remote.forget()


def data(cluster, *args, code=DONE):
    done = cluster.ctl("--json", "init", *args)
    assert done.returncode == code, done
    return json.loads(done.stdout)["error" if code else "data"]


def nothing_made(cluster):
    assert not (cluster.top / "keyring").exists()
    return cluster.sql("select count(*) from pg_roles where rolname like "
                       "'codecourier%'", "postgres") == "0"


def projects(cluster):
    done = cluster.ctl("--json", "project", "list")
    assert done.returncode == DONE, done
    return json.loads(done.stdout)["data"]


def keys(cluster, slug="shop"):
    done = cluster.ctl("--json", "key", "list", slug)
    assert done.returncode == DONE, done
    return json.loads(done.stdout)["data"]


def states(answer):
    return {s["state"] for s in answer["steps"]}


def test_each_step_once(empty):
    first = data(empty)
    assert states(first) == {"made"} and first["changed"] is True
    said = " ".join(s["what"] for s in first["steps"])
    for word in "roles", "database", "0001_schema", "keyring":
        assert word in said, said
    assert first["keyringMade"] is True
    again = data(empty)
    assert states(again) == {"there"} and again["changed"] is False
    assert again["keyringMade"] is False
    assert again["schemaVersion"] == first["schemaVersion"] > 0
    assert empty.ctl("init").stdout.count("nothing to do") == 1
    assert empty.check() == 0
    dry = data(empty, "--dry-run", *FIRST)
    assert {s["what"].split()[0] for s in dry["steps"]
            if s["state"] == "would make"} == {"project", "its"}
    assert projects(empty) == []


def test_dry_run_changes_nothing(empty):
    out = empty.top / "first.key"
    answer = data(empty, "--dry-run", *FIRST, "--out", str(out))
    assert states(answer) == {"would make"}
    said = " ".join(s["what"] for s in answer["steps"])
    for word in "roles", "database", "0001_schema", "keyring", "shop":
        assert word in said, said
    assert nothing_made(empty) and not out.exists()


def test_first_project(empty):
    out = empty.top / "first.key"
    answer = data(empty, *FIRST, "--out", str(out))
    assert answer["project"]["slug"] == "shop"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    key = out.read_text()
    assert KEY.fullmatch(key.rstrip("\n"))
    assert "key" not in answer["key"] and key.strip() not in str(answer)
    assert len(keys(empty)) == 1
    assert any("copy" in n and "keyring" in n for n in answer["next"])
    again = data(empty, *FIRST, "--out", str(out))
    assert again["changed"] is False and "project" not in again
    other = data(empty, "--name", "x", "--slug", "other", "--owner-email",
                 "a@b.c", "--out", str(empty.top / "other"))
    assert other["changed"] is False
    assert out.read_text() == key and len(projects(empty)) == 1
    assert not (empty.top / "other").exists() and len(keys(empty)) == 1


@pytest.mark.plain
def test_an_init_that_ended_half_way_goes_on(empty):
    data(empty)
    done = empty.ctl("project", "create", *FIRST)
    assert done.returncode == DONE, done
    out = empty.top / "first.key"
    answer = data(empty, *FIRST, "--out", str(out))
    assert len(projects(empty)) == 1 and "project" not in answer
    assert KEY.fullmatch(out.read_text().strip())


def test_a_sealed_database_wants_its_keyring(empty):
    """A new one would open nothing, and seal what no other host opens."""
    data(empty, *FIRST, "--out", str(empty.top / "first.key"))
    keyring, away = empty.top / "keyring", empty.top / "keyring.away"
    keyring.rename(away)
    for args in [], ["--dry-run"]:
        error = data(empty, *args, code=FAILED)
        assert "bring its copy here first" in error["message"], error
        assert not keyring.exists()
    away.rename(keyring)
    assert data(empty)["changed"] is False


def test_refused_before_anything_is_done(empty):
    for args in (
            FIRST, FIRST[:2], FIRST[2:], ["--out", "/tmp/x"],
            [*FIRST[:2], "--slug", "Not a slug", *FIRST[4:], "--out", "/tmp/x"],
            [*FIRST[:4], "--owner-email", "nobody", "--out", "/tmp/x"]):
        error = data(empty, *args, code=USAGE)
        assert error["code"] == "VALIDATION", args
    assert nothing_made(empty)


@pytest.mark.plain
def test_a_file_that_is_there_is_not_written_over(empty):
    out = empty.top / "first.key"
    out.write_text("mine")
    data(empty, *FIRST, "--out", str(out), code=FAILED)
    assert out.read_text() == "mine" and projects(empty) == []


def terminal(cluster, *args, answers=""):
    """Runs it on a terminal; its exit status and all that stood there."""
    ours, theirs = pty.openpty()
    os.fchmod(theirs, 0o666)
    who = {}
    if os.geteuid() == 0:
        who = {"user": cluster.stack.uid, "group": cluster.stack.gid,
               "extra_groups": []}
    process = subprocess.Popen(
        [str(cluster.stack.ctl_path), *args], stdin=theirs, stdout=theirs,
        stderr=theirs, cwd="/", env={
            "CODECOURIER_CONF": cluster.stack.env["CODECOURIER_CONF"],
            **cluster.environ}, **who)
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:     # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(30), shown.decode()


def test_the_terminal_shows_the_key(empty):
    status, shown = terminal(empty, "init", *FIRST)
    assert status == DONE, shown
    found = re.findall(r"cc_live_\S+", shown)
    assert len(found) == 1 and KEY.fullmatch(found[0])
    status, shown = terminal(empty, "init", *FIRST)
    assert status == DONE and "cc_live_" not in shown
    assert "nothing to do" in shown


def test_the_terminal_is_asked(empty):
    status, shown = terminal(
        empty, "init", answers="Shop\nNot a slug\nme@shop.test\n"
        "Shop\nshop\nme@shop.test\n")
    assert status == DONE, shown
    assert "--slug: 1 to 63" in shown and "Name of the first" in shown
    assert projects(empty)[0]["slug"] == "shop" and len(keys(empty)) == 1
    status, shown = terminal(empty, "init")
    assert "Name of the first" not in shown


@pytest.mark.plain
def test_the_terminal_may_want_none(empty):
    status, shown = terminal(empty, "init", answers="\n")
    assert status == DONE, shown
    assert projects(empty) == []


# A server on another host.

def test_verify_full(far):
    """With a CA of its own; the role's password is made here and in no log."""
    answer = data(far)
    assert "password" in " ".join(s["what"] for s in answer["steps"])
    path = far.top / "codecourier.pass"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = path.read_text().rstrip("\n").rsplit(":", 1)[1]
    assert len(password) == 32
    assert far.check() == 0
    log = (far.top / "log").read_text()
    assert password not in log and password not in str(answer)
    again = data(far)
    assert again["changed"] is False
    assert path.read_text().rstrip("\n").endswith(password)
    assert far.check() == 0
    assert not [n for n in again["next"] if "log in" in n or "hostaddr" in n]


def test_the_administrators_password_stays_his(far):
    """PGPASSWORD is for him; the role gets one of its own."""
    environ = {**far.environ, "PGPASSWORD": far.password}
    environ["CODECOURIER_ADMIN_DATABASE"] = environ[
        "CODECOURIER_ADMIN_DATABASE"].replace("admin.pass", "none")
    done = far.stack.run([far.stack.ctl_path, "init"], environ)
    assert done.returncode == DONE, done
    assert far.password not in (far.top / "codecourier.pass").read_text()
    assert "log in" not in done.stdout and far.check() == 0
    (far.top / "codecourier.pass").unlink()
    done = far.stack.run([far.stack.ctl_path, "init"], environ)
    assert "let the role codecourier log in" in done.stdout, done


@contextlib.contextmanager
def reached(far, server):
    before = dict(far.environ)
    far.where(server.format(far.top))
    try:
        yield
    finally:
        far.environ = before


@pytest.mark.plain
def test_modes_of_tls(far):
    """Made by way of the first, there by way of the others."""
    for server in (
            "host=127.0.0.1 sslmode=prefer", "host=127.0.0.1 sslmode=require",
            "host=127.0.0.1 sslmode=verify-ca sslrootcert={}/ca.crt",
            "host=localhost sslmode=verify-full sslrootcert={}/ca.crt"):
        with reached(far, server):
            answer = data(far)
            assert far.check() == 0
            assert bool([n for n in answer["next"] if "hostaddr" in n]) == \
                ("localhost" in server)


def test_tls_that_does_not_hold(far):
    for server, words in (
            ("host=127.0.0.1 sslmode=disable", "no encryption"),
            ("host=127.0.0.1 sslmode=verify-ca sslrootcert={}/other.crt",
             "certificate verify failed"),
            ("host=127.0.0.1 sslmode=verify-full sslrootcert={}/ca.crt",
             "does not match host name"),
            ("host=127.0.0.1 sslmode=verify-full sslrootcert={}/none.crt",
             "none.crt")):
        with reached(far, server):
            error = data(far, code=5)
        assert words in error["message"], error
        assert far.password not in str(error)
    assert nothing_made(far)


@pytest.mark.plain
def test_a_password_of_ones_own(far):
    path = far.top / "codecourier.pass"
    path.write_text("*:*:*:codecourier:chosen by hand\n")
    path.chmod(0o600)
    os.chown(path, far.stack.uid, far.stack.gid)
    data(far)
    assert far.check() == 0
    assert "chosen by hand" not in (far.top / "log").read_text()


def test_a_role_that_is_there_keeps_its_password(far):
    """Another host may work with it; the way out is said."""
    data(far)
    path = far.top / "codecourier.pass"
    good = path.read_text()
    path.write_text("*:*:*:codecourier:wrong\n")
    path.chmod(0o600)
    answer = data(far)
    assert answer["changed"] is False
    assert [n for n in answer["next"] if "log in" in n]
    assert far.check() == 1
    path.write_text(good)
    path.chmod(0o600)
    assert far.check() == 0


@pytest.mark.plain
def test_a_run_that_failed_before_the_database_goes_on(far):
    """The role is there, but nobody can have its password."""
    far.sql("create role codecourier login", "postgres")
    answer = data(far)
    assert "password" in " ".join(s["what"] for s in answer["steps"])
    assert far.check() == 0


@pytest.mark.plain
def test_a_wrong_password_of_the_administrator(far):
    path = far.top / "admin.pass"
    good = path.read_text()
    path.write_text("*:*:*:admin:planted wrong\n")
    try:
        error = data(far, code=5)
    finally:
        path.write_text(good)
    assert "password authentication failed" in error["message"]
    assert "planted" not in str(error)
