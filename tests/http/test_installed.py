"""An installed host, in a mount namespace: /etc and /run of its own, the user
codecourier, root at the keyboard. Only root can make one, so a plain user has
no test here; what can be tested without root is in test_init.py and
test_doctor.py. What needs systemd is tested on a booted Debian."""
import json
import os

import pytest

from cluster import BIN, EC
from contract import KEY
from doctor import FAKETIME, parsed, told
from installed import (CONF, MACHINE, SOCKET, UID, UNIT, host, ready,
                       undone)

__all__ = ["host", "ready"]


def stat(host, name):
    """Its mode and owner, as ls would show them."""
    found = host.path(name).stat()
    users = {0: "root", UID: "codecourier"}
    return f"{found.st_mode & 0o7777:o} {users[found.st_uid]} " + \
        users[found.st_gid]


def test_init_as_root_over_peer(ready):
    """Root is no role of the database: postgres is, for a moment."""
    assert {s["state"] for s in ready.first["steps"]} == {"made"}
    assert stat(ready, CONF) == "640 root codecourier"
    assert stat(ready, "/etc/codecourier/keyring") == \
        "600 codecourier codecourier"
    assert stat(ready, "/etc/codecourier/first.key") == "600 root root"
    assert KEY.fullmatch(
        ready.path("/etc/codecourier/first.key").read_text().strip())
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


# what does not hide one another: check, words, how it is made, and undone
WRONG = [
    [("configuration", "does not belong to root",
      f"chown codecourier {CONF}", f"chown root {CONF}"),
     ("keyring", "mode 0600, owner 0",
      f"chown root {KEYRING}", f"chown codecourier {KEYRING}"),
     ("runtime-folder", "belongs to root", "chown root /run/codecourier",
      "chown codecourier /run/codecourier"),
     ("socket", "belongs to www-data",
      f"chown www-data {SOCKET}", f"chown codecourier {SOCKET}")],
    [("configuration", "cannot read it",
      f"chgrp root {CONF}", f"chgrp codecourier {CONF}"),
     ("keyring", "mode 0640",
      f"chmod 640 {KEYRING}", f"chmod 600 {KEYRING}"),
     ("runtime-folder", "setgid", "chmod g-s /run/codecourier",
      "chmod 2750 /run/codecourier"),
     ("socket", "nginx (www-data) may not",
      f"chgrp root {SOCKET}", f"chgrp www-data {SOCKET}")],
    [("configuration", "everybody can read it",
      f"chmod 644 {CONF}", f"chmod 640 {CONF}"),
     ("socket", "nginx (www-data) may not", "chgrp root /run/codecourier",
      "chgrp www-data /run/codecourier; chmod 2750 /run/codecourier"),
     # the workers' file takes more than 14 MiB of these
     ("disk", "/run/codecourier: full", "mount -o remount,size=20m /run",
      "mount -o remount,size=50% /run")],
    [("site", "no site of nginx", "rm /etc/nginx/sites-enabled/codecourier",
      "ln -s ../sites-available/codecourier /etc/nginx/sites-enabled/"),
     ("disk", "/var/log: full",
      "mount -t tmpfs -o size=4m none /var/log; mkdir /var/log/nginx",
      "umount /var/log")],
    [("nginx", "nonsense", "echo 'nonsense;' >/etc/nginx/conf.d/x.conf",
      "rm /etc/nginx/conf.d/x.conf")]]


def test_what_an_admin_gets_wrong(ready):
    for wrong in WRONG:
        with undone(ready, "; ".join(do for *_, do, undo in wrong),
                    "; ".join(undo for *_, undo in wrong)):
            here = ready.look()
        for check, words, *_ in wrong:
            told(here, check, words)
    checks = {check for wrong in WRONG for check, *_ in wrong}
    assert not (checks - MACHINE) & set(ready.look()), ready.here


