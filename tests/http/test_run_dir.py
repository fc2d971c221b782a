"""`make run` in folders with names that somebody's disk has: RUN_DIR, and the
checkout itself."""
import os
import shutil
import subprocess

import pytest

import openapi
from harness import CTL, ROOT, WORKER, Stack

pytestmark = pytest.mark.plain     # scripts' work; our programs' is elsewhere

NAMES = {
    "letters-and-signs": "ümläut ☕/" + os.fsdecode(b"caf\xe9") +
                         "/-n/it's \"quoted\" `here`/"
                         " $HOME ${x} $1 %h %% #1 & ; | < > ~ ! = ,/"
                         "[ab]* ? {a,b} \\ (c) ^$ +",
    "long": "/".join(["x" * 200] * 4),
}


def served(stack):
    """The lines of README's example, as somebody pastes them."""
    done = subprocess.run(
        ["sh", "-c", '. "$0" && curl -sS -H "Authorization: Bearer '
         '$API_KEY" "$BASE_URL/api/v1/project" && export CODECOURIER_CONF && '
         '"$1" status', stack.run_dir / "env", CTL],
        capture_output=True, text=True, errors="replace")
    assert done.returncode == 0 and '{"data":{' in done.stdout, done


class Odd(Stack):
    def __init__(self, name, **more):
        super().__init__(workers=2, **more)
        self.place = self.top / name
        self.place.mkdir(parents=True)
        for path in [self.place, *self.place.parents]:
            if self.top in path.parents:
                path.chmod(0o711)
        self.run_dir = self.place / "run"
        self.extra["RUN_DIR"] = str(self.run_dir)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_run_dir(name):
    stack = Odd(name)
    try:
        stack.start()
        served(stack)
    finally:
        left = stack.stop()
        stack.clean()
    assert left == []


def test_a_checkout():
    stack = Odd("ümläut & 100 % \"it's\"/checkout")
    for part in "nginx", "cgi-bin":
        shutil.copytree(ROOT / part, stack.place / part)
    for program in CTL, WORKER:
        shutil.copy(program, stack.place / "cgi-bin")
    (stack.place / "build").mkdir()
    shutil.copy(openapi.FILE, stack.place / "build")
    stack.run_sh = stack.place / "cgi-bin/stack/run.sh"
    stack.run_dir = stack.place / ".run"
    for name in "RUN_DIR", "PROGRAMS":
        del stack.extra[name]
    try:
        stack.start()
        served(stack)
    finally:
        left = stack.stop()
        stack.clean()
    assert left == []


@pytest.mark.parametrize("name, word", [
    ("two\nlines", "control character"), ("tab\t", "control character"),
    ("/".join(["ü" * 100] * 5), "900 bytes at most")],
    ids=["newline", "tab", "too-long"])
def test_what_cannot_be_is_refused(tmp_path, name, word):
    """A configuration file has lines, PostgreSQL a longest path."""
    folder = tmp_path / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [ROOT / "cgi-bin/stack/run.sh"], capture_output=True, text=True,
        env={**os.environ, "RUN_DIR": str(folder)})
    assert done.returncode == 1
    assert word in done.stderr, done
    assert not folder.exists()
