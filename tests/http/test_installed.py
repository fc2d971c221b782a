"""An installed host, in a mount namespace: /etc and /run of its own, the user
codecourier, root at the keyboard. Only root can make one, so a plain user has
no test here; what can be tested without root is in test_init.py and
test_doctor.py. What needs systemd is tested on a booted Debian."""
import json
import os

import pytest

from contract import KEY
from doctor import FAKETIME, parsed
from installed import (CONF, MACHINE, SOCKET, UNIT, host, ready,
                       undone)

__all__ = ["host", "ready"]


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
    ready.sh("install -m 644 /dev/null /run/empty.conf")
    done = ready.ctl("project", "list", user="www-data", code=5,
                     environ={"CODECOURIER_CONF": "/run/empty.conf"})
    assert "Peer authentication failed" in done.stderr


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


KEYRING = "/etc/codecourier/keyring"


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


SPOOL = ["/run/codecourier_body", "/run/codecourier_answer"]


@pytest.mark.parametrize("words, severity, do, undo", [
    ("of /run, which it can fill", "warning", "umount {}; mkdir -p {}",
     "mount -t tmpfs -o size=4m,mode=700,uid=www-data none {}"),
    ("is nearly full", "warning", "head -c 3700k /dev/zero >{}/x",
     "rm {}/x"),
    ("has mode 0750", "error", "chmod 750 {}", "chmod 700 {}")])
@pytest.mark.parametrize("path", SPOOL)
def test_spool(ready, path, words, severity, do, undo):
    with undone(ready, do.replace("{}", path), undo.replace("{}", path)):
        ready.found("spool", words, severity)
    assert "spool" not in ready.look()


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
    path = ready.sh("grep -rl 'gzip off;' /etc/nginx/codecourier "
                    "/etc/nginx/sites-available").strip()
    with undone(ready, f"cp {path} /etc/site; sed -i 's,gzip off;,&"
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


def nexts(host, **environ):
    done = host.ctl("--json", "init", environ=environ)
    return json.loads(done.stdout)["data"]["next"]


@pytest.mark.parametrize("made, gone", [
    ("mkdir -p /etc/systemd/system/multi-user.target.wants; "
     "echo '[Install]\nWantedBy=multi-user.target' "
     f">/etc/systemd/system/{UNIT}; ln -s ../{UNIT} "
     "/etc/systemd/system/multi-user.target.wants/", "systemctl enable"),
    ("mkdir -p /etc/apache2/sites-enabled; "
     "touch /etc/apache2/sites-enabled/codecourier-proxy.conf", "nginx"),
    ("mkdir -p /etc/apache2/sites-enabled; "
     "touch /etc/apache2/sites-enabled/codecourier-cgi.conf", "nginx"),
    ("ln -s ../codecourier/tls.conf "
     "/etc/nginx/sites-enabled/codecourier-tls", "TLS")],
    ids=["enabled", "apache", "apache-cgi", "tls"])
def test_init_does_not_ask_for_what_is_done(ready, made, gone):
    assert [n for n in nexts(ready) if gone in n]
    with undone(ready, made, "rm -rf /etc/apache2/sites-enabled "
                f"/etc/systemd/system/multi-user.target.wants/{UNIT} "
                f"/etc/systemd/system/{UNIT} "
                "/etc/nginx/sites-enabled/codecourier-tls"):
        assert not [n for n in nexts(ready) if gone in n]


def test_init_says_what_the_service_does_not_know(ready):
    """PGHOST of the shell that root types in is no setting of the unit."""
    assert not [n for n in nexts(ready) if "the service has no" in n]
    told = [n for n in nexts(ready, PGHOST="/run/postgresql", PGPORT="5432")
            if "the service has no" in n]
    assert len(told) == 1 and "PGHOST, PGPORT" in told[0]
    assert CONF in told[0] and "CODECOURIER_DATABASE" in told[0]


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
