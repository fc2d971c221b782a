"""The fixtures of the injected failures: a private stack, one worker of our
own in front of the shim, one project whose rows are put back."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("contract", "client", "psql", "harness", "fixtures",
                               "wire", "workers", "faults", "rows")

from client import Api  # noqa: E402
from faults import CHEAP, Rig  # noqa: E402
from fixtures import furnish, make_project, no_skips, running  # noqa: E402
from rows import Rows  # noqa: E402
from session import Session  # noqa: E402

pytest_runtest_makereport = no_skips

@pytest.fixture(scope="session")
def stack():
    """A pool of one, which only the making of the project needs."""
    yield from running(workers=1)


@pytest.fixture(scope="session")
def project(stack):
    """A project with two of everything."""
    made = make_project(stack, key=False)
    made.key = stack.ctl("key", "create", made.slug, "--name", "first",
                         environ=CHEAP)["key"]
    made.api = Api(stack.base, made.key)
    return furnish(made, "kept", 2)


@pytest.fixture(scope="session")
def rows(stack, project):
    session = Session(stack)
    found = Rows(session, project, stack.conf["CODECOURIER_KEYRING"])
    found.save()
    yield found
    session.close()


@pytest.fixture(scope="session")
def rig(stack):
    found = Rig(stack)
    found.start()
    yield found
    found.close()
    assert found.end() == 0, found.said()
