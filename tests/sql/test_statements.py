"""Every statement of src/db/sql, from the file that is there to be pasted into
psql: PostgreSQL plans it for the role that runs it."""
import os
import re

import pytest

from harness import ROOT

SOURCES = sorted((ROOT / "src/db/sql").glob("*.sql"))
MADE = ROOT / os.environ.get("BUILD", "build") / "db/statements.sql"
SET = "SET plan_cache_mode = force_generic_plan;"
# whose the statements are, by the beginning of their names
ROLES = {"op_": "owner", "session_": "admin", "admin_": "admin",
         "tell_": "reader"}


def names():
    return [name for path in SOURCES
            for name in re.findall(r"^-- name: (\w+)$", path.read_text(), re.M)]


def role(name):
    return next((r for p, r in ROLES.items() if name.startswith(p)), "api")


@pytest.fixture(scope="module")
def made():
    """Each that can be prepared, by name, and the names of the others."""
    text = MADE.read_text()
    prepared = {re.match(r"PREPARE (\w+)", body)[1]: body
                for body in re.findall(r"^PREPARE .*?;$(?=\n\n|\n\Z)", text,
                                       re.M | re.S)}
    others = re.findall(r"^-- (\w+) \(of a kind", text, re.M)
    return prepared, others


def explain(name, body):
    """Plans it with NULL for each parameter, as for any other value."""
    count = max([0, *map(int, re.findall(r"\$(\d+)", body))])
    nulls = ", ".join(["NULL"] * count)
    return f"{body}\nEXPLAIN EXECUTE {name}{f'({nulls})' if count else ''};"


def test_all_are_there(made):
    prepared, others = made
    assert sorted([*prepared, *others]) == sorted(names())
    assert len(set(names())) == len(names()) > 50
    assert all(role(name) in ("admin", "reader") for name in others), others


@pytest.mark.parametrize("who", ["api", "owner", "admin"])
def test_all_are_planned(stack, made, who):
    run, first = {
        "api": (stack.api_sql, ""),
        "owner": (lambda t: stack.psql(t, stack.admin()),
                  "SET ROLE codecourier_owner;"),
        "admin": (lambda t: stack.psql(t, stack.admin()), ""),
    }[who]
    mine = {n: b for n, b in made[0].items() if role(n) == who}
    head = f"SET search_path = codecourier; {SET} {first}"
    assert mine
    planned = run("\n".join([head, *(
        f"\\echo planned {n}\n{explain(n, b)}" for n, b in mine.items())]))
    assert re.findall(r"^planned (\w+)$", planned, re.M) == list(mine)
    assert planned.count("planned") < planned.count("\n")