def test_spool(ready):
    """Each fault of both folders, until nothing is left of them."""
    folders = ["/run/codecourier_body", "/run/codecourier_answer"]

    def both(text):
        return "; ".join(text.replace("{}", name) for name in folders)

    for words, severity, do, undo in (
            ("of /run, which it can fill", "warning", "umount {}; mkdir -p {}",
             "mount -t tmpfs -o size=4m,mode=700,uid=www-data none {}"),
            ("is nearly full", "warning", "head -c 3700k /dev/zero >{}/x",
             "rm {}/x"),
            ("has mode 0750", "error", "chmod 750 {}", "chmod 700 {}")):
        with undone(ready, both(do), both(undo)):
            seen = [f for f in ready.look().get("spool", [])
                    if words in f["what"]]
        assert [f["severity"] for f in seen] == [severity] * 2
        for name in folders:
            assert len([f for f in seen if name in f["what"]]) == 1, seen
    assert "spool" not in ready.look()


@pytest.mark.plain
def test_expired_certificate(ready):
    ready.run("openssl", "req", "-x509", *EC, "-nodes", "-days", "30",
              "-subj", "/CN=x", "-keyout", "/etc/x.key", "-out", "/etc/x.crt",
              environ={"LD_PRELOAD": FAKETIME, "FAKETIME": "-60d"})
    path = ready.sh("grep -rl 'gzip off;' /etc/nginx/codecourier "
                    "/etc/nginx/sites-available").strip()
    with undone(ready, f"cp {path} /etc/site; sed -i 's,gzip off;,&"
                f"ssl_certificate /etc/x.crt; ssl_certificate_key /etc/x.key;"
                f",' {path}", f"mv /etc/site {path}"):
        assert "renew" in ready.found("certificate", "/etc/x.crt has expired")


@pytest.mark.plain
def test_full_disk_of_the_database(ready):
    """Both say so: the program that meets it, and doctor. What room there is
    in the table of projects is filled first."""
    fill = ready.top / "data/fill"
    rows = ("do $$ begin for n in 1..1000 loop insert into codecourier.project "
            "(name, slug) values (repeat('x', 100), 'full-' || n); commit; "
            "end loop; end $$")
    with undone(ready, f"dd if=/dev/zero of={fill} bs=64k 2>&1 || true",
                f"rm {fill}"):
        ready.run(BIN / "psql", "-qXd", "codecourier", "-c", rows,
                  user="postgres", code=1)
        for number in range(20):
            done = ready.ctl("project", "create", "--name", "x" * 100,
                             "--slug", f"fuller-{number}", "--owner-email",
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
    assert not ready.path(path).exists()
    made = json.loads(ready.ctl("--json", "init",
                                environ=environ).stdout)["data"]
    assert [n for n in made["next"] if "systemctl daemon-reload" in n]
    assert [n for n in made["next"] if "hostaddr=" in n]
    lines = ready.path(path).read_text().splitlines()
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


APACHE = ("mkdir -p /etc/apache2/sites-enabled; "
          "touch /etc/apache2/sites-enabled/codecourier-{}.conf")


@pytest.mark.plain
def test_init_does_not_ask_for_what_is_done(ready):
    before = nexts(ready)
    for made, gone in (
            ("mkdir -p /etc/systemd/system/multi-user.target.wants; "
             "echo '[Install]\nWantedBy=multi-user.target' "
             f">/etc/systemd/system/{UNIT}; ln -s ../{UNIT} "
             "/etc/systemd/system/multi-user.target.wants/; "
             "ln -s ../codecourier/tls.conf "
             "/etc/nginx/sites-enabled/codecourier-tls",
             ["systemctl enable", "TLS"]),
            (APACHE.format("proxy"), ["nginx"]),
            (APACHE.format("cgi"), ["nginx"])):
        with undone(ready, made, "rm -rf /etc/apache2/sites-enabled "
                    f"/etc/systemd/system/multi-user.target.wants/{UNIT} "
                    f"/etc/systemd/system/{UNIT} "
                    "/etc/nginx/sites-enabled/codecourier-tls"):
            now = nexts(ready)
        for word in gone:
            assert [n for n in before if word in n]
            assert not [n for n in now if word in n]


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
