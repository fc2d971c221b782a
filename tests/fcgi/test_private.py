"""What holds secrets lets nobody look into it but root: not another process
of the same user, in whatever it may have become."""
import contextlib
import os
import shutil
import socket
import subprocess
import time

import pytest

from harness import CTL, WORKER
from wire import params_of
from workers import Site, as_user

# files of /proc/PID that show memory, environment and open files
SECRET = ["environ", "maps", "mem", "auxv", "stack", "syscall"]


@pytest.fixture(scope="module")
def programs(stack):
    """As they are shipped, whoever runs the tests."""
    found = {}
    for path in CTL, WORKER:
        found[path.name] = stack.top / f"own-{path.name}"
        shutil.copy(path, found[path.name])
        found[path.name].chmod(0o755)
    return found


@pytest.fixture
def silent():
    """A database that takes connections and says nothing."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        yield (f"hostaddr=127.0.0.1 port={sock.getsockname()[1]} "
               "user=codecourier dbname=codecourier", sock)


def reads(stack, path):
    """Whether a process of the stack's user can read it."""
    return stack.run(["head", "-c1", path]).returncode == 0


def is_private(stack, pid):
    for name in SECRET:
        assert not reads(stack, f"/proc/{pid}/{name}"), name
        assert os.stat(f"/proc/{pid}/{name}").st_uid == 0, name
    for name in "fd", "map_files", "cwd":
        done = stack.run(["ls", f"/proc/{pid}/{name}/"])
        assert done.returncode != 0, done
    done = stack.run(["strace", "-p", str(pid), "-o", "/dev/null"])
    assert "Operation not permitted" in done.stderr, done
    # and yet everybody sees that it is there
    assert reads(stack, f"/proc/{pid}/stat")
    assert reads(stack, f"/proc/{pid}/limits")


@contextlib.contextmanager
def held(stack, argv, environ=None, **more):
    """A program in the middle of its work."""
    how = as_user(stack)
    process = subprocess.Popen(
        [str(a) for a in argv], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, **more,
        **{**how, "env": {**how["env"], **(environ or {})}})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_search_sees(stack):
    """Of an ordinary process of that user all of it is open to it."""
    with held(stack, ["sleep", "60"]) as process:
        for name in "environ", "maps", "auxv":
            assert reads(stack, f"/proc/{process.pid}/{name}")


def test_a_worker(stack, home, programs):
    with contextlib.closing(Site(stack)) as site, \
            held(stack, [programs[WORKER.name]], stdin=site.sock) as worker:
        assert site.ask("GET", "/api/v1/project", home.key).status == 200
        is_private(stack, worker.pid)


def test_a_worker_as_cgi_program(stack, home, programs):
    """It waits for the body; a client's key is in its environment."""
    params = {**params_of("POST", "/api/v1/project/update", home.key,
                          b"{}"), "GATEWAY_INTERFACE": "CGI/1.1"}
    with held(stack, [programs[WORKER.name]], params,
              stdin=subprocess.PIPE) as worker:
        end = time.monotonic() + 20
        while os.stat(f"/proc/{worker.pid}/environ").st_uid != 0:
            assert worker.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        is_private(stack, worker.pid)


@pytest.mark.parametrize("name, arguments, variable", [
    (WORKER.name, ["-t"], "CODECOURIER_DATABASE"),
    (CTL.name, ["project", "list"], "CODECOURIER_ADMIN_DATABASE"),
    (CTL.name, ["provider-key", "reveal", "p", "e2b"],
     "CODECOURIER_ADMIN_DATABASE"),
    (CTL.name, ["doctor"], "CODECOURIER_ADMIN_DATABASE")],
    ids=["check", "list", "reveal", "doctor"])
def test_a_program_that_waits_for_the_database(stack, programs, silent, name,
                                               arguments, variable):
    conninfo, sock = silent
    conninfo += " connect_timeout=60"
    with held(stack, [programs[name], *arguments],
              {variable: conninfo}) as process:
        sock.settimeout(20)
        with sock.accept()[0]:
            is_private(stack, process.pid)


def test_the_next_run_finds_what_a_killed_one_left(stack):
    """By what its user can see of them: of workers not where they stand."""
    def ours():
        return {*stack.workers(), *stack.pids("multiwatch"),
                *stack.pids("nginx"), *stack.pids("postgres")}

    before = ours()     # and after: of PostgreSQL's some come and go
    done = stack.run(["bash", "-c", '. "$0"; our_processes',
                      stack.run_dir / "stage/cgi-bin/stack/lib.sh"],
                     {"RUN_DIR": str(stack.run_dir)})
    found = {int(pid) for pid in done.stdout.split()}
    assert len(stack.workers()) == 3
    assert before & ours() - found == set()
    assert stack.process.pid not in found
