"""A host with the package's files on it, in a mount and a network namespace:
/etc and /run of its own, the user codecourier, PostgreSQL as Debian has it,
pool and nginx. Root only."""
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from shlex import quote

import pytest

from cluster import BIN
from doctor import parsed, told
from harness import CTL, ROOT, WORKER, copy_cluster

UID = 64998     # nobody's on the machine itself
CONF = "/etc/codecourier/api.conf"
UNIT = "codecourier-api.service"
SOCKET = "/run/codecourier/api.sock"
# Where root's programs count, under `make coverage`.
COUNTS = {"GCOV_PREFIX": os.environ["HOST_COUNTS"]} \
    if "HOST_COUNTS" in os.environ else {}

# the loopback of a new network, without a program for it
UP = """
import fcntl, socket, struct
s = socket.socket()
fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))
"""
MAKE = """
set -e
/usr/bin/python3 -c "$UP"
mount -t tmpfs -o mode=755 none {top}/etc
mkdir {top}/etc/upper {top}/etc/work
mount -t overlay -o lowerdir=/etc,upperdir={top}/etc/upper,workdir={top}/etc/work none /etc
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/log
mkdir /var/log/nginx
sed -i /codecourier/d /etc/passwd /etc/group
echo codecourier:x:{uid}:{uid}::/var/lib/codecourier:/bin/false >>/etc/passwd
echo codecourier:x:{uid}: >>/etc/group
install -d -o codecourier -g www-data -m 2750 /run/codecourier
install -d -o postgres -g postgres -m 2775 /run/postgresql
for name in body answer; do
	mkdir /run/codecourier_$name
	mount -t tmpfs -o size=4m,mode=700,uid=www-data none /run/codecourier_$name
done
rm -rf /etc/codecourier /etc/nginx/sites-enabled /etc/nginx/codecourier
install -d /etc/codecourier /etc/nginx/sites-enabled /etc/nginx/codecourier
install -d /etc/systemd/system
cp -r {root}/nginx/. /etc/nginx/codecourier/
mv /etc/nginx/codecourier/codecourier.conf /etc/nginx/sites-available/codecourier
ln -s ../sites-available/codecourier /etc/nginx/sites-enabled/
sed -i 's/worker_connections .*/worker_connections 4096;/' /etc/nginx/nginx.conf
mkdir -p {top}/data
mount -t tmpfs -o size=400m,mode=700,uid=postgres,gid=postgres none {top}/data
exec sleep infinity
"""


