"""doctor holds what runs against what is installed: the workers, asked at
their socket as the web server would, and their unit. On an installed host,
see installed.py; root only. The way through the web server is in
test_doctor_doors.py."""
import os
import signal

import pytest

from doctor import told
from harness import WORKER, all_pids, program
from installed import (CONF, UNIT, host, later, nothing, ready,
                       reload_workers, stop_workers, undone)

__all__ = ["host", "ready"]

DROPIN = f"/etc/systemd/system/{UNIT}.d/database.conf"


@pytest.fixture(autouse=True)
def healthy(ready):
    """Also after a test that has failed in the middle."""
    yield
    if ready.workers.poll() is not None:
        ready.pool()


@pytest.mark.plain
def test_workers_without_a_network(ready):
    """The drop-in of a database over TCP: missing, then not taken up."""
    hba = f"{ready.top}/data/pg/pg_hba.conf"
    tcp = ("CODECOURIER_DATABASE=host=127.0.0.1 user=codecourier "
           "dbname=codecourier")
    stop_workers(ready)
    ready.sh(f"cp -a {CONF} {CONF}.good; echo '{tcp}' >>{CONF}; "
             f"sed -i '1i host all codecourier 127.0.0.1/32 trust' {hba}; "
             "kill -HUP $(head -n 1 "
             f"{ready.top}/data/pg/postmaster.pid)")
    try:
        ready.pool("unshare", "-n")
        fix = later(ready, "drop-in", f"no network: {DROPIN} is missing")
        assert fix == ("codecourierctl init; systemctl daemon-reload; "
                       f"systemctl restart {UNIT}")
        fix = told(ready.here, "answers", "the workers answer 503 to "
                   "everything: The database is not ready.")
        assert "systemctl daemon-reload; systemctl restart" in fix
        assert "front-doors" not in ready.here
        ready.ctl("init")
        fix = ready.found("drop-in", f"no network: {DROPIN} was not taken up")
        assert fix == f"systemctl daemon-reload; systemctl restart {UNIT}"
        stop_workers(ready)
        ready.pool()
        nothing(ready)
        ready.sh(f"sed -i s/127.0.0.1/127.0.0.9/ {DROPIN}")
        fix = ready.found("drop-in", "other addresses than the database's",
                          "warning")
        assert fix.startswith("codecourierctl init; ")
    finally:
        stop_workers(ready)
        ready.sh(f"mv {CONF}.good {CONF}; rm -rf {DROPIN}")
        ready.pool()
    nothing(ready)


def test_workers_that_answer_503(ready):
    """The database lets neither them nor us in: one cause, one fix each."""
    role = "runuser -u postgres -- psql -qXc"
    ready.sh(f"{role} 'alter role codecourier nologin'; {role} "
             "\"select pg_terminate_backend(pid) from pg_stat_activity where "
             "usename = 'codecourier'\" >/dev/null")
    try:
        assert ready.found("answers", "503 to everything") == \
            "see database-login above"
        told(ready.here, "database-login", "the workers cannot work")
    finally:
        ready.sh(f"{role} 'alter role codecourier login'")
    nothing(ready)


def workers_of(host):
    """Not those of a host that another process of tests has: same user, same
    program, another mount namespace."""
    def namespace(pid):
        return os.readlink(f"/proc/{pid}/ns/mnt")

    mine = namespace(host.processes[0].pid)
    return [p for p in all_pids() if program(p) == WORKER.name and
            namespace(p) == mine]


@pytest.mark.plain
def test_workers_that_hang(ready):
    pids = workers_of(ready)
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        here = ready.look()
        assert "within 10 s" in here["answers"][0]["what"]
        assert "systemctl restart" in here["answers"][0]["fix"]
        assert "front-doors" not in here, here
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    nothing(ready)


def replace(host, file):
    host.sh(f"cp {file} {file}.new; mv {file}.new {file}")


def test_what_was_replaced_or_changed_since(ready):
    """The program, the configuration, the keyring: one finding each."""
    program, ring = ready.top / "project-api.fcgi", "/etc/codecourier/keyring"
    replace(ready, program)
    ready.sh(f"echo '# more' >>{CONF}; cp -a {ring} {ring}.good; "
             f"echo \"k2 open $(openssl rand -base64 32)\" >>{ring}")
    try:
        here = ready.look()
        assert len(here["running"]) == 3
        for words in ("2 of 2 workers run what was replaced since: "
                      f"{program}", f"{CONF} was changed since 2 of 2 workers",
                      f"2 of 2 workers work with another keyring than {ring}"):
            assert told(here, "running", words, "warning") == \
                f"systemctl reload {UNIT}"
        reload_workers(ready)
        ready.until(lambda: "running" not in ready.look(), "all of it read")
    finally:
        ready.sh(f"mv {ring}.good {ring}")
        reload_workers(ready)
    nothing(ready)


