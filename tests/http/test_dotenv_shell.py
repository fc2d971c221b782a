"""The form of variables for shells, by the real ones: dash and bash source it,
have each byte of it, and run nothing.

MAPS=10000: as many maps of variables for each shell.
"""
import re
import subprocess

import pytest

import dotenvs
from test_dotenv import MAPS, some_map

pytestmark = pytest.mark.plain      # the library's own word

SHELLS = ["/bin/dash", "/bin/bash"]
# of bash 5.3, and what only an interactive shell runs
UNSEEN = {"BASH_MONOSECONDS", "BASH_TRAPSIG", "MAILCHECK", "MAILPATH",
          "PROMPT_COMMAND", "PS0", "PS1", "PS2"}
# given on, with a complaint, or for as long as no pipeline is run
CARRIED = {"BASH_COMPAT", "BASH_XTRACEFD", "PIPESTATUS"}
TOUCH = "/usr/bin/touch planted"    # by its path: PATH is one of the names
PLANT = [form.replace("TOUCH", TOUCH) for form in (
    "$(TOUCH)", "`TOUCH`", "';TOUCH;'", "a[$(TOUCH)]", "'\n TOUCH\n'",
    "\\'; TOUCH\n", "\nTOUCH\n", "x;TOUCH", "&TOUCH&", "\r\nTOUCH\r\n",
    "${A:=$(TOUCH)}", "<(TOUCH)")]


def shell(argv, folder, **more):
    return subprocess.run(argv, cwd=folder, capture_output=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin"}, **more)


def names_of(path):
    """Whatever looks like a name in the program, and its ends: a linker keeps
    UID within EUID."""
    with open(path, "rb") as file:
        found = {name.decode() for name in re.findall(
            rb"[A-Z_][A-Z0-9_]{0,28}", file.read())}
    return {name[at:] for name in found for at in range(len(name))
            if not name[at].isdigit()}


@pytest.fixture(scope="module")
def names():
    """All of them, and of these the ones refused, with the reason: ENV for
    its value."""
    found = sorted(set().union(*map(names_of, SHELLS)) | UNSEEN |
                   {"histchars", "auto_resume"})
    made = dotenvs.ours("write", "shell", [{name: "$"} for name in found])
    refused = {n: m[1] for n, m in zip(found, made) if isinstance(m, list)}
    assert 1000 < len(found) and 30 < len(refused) < 50, (found, refused)
    return [n for n in found if n not in refused], refused


def sourced(argv, folder, values, **more):
    """The environment of a program after `. ./file`, and what was said."""
    text, = dotenvs.ours("write", "shell", [values])
    (folder / "file").write_text(text, newline="")
    (folder / "out").write_text("")
    done = shell(argv, folder, **more)
    got = dict(pair.split("=", 1) for pair in
               (folder / "out").read_bytes().decode().split("\0")[:-1])
    return {n: got.get(n) for n in values}, done


@pytest.mark.parametrize("value", ["x y", "", "0", "08", "a[0]", "-1", "9" * 20,
                                   f"a[$({TOUCH})]", f"$({TOUCH})"])
@pytest.mark.parametrize("argv", [[s, *more] for s in SHELLS for more in
                                  ([], ["-x"])], ids=" ".join)
def test_names(argv, value, names, tmp_path):
    """Each name that is not refused carries any value, with set -x, too."""
    values = dict.fromkeys(names[0], value)
    got, _ = sourced([*argv, "-c", ". ./file; /usr/bin/env -0 >out"], tmp_path,
                     values)
    assert got == values
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("argv", [["/bin/dash", "-i"],
                                  ["/bin/bash", "--norc", "-i"]], ids=" ".join)
def test_at_a_prompt(argv, names, tmp_path):
    values = dict.fromkeys(names[0], f"$({TOUCH})a[$({TOUCH})]")
    for name in "COLUMNS", "LINES":     # of the terminal, with each command
        del values[name]
    got, _ = sourced(argv, tmp_path, values,
                     input=b". ./file\n/usr/bin/env -0 >out\n:\n"
                           b"/bin/dash -i -c :\n")
    assert got == values
    assert not (tmp_path / "planted").exists()


def test_refused_names(names, tmp_path):
    """Each for a reason: a shell does not give it on, or runs it."""
    for name in sorted(set(names[1]) - UNSEEN):
        told = []
        for value in "x y", f"$({TOUCH})":
            (tmp_path / "file").write_text(f"export {name}='{value}'\n"
                                           "/usr/bin/env -0 >out\n")
            (tmp_path / "out").write_text("")
            shell(["/bin/bash", "-x", "-c", ". ./file; /bin/bash -c :; "
                   "/bin/dash -i -c :"], tmp_path)
            env = (tmp_path / "out").read_bytes().decode().split("\0")
            told.append(f"{name}={value}" in env)
        planted = tmp_path / "planted"
        assert not all(told) or planted.exists() or \
            name in CARRIED, name
        planted.unlink(missing_ok=True)


@pytest.mark.parametrize("path", SHELLS)
def test_comes_back(path, tmp_path):
    """Byte for byte; what the shell itself prints is no program's."""
    maps = [some_map() for _ in range(MAPS)]
    maps += [{"A": value, "B": "b"} for value in PLANT]
    maps += [{"A": bytes([c]).decode()} for c in range(1, 128)]
    maps += [{"A": chr(c) + "'" + chr(c)} for c in range(128, 0x1000)]
    maps = [{f"t_{n}": v for n, v in m.items()} for m in maps]
    with open(tmp_path / "all", "w", encoding="utf-8") as script:
        for n, (text, values) in enumerate(
                zip(dotenvs.ours("write", "shell", maps), maps)):
            (tmp_path / f"{n}").write_text(text, newline="")
            script.write(f". ./{n}\n")
            for name in values:
                script.write(f"printf '%s\\0' \"${name}\"\nunset {name}\n")
    done = shell([path, "./all"], tmp_path)
    want = [v for values in maps for v in values.values()]
    assert done.stdout.decode().split("\0")[:-1] == want
    assert not done.stderr and not (tmp_path / "planted").exists()


@pytest.mark.parametrize("path", SHELLS)
@pytest.mark.parametrize("value", PLANT)
def test_runs_nothing(path, value, tmp_path):
    """As a CI job has it; the environment of the next program is whole."""
    values = {"A": value, "B": value * 2, "IFS": value,
              "ENV": re.sub("[$`]", "", value)}
    for flags in [], ["-x"], ["-e"], ["-u"]:
        got, done = sourced(
            [path, *flags, "-c", ". ./file; /usr/bin/env -0 >out"], tmp_path,
            values)
        assert got == values and done.returncode == 0
        assert not (tmp_path / "planted").exists()
