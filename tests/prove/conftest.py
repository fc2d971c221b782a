"""pytest's way into the history checker."""
import sys
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import pytest  # noqa: E402

pytest.register_assert_rewrite("plot")

from fixtures import by_mark, markers, no_skips  # noqa: E402,F401
from plot import Plot  # noqa: E402

pytest_runtest_makereport = no_skips
pytest_collection_modifyitems = by_mark
pytest_configure = markers


@pytest.fixture
def plot():
    return Plot()
