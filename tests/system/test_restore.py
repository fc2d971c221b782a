"""The database lost, and back from its dump by the README's lines."""
import json
import re

import pytest

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


def update(host, fields, *options):
    """Status, and head and body, of an answer."""
    return host.curl("/api/v1/project/settings/update", "-i",
                     "-H 'Content-Type: application/json'",
                     f"-d '{json.dumps(fields)}'", *options)


def tag_of(answer):
    return re.search(r"^etag: (\S+)", answer, re.M | re.I)[1]


ONCE = "-H 'Idempotency-Key: of-after-the-dump'"
LATER = {"gitCommitName": "later"}


@pytest.fixture(scope="module")
def restored(host):
    """A host that was lost after the dump, and later still. Its tag of then;
    heads of before the dump and of then are in /root/away."""
    dump, restore = lines()[:2]
    host.run("mkdir /root/away && cd /root/away && "
             "cp /etc/codecourier/keyring keyring.copy")
    assert update(host, {"envVars": {"KEPT": "sealed"}})[0] == 200
    host.run("codecourierctl audit head >/root/away/early")
    for line in dump:
        host.run(line)
    status, said = update(host, LATER, ONCE)
    assert status == 200
    assert "Idempotency-Replayed" in update(host, LATER, ONCE)[1]
    host.run("codecourierctl audit head >/root/away/late")
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
    return tag_of(said)


def test_the_readmes_lines_bring_everything_back(host, restored):
    status, body = host.curl("/api/v1/project/settings")
    assert status == 200 and '"KEPT"' in body, body
    assert "later" not in body
    said, status = host.doctor()
    assert status == 0, said
    host.run("codecourierctl audit verify --head /root/away/early")


def test_what_was_after_the_dump(host, restored):
    """Its tag is nobody's, its retry is done, its heads are not met."""
    verify = "codecourierctl audit verify --head /root/away/"
    assert "the tail is cut" in host.out(f"{verify}late", code=1)
    assert update(host, LATER, f"-H 'If-Match: {restored}'")[0] == 412
    status, said = update(host, LATER, ONCE)
    assert status == 200 and "Idempotency-Replayed" not in said
    assert tag_of(said) != restored
    assert "made anew" in host.out(f"{verify}late", code=1)
    host.run("codecourierctl audit head >/root/away/after")
    host.run(f"{verify}after")


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
