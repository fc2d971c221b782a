"""The fixtures of the FastCGI tests: a private stack, and workers on sockets
of our own that share its database, keyring and runtime directory."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("contract", "client", "psql", "harness", "fixtures",
                               "session", "wire", "workers")

from fixtures import (  # noqa: E402,F401
    by_mark, make_project, markers, no_skips, running, session)
from session import Session  # noqa: E402
from workers import Site  # noqa: E402

pytest_runtest_makereport = no_skips
pytest_collection_modifyitems = by_mark
pytest_configure = markers

# More than the buffers of a socket can ever hold.
LARGE = {"sandboxSystemPrompt": "s" * 262144, "claudeMd": "c" * 262144,
         "issueDiscoveryPrompt": "i" * 262144,
         "envVars": {f"V{n}": "v" * 60000 for n in range(15)}}


@pytest.fixture(scope="session")
def stack():
    """A pool of three; the other workers are the tests' own."""
    yield from running(workers=3)


@pytest.fixture(scope="session")
def home(stack):
    """A project that tests may change, but not count upon. Its key has been
    verified: a new one can meet a 503 when many bring it at once."""
    made = make_project(stack)
    made.api.get("/project")
    return made


@pytest.fixture(scope="session")
def large(stack):
    """A project whose settings are more than 1.5 MiB."""
    made = make_project(stack)
    made.api.post("/project/settings/update", LARGE)
    return made


@pytest.fixture
def site(stack):
    made = Site(stack)
    yield made
    made.close()


@pytest.fixture(scope="module")
def one(stack):
    """One worker for all cases of a file: it must live through them."""
    made = Site(stack)
    made.worker = made.ready()
    yield made
    made.close()


@pytest.fixture(scope="session")
def records(stack, home):
    """Asks for the project's row and audit rows, without a new process."""
    asked = Session(stack)
    yield lambda: asked.run(
        "select p, (select count(*) from codecourier.audit a where "
        "a.project_id = p.id and a.actor = 'key') "
        f"from codecourier.project p where id = '{home.id}'")
    asked.close()


@pytest.fixture
def nothing_written(records):
    """Whatever the test does to the project `home` changes nothing."""
    before = records()
    assert len(before) == 1
    yield
    assert records() == before
