"""pytest's way into the SQL tests: the fixtures of the HTTP tests."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("contract", "client", "psql", "harness", "fixtures",
                               "session", "workers")

import cluster as clusters  # noqa: E402
from fixtures import (  # noqa: E402,F401
    api, no_skips, no_worker_ends, other, project, session, shared, sql, stack)

pytest_runtest_makereport = no_skips


@pytest.fixture(scope="session")
def cluster(stack):
    """One that states.py brings into the state that a test wants."""
    for made in clusters.running(stack):
        made.good = False
        yield made
