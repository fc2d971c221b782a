"""An installed host, in a mount namespace: /etc and /run of its own, the user
codecourier, root at the keyboard. Only root can make one, so a plain user has
no test here; what can be tested without root is in test_init.py and
test_doctor.py. What needs systemd is tested on a booted Debian."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from cluster import BIN
from contract import KEY
from doctor import FAKETIME, parsed
from harness import CTL, ROOT, WORKER, copy_cluster

UID = 64998     # nobody's on the machine itself
CONF = "/etc/codecourier/api.conf"
UNIT = "codecourier-api.service"
# Where root's programs count, under `make coverage`.
COUNTS = {"GCOV_PREFIX": os.environ["HOST_COUNTS"]} \
    if "HOST_COUNTS" in os.environ else {}

MAKE = """
set -e
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

    def start(self):
        (self.top / "etc").mkdir()
        for program in CTL, WORKER, ROOT / "cgi-bin/pool":
            shutil.copy(program, self.top)
            (self.top / program.name).chmod(0o755)
        self.processes = [subprocess.Popen(
            ["unshare", "-m", "sh", "-c", MAKE.format(
                top=self.top, uid=UID, root=ROOT)])]
        end = time.monotonic() + 30
        while "sleep" not in Path(
                f"/proc/{self.processes[0].pid}/comm").read_text():
            assert self.processes[0].poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        self.postgres()
        self.write(CONF, "CODECOURIER_WORKERS=2\n")

    def enter(self, *argv, user=None):
        drop = ["setpriv", f"--reuid={user}", "--init-groups",
                "--regid", subprocess.check_output(
                    self.enter("id", "-g", user),
                    text=True).strip()] if user else []
        return ["nsenter", "-m", "-t", str(self.processes[0].pid), *drop,
                *(str(a) for a in argv)]

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

    def write(self, path, text):
        self.sh(f"cat >{path} <<'END'\n{text}END")

    def ctl(self, *args, **more):
        return self.run(self.top / "codecourierctl", *args, **more)

    def spawn(self, *argv, user):
        self.processes.append(subprocess.Popen(
            self.enter(*argv, user=user), cwd="/",
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def postgres(self):
        """As Debian sets it up: peer, no map."""
        data = self.top / "data"
        copy_cluster(data / "pg", self.enter(user="postgres"))
        self.spawn(BIN / "postgres", "-D", data / "pg", "-c", "listen_addresses=",
                   "-c", "unix_socket_directories=/run/postgresql",
                   user="postgres")
        end = time.monotonic() + 30
        while self.run(BIN / "pg_isready", "-h", "/run/postgresql",
                       code=None).returncode:
            assert time.monotonic() < end
            time.sleep(0.1)

    def pool(self):
        self.spawn(self.top / "pool", "/run/codecourier/api.sock",
                   self.top / "project-api.fcgi", user="codecourier")
        end = time.monotonic() + 30
        while "2" not in self.sh(
                f"{self.top}/codecourierctl --json status | "
                "grep -o '\"pid\"' | wc -l"):
            assert time.monotonic() < end
            time.sleep(0.1)

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
        return parsed(self.ctl("--json", "doctor", code=None, **more))[0]

    def found(self, check, words, severity="error", **more):
        here = self.look(**more)
        match = [f for f in here.get(check, []) if words in f["what"]]
        assert len(match) == 1, here
        assert match[0]["severity"] == severity, match
        return match[0]["fix"]


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
    host.ctl("doctor", "--keyring-copied", code=None)
    return host


def stat(host, path):
    return host.sh(f"stat -c '%a %U %G' {path}").strip()


def test_init_as_root_over_peer(ready):
    """Root is no role of the database: postgres is, for a moment."""
    assert {s["state"] for s in ready.first["steps"]} == {"made"}
    assert stat(ready, CONF) == "640 root codecourier"
    assert stat(ready, "/etc/codecourier/keyring") == \
        "600 codecourier codecourier"
    assert stat(ready, "/etc/codecourier/first.key") == "600 root root"
    assert KEY.fullmatch(ready.sh("cat /etc/codecourier/first.key").strip())
    for word in "keyring", "systemctl enable", "back the database":
        assert [n for n in ready.first["next"] if word in n], ready.first
    assert "sites-enabled/codecourier " not in str(ready.first["next"])
    assert [n for n in ready.first["next"] if n.startswith("TLS")]
    ready.run(ready.top / "project-api.fcgi", "-t", user="codecourier")


def test_root_may_run_every_command(ready):
    assert "shop" in ready.ctl("project", "list").stdout
    ready.ctl("migrate")
    ready.ctl("status")
    ready.ctl("project", "show", "shop")
    ready.ctl("key", "list", "shop")
    ready.ctl("project", "create", "--name", "x", "--slug", "second",
              "--owner-email", "a@b.c")
    again = json.loads(ready.ctl("--json", "init").stdout)["data"]
    assert again["changed"] is False


def test_nobody_else_may(ready):
    """Peer authentication is what keeps others out."""
    assert ready.ctl("project", "list", user="www-data",
                     code=None).returncode == 1     # api.conf is not his
    done = ready.ctl("project", "list", user="www-data", code=5,
                     environ={"CODECOURIER_CONF": "/dev/null"})
    assert "Peer authentication failed" in done.stderr


MACHINE = {"cores", "disk", "backlog", "service"}


def test_nothing_to_find(ready):
    assert set(ready.look()) <= MACHINE, ready.look()


def test_a_plain_user_is_told_what_he_cannot_see(ready):
    done = ready.ctl("--json", "doctor", user="www-data", code=None,
                     environ={"CODECOURIER_DATABASE": "user=codecourier "
                              "dbname=codecourier"})
    found, unseen = parsed(done)    # the configuration file is not his
    assert set(found) <= MACHINE, found
    assert {"configuration", "database", "nginx", "socket"} <= unseen
    done = ready.ctl("--json", "doctor", user="codecourier", code=None)
    found, unseen = parsed(done)
    assert set(found) <= MACHINE, found
    assert {"database", "nginx"} <= unseen


def undone(host, do, undo):
    class Change:
        def __enter__(self):
            host.sh(do)

        def __exit__(self, *ignored):
            host.sh(undo)
    return Change()


KEYRING = "/etc/codecourier/keyring"
SOCKET = "/run/codecourier/api.sock"


@pytest.mark.parametrize("check, words, do, undo", [
    ("configuration", "does not belong to root",
     f"chown codecourier {CONF}", f"chown root {CONF}"),
    ("configuration", "cannot read it",
     f"chgrp root {CONF}", f"chgrp codecourier {CONF}"),
    ("configuration", "everybody can read it",
     f"chmod 644 {CONF}", f"chmod 640 {CONF}"),
    ("keyring", "mode 0600, owner 0",
     f"chown root {KEYRING}", f"chown codecourier {KEYRING}"),
    ("keyring", "mode 0640",
     f"chmod 640 {KEYRING}", f"chmod 600 {KEYRING}"),
    ("runtime-folder", "belongs to root", "chown root /run/codecourier",
     "chown codecourier /run/codecourier"),
    ("runtime-folder", "setgid", "chmod g-s /run/codecourier",
     "chmod 2750 /run/codecourier"),
    ("socket", "nginx (www-data) may not",
     f"chgrp root {SOCKET}", f"chgrp www-data {SOCKET}"),
    ("socket", "nginx (www-data) may not",
     "chgrp root /run/codecourier",
     "chgrp www-data /run/codecourier; chmod 2750 /run/codecourier"),
    ("socket", "belongs to www-data",
     f"chown www-data {SOCKET}", f"chown codecourier {SOCKET}"),
    ("site", "no site of nginx",
     "rm /etc/nginx/sites-enabled/codecourier",
     "ln -s ../sites-available/codecourier /etc/nginx/sites-enabled/"),
    ("nginx", "nonsense", "echo 'nonsense;' >/etc/nginx/conf.d/x.conf",
     "rm /etc/nginx/conf.d/x.conf"),
    ("disk", "/var/log: full",
     "mount -t tmpfs -o size=4m none /var/log; mkdir /var/log/nginx",
     "umount /var/log")])
def test_what_an_admin_gets_wrong(ready, check, words, do, undo):
    with undone(ready, do, undo):
        ready.found(check, words)
    assert check in MACHINE or check not in ready.look()


def test_full_run(ready):
    """The workers' file takes more than 6 MiB of these."""
    with undone(ready, "mount -o remount,size=12m /run",
                "mount -o remount,size=50% /run"):
        ready.found("disk", "/run/codecourier: full")


def test_expired_certificate(ready):
    ready.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
              "-days", "30", "-subj", "/CN=x", "-keyout", "/etc/x.key",
              "-out", "/etc/x.crt", environ={
                  "LD_PRELOAD": FAKETIME, "FAKETIME": "-60d"})
    path = ready.sh("grep -rl 'client_max_body_size 2m;' /etc/nginx/codecourier "
                    "/etc/nginx/sites-available").strip()
    with undone(ready, f"cp {path} /etc/site; sed -i 's,client_max_body_size 2m;,&"
                f"ssl_certificate /etc/x.crt; ssl_certificate_key /etc/x.key;"
                f",' {path}", f"mv /etc/site {path}"):
        assert "renew" in ready.found("certificate", "/etc/x.crt has expired")


def test_full_disk_of_the_database(ready):
    """Both say so: the program that meets it, and doctor."""
    fill = ready.top / "data/fill"
    with undone(ready, f"dd if=/dev/zero of={fill} bs=64k 2>&1 || true",
                f"rm {fill}"):
        for number in range(500):
            done = ready.ctl("project", "create", "--name", "x" * 100,
                             "--slug", f"full-{number}", "--owner-email",
                             "a@b.c", code=None)
            if done.returncode:
                break
        assert done.returncode == 5, done
        assert "the disk of the database is full" in done.stderr
        fix = ready.found("disk", f"{ready.top}/data/pg: full")
        assert "replication slots" in fix
    ready.ctl("project", "create", "--name", "x", "--slug", "roomy",
              "--owner-email", "a@b.c")


def test_the_way_to_a_database_elsewhere(ready):
    """Only there, and only after init: a drop-in of the unit."""
    path = f"/etc/systemd/system/{UNIT}.d/database.conf"
    environ = {"CODECOURIER_DATABASE": "host=db.test,192.0.2.8 "
               "user=codecourier dbname=codecourier connect_timeout=2"}
    ready.sh("echo 127.0.0.9 db.test >>/etc/hosts")
    dry = json.loads(ready.ctl("--json", "init", "--dry-run",
                               environ=environ).stdout)["data"]
    assert [s["what"] for s in dry["steps"]
            if s["state"] == "would make"] == [f"drop-in {path}"]
    ready.sh(f"test ! -e {path}")
    made = json.loads(ready.ctl("--json", "init",
                                environ=environ).stdout)["data"]
    assert [n for n in made["next"] if "systemctl daemon-reload" in n]
    assert [n for n in made["next"] if "hostaddr=" in n]
    lines = ready.sh(f"cat {path}").splitlines()
    assert [x for x in lines if "IPAddressAllow" in x] == [
        "IPAddressAllow=127.0.0.9", "IPAddressAllow=192.0.2.8"]
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6" in lines
    assert stat(ready, path) == "644 root root"
    again = json.loads(ready.ctl("--json", "init",
                                 environ=environ).stdout)["data"]
    assert again["changed"] is False
    ready.found("database-login", "the workers cannot work", environ=environ)


def test_the_password_file_is_the_workers(ready):
    """Copied by root from another host: doctor says so, init mends it."""
    path = "/etc/codecourier/passfile"
    environ = {"CODECOURIER_DATABASE":
               "host=127.0.0.9 user=codecourier dbname=codecourier "
               f"connect_timeout=2 passfile={path}"}
    with undone(ready, f"echo '*:*:*:codecourier:x' >{path}; chmod 600 {path}",
                f"rm {path}"):
        fix = ready.found("database-login", "mode 0600, owner 0",
                          environ=environ)
        assert f"chown codecourier:codecourier {path}" in fix
        ready.ctl("init", environ=environ)
        assert stat(ready, path) == "600 codecourier codecourier"
        assert not [f for f in ready.look(environ=environ)["database-login"]
                    if "owner" in f["what"]]


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
