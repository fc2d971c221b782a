"""The stack under test as a process of ours: start, ask, stop, count.

Everything that touches the stack's files or its database runs as the user
the stack runs as: when the tests are started as root that is somebody else.
"""
import atexit
import fcntl
import json
import os
import pwd
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from psql import Psqls, SqlError

ROOT = Path(__file__).resolve().parents[2]
PG_BIN = Path("/usr/lib/postgresql/15/bin")
# Its own psql, not Debian's, which looks for a cluster first, in Perl.
PATH = f"{PG_BIN}:{os.environ['PATH']}"
RUN_SH = ROOT / "cgi-bin/stack/run.sh"
PROGRAMS = ROOT / os.environ.get("PROGRAMS", "cgi-bin")
CTL = PROGRAMS / "codecourierctl"
WORKER = PROGRAMS / "project-api.fcgi"
DUMPABLE = ROOT / os.environ.get("BUILD", "build") / "tests/dumpable.so"
# where programs report that are built with sanitizers, or count their lines
REPORTS = {n: os.environ[n] for n in (
    "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX")
    if n in os.environ}
# What a test finds ready is made by the command as it is shipped: sanitizers
# make a process of it three times as dear.
MAKER = ROOT / "cgi-bin/codecourierctl" if "ASAN_OPTIONS" in REPORTS else CTL


RESERVED = []   # sockets that mark our ports


def reserve(port):
    """Whether the port is ours from now on. A name of the kernel's, which dies
    with us, says so to the other processes of tests."""
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0codecourier-test-port-{port}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        mark.close()
        return False
    RESERVED.append(mark)
    return True


def free_port(count=1):
    """The first of so many in a row that no other test takes while this
    process lives; below the range from which the kernel serves clients."""
    while True:
        port = random.randrange(10240, 32768 - count)
        if all(reserve(port + n) for n in range(count)):
            return port


def drop_to(uid, gid):
    """What stands before a command that shall run as this user; nothing if
    that is us. (Python forks itself whole to change a user by itself.)"""
    if os.geteuid() == uid:
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]


def fresh_cluster():
    """The folder of a PostgreSQL that initdb has just made, to be copied: it
    is made once for all processes that TEST_CLUSTER names a folder, else once
    for this one. It holds no secret, so any user may copy it."""
    if "TEST_CLUSTER" not in os.environ:
        os.environ["TEST_CLUSTER"] = tempfile.mkdtemp(prefix="cc-cluster-")
        atexit.register(shutil.rmtree, os.environ["TEST_CLUSTER"], True)
    place = Path(os.environ["TEST_CLUSTER"])
    fresh = place / "fresh"
    lock = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not fresh.exists():
            make_fresh(place / "new", fresh)
    finally:
        os.close(lock)
    return fresh


def make_fresh(new, fresh):
    """PostgreSQL's programs want another user than root."""
    uid = os.geteuid() or pwd.getpwnam("nobody").pw_uid
    new.parent.chmod(0o711)
    new.mkdir(mode=0o700)
    os.chown(new, uid, -1)
    subprocess.run(
        [*drop_to(uid, os.getegid() or pwd.getpwuid(uid).pw_gid),
         PG_BIN / "initdb", "-D", new, "-U", "postgres", "-A", "peer",
         "--no-sync", "-E", "UTF8", "--locale=C", "--no-instructions"],
        check=True, capture_output=True, cwd="/", env={"LANG": "C"})
    subprocess.run(["chmod", "-R", "a+rX", new], check=True)
    new.rename(fresh)


def copy_cluster(data, drop):
    """A cluster of a test's own in `data`, which is made, by `drop`."""
    subprocess.run(
        [*drop, "sh", "-c", 'umask 077; cp -r "$1" "$2"; chmod -R go= "$2"',
         "sh", fresh_cluster(), data], check=True, cwd="/")


def read_names(path):
    """NAME=value lines of a configuration file, comments left out."""
    found = {}
    for line in Path(path).read_text(
            errors="surrogateescape").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, value = line.split("=", 1)
            found[name.strip()] = value.strip()
    return found


def read_env(path):
    """The same for a file in the shell's syntax."""
    words = shlex.split(
        Path(path).read_text(errors="surrogateescape"), comments=True)
    return dict(w.split("=", 1) for w in words if "=" in w)


def started(pid):
    """A process's start time: pid and this together are never reused."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def parent(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def program(pid):
    """The name of the program that a process was started from, or ''."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def all_pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def stage(folder):
    """The two programs, for the stack's user. Only root may look into a
    worker; the tests of a plain user look into workers that let them."""
    folder.mkdir()
    shutil.copy(CTL, folder)
    shutil.copy(MAKER, folder / "maker")
    worker = folder / WORKER.name
    if os.geteuid() == 0:
        shutil.copy(WORKER, folder)
    else:
        worker.write_text(
            "#!/bin/bash\n"
            'export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"\n'
            f"LD_PRELOAD={shlex.quote(str(DUMPABLE))} "
            f'exec -a "$0" {shlex.quote(str(WORKER))} "$@"\n')
    for path in folder, *folder.iterdir():
        path.chmod(0o755)       # whatever our umask is
    return folder


