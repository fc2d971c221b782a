"""The operator's command on a host: what the timers start,
priorities and versions in the journal, completion, manual pages."""
import json
import os
import signal

import pytest

from host import TIMERS, UNIT
from machine import until

AUDIT = "codecourier-audit.service"
PURGE = "codecourier-purge.service"


def ctl(host, *args):
    return json.loads(host.out("codecourierctl --json " + " ".join(args))
                      )["data"]


def said(host, unit, *more):
    """The messages of a unit's last run, or all since boot."""
    host.run("journalctl --sync")
    return host.out("journalctl -q -b -o cat --no-pager -u "
                    f"{unit} {' '.join(more)}")


@pytest.mark.parametrize("timer", TIMERS)
def test_the_timers_are_there(host, timer):
    timers = host.out("systemctl list-timers --no-pager --no-legend")
    assert timer in timers
    assert host.out(f"systemctl is-enabled {timer}") == "enabled"


def test_the_timer_removes_what_is_due(host):
    """In its sandbox, as the administrator of the database."""
    live = ctl(host, "project", "list")
    made = ctl(host, "project", "create", "--name", "Gone", "--slug", "gone",
               "--owner-email", "a@b.c")
    ctl(host, "project", "delete", "gone")
    host.run(f"systemctl start {PURGE}")
    assert "no deleted project is due" in said(host, PURGE)
    assert ctl(host, "project", "list", "--deleted")[0]["id"] == made["id"]
    host.sql("update codecourier.project set purge_at = now() where "
              f"id = '{made['id']}'")
    host.run(f"systemctl start {PURGE}")
    assert made["id"] in said(host, PURGE)
    assert ctl(host, "project", "list", "--deleted") == []
    assert ctl(host, "project", "list") == live
    assert host.sql("select operator, finished_at is not null from "
                     "codecourier.purge") == "root|t"
    assert host.out("systemctl --failed --plain --no-legend -q") == ""


def test_heads_are_kept_in_the_journal(host):
    """In its sandbox. What the journal has, as journalctl prints it, is what
    verify reads: so a log that was made anew, head and all, is found."""
    host.run(f"systemctl start {AUDIT}")
    (head,) = ctl(host, "audit", "head")
    for value in head["projectId"], str(head["number"]), head["hash"]:
        assert value in said(host, AUDIT)
    host.run(f"journalctl -u {AUDIT} >heads")
    host.run("codecourierctl audit verify --head heads")

    def say(operator):
        last = f"number = {head['number']} and project_id = '{head['projectId']}'"
        host.sql("set search_path = codecourier; update audit set operator = "
                 f"'{operator}' where {last}; update audit a set hash = "
                 f"audit_hash(a) where {last}; update audit_head h set hash = "
                 f"(select hash from audit where {last}) where {last}")
    say("nobody")
    host.run("codecourierctl audit verify")
    done = host.run("codecourierctl audit verify --head heads", code=1)
    assert "the chain was made anew" in done.stdout, done
    say("root")
    host.run("codecourierctl audit verify --head heads")


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
