"""codecourierctl doctor: every check is provoked, and names what mends it.

A private stack as it is made by `make run`; what only an installed host has
is in test_installed.py."""
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from cluster import EC, TlsCluster
from cluster import running as cluster_running
from doctor import (FAKETIME, edited, found, host_file, later, look, mode,
                    own, parsed, settings, sick, sockets, told)
from harness import ROOT, free_port


def test_nothing_to_find(sick):
    """Nothing but what the machine itself may have, and a plain user's tests,
    whose workers are dumpable for them; into a worker only root may look. And
    it changes nothing."""
    versions = "select * from codecourier.schema_version"
    before = sick.rows(versions), sorted(os.listdir(sick.run_dir))
    done = sick.run([sick.ctl_path, "--json", "doctor"])
    here, unseen = parsed(done)
    machine = {"disk", "backlog"}
    if os.geteuid():
        machine.add("cores")
    assert set(here) <= machine, here
    assert unseen == {"running"}
    assert before == (sick.rows(versions), sorted(os.listdir(sick.run_dir)))


def test_files(sick, own):
    """Configuration, keyring, runtime folder and socket: what is wrong with
    one hides nothing of the others."""
    conf, ring = sick.run_dir / "api.conf", own / "keyring"
    folder, path = sockets(sick), sockets(sick) / "api.sock"
    away = path.with_suffix(".away")
    environ = {"CODECOURIER_KEYRING": str(ring)}

    def keyring(content, bits=0o600):
        ring.write_text(content)
        os.chown(ring, sick.uid, sick.gid)
        ring.chmod(bits)

    with mode(conf, 0o644), mode(folder, 0o755), mode(path, 0o666):
        here = look(sick, environ)
    assert "chmod 0640" in told(here, "configuration", "everybody can read")
    told(here, "keyring", "No such file")
    told(here, "runtime-folder", "lets others in")
    told(here, "socket", "whoever can connect")

    keyring("k1 seal AAAA\n")
    with mode(conf, 0o604), mode(host_file(sick), 0o644), mode(path, 0o400):
        here = look(sick, environ)
    assert "chmod 0640" in told(here, "configuration", "everybody can read")
    told(here, "keyring", ":1:")
    assert "remove it" in told(here, "runtime-folder", host_file(sick).name)
    told(here, "socket", "may not connect")

    keyring("")
    path.rename(away)
    try:
        with mode(conf, 0o620):
            here = look(sick, environ)
        assert "chmod 0640" in told(here, "configuration",
                                    "its group can write")
        told(here, "keyring", "0 keys with state seal")
        told(here, "socket", "No such file")
        keyring("", 0o640)
        path.write_text("")
        here = look(sick, environ)
        told(here, "keyring", "mode 0640")
        told(here, "socket", "is no socket")
    finally:
        path.unlink(missing_ok=True)
        away.rename(path)
    found(sick, "runtime-folder", "No such file",
          environ={"CODECOURIER_RUNTIME_DIR": str(own / "none")})
    assert not {"configuration", "keyring", "runtime-folder", "socket"} & \
        set(look(sick))


@pytest.mark.parametrize("name, words", [
    ("k1", "key k1 is not the one"), ("k2", "lacks the master key k1")])
def test_another_keyring(sick, own, name, words):
    """Whole, and of no use for this database."""
    path = own / "keyring"
    path.write_text(f"{name} seal {'A' * 43}=\n")
    os.chown(path, sick.uid, sick.gid)
    path.chmod(0o600)
    environ = {"CODECOURIER_KEYRING": str(path)}
    fix = found(sick, "sealed", words, environ=environ)
    assert fix == "bring the copy of the keyring back that has it"
    done = sick.run([sick.worker_path, "-t"], environ)
    assert done.returncode == 1 and words in done.stderr, done
    done = sick.run([sick.ctl_path, "status", "--json"], environ)
    assert done.returncode == 5, done
    assert words in json.loads(done.stdout)["data"]["keyring"]


