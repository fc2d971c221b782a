"""Refusals of known keys, in the audit log: a row a key, reason and minute."""
import os
import signal
import time

import pytest

from client import Api
from contract import AUDIT_ROW, NOBODY, make_key
from fixtures import make_project
from session import until

LOG = "/project/audit-log"
ROWS = ("select key_id, reason, count, host, at = date_trunc('minute', at) as "
        "whole, address, request_id from codecourier.refused where project_id "
        "= '{}' order by at, reason")


def rows(project):
    return project.stack.rows(ROWS.format(project.id))


def seen(project, reason, count=1):
    """Waits until so many are written; the rows."""
    until(lambda: sum(r["count"] for r in rows(project)
                      if r["reason"] == reason) >= count,
          f"no refusal written: {reason}", 90)
    return [r for r in rows(project) if r["reason"] == reason]


def made(project, **more):
    """Another key of the project, and a client with it."""
    row = project.api.post("/project/api-keys/generate",
                           {"name": "other", **more})
    return row, Api(project.stack.base, row["key"])


def by_sql(project, row, what):
    project.stack.sql(f"update codecourier.api_key set {what} where id = "
                      f"'{row['id']}'")


def scope(project):
    row, api = made(project, scopes=["settings:read"])
    return row, api.refused("SCOPE_DENIED", "GET", "/project")


def address(project):
    row, api = made(project)
    by_sql(project, row, "allowed_ips = '{192.0.2.1}'")
    return row, api.refused("FORBIDDEN", "GET", "/project")


def rate(project):
    row, api = made(project, rateLimit=1)
    api.get("/project")
    return row, api.refused("RATE_LIMITED", "GET", "/project")


def ended(what):
    def end(project):
        row, api = made(project)
        by_sql(project, row, what)
        return row, api.refused("AUTH_INVALID", "GET", "/project")
    return end


@pytest.mark.parametrize("reason, refuse", [
    ("scope", scope), ("address", address), ("rate", rate),
    ("expired", ended("ends_at = now()")), ("disabled", ended("disabled = true")),
    ("revoked", ended("revoked_at = now()"))], ids=lambda v: str(v)[:10])
def test_each_reason(project, reason, refuse):
    key, error = refuse(project)
    (row,) = seen(project, reason)
    assert (row["key_id"], row["count"], row["whole"], row["address"]) == \
        (key["id"], 1, True, "127.0.0.1")
    assert row["request_id"] == error["requestId"] and row["host"]
    (shown,) = project.api.get(LOG + "?action=refused")
    assert set(shown) == AUDIT_ROW | {"count"}
    assert shown["number"] is shown["hash"] is None
    assert (shown["object"], shown["objectId"], shown["fields"],
            shown["count"], shown["address"], shown["requestId"]) == (
        "api-key", key["id"], [reason], 1, "127.0.0.1", error["requestId"])
    assert shown["actor"] == {"type": "key", "id": key["id"], "name": "other"}


def test_a_warm_key_that_has_ended(project):
    """Found out by the guard, not by the first look."""
    row, api = made(project)
    for _ in range(20):
        api.get("/project")
    project.api.post("/project/api-keys/revoke", {"keyId": row["id"]})
    api.refused("AUTH_INVALID", "GET", "/project")
    assert [r["key_id"] for r in seen(project, "revoked")] == [row["id"]]


def test_not_of_a_wrong_secret(project):
    """Whoever only knows a prefix is nobody."""
    row, api = made(project)
    by_sql(project, row, "disabled = true")
    wrong = Api(project.stack.base, make_key(row["key"][8:16]))
    for _ in range(10):
        wrong.refused("AUTH_INVALID", "GET", "/project")
    api.refused("AUTH_INVALID", "GET", "/project")
    assert [r["count"] for r in seen(project, "disabled")] == [1]


def test_not_of_who_is_let_in(project):
    row, api = made(project, scopes=["settings:read", "projects:write"])
    api.get("/project/settings")
    api.refused("VALIDATION", "GET", "/project/settings?x=1")
    api.refused("NOT_FOUND", "POST", "/project/api-keys/revoke",
                {"keyId": NOBODY})
    api.refused("SCOPE_DENIED", "GET", "/project")
    assert [(r["reason"], r["count"]) for r in seen(project, "scope")] == \
        [("scope", 1)]
    assert len(rows(project)) == 1


