"""What happens without a hand: a reboot, a database that comes late."""
import os
import time

from host import UNIT
from machine import until

# How long the database is away after boot: SYSTEM_SLOW=1 takes a minute.
LATE = 60 if os.environ.get("SYSTEM_SLOW") == "1" else 12


def test_a_reboot_serves_again(host):
    project = host.serves()["id"]
    host.reboot()
    host.until_serving(90)
    assert host.serves()["id"] == project
    assert host.show("NRestarts") == "0"
    assert host.out("systemctl --failed --plain --no-legend -q") == ""


def test_a_late_database_needs_no_hand(host):
    host.run("systemctl mask --now postgresql@15-main.service")
    try:
        host.reboot()
        until(lambda: host.workers(), 60, "workers")
        end = time.monotonic() + LATE
        while time.monotonic() < end:
            status, body = host.curl("/api/v1/project")
            assert status == 503 and '"UNAVAILABLE"' in body, (status, body)
            assert host.curl("/readyz")[0] == 503
            time.sleep(1)
        assert host.show("ActiveState") == "active"
    finally:
        host.run("systemctl unmask postgresql@15-main.service")
    host.run("systemctl start postgresql@15-main.service")
    host.until_serving(60)
    assert host.show("NRestarts") == "0"


def test_its_journal_can_be_read(host):
    """Of the boot above: the cause is named, once for each worker and each
    pause at most, and no line is a riddle of bytes."""
    host.run("journalctl --sync")
    lines = host.out(f"journalctl -q -b -o cat --no-pager -u {UNIT}"
                     ).splitlines()
    about = [line for line in lines if "database" in line.lower()
             or "connect" in line.lower()]
    assert about, lines[:40]
    assert all(line.isprintable() for line in lines), lines
    # one line for each change, not one for each look
    assert len(about) <= 4 * len(host.workers()) + 4, about


def test_the_database_restarts_below_it(host):
    """systemctl restart postgresql: 503 in between, then 200, no restart."""
    with host.load() as load:
        host.run("systemctl restart postgresql@15-main.service")
        host.until_serving()
    host.note(f"restart of PostgreSQL: {load.says()}")
    kinds = {failure.split()[0] for failure in load.failures}
    assert kinds <= {"503"}, load.says()
    assert host.serves()
    assert host.show("NRestarts") == "0"
