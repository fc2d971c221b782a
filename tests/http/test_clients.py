"""Clients that generators from npm make of the document.

They compile as they were generated, TypeScript under `strict`, and the
programs in clients/ make calls of every kind with their types as they are: a
set of their own, which a new route leaves as it is. The packages are those of clients/package-lock.json, kept in build/clients.

Of openapi-generator npm has the program itself up to 5.0.0-beta2 only (later
packages fetch it from elsewhere). It reads OpenAPI 3.0: see openapi30.py.
"""
import compileall
import json
import os
import re
import shutil
import subprocess
from shlex import quote
from types import SimpleNamespace

import pytest

import openapi30
from harness import ROOT
from openapi import FILE, OPERATIONS

HERE = ROOT / "tests/http/clients"
PACKAGES = ROOT / "build/clients"
PROGRAMS = sorted(HERE.glob("with-*.ts"))
INSTALL = f"""set -e
mkdir -p {quote(str(PACKAGES))}
cd {quote(str(PACKAGES))}
rm -f installed
cp {quote(str(HERE))}/package*.json .
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json installed
"""
JAR = "node_modules/@openapitools/openapi-generator-cli/bin/" \
    "openapi-generator.jar"
# as `php -l`, which takes one file, but all in one process
COMPILE = "while ($file = fgets(STDIN)) opcache_compile_file(trim($file)) " \
    "or exit(1);"
OLDER = {"axios": "typescript-axios", "php": "php", "python": "python"}
BIN = "node_modules/.bin/"
GENERATORS = [
    [BIN + "openapi-typescript", FILE, "-o", "schema.ts"],
    [BIN + "openapi-ts", "-i", FILE, "-o", "hey", "--silent", "-p",
     "@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
    # for a program that runs once: no compiler that takes its time
    ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar", JAR,
     "batch", "--threads", "1", *(f"{name}.json" for name in OLDER)]]
NAMES = {o.name for o in OPERATIONS.values()}

pytestmark = pytest.mark.plain


def install():
    """Once for each lock file, as whom the checkout belongs to."""
    lock, installed = HERE / "package-lock.json", PACKAGES / "installed"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    done = subprocess.run(
        [ROOT / "cgi-bin/stack/as-builder.sh", "sh", "-c", INSTALL],
        capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def prepare(folder):
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    for file in [*HERE.glob("*.ts"), HERE / "tsconfig.json"]:
        shutil.copy(file, folder)
    (folder / "older.json").write_text(json.dumps(openapi30.document()))
    for name, generator in OLDER.items():
        (folder / f"{name}.json").write_text(json.dumps({
            "generatorName": generator, "inputSpec": "older.json",
            "outputDir": name}))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of compiled programs; what generators and compiler said."""
    install()
    folder = tmp_path_factory.mktemp("clients")
    prepare(folder)

    def start(*argv):
        return subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def end(process):
        said = process.communicate(timeout=300)[0]
        return said if process.returncode else ""

    said = [end(p) for p in [start(*argv) for argv in GENERATORS]]
    return SimpleNamespace(folder=folder, generators=said,
                           compiler=end(start(BIN + "tsc", "-p", ".")))


def test_generators_take_the_document(made):
    assert made.generators == ["", "", ""]


def test_what_they_make_is_strict(made):
    assert made.compiler == ""


def test_php_compiles(made):
    files = [*map(str, (made.folder / "php/lib").rglob("*.php"))]
    assert len(files) > 40
    done = subprocess.run(
        ["php", "-d", "opcache.enable_cli=1", "-r", COMPILE],
        input="\n".join(files), text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_python_compiles(made):
    assert compileall.compile_dir(made.folder / "python/openapi_client",
                                  quiet=1)


def named(program):
    """What a program says that it has seen, in its order."""
    return re.findall(r'\bsaw\("(\w+)"', program.read_text())


def test_all_make_the_same_calls():
    first = named(PROGRAMS[0])
    assert set(first) - NAMES == {"refusal"} and len(first) > 16
    assert len(PROGRAMS) == 3
    for program in PROGRAMS:
        assert sorted(named(program)) == sorted(set(first))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_calls(made, project, program):
    done = subprocess.run(
        ["node", made.folder / "js" / f"{program.stem}.js"],
        env={"PATH": os.environ["PATH"], "BASE_URL": project.stack.base,
             "API_KEY": project.key},
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == named(program)
    assert named(program)[-1] == "deleteProject"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_no_cast(program):
    """Types are used as they were generated."""
    code = re.sub(r"^import .*;$|//.*", "", program.read_text(), flags=re.M)
    assert code.count("saw(") == len(named(program))
    assert not re.search(r"\bas\b|\bany\b|\bunknown\b|@ts-|\w!|<\w+>\w", code)
