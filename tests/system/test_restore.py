"""The database lost, and back from its dump by the README's lines."""
import re

from host import ROOT, UNIT, second_instance
from machine import until

README = ROOT / "README.md"


def lines():
    """The blocks of README's section about backup: the dump, the restore, …"""
    section = re.search(r"^## Backup.*?(?=^## )", README.read_text(),
                        re.M | re.S)[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.M)
    return [re.sub(r"^    |\s+# .*", "", b, flags=re.M).splitlines()
            for b in blocks]


def test_the_readmes_lines_bring_everything_back(host):
    dump, restore = lines()[:2]
    host.run("mkdir /root/away && cd /root/away && "
             "cp /etc/codecourier/keyring keyring.copy")
    status, _ = host.curl(
        "/api/v1/project/settings/update", "-H 'Content-Type: "
        "application/json' -d '{\"envVars\": {\"KEPT\": \"sealed\"}}'")
    assert status == 200
    for line in dump:
        host.run(line)
    kept = "cd /var/backups && stat -c '%n %a %s' codecourier*"
    good = host.out(kept)
    assert re.fullmatch(r"codecourier\.dump 600 [1-9]\d+", good), good
    host.run("systemctl stop postgresql@15-main")
    failed = host.run(dump[-1], code=None).returncode
    host.run("systemctl start postgresql@15-main; rm /var/backups/*.new")
    assert failed and host.out(kept) == good
    host.run(f"systemctl stop {UNIT} && rm /etc/codecourier/keyring && "
             "runuser -u postgres -- dropdb codecourier && for role in "
             "codecourier codecourier_platform codecourier_owner; do "
             "runuser -u postgres -- dropuser $role; done")
    for line in restore:
        host.run(f"cd /root/away && {line}")
    host.until_serving()
    status, body = host.curl("/api/v1/project/settings")
    assert status == 200 and '"KEPT"' in body, body
    said, status = host.doctor()
    assert status == 0, said


def test_init_makes_no_second_keyring(host):
    """The copy first: on a new host, and after the keyring was lost."""
    host.run("mv /etc/codecourier/keyring /root/away/")
    try:
        done = host.run("codecourierctl init </dev/null", code=None)
        assert done.returncode == 1
        assert "bring its copy here first" in done.stderr, done.stderr
        host.run("test ! -e /etc/codecourier/keyring")
        host.run("systemctl start codecourier-doctor", code=1)
    finally:
        host.run("install -o codecourier -g codecourier -m 600 "
                 "/root/away/keyring /etc/codecourier/keyring")
    host.run("codecourierctl init </dev/null")
    host.run("systemctl start codecourier-doctor")


def test_a_second_instance(host):
    second_instance(host)
    status, body = host.curl("/api/v1/project", "--retry 5 "
                             "--retry-connrefused",
                             base="http://127.0.0.1:8090")
    assert status == 200, body
    host.run("systemctl start codecourier-doctor@second")
    both = set(host.workers())
    host.run("systemctl reload codecourier-api@second")
    # multiwatch loses a child that it is told to end before its exec
    until(lambda: len(both & set(host.workers())) == len(both) / 2 and
          len(host.workers()) == len(both), 20, "the second's anew")
    host.run("systemctl stop codecourier-api@second")
    assert host.serves()
    host.run("systemctl start codecourier-doctor@second", code=1)
    since = host.run("journalctl -q -o cat -u codecourier-doctor@second")
    assert "codecourier-api@second.service is inactive" in since.stdout