def test_showing_a_revoked_key_is_no_refusal(project):
    row, api = made(project)
    for _ in range(3):
        Api(project.stack.base).post("/credentials/revoke",
                                     {"key": row["key"]})
    error = api.refused("AUTH_INVALID", "GET", "/project")
    assert [r["request_id"] for r in seen(project, "revoked")] == \
        [error["requestId"]]


def test_a_loop_writes_a_row_a_minute(project):
    """All are counted when their minute is over, whichever worker had them and
    however idle it is."""
    row, api = made(project, scopes=["settings:read"])
    begin = int(time.time()) // 60
    for _ in range(60):
        api.refused("SCOPE_DENIED", "GET", "/project")
    minutes = int(time.time()) // 60 - begin + 1
    got = seen(project, "scope", 60)
    assert sum(r["count"] for r in got) == 60 and len(got) <= minutes
    assert {r["key_id"] for r in got} == {row["id"]}


@pytest.mark.ends_workers
def test_a_worker_that_ends_writes_them(project):
    row, api = made(project, scopes=["settings:read"])
    for _ in range(40):
        api.refused("SCOPE_DENIED", "GET", "/project")
    for pid in project.stack.workers():
        os.kill(pid, signal.SIGTERM)
    assert sum(r["count"] for r in seen(project, "scope", 40)) == 40


def test_no_refusal_waits_for_it(project, session):
    """Somebody has the table; refusals are answered, and written later."""
    row, api = made(project, scopes=["settings:read"])
    api.get("/project/settings")
    session.run("begin; lock table codecourier.refused in access exclusive "
                "mode")
    api.refused("SCOPE_DENIED", "GET", "/project")
    session.await_waiting("%refused%")
    session.release()
    assert [r["count"] for r in seen(project, "scope")] == [1]


def test_they_are_outside_of_the_chain(project):
    scope(project)
    seen(project, "scope")
    project.api.post("/project/update", {"name": "x"})
    shown = [r for r in project.api.get(LOG) if r["number"]]
    assert [r["number"] for r in shown] == list(range(len(shown), 0, -1))
    assert project.stack.ctl("audit", "verify", project.slug)[0]["fault"] is None


def test_after_a_year_they_go(project):
    """More than one batch of the purge; the younger ones stay."""
    project.stack.sql(
        "insert into codecourier.refused (project_id, at, key_id, reason, host, "
        f"count) select '{project.id}', now() - interval '1 year' - n * "
        f"interval '1 min', '{project.key_id}', 'rate', 'h', 1 from "
        "generate_series(-5, 1200) n where n <> 0")
    project.stack.ctl("purge")
    assert len(rows(project)) == 5
    assert project.stack.ctl("audit", "verify", project.slug)[0]["fault"] is None


@pytest.fixture(scope="module")
def mixed(stack):
    """Changes and refusals by turns, a minute apart, two at the same time."""
    found = make_project(stack)
    for n in range(3):
        found.api.post("/project/update", {"name": f"n{n}"})
    stack.sql(
        "insert into codecourier.refused (project_id, at, key_id, reason, host, "
        f"count) select '{found.id}', date_trunc('minute', now()) - n * "
        f"interval '1 min', '{found.key_id}', r, 'h', n + 1 from "
        "generate_series(0, 2) n, unnest(array['rate', 'scope']) r")
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_both(mixed, limit):
    want = mixed.api.get(LOG)
    assert len(want) == 11 and len({r["id"] for r in want}) == 11
    key = [(r["at"], r["number"] or 0, r["id"]) for r in want]
    assert key == sorted(key, reverse=True)
    found, cursor = [], ""
    while cursor is not None:
        page = mixed.api.page(f"{LOG}?limit={limit}"
                              + (cursor and "&cursor=" + cursor))
        found += page["data"]
        cursor = page["nextCursor"]
    assert found == want


def test_filters_of_both(mixed):
    def count(query):
        return len(mixed.api.get(f"{LOG}?{query}"))

    assert count("action=refused") == 6
    assert count("action=project.update") == 3
    assert count(f"actor={mixed.key_id}") == 9
    assert count("actor=operator") == 2
    assert count("object=api-key") == 7
    assert count(f"object={mixed.key_id}") == 7
    first = min(r["at"] for r in mixed.api.get(LOG))
    assert count(f"until={first + 1}&action=refused") == 2
    assert count(f"since={first + 1}&action=refused") == 4
    # since <= at < until, also of a row at a whole millisecond
    whole = min(r["at"] for r in mixed.api.get(f"{LOG}?action=refused"))
    assert count(f"until={whole}&action=refused") == 0
    assert count(f"since={whole}&action=refused") == 6
