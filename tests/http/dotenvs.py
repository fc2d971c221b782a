"""Readers and writers of variables as text: the service's (build/tests/dotenv,
made of dotenv.c here), npm's dotenv and python-dotenv, and docker's rule.

Of many texts at once: each is a process, started once.
"""
import io
import json
import logging
import os
import re
import subprocess
import tempfile

import dotenv

from harness import ROOT

PROGRAM = ROOT / os.environ.get("BUILD", "build") / "tests/dotenv"
PACKAGES = ROOT / "build/clients/node_modules"
NODE = """
const { parse } = require(process.argv[1] + '/dotenv');
const texts = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(texts.map(text => parse(text))));
"""
SPACE = re.compile("[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029"
                   "\u202f\u205f\u3000]")     # Go's unicode.IsSpace
LINE_MAX = 64 * 1024        # Go's bufio.MaxScanTokenSize, with the line's end

logging.getLogger("dotenv.main").setLevel(logging.ERROR)


def run(argv, text):
    with tempfile.TemporaryFile() as file:      # a pipe takes little at once
        file.write(text.encode())
        file.seek(0)
        return subprocess.run(argv, stdin=file, check=True, timeout=120,
                              stdout=subprocess.PIPE).stdout.decode()


def ours(what, form, things):
    """The answers of the program, see dotenv.c."""
    asked = "".join(json.dumps([what, form, t], ensure_ascii=False) + "\n"
                    for t in things)
    answers = [json.loads(line) for line in
               run([PROGRAM], asked).split("\n")[:-1]]
    assert len(answers) == len(things)
    return answers


def taken(answer):
    """{name: value} of a text that was read; the last of a name counts."""
    return {name: value for _, name, value in answer["taken"]}


def npm(texts):
    return json.loads(run(["node", "-e", NODE, PACKAGES], json.dumps(texts)))


def python(text):
    """A name without a value is None there."""
    return dict(dotenv.dotenv_values(stream=io.StringIO(text, newline="")))


def docker(data):
    """As docker/cli reads --env-file (pkg/kvfile): bytes to {name: value}."""
    found = {}
    lines = data.split(b"\n")
    for n, line in enumerate(lines if lines[-1] else lines[:-1]):
        assert len(line) < LINE_MAX, f"line {n + 1}: token too long"
        line = line.removesuffix(b"\r").decode()
        line = line.removeprefix("\ufeff") if n == 0 else line
        while line and SPACE.match(line):
            line = line[1:]
        if not line or line[0] == "#":
            continue
        name, equals, value = line.partition("=")
        assert name and equals and not SPACE.search(name), line
        found[name] = value
    return found
