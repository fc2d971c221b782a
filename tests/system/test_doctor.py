"""doctor on a host with systemd: each finding's fix is carried out as it stands
there, and mends it. As the daily unit, too, whose sandbox must let it see."""
import re
import time

import pytest

from host import (DOCTOR, TIMERS, UNIT, WORKER, doctor_says, timer_says)

CONF = "/etc/codecourier/api.conf"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/database.conf"


def fix_of(line):
    """The commands that a finding advises, without what only tells more."""
    parts = line.split(". Fix: ", 1)[1].split("; ")
    found = [p for p in parts if re.match(r"(systemctl|codecourierctl) ", p)
             and "status" not in p and "tells" not in p]
    assert found, line
    return "; ".join(found)


def mended(host, *patterns):
    """The finding, after which its fix was carried out and it was gone."""
    line = doctor_says(host, *patterns)
    host.run(f"{fix_of(line)} </dev/null")
    host.until_serving(60)
    end = time.monotonic() + 60     # a reload is over some time after it
    while True:
        said, _ = host.doctor()
        if not [x for x in said.splitlines()
                if all(re.search(p, x) for p in patterns)]:
            return line
        assert time.monotonic() < end, said


def test_nothing_and_nothing_unseen(host):
    """By hand and as the unit: all is looked at, nothing is broken."""
    since = host.cursor()
    host.run(f"systemctl start {DOCTOR}")
    for said in host.journal(since, DOCTOR), host.doctor()[0]:
        assert not re.search("^(error|cannot see): ", said, re.M), said
        assert re.search(r"^\d+ checks, \d+ findings, 0 not seen", said,
                         re.M), said


def test_nginx_is_stopped(host):
    host.run("systemctl stop nginx")
    timer_says(host, "^error: front-doors: nginx does not run")
    line = mended(host, "^error: front-doors: ", "nginx does not run")
    assert "127.0.0.1:8080" in line


def test_a_replaced_program(host):
    host.run(f"cp {WORKER} {WORKER}.new && mv {WORKER}.new {WORKER}")
    mended(host, "^warning: running: ", "replaced", WORKER)


def test_a_replaced_library(host):
    """Of the workers and of nginx, as an upgrade of Debian's leaves it."""
    for name, check in ("json-c.so.5", "running"), ("pcre2-8.so.0",
                                                    "web-server"):
        path = host.out(f"readlink -f /usr/lib/*/lib{name}")
        host.run(f"cp -p {path} {path}.new && mv {path}.new {path}")
        mended(host, f"^warning: {check}: ", "replaced", path)


@pytest.fixture
def mails(host):
    """As if there were a mailer; without one its timer has nothing to do."""
    host.run(f"cp -p {CONF} /root/; printf 'CODECOURIER_%s\n' "
             "SENDMAIL=/bin/true MAIL_FROM=a@b.example "
             f"MAIL_URL=https://b.example/join >>{CONF}")
    yield host
    host.run(f"cp -p /root/{CONF.rpartition('/')[2]} {CONF}")


@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_is_off(mails, host, timer):
    host.run(f"systemctl disable --now {timer}")
    mended(host, "^warning: timers: ", f"{timer} is inactive")
    assert host.out(f"systemctl is-enabled {timer}") == "enabled"


def test_a_timers_last_run_has_failed(host):
    host.run("systemctl stop postgresql@15-main.service; "
             "systemctl start codecourier-audit", code=1)
    host.run("systemctl start postgresql@15-main.service")
    mended(host, "^warning: timers: ", "codecourier-audit.service has failed")


def test_a_configuration_that_was_not_taken_up(host):
    host.run(f"echo '# more' >>{CONF}")
    mended(host, "^warning: running: ", CONF)
    host.run("echo '# more' >>/etc/nginx/codecourier/common.conf")
    mended(host, "^warning: web-server: ", "common.conf")


@pytest.fixture
def over_tcp(host):
    """The database by TCP, as on another host."""
    good = host.out(f"cat {CONF}")
    host.run("runuser -u postgres -- psql -qc \"alter role codecourier "
             "password 'x'\"")
    host.write(CONF, good + "\nCODECOURIER_DATABASE=host=127.0.0.1 "
               "dbname=codecourier user=codecourier password=x\n")
    yield host
    host.write(CONF, good + "\n")
    host.run(f"rm -f {DROP_IN}; systemctl daemon-reload; "
             f"systemctl restart {UNIT}")
    host.until_serving(60)


def test_the_drop_in_is_missing(over_tcp):
    over_tcp.run(f"systemctl restart {UNIT}")
    doctor_says(over_tcp, "^error: answers: ", "answer 503 to everything")
    timer_says(over_tcp, "^error: drop-in: ", f"{DROP_IN} is missing")
    mended(over_tcp, "^error: drop-in: ", f"{DROP_IN} is missing")


def test_the_drop_in_was_not_taken_up(over_tcp):
    """Neither read by systemd, nor, once that has, by the service."""
    over_tcp.run(f"systemctl restart {UNIT}; codecourierctl init </dev/null")
    doctor_says(over_tcp, "^warning: service: ", "changed on disk")
    over_tcp.run("systemctl daemon-reload")
    doctor_says(over_tcp, "^warning: service: ", f"{DROP_IN} was changed since")
    mended(over_tcp, "^error: drop-in: ", f"{DROP_IN} was not taken up")
