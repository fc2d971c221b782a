"""Mistakes planted on purpose: does the test that is there for it see each?

A mutant is a patch NAME.patch here (`git diff -U1`), behind lines that begin
with #:

    # what: the mistake, in one line
    # test: tests/http/test_x.py -k name     the narrowest that turns red, or
    # test: unit json/test_scan                   build/tests/json/test_scan, or
    # test: asan-http tests/http/test_x.py   the sanitizers report it
    # quick                                  in `make check`, too
    # race                                   by chance: it must be red each time of TIMES

The patches are applied one at a time to one copy of the project, which is
built once and then file by file. A mutant is seen when a test has failed by an
assertion of its own: a build that fails, a program that crashes and a stack
that does not come up show nothing. `make check` takes the quick ones;
MUTANTS=all takes all, after their tests were green without any.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

import junit

ROOT = Path(__file__).resolve().parents[2]
ALL = os.environ.get("MUTANTS") == "all"
TIMES = int(os.environ.get("TIMES", 3))
SECONDS = 300           # for one run of one test
# what the one that has started us means for itself
NOT_OURS = ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "PROGRAMS", "ONLY",
            "PYTEST_ADDOPTS"]
ENVIRONMENT = {n: v for n, v in os.environ.items() if n not in NOT_OURS}


def read(path):
    """A patch, and what its head says of it."""
    head = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        head.append(line[1:].strip())
    pairs = dict(h.split(": ", 1) for h in head if ": " in h)
    return SimpleNamespace(path=path, name=path.stem, what=pairs["what"],
                           test=pairs["test"], quick="quick" in head,
                           times=TIMES if "race" in head else 1)


PATCHES = [read(p) for p in sorted(Path(__file__).parent.glob("*.patch"))]
CHOSEN = [p for p in PATCHES if ALL or p.quick]


def copy(to):
    """What is built from, and what has been built: make finds it done."""
    for name in "src", "migrations", "nginx", "cgi-bin", "tests":
        shutil.copytree(ROOT / name, to / name, symlinks=True,
                        ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "Makefile", to)
    for name in ["build", *(["build/asan"] if ALL else [])]:
        (to / name).mkdir()
        for path in (ROOT / name).glob("*"):
            if path.is_file():
                shutil.copy2(path, to / name)
        for wing in [*(ROOT / "src").iterdir(), Path("tests")]:
            if (ROOT / name / wing.name).is_dir():
                shutil.copytree(ROOT / name / wing.name, to / name / wing.name)


def make(tree, *targets):
    """Builds; what it said if that failed."""
    done = subprocess.run(
        ["make", "--no-print-directory", f"-j{os.cpu_count()}",
         "WERROR=-Werror", *targets], cwd=tree, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout if done.returncode else None


def patch(tree, mutant, *options):
    """Exactly its lines, however far they have moved."""
    done = subprocess.run(
        ["patch", "-p1", "-F0", "-f", "-s", "--no-backup-if-mismatch", "-r-",
         *options, "-i", mutant.path], cwd=tree, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, \
        f"{mutant.name} does not apply any more: mend it\n{done.stdout}"


@pytest.fixture(scope="session")
def tree():
    """The copy; the stack's user, whoever that is, gets through to it."""
    with tempfile.TemporaryDirectory(prefix="cc-mutants-") as top:
        os.chmod(top, 0o711)
        copy(Path(top))
        said = make(top, "all", "unit")
        assert said is None, said
        yield Path(top)


@pytest.fixture
def planted(tree, request):
    """The copy with one mistake in it, for the time of a test."""
    patch(tree, request.param)
    yield tree
    patch(tree, request.param, "-R")


def targets(test):
    """What has to be built anew for a test."""
    kind, *words = shlex.split(test)
    if kind == "unit":
        return [f"build/tests/{words[0]}"]
    if kind.startswith("asan-"):
        return ["build-asan"]
    return ["all", "build/db/statements.sql", "build/tests/tables",
            "build/tests/dotenv", "build/tests/shim.so"]


def command(test, xml):
    """How a test is run, and what it wants in its environment."""
    kind, *words = shlex.split(test)
    if kind == "unit":
        return [f"build/tests/{words[0]}"], {
            "CMOCKA_MESSAGE_OUTPUT": "xml",
            "CMOCKA_XML_FILE": f"{xml}/%g.xml"}
    if kind.startswith("asan-"):
        return ["tests/check", kind], {"ONLY": words[0]}
    return [sys.executable, "-m", "pytest", "-q", "-x", "--tb=short",
            "-p", "no:cacheprovider", f"--junitxml={xml}/pytest.xml",
            kind, *words], {}


def run(tree, test):
    """Runs it once: was it green, has a test said no, what is there to
    read."""
    with tempfile.TemporaryDirectory(prefix="cc-xml-") as xml:
        argv, more = command(test, xml)
        done = subprocess.run(
            ["timeout", "--foreground", "-s", "INT", "-k", "60",
             str(SECONDS), *argv], cwd=tree, env={**ENVIRONMENT, **more},
            text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        texts = list(junit.documents(Path(xml).iterdir()))
    reported = "\n--- reports of the sanitizers\n" in done.stdout
    return SimpleNamespace(
        green=done.returncode == 0,
        said_no=reported or any(map(has_failed, texts)),
        text="\n".join([done.stdout, *texts])[-6000:])


# as pytest and as cmocka put it
ASSERTION = re.compile(
    r'(failed on (setup|teardown) with ")?(AssertionError|assert |Failed: DID NOT)')
FAILURE = "error: Failure!"


def has_failed(document):
    """Has one of its tests failed by an assertion?"""
    for case in ET.fromstring(document).iter("testcase"):
        for child in case:
            if child.tag in ("failure", "error") and (
                    ASSERTION.match(child.get("message") or "") or
                    FAILURE in (child.text or "")):
                return True
    return False


@pytest.mark.parametrize("mutant", PATCHES, ids=lambda m: m.name)
def test_it_applies(mutant):
    """Code that has changed takes its mutants along."""
    patch(ROOT, mutant, "--dry-run")


if ALL:     # the suites themselves show it to `make check`
    @pytest.mark.parametrize("test", sorted({p.test for p in PATCHES}))
    def test_green_without_a_mistake(tree, test):
        said = make(tree, *targets(test))
        assert said is None, said
        done = run(tree, test)
        assert done.green, f"red without a mistake\n{done.text}"


@pytest.mark.parametrize("planted, mutant", [(m, m) for m in CHOSEN],
                         ids=[m.name for m in CHOSEN], indirect=["planted"])
def test_it_is_seen(planted, mutant):
    said = make(planted, *targets(mutant.test))
    assert said is None, f"{mutant.name} does not build\n{said}"
    for number in range(mutant.times):
        done = run(planted, mutant.test)
        assert done.said_no, (f"not seen, time {number + 1} of "
                              f"{mutant.times}: {mutant.what}\n{done.text}")