@pytest.mark.parametrize("conninfo, names", [
    ("host=db password=pl4nted 5ecret", ["CODECOURIER_DATABASE"]),
    ("host=db password=pl4nted 5ecret", ["CODECOURIER_ADMIN_DATABASE"]),
    ("postgresql://u:p%ss5ecret@h/db",
     ["CODECOURIER_DATABASE", "CODECOURIER_ADMIN_DATABASE"]),
    ("user='5ecret", ["CODECOURIER_DATABASE", "CODECOURIER_ADMIN_DATABASE"])])
def test_a_conninfo_that_cannot_be_parsed(sick, conninfo, names):
    """libpq's own message would quote it."""
    environ = dict.fromkeys(names, conninfo)
    checks = {"CODECOURIER_DATABASE": "database-login",
              "CODECOURIER_ADMIN_DATABASE": "database"}
    for argv in (["--json", "doctor"], ["doctor"], ["status"]):
        done = sick.run([sick.ctl_path, *argv], environ)
        assert "5ecret" not in done.stdout + done.stderr, done
        if "--json" in argv:
            for name in names:
                told(parsed(done)[0], checks[name], "not a conninfo of libpq")
    done = sick.run([sick.worker_path, "-t"], environ)
    assert "5ecret" not in done.stdout + done.stderr, done


def test_keyring_copied(sick):
    marker = sick.run_dir / "keyring.copied"
    text = marker.read_text()
    assert sick.status()["keyringFingerprint"] == text.split()[0]
    try:
        for other in None, "0123456789abcdef 2026-01-01T00:00:00Z\n":
            marker.unlink(missing_ok=True)
            if other:
                marker.write_text(other)
            fix = found(sick, "keyring-copy", "copy", "warning")
            assert "doctor --keyring-copied" in fix
    finally:
        marker.write_text(text)
    assert "keyring-copy" not in look(sick)


NOWHERE = "host=/nonexistent dbname=x user=x"


def test_database(sick):
    here = look(sick, {"CODECOURIER_ADMIN_DATABASE": NOWHERE,
                       "CODECOURIER_DATABASE": NOWHERE})
    assert "No such file" in here["database"][0]["what"]
    assert "systemctl status postgresql" in here["database"][0]["fix"]
    assert "No such file" in here["database-login"][0]["what"]


def test_database_login(sick):
    fix = found(sick, "database-login", "Peer authentication", environ={
        "CODECOURIER_DATABASE":
            f"host={sockets(sick)} user=nobody dbname=codecourier"})
    assert "pg_hba.conf" in fix
    fix = found(sick, "database-login", "does not exist", environ={
        "CODECOURIER_DATABASE":
            f"host={sockets(sick)} user=codecourier dbname=none"})
    assert fix == "codecourierctl init"


@pytest.fixture(scope="module")
def far(sick):
    for cluster in cluster_running(sick, TlsCluster):
        done = cluster.ctl("init")
        assert done.returncode == 0, done
        yield cluster


def far_login(far, sick):
    """Only the workers' login is the far one's."""
    environ = {"CODECOURIER_DATABASE": far.environ["CODECOURIER_DATABASE"]}
    return look(sick, environ).get("database-login")


@pytest.mark.plain
def test_a_wrong_password(far, sick):
    assert far_login(far, sick) is None
    path = far.top / "codecourier.pass"
    good = path.read_text()
    path.write_text("*:*:*:codecourier:planted wrong\n")
    try:
        one, = far_login(far, sick)
    finally:
        path.write_text(good)
    assert "password authentication failed" in one["what"]
    assert "passfile" in one["fix"] and "planted" not in str(one)


@pytest.mark.plain
def test_a_server_with_another_certificate(far, sick):
    before = dict(far.environ)
    far.where("host=127.0.0.1 sslmode=verify-full "
              f"sslrootcert={far.top}/other.crt")
    try:
        one, = far_login(far, sick)
    finally:
        far.environ = before
    assert "certificate" in one["what"] and "sslrootcert" in one["fix"]


