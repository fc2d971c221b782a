"""Rows of a parametrized test of which sanitizers need a few only."""
import pytest


def few(rows, count=1):
    """The first ones as they are. The others go the same way through the same
    functions: not once more with sanitizers."""
    rows = [row if isinstance(row, tuple) else (row,) for row in rows]
    return [pytest.param(*row) for row in rows[:count]] + [
        pytest.param(*row, marks=pytest.mark.plain) for row in rows[count:]]