def test_a_replaced_library(ready):
    """As an upgrade of Debian's leaves it."""
    stop_workers(ready)
    library = ready.top / "lib/libjson-c.so.5"
    ready.sh(f"mkdir {library.parent}; chmod 755 {library.parent}; "
             f"cp -L /lib/*/libjson-c.so.5 {library}")
    ready.pool("env", f"LD_LIBRARY_PATH={library.parent}")
    nothing(ready)
    replace(ready, library)
    fix = ready.found("running", "2 of 2 workers run what was replaced since:"
                      f" {library}", "warning")
    assert fix == f"systemctl reload {UNIT}"
    reload_workers(ready)
    nothing(ready)


# systemd, as far as it can be had without one

SYSTEMCTL = """#!/bin/sh
[ "$1" != is-enabled ] || exit 1
cat /run/show."$3" 2>/dev/null || cat /run/show
"""
SHOW = """LoadState={load}
ActiveState={active}
SubState=x
Result=exit-code
UnitFileState={state}
NeedDaemonReload={reload}
MainPID={pid}
DropInPaths=/etc/codecourier/none.conf {dropin}
"""


@pytest.fixture(scope="module")
def systemd(ready):
    """It answers what /run/show says."""
    ready.write("/run/systemctl", SYSTEMCTL)
    with undone(ready, "mkdir -p /run/systemd/system; echo >/run/dropin.conf; "
                "chmod 755 /run/systemctl; "
                "mount --bind /run/systemctl /usr/bin/systemctl",
                "umount /usr/bin/systemctl; rmdir /run/systemd/system"):
        yield


@pytest.mark.parametrize("words, fix, severity, values", [
    ("is failed (exit-code)", "systemctl restart", "error",
     {"active": "failed"}),
    *(pytest.param(*row, marks=pytest.mark.plain) for row in (
        ("not-found", "install the package", "error", {"load": "not-found"}),
        ("will not start at boot", "systemctl enable", "warning",
         {"state": "disabled"}),
        ("was changed on disk", "systemctl daemon-reload; systemctl restart",
         "warning", {"reload": "yes"}),
        ("was changed since", f"systemctl restart {UNIT}", "warning", {}),
        (None, None, None, {"dropin": ""})))])
def test_the_unit(ready, systemd, words, fix, severity, values):
    ready.write("/run/show", SHOW.format(**{
        "load": "loaded", "active": "active", "state": "enabled",
        "reload": "no", "pid": ready.workers.pid,
        "dropin": "/run/dropin.conf", **values}))
    if words:
        assert ready.found("service", words, severity).startswith(fix)
    else:
        assert "service" not in ready.look()


@pytest.mark.parametrize("unit, shows, words, fix", [
    ("audit.timer", {"active": "inactive"}, "is inactive", "enable --now"),
    *(pytest.param(*row, marks=pytest.mark.plain) for row in (
        ("purge.timer", {"active": "failed"}, "is failed", "enable --now"),
        ("doctor.timer", {"state": "disabled"}, "will not start at boot",
         "enable --now"),
        ("audit.service", {"active": "failed"}, "has failed", "start"),
        ("doctor.service", {"active": "failed"}, None, None),
        # nothing is mailed there
        ("mail.timer", {"active": "inactive"}, None, None),
        ("purge.service", {"active": "inactive"}, None, None)))])
def test_the_timers(ready, systemd, unit, shows, words, fix):
    """None is found that is as it should be: doctor's own service, too, which
    fails with what it finds."""
    good = {"load": "loaded", "active": "active", "state": "enabled",
            "reload": "no", "pid": ready.workers.pid, "dropin": ""}
    ready.write("/run/show", SHOW.format(**good))
    path = f"/run/show.codecourier-{unit}"
    ready.write(path, SHOW.format(**{**good, **shows}))
    try:
        if words:
            said = ready.found("timers", f"codecourier-{unit} {words}",
                               "warning")
            assert said.startswith(f"systemctl {fix} codecourier-{unit}")
        else:
            assert "timers" not in ready.look()
    finally:
        ready.sh(f"rm {path}")


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