@contextlib.contextmanager
def versions(stack, *change, back):
    for text in change:
        stack.sql(text)
    try:
        yield
    finally:
        stack.sql(back)


INSERT = ("insert into codecourier.schema_version (version, oldest_program) "
          "values (9999, {})")
FORGET = "delete from codecourier.schema_version where version = 9999"


def test_schema(sick):
    with versions(sick, INSERT.format(1), back=FORGET):
        fix = found(sick, "schema", "is newer than this program's", "warning")
        assert "upgrade" in fix
    with versions(sick, INSERT.format(9999), back=FORGET):
        found(sick, "schema", "serves programs from number 9999 on")
    state = sick.status()
    newest = state["schemaVersion"]
    row = f"({newest}, 1)"
    back = ("insert into codecourier.schema_version (version, "
            f"oldest_program) values {row}")
    with versions(sick, "delete from codecourier.schema_version "
                  f"where version = {newest}", back=back):
        serves = newest > state["oldestSchema"]
        fix = found(sick, "schema", "is older than" if serves else "needs",
                    "warning" if serves else "error")
        assert fix == "codecourierctl migrate"
    with versions(sick, "create table public.kept as table "
                  "codecourier.schema_version",
                  "delete from codecourier.schema_version where version > 1",
                  back="insert into codecourier.schema_version select * from "
                  "public.kept where version > 1; drop table public.kept"):
        found(sick, "schema", "needs")


def test_workers_and_their_connections(sick):
    here = look(sick, {"CODECOURIER_WORKERS": "200"})
    fix = told(here, "connections", "with 200 workers")
    assert "max_connections = 223" in fix
    told(here, "workers", "2 of 200", "warning")


def test_a_socket_that_was_left(sick, own):
    """Of a pool that is gone."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(own / "api.sock"))
    os.chown(own / "api.sock", sick.uid, sick.gid)
    (own / "api.sock").chmod(0o660)
    own.chmod(0o700)
    here = look(sick, {"CODECOURIER_RUNTIME_DIR": str(own)})
    told(here, "socket", "nobody listens")
    told(here, "workers", "no worker runs, or none could make")


@pytest.mark.plain
@pytest.mark.parametrize("shift, words", [("+60", "behind"),
                                          ("-60", "ahead of")])
def test_clock(sick, shift, words):
    fix = found(sick, "clock", words, environ={
        "LD_PRELOAD": FAKETIME, "FAKETIME": shift})
    assert "set-ntp" in fix


def test_commit(sick):
    with settings(sick, synchronous_commit="off", fsync="off"):
        later("commit", sick, "fsync or full_page_writes")
        later("commit", sick, "synchronous_commit is off", "warning")
    with settings(sick, synchronous_standby_names="'none'"):
        later("commit", sick, "every write hangs")
    sick.sql("alter role codecourier set synchronous_commit = off")
    try:
        later("commit", sick, "synchronous_commit is off", "warning")
    finally:
        sick.sql("alter role codecourier reset synchronous_commit")


@contextlib.contextmanager
def bouncer(stack, own, pool_mode):
    """PgBouncer before the stack's database; its conninfo."""
    port = free_port()
    (own / "pgbouncer.ini").write_text(f"""
[databases]
codecourier = host={sockets(stack)} user=codecourier dbname=codecourier
[pgbouncer]
unix_socket_dir = {own}
listen_port = {port}
auth_type = any
pool_mode = {pool_mode}
logfile = {own}/log
""")
    who = {}
    if os.geteuid() == 0:
        who = {"user": stack.uid, "group": stack.gid, "extra_groups": []}
    process = subprocess.Popen(
        ["/usr/sbin/pgbouncer", "-q", str(own / "pgbouncer.ini")], cwd="/",
        stderr=subprocess.DEVNULL, **who)
    end = time.monotonic() + 20
    while not (own / f".s.PGSQL.{port}").exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    try:
        yield f"host={own} port={port} user=codecourier dbname=codecourier"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("pool_mode, bad", [
    ("transaction", True),
    pytest.param("statement", True, marks=pytest.mark.plain),
    pytest.param("session", False, marks=pytest.mark.plain)])
