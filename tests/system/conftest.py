"""Fixtures of the system tests: the package, Debian trees, machines."""
import fcntl
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("machine", "host")

from fixtures import no_skips  # noqa: E402
from host import commands, install, package, serving  # noqa: E402
from machine import Run  # noqa: E402

pytest_runtest_makereport = no_skips
CACHE = Path(os.environ.get("SYSTEM_CACHE") or "build/system").resolve()


@pytest.fixture(scope="session")
def cache():
    """The cache's folder, ours alone. What a killed run left goes away."""
    assert os.geteuid() == 0, "a Debian can only be booted by root"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.exit(f"another run has {CACHE}", 1)
        for left in CACHE.glob("run-*"):
            subprocess.run(["rm", "-rf", "--one-file-system", left],
                           check=True)
        yield CACHE


@pytest.fixture(scope="session")
def deb():
    return package()


@pytest.fixture(scope="session")
def empty(cache, deb):
    """The layers of a Debian 12 that has never heard of us."""
    subprocess.run([HERE / "base.sh", cache, deb], check=True)
    return [cache / "minbase", cache / "empty"]


@pytest.fixture(scope="session")
def run(cache):
    made = Run(cache)
    try:
        yield made
    finally:
        made.clean()


@pytest.fixture(scope="session")
def installation(run, empty, deb):
    """The README's installation on an empty Debian, once for all files: what
    was typed and answered. `host` goes on from there."""
    machine = run.machine(empty, "install").boot()
    try:
        done = install(machine, deb, commands())
    finally:
        machine.stop()
    return done


@pytest.fixture(scope="module")
def host(run, installation, request):
    """A host of the file's own, as the README's installation leaves it,
    booted and serving."""
    assert installation.key, "the installation has shown no key"
    name = request.module.__name__.removeprefix("test_")
    yield from serving(run, installation, name)


@pytest.fixture(scope="module")
def bare(run, empty, request):
    """A machine on the empty Debian."""
    name = request.module.__name__.removeprefix("test_")
    machine = run.machine(empty, name)
    try:
        yield machine.boot()
    finally:
        run.end(machine)
