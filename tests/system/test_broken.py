"""Broken on purpose. Each leaves one clear line in the journal that names
the cause, and codecourierctl doctor names the fix; mended, it serves again
without anything else being done."""
import re
import time

import pytest

from host import SOCKET, UNIT, doctor_says, timer_says
from machine import until

CONF = "/etc/codecourier/api.conf"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
REMOTE = ("/usr/share/doc/codecourier-api/examples/systemd/"
          "remote-database.conf")


def lines_about(host, since, pattern, unit=UNIT):
    """The journal's lines that fit, each once; they may take a moment."""
    end = time.monotonic() + 10
    while True:
        said = host.journal(since, unit)
        found = sorted({re.sub(r"\b(rid|pid|worker)=\S+", "", line)
                        for line in said.splitlines()
                        if re.search(pattern, line, re.I)})
        if found or time.monotonic() > end:
            return found, said
        time.sleep(0.2)


@pytest.fixture
def healthy(host):
    """Serving before the test, and again after it."""
    host.run(f"systemctl reset-failed {UNIT}; systemctl start {UNIT}",
             code=None)
    host.until_serving()
    yield host
    host.until_serving(60)


def small(host, folder):
    """A small file system in place of a folder, with what is in it; what apt
    has downloaded is left out."""
    host.run(f"""set -e
        mkdir /tmp/small
        tar -C {folder} --exclude=./cache/apt -cf - . | tar -C /tmp/small -xf -
        mount -o size=$(($(du -sm /tmp/small | cut -f 1) + 24))m,mode=755 \
            -t tmpfs none {folder}
        cp -a /tmp/small/. {folder}/
        rm -rf /tmp/small""")


def fill(host, folder):
    host.run(f"cat /dev/zero >{folder}/fill", code=1)


def test_a_wrong_database_password(healthy):
    """Over TCP, where a password counts: the cause is named, the password
    is not."""
    host = healthy
    good = host.out(f"cat {CONF}")
    since = host.cursor()
    host.run("runuser -u postgres -- psql -qc \"alter role codecourier "
             "password 'right-one'\"")
    host.write(CONF, good + "\nCODECOURIER_DATABASE=host=127.0.0.1 "
               "dbname=codecourier user=codecourier password=wr0ng-0ne\n")
    host.run(f"mkdir -p {DROP_IN} && sed s/@ADDRESSES@/localhost/ {REMOTE} "
             f">{DROP_IN}/test.conf && systemctl daemon-reload && "
             f"systemctl restart {UNIT}")
    try:
        # 502: the pool is about to open its socket
        until(lambda: host.curl("/api/v1/project")[0] != 502, 30, "workers")
        status, body = host.curl("/api/v1/project")
        assert status == 503 and '"UNAVAILABLE"' in body, (status, body)
        found, said = lines_about(host, since, "password authentication")
        assert found, said[-3000:]
        assert "wr0ng-0ne" not in host.out("journalctl -q --no-pager -o cat")
        line = doctor_says(host, "password")
        timer_says(host, "^error: database-login", "password")
        assert "wr0ng-0ne" not in line
    finally:
        host.write(CONF, good + "\n")
        host.run(f"rm -r {DROP_IN} && "
                 f"systemctl daemon-reload && systemctl restart {UNIT}")


def test_a_wrong_socket_owner(healthy):
    """nginx may not connect: its log and doctor say so."""
    host = healthy
    host.run(f"chgrp root {SOCKET}")
    try:
        status, body = host.curl("/api/v1/project")
        assert status == 502 and '"UNAVAILABLE"' in body, (status, body)
        log = host.out("tail -n 1 /var/log/nginx/codecourier.log")
        assert " status=502 " in log and " connect=- " in log, log
        doctor_says(host, SOCKET, "www-data")
        timer_says(host, "^error: ", SOCKET, "www-data")
    finally:
        host.run(f"chgrp www-data {SOCKET}")


def test_a_service_that_is_not_as_it_was_meant(healthy):
    """Stopped, not enabled, changed on disk: doctor asks systemd."""
    host = healthy
    host.run(f"mkdir -p {DROP_IN} && systemctl disable --now {UNIT} && "
             f"printf '[Unit]\nDescription=x\n' >{DROP_IN}/test.conf")
    try:
        restart = f"systemctl restart {UNIT}"
        doctor_says(host, "^error: service", "is inactive", restart)
        doctor_says(host, "^error: workers", "no worker", restart)
        doctor_says(host, "^warning: service", "at boot",
                    f"systemctl enable {UNIT}")
        doctor_says(host, "^warning: service", "changed on disk",
                    "daemon-reload")
    finally:
        host.run(f"rm -r {DROP_IN} && systemctl daemon-reload && "
                 f"systemctl enable --now {UNIT}")


