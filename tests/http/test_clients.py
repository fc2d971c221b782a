"""Clients that generators from npm make of the document.

They are generated as the generators are shipped, compile under `strict`, and
the programs in clients/ make the sixteen calls with their types as they are.
The packages are those of clients/package-lock.json, kept in build/clients.
"""
import os
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from harness import ROOT
from openapi import FILE, OPERATIONS

HERE = ROOT / "tests/http/clients"
PACKAGES = ROOT / "build/clients"
PROGRAMS = sorted(HERE.glob("with-*.ts"))
INSTALL = f"""set -e
mkdir -p {PACKAGES}
cd {PACKAGES}
rm -f installed
cp {HERE}/package.json {HERE}/package-lock.json .
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json installed
"""
GENERATORS = [
    ["openapi-typescript", FILE, "-o", "schema.ts"],
    ["openapi-ts", "-i", FILE, "-o", "hey", "--silent", "-p",
     "@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
    ["swagger-typescript-api", "generate", "-p", FILE, "-o", ".", "-n",
     "api.ts", "--axios", "--generate-union-enums", "--silent"]]
CALLS = {o.name for o in OPERATIONS.values() if "security" not in o.spec}

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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of compiled programs; what generators and compiler said."""
    install()
    folder = tmp_path_factory.mktemp("clients")
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    for file in [*HERE.glob("*.ts"), HERE / "tsconfig.json"]:
        shutil.copy(file, folder)

    def start(name, *words):
        return subprocess.Popen(
            [folder / "node_modules/.bin" / name, *words], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(process):
        said = process.communicate(timeout=300)[0]
        return said if process.returncode else ""

    said = {argv[0]: end(p) for argv, p in
            [(argv, start(*argv)) for argv in GENERATORS]}
    api = folder / "api.ts"
    if api.exists():        # it asks the compiler not to look
        api.write_text(api.read_text().replace("// @ts-nocheck\n", ""))
    return SimpleNamespace(folder=folder, generators=said,
                           compiler=end(start("tsc", "-p", ".")))


def test_generators_take_the_document(made):
    assert made.generators == dict.fromkeys(made.generators, "")


def test_what_they_make_is_strict(made):
    assert made.compiler == ""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_sixteen_calls(made, project, program):
    done = subprocess.run(
        ["node", made.folder / "js" / f"{program.stem}.js"],
        env={"PATH": os.environ["PATH"], "BASE_URL": project.stack.base,
             "API_KEY": project.key},
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = done.stdout.split()
    assert len(CALLS) == 16 and set(seen) == CALLS | {"refusal"}
    assert len(seen) == 17 and seen[-1] == "deleteProject"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_no_cast(program):
    """Types are used as they were generated."""
    code = re.sub(r"^import .*;$|//.*", "", program.read_text(), flags=re.M)
    assert code.count("saw(") == 17
    assert not re.search(r"\bas\b|\bany\b|\bunknown\b|@ts-|\w!|<\w+>\w", code)
