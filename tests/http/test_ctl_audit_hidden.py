"""codecourierctl audit verify against an owner of the database who has it not
look, or look at something else; and what is no falsification."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from test_ctl_audit import (CUT, FAILED, SimpleLog, among_all, audit, falsify,
                            fault, head, ids, logged)    # noqa: F401

PLANTED = ("insert into codecourier.purge (project_id, deleted_at, purge_at, "
           "operator, request_id, finished_at) values ('{}', now(), now(), "
           "'x', gen_random_uuid(), {})")


def test_without_its_head(logged):
    """The log is still looked at, whole or not."""
    falsify(logged, "delete from audit_head WHERE true")
    assert fault(logged) == "its head is missing"
    assert among_all(logged) == ["its head is missing"]
    falsify(logged, "update audit set action = 'x' WHERE number = 4")
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was edited"


def test_without_anything(logged):
    falsify(logged, "delete from audit_head WHERE true; "
                    "delete from audit WHERE true")
    assert fault(logged) == "all of it is missing, its head, too"
    assert among_all(logged) == ["all of it is missing, its head, too"]


@pytest.mark.parametrize("finished", ["null", "now()"])
def test_a_purge_that_never_was(logged, head, finished):
    """Of a project that lives nothing is left out."""
    logged.stack.sql(PLANTED.format(logged.id, finished))
    try:
        assert audit(logged.stack, "verify", logged.slug, "--head", head)[0][
            "fault"] is None
        falsify(logged, CUT)
        for log in logged, SimpleLog(logged):
            assert fault(log, "--head", head).startswith("the tail is cut")
    finally:
        logged.stack.sql("delete from codecourier.purge where project_id = "
                         f"'{logged.id}'")


def test_a_purge_whose_end_was_taken_away(logged, head):
    stack = logged.stack
    stack.ctl("project", "delete", logged.slug)
    stack.ctl("project", "purge", logged.id)
    stack.sql("update codecourier.purge set audit_number = null, audit_hash = "
              f"null where project_id = '{logged.id}'")
    assert fault(SimpleLog(logged), "--head", head) == \
        "its purge has kept no end"


@pytest.mark.parametrize("value", ["sha256(previous)", "null"])
def test_what_it_follows_was_edited(logged, value):
    falsify(logged, "alter table audit alter previous drop not null; update "
                    f"audit set previous = {value} WHERE number = 4")
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was edited"
    falsify(logged, "update audit set previous = (select hash from audit b "
            "where b.project_id = audit.project_id and b.number = 3) WHERE "
            "number = 4; alter table audit alter previous set not null")
    assert audit(logged.stack, "verify", logged.slug)[0]["fault"] is None


AS_BEFORE = {       # what would hide a change
    "update audit set action = 'project.delete' WHERE number = 4":
        ("create function convert_to(text, text) returns bytea language sql "
         "return pg_catalog.convert_to(replace($1, 'project.delete', "
         "'project.update'), 'UTF8')", "function convert_to(text, text)"),
    "update audit set at = at + interval '1 hour' WHERE number = 4":
        ("create function times(numeric, integer) returns numeric language "
         "sql return ($1 - 3600) * $2::numeric; create operator * (function = "
         "times, leftarg = numeric, rightarg = integer)",
         "operator * (numeric, integer)"),
}


@pytest.mark.parametrize("change", AS_BEFORE)
def test_names_that_fit_better(logged, change):
    """Functions and operators of an owner's own making are not asked."""
    making, made = AS_BEFORE[change]
    falsify(logged, change)
    try:
        falsify(logged, making)
        assert fault(logged) == f"row 4 ({ids(logged)[4]}) was edited"
    finally:
        falsify(logged, f"drop {made}; drop function if exists "
                        "times(numeric, integer)")


@pytest.mark.plain
def test_a_purge_that_begins_meanwhile(logged, session):
    """Rows that it takes, behind the back of who looks, are not falsified."""
    stack = logged.stack
    stack.ctl("project", "delete", logged.slug)
    session.run("begin; lock table codecourier.audit in access exclusive mode")
    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(audit, stack, "verify", logged.slug)
        session.await_waiting("%previous%", unless=look)
        session.run(f"select codecourier.purge_begin('{logged.id}', 'x', "
                    "gen_random_uuid(), false); delete from codecourier.audit "
                    f"where project_id = '{logged.id}' and number < 4")
        session.release()
        assert look.result() == []
    stack.ctl("purge")