def test_pooler(sick, own, pool_mode, bad):
    with bouncer(sick, own, pool_mode) as conninfo:
        for _ in range(2):      # a new connection, and a used one
            here = look(sick, {"CODECOURIER_DATABASE": conninfo})
            assert ("pooler" in here) == bad, here
            assert bad or "database-login" not in here
            for one in here.get("pooler", []) + here.get("database-login", []):
                assert "pool_mode = session" in one["fix"], one


def test_nginx(sick):
    spool = (sick.run_dir / "spool").resolve()
    places = {name: f"/var/tmp/codecourier-test-{name}" for name in (
        "client_body_temp_path", "fastcgi_temp_path")}
    with contextlib.ExitStack() as stack:
        stack.enter_context(edited(sick, "worker_connections 4096;",
                                   "worker_connections 768;"))
        stack.enter_context(edited(sick, "#set_real_ip_from 192.0.2.10;",
                                   "set_real_ip_from ::/0;"))
        for name, folder in ("client_body_temp_path", "body"), \
                ("fastcgi_temp_path", "fastcgi"):
            stack.enter_context(edited(sick, f"{name} {spool}/{folder}",
                                       f"{name} {places[name]}"))
        try:
            here = look(sick)
        finally:
            for path in places.values():
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(path)
    told(here, "nginx", "worker_connections is 768", "warning")
    assert "trusted-proxies.conf" in told(
        here, "nginx", "set_real_ip_from names everybody", "warning")
    for name, path in places.items():
        assert "/run" in told(here, "spool", f"{name} is {path}, a disk")
    with edited(sick, "worker_connections 4096;", "nonsense 1;"):
        fix = found(sick, "nginx", 'unknown directive "nonsense"')
        assert "nginx -t" in fix


