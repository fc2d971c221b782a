"""pytest's way into the HTTP tests: their fixtures, and no skips."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("contract", "client", "psql", "harness", "fixtures",
                               "metrics", "doctor", "race", "session")

from fixtures import (  # noqa: E402,F401
    api, by_mark, ctl, markers, no_skips, no_worker_ends, nobody, other,
    project, refusing, session, shared, spare, sql, stack)


pytest_runtest_makereport = no_skips
pytest_collection_modifyitems = by_mark
pytest_configure = markers