def test_a_full_log_disk(healthy):
    """Neither journal nor nginx can write: requests go on."""
    host = healthy
    small(host, "/var/log")
    host.run("systemctl restart systemd-journald; nginx -s reopen")
    try:
        fill(host, "/var/log")
        for _ in range(3):
            assert host.curl("/api/v1/project")[0] == 200
        doctor_says(host, "/var/log", "full|free|space|left")
    finally:
        host.run("umount -l /var/log; systemctl restart systemd-journald; "
                 "nginx -s reopen")


def write_much(host):
    """Writes until one is refused; its answer."""
    host.write("/root/body", '{"claudeMd": "' + "x" * 200000 + '"}')
    for _ in range(100):
        status, body = host.curl(
            "/api/v1/project/settings/update", "-H 'Content-Type: "
            "application/json' --data-binary @/root/body")
        if status != 200:
            break
    return status, body


def fill_database(host, folder):
    """Fills the disk that the database is on: a write is refused, reads go
    on, and journal and doctor name it."""
    since = host.cursor()
    fill(host, folder)
    status, body = write_much(host)
    assert status == 503 and '"UNAVAILABLE"' in body, (status, body)
    assert host.curl("/api/v1/project")[0] == 200
    found, said = lines_about(host, since, "disk of the database is full")
    assert found, said[-3000:]
    doctor_says(host, "^error: disk", folder, "full|free|space|left")


def test_a_full_database_disk(healthy):
    """PostgreSQL cannot write: a write is refused in the API's form, reads
    go on, and the journal and doctor name the disk."""
    host = healthy
    data = "/var/lib/postgresql"
    host.run("systemctl stop postgresql@15-main")
    small(host, data)
    host.run("systemctl start postgresql@15-main")
    try:
        host.until_serving()
        fill_database(host, data)
    finally:
        host.run(f"rm -f {data}/fill; systemctl stop postgresql@15-main; "
                 f"umount -l {data}; systemctl start postgresql@15-main")


def test_a_full_var(healthy):
    """All of it on one small file system, as on many a small host: database,
    journal and logs."""
    host = healthy
    host.run("systemctl stop postgresql@15-main")
    small(host, "/var")
    host.run("systemctl restart systemd-journald && nginx -s reopen && "
             "systemctl start postgresql@15-main")
    try:
        host.until_serving()
        fill_database(host, "/var")
    finally:
        host.run("rm -f /var/fill; systemctl stop postgresql@15-main; "
                 "umount -l /var; systemctl restart systemd-journald; "
                 "nginx -s reopen; systemctl start postgresql@15-main")


def test_a_full_run(healthy):
    """Neither socket nor table can be made on a full /run: said at start;
    what runs goes on."""
    host = healthy
    since = host.cursor()
    fill(host, "/run")
    try:
        assert host.curl("/api/v1/project")[0] == 200
        doctor_says(host, "/run", "full|free|space|left")
        host.run("rm -f /run/codecourier/host.v*; cat /dev/zero >/run/more",
                 code=None)
        host.run(f"systemctl restart {UNIT}", code=None)
        found, said = lines_about(host, since, "no space|full|enospc")
        assert found, said[-3000:]
    finally:
        host.run("rm -f /run/fill /run/more")
        host.run(f"systemctl restart {UNIT}", code=None)


def test_an_expired_certificate(healthy):
    """Clients refuse the site's certificate; doctor names the file. (The
    workers never see it, and nginx does not look at its dates.)"""
    host = healthy
    file = "/etc/ssl/certs/expired.pem"
    conf = "/etc/nginx/codecourier/certificate.conf"
    good = host.out(f"cat {conf}")
    host.run("cd /etc/ssl/private && openssl req -newkey rsa:2048 -nodes "
             "-subj /CN=api.example.org -keyout expired.key -out /tmp/csr && "
             "openssl x509 -req -in /tmp/csr -signkey expired.key -days -1 "
             f"-out {file}")
    host.write(conf, f"ssl_certificate {file};\n"
               "ssl_certificate_key /etc/ssl/private/expired.key;\n")
    host.run("ln -s ../codecourier/tls.conf "
             "/etc/nginx/sites-enabled/codecourier-tls && "
             "nginx -t && systemctl reload nginx")
    try:
        refused = host.run(
            "curl -sS --retry 30 --retry-delay 1 --retry-connrefused "
            "--resolve api.example.org:443:127.0.0.1 "
            f"--cacert {file} https://api.example.org/healthz", code=60)
        assert "expired" in refused.stderr, refused.stderr
        assert host.curl("/api/v1/project", "-k",
                         base="https://127.0.0.1")[0] == 200
        doctor_says(host, file, "expired")
        timer_says(host, "^error: certificate", file, "expired")
    finally:
        host.run("rm /etc/nginx/sites-enabled/codecourier-tls")
        host.write(conf, good + "\n")
        host.run("systemctl reload nginx")
