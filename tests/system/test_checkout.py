"""README's "Two commands" and `make deb` in a checkout on the smallest Debian,
in a folder with a name that people give. `make check` needs an hour here, so by
default two of its suites run; SYSTEM_CHECK=1 runs all of it."""
import os
import re
import subprocess

import pytest

from host import ROOT

# As somebody's home is called: a space, an umlaut, a sign of the shell's.
PLACE = "/srv/ümläut & co/api"
# what test_clients.py fetches from npm, if a run here has: there is no network
CLIENTS = b"build/clients\0" if (ROOT / "build/clients").exists() else b""
SUITES = "check" if os.environ.get("SYSTEM_CHECK") else "check-unit check-sql"


@pytest.fixture(scope="module")
def machine(run, empty, cache):
    made = run.machine([cache / "minbase", cache / "checkout"], "checkout")
    try:
        made.boot()
        made.run("apt-get install -y --no-install-recommends make git", seconds=300)
        made.run(f"mkdir -p '{PLACE}'")
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT,
                               check=True, capture_output=True).stdout
        tree = subprocess.Popen(["tar", "-C", ROOT, "--null", "-T", "-",
                                 "-cf", "-"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        there = subprocess.Popen(
            [*made.enter(), "tar", "--no-same-owner", "-C", PLACE, "-xf",
             "-"], stdin=tree.stdout)
        tree.stdin.write(files + CLIENTS)
        tree.stdin.close()
        assert tree.wait() == 0 and there.wait() == 0
        yield made
    finally:
        run.end(made)


def here(machine, command, **more):
    return machine.run(f"cd '{PLACE}' && {command}", **more)


def test_it_is_the_smallest(machine):
    """What we must not lean on is not there."""
    for program in "ps", "kill", "ip", "less", "sudo", "curl", "gcc":
        assert machine.run(f"test -e /usr/bin/{program} -o -e "
                           f"/usr/sbin/{program}", code=None).returncode


def test_make_deb(machine):
    """It names what it needs, with the reason, and finds all of it."""
    said = here(machine, "make deb", seconds=1200).stdout
    assert re.search(r"^  build-essential +\w", said, re.M), said
    debs = re.findall(r"^/.*\.deb$", said, re.M)
    assert len(debs) == 1 and debs[0].startswith(PLACE), said
    wants = machine.out(f"dpkg-deb -f '{debs[0]}' Depends")
    assert {"multiwatch", "spawn-fcgi", "adduser"} < \
        {want.split()[0] for want in wants.split(", ")}


def test_make_run(machine):
    """Its last line is pasted into another shell."""
    with subprocess.Popen(
            [*machine.enter(), "sh", "-c", f"cd '{PLACE}' && exec make run"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if "curl" in line and ".run/env" in line:
                break
        try:
            assert process.poll() is None, "".join(said)
            answer = machine.out(said[-1])
            assert answer.startswith('{"data":{'), answer
        finally:
            machine.run("kill -s INT $(cat /srv/*/api/.run/pid)", code=None)
            process.wait(60)
    assert process.returncode == 0, "".join(said)


def test_make_check(machine):
    done = here(machine, f"make {SUITES}", code=None, seconds=5000)
    last = done.stdout.strip().splitlines()[-1]
    machine.note(f"make {SUITES}: {last}")
    assert done.returncode == 0 and re.fullmatch(
        r"[1-9]\d* passed, 0 failed", last), done.stdout[-5000:]


def test_make_install_names_what_is_missing(machine):
    """Nothing but the accounts is missing, as `make run` brought the rest."""
    said = here(machine, "make install prefix=/usr/local").stdout
    missing = re.findall(r"^  (\S+) ", said.partition("Needed to serve")[2],
                         re.M)
    assert missing == ["codecourier"], said
