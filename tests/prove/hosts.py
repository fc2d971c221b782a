"""Two hosts on this one: a pool with a runtime directory and an nginx each,
each with a way of its own to one database. All that ends is started again."""
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from cluster import Cluster
from harness import all_pids, free_port, program, started
from session import as_user

HERE = Path(__file__).resolve().parent
SOCKET = ".s.PGSQL.5432"


def kill(pid, number=signal.SIGKILL):
    """A signal to one of ours, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def group(leader):
    """The processes of a group that we have started."""
    found = []
    for pid in all_pids():
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == leader and started(pid):
                found.append(pid)
    return found


def kill_group(leader):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


class Part:
    """A program of a host, in a process group of its own."""

    def __init__(self, stack, log, argv, environ=None, stdin=None):
        self.stack, self.log, self.argv = stack, log, [str(a) for a in argv]
        self.environ, self.stdin = environ or {}, stdin
        self.process, self.starts = None, 0

    def start(self):
        how = as_user(self.stack)
        how["env"].update(self.environ)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdin=self.stdin or subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, **how)
        self.starts += 1

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def end(self):
        if self.process:
            kill_group(self.process.pid)
            self.process.wait()
            for pid in group(self.process.pid):
                while started(pid):     # killed, and not quite gone
                    time.sleep(0.01)

    def pids(self):
        return group(self.process.pid) if self.process else []


class Database(Cluster):
    """PostgreSQL with commits that wait for what kill -9 leaves."""

    options = Cluster.options + \
        " -c max_connections=100 -c max_wal_size=128MB"

    def configure(self, data):
        """The relays are not the programs: who comes in is believed."""
        (data / "pg_hba.conf").write_text("local all all trust\n")

    def start(self):
        super().start()
        done = self.ctl("init")
        assert done.returncode == 0, done
        self.starts = 1

    def data(self, *args):
        """codecourierctl --json: its data."""
        return self.stack.ctl(*args, environ=self.environ)

    def master(self):
        """The postmaster, or 0."""
        try:
            pid = int((self.top / "data/postmaster.pid").read_text()
                      .split("\n")[0])
            if os.readlink(f"/proc/{pid}/cwd") == str(self.top / "data"):
                return pid
        except (OSError, ValueError):
            pass
        return 0

    def pids(self):
        """All of its processes, whoever their parent is by now."""
        found = []
        for pid in all_pids():
            with contextlib.suppress(OSError):
                if program(pid) == "postgres" and os.readlink(
                        f"/proc/{pid}/cwd") == str(self.top / "data"):
                    found.append(pid)
        return found

    def backends(self):
        """Those that serve workers."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                if b"postgres: codecourier codecourier" in Path(
                        f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def alive(self):
        return started(self.master()) is not None

    def revive(self):
        for pid in self.pids():
            kill(pid)
        with contextlib.suppress(AssertionError):   # not all gone: again
            self.up()
            self.starts += 1

    def restart(self):
        """As pg_ctl -m immediate does, but for the waiting; one that is
        stopped hears it now, not when all is over."""
        kill(self.master(), signal.SIGCONT)
        kill(self.master(), signal.SIGQUIT)


