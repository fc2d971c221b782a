"""Every statement of src/db/sql, from the file that is there to be pasted into
psql: PostgreSQL plans it for the role that runs it."""
import os
import re
import subprocess

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
    transaction = {"replay_begin", "replay_commit", "replay_roll_back"}
    assert transaction < set(others)
    assert all(role(name) in ("admin", "reader") for name in others
               if name not in transaction), others


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


def generate(tmp_path, text, want="c"):
    source = tmp_path / "a.sql"
    source.write_text(text)
    return subprocess.run(
        ["awk", "-v", f"want={want}", "-f", ROOT / "src/db/sql/make.awk",
         source], capture_output=True, text=True)


FRAGMENTS = """-- fragment: ONE
1
-- fragment: TWO(a, b)
@a || ' @b '
-- fragment: ROUND
@ROUND
"""


@pytest.mark.parametrize("text, said", [
    ("-- name: a\nSELECT 1;", "a: no word on it"),
    ("-- name: a\n-- it\nSELECT 1", "a: no ; at its end"),
    ("-- name: a\n-- $1 it\nSELECT $1, $2;", "a: no word on $2"),
    ("-- name: a\n-- $1 $2\nSELECT $2;", "a: $1 is not used"),
    ("-- name: A\n-- it\nSELECT 1;", "name A"),
    ("-- name: a\n-- it\nSELECT 1;\n-- name: a\n", "name a"),
    ("-- name: a\n-- it\nSELECT 1;\nSELECT 2;", "a: a line behind its end"),
    ("-- name: a\n-- it\nSELECT @THREE;", "a: no fragment THREE"),
    ("-- name: a\n-- it\nSELECT @TWO(1);", "a: TWO takes 2 arguments"),
    ("-- name: a\n-- it\nSELECT @TWO;", "a: TWO without arguments"),
    ("-- name: a\n-- it\nSELECT @TWO(1, (2);", "a: a bracket stays open"),
    ("-- name: a\n-- it\nSELECT @ROUND;", "a: a fragment holds itself"),
    ("-- name: a\n-- it\nSELECT @one;", "a: an argument's name outside"),
    ("-- name: a\n-- it\nSELECT 'a\nb';", "a: a quote over the end"),
    ("SELECT 1;", "a line before the first name"),
])
def test_what_is_refused(tmp_path, text, said):
    done = generate(tmp_path, text if text.startswith("SELECT")
                    else FRAGMENTS + text)
    assert done.returncode == 1
    assert done.stderr.startswith("src/db/sql: ") and said in done.stderr


def test_what_is_made(tmp_path):
    done = generate(tmp_path, FRAGMENTS + r"""
-- name: a_b
-- A write; $6 it -> "x"
-- For a reason.
SELECT @ONE, ( @TWO(f('a,  b', $1), it''s @ONE) ),
    -- not seen
    E'\n', $2 , $3, $4, $5, $6;
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2].strip() == (
        r'[STMT_A_B] = {"a_b", 6, "SELECT 1, (f(' + r"'a,  b', $1) || "
        r"' it''s 1 '), E'\\n', $2, $3, $4, $5, $6" + '"},')
