"""The README's sixteen calls, pasted into a shell as they stand there."""
import json
import os
import pathlib
import re
import subprocess

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
    section = text.split("## The sixteen calls\n")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines()
            if line.startswith("    ") and "curl" in line]


def test_every_route_is_shown():
    shown = {re.search(r'"\$P([^"?]*)', line)[1] for line in calls()}
    table = (README.parent / "src/route.c").read_text(encoding="utf-8")
    paths = set(re.findall(r'(?:GET|POST)\("([^"]*)",', table))
    assert len(paths) == 16
    assert shown == paths


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
    # the invitation shows only the userId that the next lines use
    assert len(answers) == len(lines) - 1
    assert all("data" in answer for answer in answers)
    assert answers[-1]["data"]["deleted"] is True
