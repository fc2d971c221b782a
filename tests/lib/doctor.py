"""What the tests of codecourierctl doctor share: ask it, and spoil things."""
import contextlib
import json
import os
import time

import pytest

from fixtures import running

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@pytest.fixture(scope="module")
def sick():
    """A stack as users have it, whose database waits for the disk."""
    for one in running(workers=2, environ={"DURABLE": "on"}):
        done = one.run([one.ctl_path, "doctor", "--keyring-copied"])
        assert done.returncode in (0, 1), done
        yield one


def folder(stack):
    """One of the stack's user."""
    path = stack.top / f"own{time.monotonic_ns()}"
    path.mkdir()
    os.chown(path, stack.uid, stack.gid)
    return path


@pytest.fixture
def own(sick):
    return folder(sick)


def parsed(done):
    """Its findings by check; the exit status agrees with them."""
    answer = json.loads(done.stdout)["data"]
    errors = [f for f in answer["findings"] if f["severity"] == "error"]
    assert done.returncode == bool(errors), done
    found = {}
    for one in answer["findings"]:
        assert one["severity"] in ("error", "warning")
        assert one["what"] and len(one["fix"]) > 10, one
        found.setdefault(one["check"], []).append(one)
    return found, {u["check"] for u in answer["unseen"]}


def look(stack, environ=None):
    return parsed(stack.run([stack.ctl_path, "--json", "doctor"], environ))[0]


def told(here, check, words, severity="error"):
    """The one finding of this check that has these words: its fix."""
    match = [f for f in here.get(check, []) if words in f["what"]]
    assert len(match) == 1, here
    assert match[0]["severity"] == severity, match
    return match[0]["fix"]


def found(stack, check, words, severity="error", environ=None):
    return told(look(stack, environ), check, words, severity)


@contextlib.contextmanager
def mode(path, bits):
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


def sockets(stack):
    return (stack.run_dir / "sockets").resolve()


def host_file(stack):
    """What the workers share; its name has the number of its layout."""
    path, = sockets(stack).glob("host.v*")
    return path


@contextlib.contextmanager
def settings(stack, **values):
    def take(changes):
        stack.sql("; ".join([f"alter system {c}" for c in changes] +
                            ["select pg_reload_conf()"]))

    take(f"set {name} = {value}" for name, value in values.items())
    try:
        yield
    finally:
        take(f"reset {name}" for name in values)


def later(check, stack, *more):
    """The server takes a moment to read its configuration again."""
    end = time.monotonic() + 20
    while True:
        try:
            return found(stack, check, *more)
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextlib.contextmanager
def edited(stack, old, new):
    """The one file of nginx's that has the old text."""
    path, = [p for p in (stack.run_dir / "web").rglob("*.conf")
             if old in p.read_text()]
    text = path.read_text()
    path.write_text(text.replace(old, new))
    try:
        yield
    finally:
        path.write_text(text)