class Stack:
    """One private stack in a folder of its own, on a free port."""

    def __init__(self, workers=8, limits="off", environ=None):
        self.top = Path(tempfile.mkdtemp(prefix="cc-test-"))
        self.top.chmod(0o711)   # the stack's user must get through
        self.run_sh = RUN_SH
        self.run_dir = self.top / "run"
        self.output = self.top / "output"
        self.port = free_port(2)
        self.metrics_port = self.port + 1
        self.base = f"http://127.0.0.1:{self.port}"
        programs = stage(self.top / "programs")
        self.ctl_path = programs / CTL.name
        self.maker = programs / "maker"
        self.worker_path = programs / WORKER.name
        self.drop = []
        self.extra = {"PORT": str(self.port), "RUN_DIR": str(self.run_dir),
                      "METRICS_PORT": str(self.metrics_port),
                      "WORKERS": str(workers), "DURABLE": "off",
                      "LIMITS": limits, "PROGRAMS": str(programs),
                      "CLUSTER": str(fresh_cluster()),
                      **(environ or {})}
        self.process = None
        self.pool = None        # its workers, as the tests expect them
        self.psqls = Psqls(self)

    def start(self, seconds=90):
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [str(self.run_sh)], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True, cwd=str(ROOT),
                env={**os.environ, **self.extra})
        env = self.run_dir / "env"
        end = time.monotonic() + seconds
        while not env.exists():
            gone = self.process.poll() is not None
            if gone or time.monotonic() > end:
                self.stop()
                raise RuntimeError("the stack did not come up:\n" +
                                   self.output.read_text()[-4000:])
            time.sleep(0.05)
        info = env.stat()
        self.uid, self.gid = info.st_uid, info.st_gid
        self.drop = drop_to(self.uid, self.gid)
        self.env = read_env(env)
        self.conf = read_names(self.env["CODECOURIER_CONF"])
        return self

    def stop(self, seconds=30):
        """Ends the stack; returns what it left running after itself."""
        self.psqls.close()
        mine = {(p, started(p)) for p in self.pids()}
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        left = {(p, t) for p, t in mine if t and started(p) == t}
        left |= {(p, started(p)) for p in self.pids()}
        names = [f"{p} {program(p)}" for p, t in left]
        for pid, start in left:
            if started(pid) == start:
                os.kill(pid, signal.SIGKILL)
        return names

    def clean(self):
        shutil.rmtree(self.top, ignore_errors=True)

    def is_descendant(self, pid):
        """A child's child, however the processes are grouped."""
        while pid > 1 and pid != self.process.pid:
            pid = parent(pid)
        return pid > 1

    def is_touching(self, pid):
        """Has a program, folder or file inside RUN_DIR open."""
        try:
            links = [f"/proc/{pid}/cwd", f"/proc/{pid}/exe",
                     *(f"/proc/{pid}/fd/{f}"
                       for f in os.listdir(f"/proc/{pid}/fd"))]
        except OSError:
            return False
        for link in links:
            try:
                if os.readlink(link).startswith(str(self.run_dir)):
                    return True
            except OSError:
                pass
        return False

    def pids(self, name=None):
        """The stack's processes, or those of one program."""
        return sorted(
            p for p in all_pids() if name in (None, program(p)) and
            (self.is_descendant(p) or self.is_touching(p)) and started(p))

    def workers(self):
        return self.pids("project-api.fcgi")

    def how(self, argv, environ=None):
        """How a program is started as the stack's user, without our
        environment."""
        env = {"PATH": PATH, "LC_ALL": "C.UTF-8",
               "CODECOURIER_CONF": self.env["CODECOURIER_CONF"],
               **REPORTS, **(environ or {})}
        drop = self.drop
        if drop and "LD_PRELOAD" in env:    # for the program alone
            drop = [*drop, "env", f"LD_PRELOAD={env.pop('LD_PRELOAD')}"]
        return {"args": [*drop, *(str(a) for a in argv)], "env": env,
                "cwd": "/"}

    def run(self, argv, environ=None, seconds=60, **more):
        return subprocess.run(**self.how(argv, environ), text=True,
                              capture_output=True, timeout=seconds, **more)

    def popen(self, argv, **more):
        return subprocess.Popen(**self.how(argv), **more)

    def ctl(self, *args, code=0, environ=None, program=None):
        """codecourierctl --json …: its data, or its error if code is not 0."""
        done = self.run([program or self.ctl_path, "--json", *args], environ)
        assert done.returncode == code, \
            (args, done.returncode, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        assert list(answer) == ["error" if code else "data"], answer
        return answer["error"] if code else answer["data"]

    def make(self, *args):
        """The same, for what a test does not ask about."""
        return self.ctl(*args, program=self.maker)

    def status(self):
        return self.ctl("status")

    def psql(self, text, conninfo):
        done = self.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v",
                         "VERBOSITY=verbose", "-d", conninfo, "-f", "-"],
                        input=text)
        if done.returncode:
            raise SqlError(done.stderr)
        return done.stdout.rstrip("\n")

    def admin(self, dbname="codecourier"):
        """The administrator's conninfo; the last dbname in one wins."""
        return self.conf["CODECOURIER_ADMIN_DATABASE"] + f" dbname={dbname}"

    def sql(self, text):
        """As the administrator: what psql prints, or SqlError."""
        return self.psqls.run(text, self.admin())

    def api_sql(self, text):
        """As the role of the workers, through their own conninfo."""
        return self.psql(text, self.conf["CODECOURIER_DATABASE"])

    def rows(self, query):
        return json.loads(self.sql(
            f"select coalesce(json_agg(t), '[]') from ({query}) t"))

    def log(self, name):
        path = self.run_dir / "log" / name
        return path.read_text(errors="replace")

    def logs(self):
        """All that the parts of the stack have written for people."""
        parts = [p.read_bytes() for p in (self.run_dir / "log").rglob("*")
                 if p.is_file()]
        return b"\n".join([*parts, self.output.read_bytes()])
