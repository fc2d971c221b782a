"""How codecourierctl doctor says what it has found, and what it does not see;
its checks are in test_doctor.py and test_installed.py."""
import os
import re

import pytest

from doctor import folder, host_file, look, mode, parsed, told


def test_a_line_a_finding(stack):
    done = stack.run([stack.ctl_path, "doctor"], {"CODECOURIER_WORKERS": "9"})
    assert done.returncode == ("\nerror: " in "\n" + done.stdout)
    line, = [x for x in done.stdout.splitlines() if "of 9 workers" in x]
    assert re.fullmatch(r"warning: workers: 8 of 9 workers run\. Fix: .+",
                        line)
    checks = len(stack.ctl("doctor", "--list"))
    assert re.search(rf"^{checks} checks, \d+ findings, 1 not seen$",
                     done.stdout, re.M)


@pytest.mark.parametrize("name", ["CODECOURIER_DATABASE",
                                  "CODECOURIER_ADMIN_DATABASE"])
def test_its_lines_are_its_own(stack, name):
    """What the library would log stands in a finding; nothing in between."""
    done = stack.run([stack.ctl_path, "doctor"], {
        name: "host=/nonexistent user=x dbname=x"})
    assert done.returncode == 1 and done.stderr == "", done
    for line in done.stdout.splitlines():
        assert re.fullmatch(
            r"(error|warning): [a-z-]+: .+\. Fix: .+|"
            r"cannot see: [a-z-]+: .+|"
            r"\d+ checks, \d+ findings, \d+ not seen", line), done.stdout


def test_list(stack):
    """Each check by name, in the order in which they run; nothing is done."""
    done = stack.run([stack.ctl_path, "doctor", "--list"],
                    {"CODECOURIER_CONF": "/nonexistent"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = [re.fullmatch(r"([a-z-]+) +(\S.*\S)", line).groups()
             for line in done.stdout.splitlines()]
    assert lines == [(c["check"], c["what"])
                     for c in stack.ctl("doctor", "--list")]
    names = [name for name, _ in lines]
    assert len(set(names)) == len(names) and "disk" in names


@pytest.mark.plain
@pytest.mark.parametrize("argv", [
    ["--json", "doctor", "--list"], ["doctor", "--json", "--list"],
    ["doctor", "--list", "--json"]])
def test_json_anywhere(stack, argv):
    done = stack.run([stack.ctl_path, *argv])
    assert done.returncode == 0 and done.stdout.startswith('{"data":[{'), done


def test_a_configuration_that_is_not_ours_to_read(stack):
    """It goes on, and says of each check what it cannot see."""
    with mode(stack.run_dir / "api.conf", 0):
        done = stack.run([stack.ctl_path, "doctor", "--json"])
    here, unseen = parsed(done)
    assert done.returncode == 0 and set(here) <= {"backlog"}, here
    assert {"configuration", "keyring", "database", "workers"} <= unseen


@pytest.mark.parametrize("text, words", [
    ("NONSENSE=1\n", ":1: "), ("CODECOURIER_WORKERS=many\n", ":1: "),
    (None, "No such file")])
def test_a_configuration_with_a_fault(stack, text, words):
    own = folder(stack)
    if text:
        (own / "api.conf").write_text(text)
        os.chown(own / "api.conf", stack.uid, stack.gid)
    environ = {"CODECOURIER_CONF": str(own / "api.conf")}
    here = look(stack, environ)
    fix = told(here, "configuration", words)
    assert "codecourier-api.conf(5)" in fix
    assert set(here) <= {"configuration", "backlog"}


def test_what_workers_cannot_share(stack):
    """They say why in their log, and each counts for itself."""
    own = folder(stack)
    file = own / host_file(stack).name
    for size in 1, host_file(stack).stat().st_size:
        with open(file, "wb") as out:
            out.truncate(size)
        os.chown(file, stack.uid, stack.gid)
        file.chmod(0o600)
        here = look(stack, {"CODECOURIER_RUNTIME_DIR": str(own)})
        told(here, "workers", "without it each worker verifies keys and "
             "counts their rate limits alone")
