"""How much of a long audit log its list reads for a page."""
import json

import pytest

from contract import NOBODY
from fixtures import make_project
from test_statements import SET, made    # noqa: F401

ROWS = 5000


@pytest.fixture(scope="module")
def long(stack):
    """A project with so many changes and so many refusals, a minute apart
    since 2020, and refusals of all reasons."""
    project = make_project(stack)
    when = "timestamptz '2020-01-01 00:00Z' + n * interval '1 min'"
    stack.sql(
        "begin; set search_path = codecourier; alter table audit disable "
        "trigger user; insert into audit (project_id, at, actor, operator, "
        "action, object, object_id, number, previous, hash) select "
        f"'{project.id}', {when}, 'operator', 'x', 'project.update', 'x', 'x', "
        f"n + 9, '', '' from generate_series(1, {ROWS}) n; alter table audit "
        "enable trigger user; insert into refused (project_id, at, key_id, "
        f"reason, host, count) select '{project.id}', {when}, '{NOBODY}', "
        f"'rate', 'h', 1 from generate_series(1, {ROWS}) n; commit; "
        "analyze codecourier.audit; analyze codecourier.refused")
    return project


def rows_read(plan):
    """Of the tables, those that were in vain, too."""
    below = sum(map(rows_read, plan.get("Plans", [])))
    if plan.get("Relation Name") not in ("audit", "refused"):
        return below
    return below + sum(v for name, v in plan.items() if name in (
        "Actual Rows", "Rows Removed by Filter",
        "Rows Removed by Index Recheck")) * plan["Actual Loops"]


DAY = "1577836800000"       # 2020-01-01, in ms
OLD = [DAY + "000", "1", f"'{NOBODY}'"]     # a cursor there, in µs


@pytest.mark.parametrize("cursor, action, since, until", [
    ([], "null", "null", "null"),
    ([], "null", "4000000000000", "null"), ([], "null", "null", DAY),
    (OLD, "null", "null", "null"), (OLD, "'project.update'", "null", "null"),
    ([], "'refused'", "null", "null")])
def test_a_page_reads_a_page(stack, long, made, cursor, action, since, until):
    values = ", ".join([f"'{long.id}'", "50", *(cursor or ["null"] * 3),
                        action, "null", "null", "null", since, until])
    out = stack.api_sql(
        f"set enable_seqscan = off; {SET} {made[0]['audit_list']} explain "
        f"(analyze, format json) execute audit_list({values})")
    plan = json.loads(out[out.index("["):])[0]["Plan"]
    assert rows_read(plan) < 300, json.dumps(plan, indent=1)