class Host:
    """One of them: relay, pool, nginx."""

    def __init__(self, stack, database, number, workers):
        self.stack, self.number = stack, number
        self.folder = Path(tempfile.mkdtemp(prefix="cc-prove-"))
        self.wanted = True
        for path in self.folder, self.folder / "pg", self.folder / "log":
            path.mkdir(exist_ok=True)
            os.chown(path, stack.uid, stack.gid)
        self.way = self.folder / "pg" / SOCKET
        self.relay = Part(stack, self.folder / "log/relay", [
            sys.executable, HERE / "relay.py", self.way,
            database.top / SOCKET], stdin=subprocess.PIPE)
        self.relay.argv = [*self.readable(), *self.relay.argv[2:]]
        self.port = free_port(2)
        conf = self.configure(database, workers)
        self.pool = Part(stack, self.folder / "log/pool", [
            stack.run_dir / "stage/cgi-bin/pool", self.folder / "api.sock",
            stack.worker_path], {"CODECOURIER_CONF": conf})
        self.lay_out()
        self.nginx = Part(stack, self.folder / "log/nginx", [
            "nginx", "-e", "log/nginx-error.log", "-p", self.folder, "-c",
            "web/nginx.conf"])
        self.nginx.environ["PATH"] = "/usr/sbin:/usr/bin:/bin"

    def readable(self):
        """The relay, where the stack's user gets at it."""
        copy = self.folder / "relay.py"
        shutil.copy(HERE / "relay.py", copy)
        copy.chmod(0o644)
        return [sys.executable, str(copy)]

    def configure(self, database, workers):
        path = self.folder / "api.conf"
        names = {**self.stack.conf, **database.environ,
                 "CODECOURIER_DATABASE": f"host={self.folder / 'pg'} "
                 "user=codecourier dbname=codecourier",
                 "CODECOURIER_RUNTIME_DIR": str(self.folder),
                 "CODECOURIER_WORKERS": str(workers)}
        path.write_text("".join(f"{n}={v}\n" for n, v in names.items()))
        path.chmod(0o644)
        return str(path)

    def lay_out(self):
        """The site of the stack's nginx, with our socket, ports, folders."""
        stack, web = self.stack, self.folder / "web"
        shutil.copytree(stack.run_dir / "web", web)
        ours = {stack.conf["CODECOURIER_RUNTIME_DIR"]: str(self.folder),
                os.readlink(stack.run_dir / "spool"): str(web / "tmp"),
                f"127.0.0.1:{stack.port}": f"127.0.0.1:{self.port}",
                f"127.0.0.1:{stack.metrics_port}":
                    f"127.0.0.1:{self.port + 1}"}
        for path in web.rglob("*"):
            if path.suffix == ".conf":
                text = path.read_text()
                for theirs, our in ours.items():
                    text = text.replace(theirs, our)
                path.write_text(text)
        for path in [web, *web.rglob("*")]:
            os.chown(path, stack.uid, stack.gid)

    def parts(self):
        return [self.relay, self.pool, self.nginx]

    def keep(self):
        """Starts what has ended."""
        if self.wanted and not self.relay.alive():
            self.way.unlink(missing_ok=True)
        for part in self.parts():
            if self.wanted and not part.alive():
                part.end()      # what it has left
                part.start()

    def vanish(self):
        self.wanted = False
        for part in self.pool, self.nginx, self.relay:
            part.end()

    def come_back(self):
        self.wanted = True

    def pids(self, name):
        return [p for part in (self.pool, self.nginx) for p in part.pids()
                if program(p) == name]

    def workers(self):
        return self.pids("project-api.fcgi")

    def nginx_master(self):
        return self.nginx.process.pid

    def tell(self, word):
        """To its relay."""
        with contextlib.suppress(OSError, ValueError):
            self.relay.process.stdin.write(f"{word}\n".encode())
            self.relay.process.stdin.flush()

    def ready(self):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            conn.request("GET", "/readyz")
            return conn.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            conn.close()

    def lines(self, rid):
        """What its logs say of a request."""
        found = []
        for path in sorted((self.folder / "log").iterdir()):
            with open(path, errors="replace") as log:
                found += [f"host {self.number} {path.name}: {line.rstrip()}"
                          for line in log if rid in line]
        return found

    def forget(self):
        """Lets go of the lines of rounds that were right."""
        for path in (self.folder / "log").iterdir():
            os.truncate(path, 0)

    def close(self):
        self.vanish()
        shutil.rmtree(self.folder, ignore_errors=True)


class Arena:
    """A database and its hosts; a thread keeps them up."""

    def __init__(self, stack, hosts=2, workers=4):
        self.stack = stack
        self.database = Database(stack)
        self.hosts = []
        self.over = threading.Event()
        self.failed = None
        self.thread = threading.Thread(target=self.supervise, daemon=True)
        try:
            self.database.start()
            for number in range(hosts):
                self.hosts.append(Host(stack, self.database, number, workers))
        except BaseException:
            self.close()
            raise
        self.thread.start()
        self.await_ready()

    def supervise(self):
        try:
            while not self.over.wait(0.1):
                if not self.database.alive():
                    self.database.revive()
                for host in self.hosts:
                    host.keep()
        except Exception as problem:    # told by the run
            self.failed = problem

    def go_on(self):
        """Wakes all that was stopped, and opens all ways."""
        for pid in self.database.pids():
            kill(pid, signal.SIGCONT)
        for host in self.hosts:
            host.come_back()
            for part in host.parts():
                for pid in part.pids():
                    kill(pid, signal.SIGCONT)
            host.tell("go")

    def await_ready(self, seconds=90):
        """Each host serves again, by itself."""
        end = time.monotonic() + seconds
        for host in self.hosts:
            while not host.ready():
                assert not self.failed, self.failed
                assert time.monotonic() < end, \
                    f"host {host.number} does not come back"
                time.sleep(0.05)

    def close(self):
        self.over.set()
        if self.thread.is_alive():
            self.thread.join(60)
        for pid in self.database.pids():
            kill(pid, signal.SIGCONT)
        for host in self.hosts:
            host.close()
        self.database.stop()