@contextlib.contextmanager
def listening(stack, own, backlog, answer=None):
    """Somebody else at the socket of a runtime folder of the test's own."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(own / "api.sock"))
        server.listen(backlog)
        os.chown(own / "api.sock", stack.uid, stack.gid)
        (own / "api.sock").chmod(0o660)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    conn, _ = server.accept()
                    with conn:
                        conn.recv(4096)
                        conn.sendall(answer)
        if answer is not None:
            threading.Thread(target=serve, daemon=True).start()
        try:
            yield {"CODECOURIER_RUNTIME_DIR": str(own)}
        finally:
            server.shutdown(socket.SHUT_RDWR)


def test_a_queue_that_is_full(sick, own):
    with listening(sick, own, 0) as environ, \
            socket.socket(socket.AF_UNIX) as first:
        first.connect(str(own / "api.sock"))
        fix = found(sick, "answers", "every worker is busy or hangs",
                    environ=environ)
    assert "CODECOURIER_WORKERS" in fix


@pytest.mark.parametrize("answer, status", [
    (b"", 0), (b"HTTP/1.1 200 OK\r\n\r\n", 0), (b"\1\6\0\1\xff\xff\0\0x", 0),
    (b"\1\6\0\1\0\x17\0\0Status: 200 OK\r\n\r\nhello"
     b"\1\3\0\1\0\x08\0\0" + b"\0" * 8, 200)],
    ids=["nothing", "http", "cut", "another"])
def test_somebody_else_at_the_socket(sick, own, answer, status):
    """Whatever it says: it is no worker of ours."""
    with listening(sick, own, 8, answer) as environ:
        fix = found(sick, "answers", "no worker of ours: GET /readyz is "
                    f"answered {status}", environ=environ)
    assert "start the pool again" in fix


@pytest.mark.plain
def test_certificate(sick, own):
    lines = ""
    for days in 30, 67, 400:
        done = sick.run(
            ["openssl", "req", "-x509", *EC, "-nodes", "-days", str(days),
             "-subj", "/CN=x", "-keyout", own / f"{days}.key", "-out",
             own / f"{days}.crt"],
            {"LD_PRELOAD": FAKETIME, "FAKETIME": "-60d"})
        assert done.returncode == 0, done
        lines += (f"ssl_certificate {own}/{days}.crt;"
                  f"ssl_certificate_key {own}/{days}.key;")
    with edited(sick, "gzip off;", f"gzip off; {lines}"):
        here = look(sick)
    told(here, "certificate", f"{own}/30.crt has expired")
    told(here, "certificate", "within two weeks", "warning")
    assert len(here["certificate"]) == 2


def test_no_check_is_without_its_test(sick):
    names = [c["check"] for c in sick.ctl("doctor", "--list")]
    text = "".join((Path(__file__).parent / name).read_text() for name in (
        "test_doctor.py", "test_installed.py", "test_doctor_serves.py",
        "test_doctor_doors.py", "test_doctor_role.py"))
    asked = set(re.findall(r'(?:found|later|told)\(\s*(?:[\w.]+, )?"([a-z-]+)"|'
                           r'^ +\[?\("([a-z-]+)", ".*", *$|here\["([a-z-]+)"\]'
                           r'|"([a-z-]+)" in here', text, re.M))
    asked = {name for names in asked for name in names}
    assert [n for n in names if n not in asked] == []


def look_in(stack, mounts):
    """The same in a mount namespace of its own, after these commands."""
    command = [str(stack.ctl_path), "--json", "doctor"]
    if os.geteuid() == 0:
        enter = ["unshare", "-m"]
        command = ["setpriv", f"--reuid={stack.uid}", f"--regid={stack.gid}",
                   "--clear-groups", *command]
    else:
        enter = ["unshare", "-U", "-c", "--keep-caps", "-m"]
    done = subprocess.run(
        [*enter, "sh", "-c", f"{mounts} && exec {shlex.join(command)}"],
        capture_output=True, text=True, cwd="/", env={
            "PATH": os.environ["PATH"],
            "CODECOURIER_CONF": stack.env["CODECOURIER_CONF"]})
    return parsed(done)[0]


def over(own, path, text):
    """The command that lays a text over a file of the kernel."""
    file = own / "file"
    file.write_text(text + "\n")
    file.chmod(0o644)
    return f"mount --bind {file} {path}"


def test_backlog_and_disk(sick, own):
    own.chmod(0o755)
    disks = ["/var/log", sick.run_dir / "pg"]
    here = look_in(sick, " && ".join(
        [over(own, "/proc/sys/net/core/somaxconn", "128")] +
        [f"mount -t tmpfs -o size=4m,mode=755 none {d}" for d in disks]))
    assert "net.core.somaxconn is 128" in here["backlog"][0]["what"]
    assert "4096" in here["backlog"][0]["fix"]
    for path in disks:
        assert "full" in [f["what"] for f in here["disk"] if f["what"]
                          .startswith(f"{path}:")][0]
        assert told(here, "disk", f"{path}:")


IN_A_PLACE = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(sys.argv[2]))
    print("there", flush=True)
    sys.stdin.read()
"""


def test_a_worker_that_may_leave_a_core(sick):
    """A process in a worker's place, which is a lock on a byte: one of a
    program that did not see to it."""
    place = int(re.search(r"define LOCK_WORKER +(\d+)", (
        ROOT / "src/shm/layout.h").read_text()).group(1)) + 99
    with subprocess.Popen(
            [*sick.drop, "/usr/bin/python3", "-c", IN_A_PLACE,
             host_file(sick), str(place)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, cwd="/") as other:
        assert other.stdout.readline() == "there\n"
        found(sick, "cores", f"worker {other.pid} is dumpable")
        other.stdin.close()
