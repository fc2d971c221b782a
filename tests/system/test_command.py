"""The operator's command on a host: the timer that removes deleted projects,
priorities and versions in the journal, completion, manual pages."""
import json
import os
import signal

from host import UNIT
from machine import until

PURGE = "codecourier-purge.service"


def ctl(host, *args):
    return json.loads(host.out("codecourierctl --json " + " ".join(args))
                      )["data"]


def sql(host, text):
    return host.out("runuser -u postgres -- psql -XAtq -d codecourier -c "
                    f'"{text}"')


def said(host, unit, *more):
    """The messages of a unit's last run, or all since boot."""
    host.run("journalctl --sync")
    return host.out("journalctl -q -b -o cat --no-pager -u "
                    f"{unit} {' '.join(more)}")


def test_the_timer_is_there(host):
    timers = host.out("systemctl list-timers --all --no-pager --no-legend")
    assert "codecourier-purge.timer" in timers
    assert host.out("systemctl is-enabled codecourier-purge.timer"
                    ) == "enabled"


def test_the_timer_removes_what_is_due(host):
    """In its sandbox, as the administrator of the database."""
    live = ctl(host, "project", "list")
    made = ctl(host, "project", "create", "--name", "Gone", "--slug", "gone",
               "--owner-email", "a@b.c")
    ctl(host, "project", "delete", "gone")
    host.run(f"systemctl start {PURGE}")
    assert "no deleted project is due" in said(host, PURGE)
    assert ctl(host, "project", "list", "--deleted")[0]["id"] == made["id"]
    sql(host, "update codecourier.project set purge_at = now() where "
              f"id = '{made['id']}'")
    host.run(f"systemctl start {PURGE}")
    assert made["id"] in said(host, PURGE)
    assert ctl(host, "project", "list", "--deleted") == []
    assert ctl(host, "project", "list") == live
    assert sql(host, "select operator, finished_at is not null from "
                     "codecourier.purge") == "root|t"
    assert host.out("systemctl --failed --plain --no-legend -q") == ""


def test_a_purge_that_fails_is_an_error(host):
    host.run("systemctl stop postgresql@15-main.service")
    try:
        host.run(f"systemctl start {PURGE}", code=None)
        assert "codecourierctl: database: " in said(host, PURGE, "-p", "err")
    finally:
        host.run("systemctl start postgresql@15-main.service && "
                 f"systemctl reset-failed {PURGE}")


def test_the_journal_has_priorities(host):
    """None in the text, but one for each line."""
    worker = host.workers()[0]
    host.run(f"kill -9 {worker}")
    line = f"worker {worker} died of signal {int(signal.SIGKILL)} (SIGKILL)"
    until(lambda: line in said(host, UNIT, "-p", "err"), 20, line)
    host.curl("/api/v1/project")
    assert "method=GET" not in said(host, UNIT, "-p", "warning")
    assert "\n<" not in "\n" + said(host, UNIT)
    version = host.out("dpkg-query -f '${Version}' -W codecourier-api")
    assert f'msg="worker starts" version={version}' in said(host, UNIT)
    assert ctl(host, "status")["version"] == version


def test_completion_and_pages_are_installed(host):
    folder = "/usr/share/bash-completion/completions/codecourierctl"
    shown = host.out(
        f"bash -c '. {folder}; COMP_WORDS=(codecourierctl pur) COMP_CWORD=1; "
        "_codecourierctl; echo \"${COMPREPLY[*]}\"'")
    assert shown == "purge"
    for page in "man8/codecourierctl.8", "man5/codecourier-api.conf.5":
        host.run(f"test -e {os.path.join('/usr/share/man', page)}.gz")
