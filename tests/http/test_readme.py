"""The README's calls, pasted into a shell as they stand there."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from tables import ROUTES

pytestmark = pytest.mark.plain     # scripts' work; our programs' is elsewhere

README = pathlib.Path(__file__).parents[2] / "README.md"

# Every answer behind a mark, and a call that is refused ends the shell.
SHELL = """set -e
curl() { command curl -sS --fail-with-body "$@"; }
P=$BASE_URL/api/v1/project K="Authorization: Bearer $API_KEY"
J='Content-Type: application/json'
"""


def calls():
    """The lines of the section that call the API, in order."""
    text = README.read_text(encoding="utf-8")
    section = text.split("## The calls\n")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines()
            if line.startswith("    ") and "curl" in line]


def test_every_route_is_shown():
    found = [re.search(r'"\$(P|BASE_URL)([^"?]*)', line) for line in calls()]
    shown = {"/api/v1/project" * (at == "P") + path
             for at, path in (f.groups() for f in found)}
    shown = {re.sub(r"(?<=/)[0-9]+$", "{n}", path) for path in shown}
    assert shown == {p for _, p in ROUTES if p.startswith("/api/")}


def test_lines_work_as_pasted(project):
    lines = calls()
    done = subprocess.run(
        ["bash", "-c", SHELL + "\n".join(f"{line}; echo" for line in lines)],
        env=dict(os.environ, BASE_URL=project.stack.base,
                 API_KEY=project.key),
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()
               if line.startswith("{")]
    assert "NODE_ENV=production\n" in done.stdout
    # an invitation, its token and a new key show only what the next lines use,
    # and variables are no JSON
    assert len(answers) == len(lines) - 4
    assert all("data" in answer for answer in answers)
    assert answers[-1]["data"]["deleted"] is True


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_line_of_a_ci_job(project, tmp_path, shell):
    """Its variables are those of the next program; a refusal is no success."""
    line, = [line for line in section("Variables as text").splitlines()
             if line.startswith("    curl")]
    project.api.post("/project/settings/update",
                     {"envVars": {"A": "two\nlines' $(touch x)"}})
    for key, wanted in (project.key, 0), ("cc_live_no", 22):
        done = subprocess.run(
            [shell, "-c", line + "\nexit=$?; printenv A; exit $exit"],
            cwd=tmp_path, capture_output=True, text=True, timeout=30,
            env=dict(os.environ, BASE_URL=project.stack.base, API_KEY=key))
        assert done.returncode == wanted, done
        assert done.stdout == (wanted == 0) * "two\nlines' $(touch x)\n"
    assert [p.name for p in tmp_path.iterdir()] == ["env.sh"]


def section(title):
    text = README.read_text(encoding="utf-8")
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_a_change_by_its_tag(project, tmp_path):
    """Once it is done; with the tag of before it is refused."""
    lines = [line.strip() for line in section("Answers").splitlines()
             if line.startswith("    ") and "curl" in line]
    done = subprocess.run(
        ["bash", "-c", SHELL + "\n".join([*lines, lines[-1]])],
        env=dict(os.environ, BASE_URL=project.stack.base,
                 API_KEY=project.key), cwd=tmp_path,
        capture_output=True, text=True, timeout=60)
    assert len(lines) == 2 and done.returncode == 22, done
    first, second = done.stdout.replace("}{", "}\n{").splitlines()
    assert json.loads(first)["data"]["learningModel"] == "x"
    assert json.loads(second)["error"]["code"] == "PRECONDITION_FAILED"


def test_sent_again(project):
    """Done once, answered twice."""
    lines = [line.strip() for line in section("Sent again").splitlines()
             if line.startswith("    ")]
    done = subprocess.run(
        ["bash", "-c", SHELL + "\n".join(lines)],
        env=dict(os.environ, BASE_URL=project.stack.base,
                 API_KEY=project.key),
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert done.stdout.count("Idempotency-Replayed: true") == 1
    assert done.stdout.count('{"data":') == 2
    assert [k["name"] for k in project.api.get("/project/api-keys")
            ].count("CI") == 1


def dump_line():
    found = [line.strip() for line in section(
        "Backup, restore, keys").splitlines() if "pg_dump -Fc" in line]
    assert len(found) == 1, found
    return found[0]


# What stands in pg_dump's place: (its script, whether the dump is good)
DUMPS = {
    "whole": ("printf new", True),
    "no-server": ("exit 1", False),
    "cut-short": ("printf ne; exit 1", False),
    "killed": ("printf ne; kill -9 $$", False),
    "disk-full": ("printf ne; head -c 1 /dev/zero >/dev/full", False),
}


@pytest.mark.parametrize("script, good", DUMPS.values(), ids=DUMPS)
def test_a_dump_that_fails_leaves_yesterdays(tmp_path, script, good):
    """The line of README, with its folder and its program in our hands."""
    line = dump_line()
    assert "/var/backups" in line and "runuser -u postgres -- pg_dump" in line
    programs = tmp_path / "bin"
    backups = tmp_path / "backups"
    programs.mkdir()
    backups.mkdir()
    (programs / "runuser").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "runuser").chmod(0o755)
    dump = backups / "codecourier.dump"
    dump.write_text("yesterday's")
    done = subprocess.run(
        ["sh", "-c", line.replace("/var/backups", str(backups))],
        cwd="/", env={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert (done.returncode == 0) == good
    assert dump.read_text() == ("new" if good else "yesterday's")
    if good:
        assert dump.stat().st_mode & 0o777 == 0o600
        assert os.listdir(backups) == ["codecourier.dump"]


def test_a_full_disk_leaves_yesterdays(tmp_path):
    """The new dump itself cannot be written."""
    line = dump_line().replace("codecourier.new", "/dev/full")
    (tmp_path / "runuser").write_text("#!/bin/sh\nexec echo new\n")
    (tmp_path / "runuser").chmod(0o755)
    dump = tmp_path / "codecourier.dump"
    dump.write_text("yesterday's")
    done = subprocess.run(
        ["sh", "-c", line.replace("/var/backups", str(tmp_path))],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, cwd="/")
    assert done.returncode and dump.read_text() == "yesterday's"


def test_what_its_lines_write_here_is_not_for_git(tmp_path):
    """Keys and dumps of somebody who follows the lines in a checkout."""
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"^    .*--out[ =](\S+)", text, re.M))
    named |= set(re.findall(r"RUN_DIR=([^`\s]+)", text))
    named = {name for name in named if name[0] not in "/$"}
    named |= {".run/env", "shop.key", "first.key", "keyring.copy",
              "codecourier.dump", ".run2/demo.key", "sub/shop.key"}
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(
        (README.parent / ".gitignore").read_text())
    for name in named:
        done = subprocess.run(["git", "-C", tmp_path, "check-ignore", "-q",
                               name])
        assert done.returncode == 0, f"{name} could be committed"