class Host:
    """The namespace lives as long as a sleeping process in it."""

    def __init__(self):
        self.top = Path(tempfile.mkdtemp(prefix="cc-host-"))
        self.top.chmod(0o711)
        self.processes = []
        self.here = {}      # what look() has found last

    def start(self):
        (self.top / "etc").mkdir()
        for program in CTL, WORKER, ROOT / "cgi-bin/pool":
            shutil.copy(program, self.top)
            (self.top / program.name).chmod(0o755)
        self.processes = [subprocess.Popen(
            ["unshare", "-m", "-n", "sh", "-c", MAKE.format(
                top=self.top, uid=UID, root=quote(str(ROOT)))],
            env={**os.environ, "UP": UP})]
        end = time.monotonic() + 30
        while "sleep" not in Path(
                f"/proc/{self.processes[0].pid}/comm").read_text():
            assert self.processes[0].poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        self.postgres()
        self.write(CONF, "CODECOURIER_WORKERS=2\n")

    def path(self, name):
        """A file of the host's; no link in its name may be absolute."""
        return Path(f"/proc/{self.processes[0].pid}/root{name}")

    def enter(self, *argv, user=None):
        drop = self.become(user) if user else []
        return ["nsenter", "-m", "-n", "-t", str(self.processes[0].pid), *drop,
                *(str(a) for a in argv)]

    def become(self, user):
        """What stands in front of a command of that user."""
        group = UID if user == "codecourier" else pwd.getpwnam(user).pw_gid
        return ["setpriv", f"--reuid={user}", "--init-groups", "--regid",
                str(group)]

    def run(self, *argv, user=None, environ=None, code=0):
        done = subprocess.run(
            self.enter(*argv, user=user), capture_output=True, text=True,
            timeout=60, cwd="/", env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                **COUNTS, **(environ or {})})
        assert code is None or done.returncode == code, done
        return done

    def sh(self, text):
        return self.run("sh", "-ec", text).stdout

    def write(self, name, text):
        self.path(name).write_text(text)

    def ctl(self, *args, **more):
        return self.run(self.top / "codecourierctl", *args, **more)

    def spawn(self, *argv, user):
        self.processes.append(subprocess.Popen(
            self.enter(*argv, user=user), cwd="/",
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self.processes[-1]

    def postgres(self):
        """As Debian sets it up: peer, no map."""
        data = self.top / "data"
        copy_cluster(data / "pg", self.enter(user="postgres"))
        self.spawn(BIN / "postgres", "-D", data / "pg",
                   "-c", "listen_addresses=127.0.0.1",
                   "-c", "unix_socket_directories=/run/postgresql",
                   user="postgres")
        end = time.monotonic() + 30
        while self.run(BIN / "pg_isready", "-h", "/run/postgresql",
                       code=None).returncode:
            assert time.monotonic() < end
            time.sleep(0.1)

    def pool(self, *front):
        """Two workers, behind a command that starts them."""
        self.workers = self.spawn(
            *front, *self.become("codecourier"), self.top / "pool", SOCKET,
            self.top / "project-api.fcgi", user=None)
        self.until(lambda: self.ctl("--json", "status", code=None)
                   .stdout.count('"pid"') == 2, "two workers")

    def listens(self, port):
        """Whether somebody does, in the namespace."""
        return f":{port:04X} 00000000:0000 0A" in Path(
            f"/proc/{self.processes[0].pid}/net/tcp").read_text()

    def until(self, condition, what):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, f"still not: {what}"
            time.sleep(0.05)

    def nginx(self):
        """In the foreground; it serves when this comes back."""
        self.web = self.spawn("nginx", "-g", "daemon off;", user=None)
        self.until(lambda: self.listens(8080), "nginx listens")

    def reload(self, process, signum):
        """Returns when its children are others."""
        def children():
            return set(Path(f"/proc/{process.pid}/task/{process.pid}/children")
                       .read_text().split())

        before = children()
        process.send_signal(signum)
        self.until(lambda: (now := children()) and not now & before, "others")

    def end(self, process, signum=signal.SIGTERM):
        process.send_signal(signum)
        process.wait(30)
        self.processes.remove(process)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGINT if process is not
                                self.processes[0] else signal.SIGKILL)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.top, ignore_errors=True)

    def look(self, **more):
        """Its findings, by check."""
        self.here = parsed(self.ctl("--json", "doctor", code=None, **more))[0]
        return self.here

    def found(self, *args, **more):
        """The finding of this check that has these words, if told now."""
        return told(self.look(**more), *args)


@pytest.fixture(scope="module")
def host():
    one = Host()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture(scope="module")
def ready(host):
    """After init, with a pool and a copy of the keyring."""
    host.sh(f"chmod 644 {CONF}")
    done = host.ctl("--json", "init", "--name", "Shop", "--slug", "shop",
                    "--owner-email", "a@shop.test", "--out",
                    "/etc/codecourier/first.key")
    host.first = json.loads(done.stdout)["data"]
    host.pool()
    host.nginx()
    host.ctl("doctor", "--keyring-copied", code=None)
    return host


@contextlib.contextmanager
def undone(host, do, undo):
    host.sh(do)
    try:
        yield
    finally:
        host.sh(undo)


MACHINE = {"disk", "backlog", "service", "timers"}


def nothing(host):
    """Waits until there is nothing to be found: a reload takes a moment."""
    end = time.monotonic() + 30
    while here := {c: f for c, f in host.look().items() if c not in MACHINE}:
        assert time.monotonic() < end, here


def later(host, *args):
    """The finding, once it is there."""
    seen = []

    def look():
        with contextlib.suppress(AssertionError):
            seen.append(host.found(*args))
        return seen
    host.until(look, args)
    return seen[0]


def reload_nginx(host):
    host.reload(host.web, signal.SIGHUP)


def reload_workers(host):
    host.reload(host.workers, signal.SIGUSR2)


def stop_workers(host):
    host.end(host.workers)
