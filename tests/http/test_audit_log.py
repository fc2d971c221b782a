"""GET audit-log: what the database holds of a project's changes, newest first,
in pages, by filters; each change has the next number."""
import uuid

import pytest

from client import at_once
from contract import AUDIT_ROW, NOBODY, UUID, WRITE_CALLS, fields, named
from few import few
from fixtures import furnish, make_project

LOG = "/project/audit-log"


def log(project, query=""):
    return project.api.get(f"{LOG}?limit=100{query}")


@pytest.fixture
def furnished(project):
    return furnish(project, "before", 2)


def test_each_write_is_told(furnished):
    for call in WRITE_CALLS[:-1]:       # the last one ends the key
        for body in call.bodies:
            told(furnished, call, named(body, furnished.ids))


def told(project, call, body):
    answer = project.api.send("POST", call.path, body)
    row = project.api.get(LOG + "?limit=1")[0]
    (kept,) = project.stack.rows(
        "select *, codecourier.ms(at) as ms, encode(hash, 'hex') as hex from "
        f"codecourier.audit where id = '{row['id']}'")
    assert set(row) == AUDIT_ROW
    assert row["requestId"] == answer.header("X-Request-ID").lower()
    assert row["actor"] == (
        {"type": "key", "id": project.key_id, "name": "first"} if call.keyed
        else {"type": "holder", "id": project.ids.get(call.holder),
              "name": None})
    assert row["action"] == call.action
    assert row["object"] == call.action.split(".")[0]
    assert sorted(row["fields"]) == fields(call, body)
    assert row["address"] == "127.0.0.1"
    assert (row["at"], row["objectId"], row["number"], row["hash"]) == \
        (kept["ms"], kept["object_id"], kept["number"], kept["hex"])


def test_what_the_operator_did(project):
    project.stack.ctl("counter", "add", project.slug, "runs", "1")
    row = log(project)[0]
    assert UUID.fullmatch(row.pop("id")) and UUID.fullmatch(row["requestId"])
    assert row["actor"]["type"] == "operator" and row["actor"]["name"]
    assert row["actor"]["id"] is row["address"] is None
    assert (row["action"], row["object"], row["objectId"]) == \
        ("counter.add", "counter", "runs")


def test_the_key_is_called_what_it_is_called_now(project):
    project.api.post("/project/api-keys/update",
                     {"keyId": project.key_id, "name": "renamed"})
    assert {r["actor"]["name"] for r in log(project)
            if r["actor"]["type"] == "key"} == {"renamed"}


@pytest.fixture(scope="module")
def busy(stack):
    """Ten rows, two of them the operator's."""
    made = make_project(stack)
    for n in range(4):
        made.api.post("/project/update", {"name": f"n{n}"})
        made.api.post("/project/members/invite",
                      {"email": f"m{n}@example.com", "role": "member"})
    return made


def test_newest_first(busy):
    rows = log(busy)
    assert [r["number"] for r in rows] == list(range(10, 0, -1))
    assert [r["at"] for r in rows] == sorted((r["at"] for r in rows),
                                             reverse=True)
    assert len({r["hash"] for r in rows} | {r["id"] for r in rows}) == 20


@pytest.mark.parametrize("limit, sizes", [(1, [1] * 10), (3, [3, 3, 3, 1]),
                                          (5, [5, 5]), (9, [9, 1])])
def test_pages(busy, limit, sizes):
    found, cursor = [], ""
    while cursor is not None:
        page = busy.api.page(f"{LOG}?limit={limit}"
                             + (cursor and "&cursor=" + cursor))
        found.append(page["data"])
        cursor = page["nextCursor"]
    assert [len(p) for p in found] == sizes
    assert sum(found, []) == log(busy)


def test_an_addition_shifts_no_page(project):
    project.api.post("/project/update", {"name": "x"})
    page = project.api.page(LOG + "?limit=2")
    project.api.post("/project/update", {"name": "y"})
    rest = project.api.get(f"{LOG}?cursor={page['nextCursor']}")
    assert [r["number"] for r in page["data"] + rest] == [3, 2, 1]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA"])
def test_a_broken_cursor(busy, cursor):
    busy.api.refused("VALIDATION", "GET", f"{LOG}?cursor={cursor}",
                     field="cursor")


def test_the_cursor_of_another_list(busy):
    other = busy.api.page("/project/members?limit=1")["nextCursor"]
    busy.api.refused("VALIDATION", "GET", f"{LOG}?cursor={other}",
                     field="cursor")


def numbers(project, query):
    return [r["number"] for r in log(project, query)]


def test_filters(busy):
    key, at = busy.key_id, {r["number"]: r["at"] for r in log(busy)}
    some = log(busy)[2]["objectId"]
    assert numbers(busy, "&action=project.update") == [9, 7, 5, 3]
    assert numbers(busy, "&actor=operator") == [2, 1]
    assert numbers(busy, f"&actor={key}") == list(range(10, 2, -1))
    assert numbers(busy, f"&actor={NOBODY}") == []
    assert numbers(busy, "&actor=holder") == []
    assert numbers(busy, "&object=member") == [10, 8, 6, 4]
    assert numbers(busy, f"&object={some}") == [8]
    assert numbers(busy, "&object=nothing") == []
    assert numbers(busy, "&object=project&actor=operator") == [1]
    # since <= at < until, and a millisecond may have two rows
    assert numbers(busy, f"&since={at[5]}") == \
        [n for n in range(10, 0, -1) if at[n] >= at[5]]
    assert numbers(busy, f"&until={at[5]}") == \
        [n for n in range(10, 0, -1) if at[n] < at[5]]
    assert numbers(busy, "&since=0&until=99999999999999") == \
        list(range(10, 0, -1))


def test_pages_of_what_is_asked_for(busy):
    page = busy.api.page(LOG + "?limit=3&action=project.update")
    assert [r["number"] for r in page["data"]] == [9, 7, 5]
    rest = busy.api.page(f"{LOG}?action=project.update"
                         f"&cursor={page['nextCursor']}")
    assert [r["number"] for r in rest["data"]] == [3]
    assert rest["hasMore"] is False


@pytest.mark.parametrize("name, value", few([
    ("action", ""), ("action", "x"), ("action", "project"),
    ("action", "Project.update"), ("action", "project.update%20"),
    ("actor", ""), ("actor", "key"), ("actor", "root"),
    ("actor", NOBODY.upper().replace("0", "A")), ("object", ""),
    ("object", "%ff"), ("object", "%00"), ("since", ""), ("since", "-1"),
    ("since", "1.5"), ("since", "2026-11-28"), ("since", "1" * 15),
    ("until", "x"), ("until", "%2B1"), ("until", "%D9%A1")]))
def test_a_filter_of_another_form(refusing, name, value):
    refusing.refused("VALIDATION", "GET", f"{LOG}?{name}={value}", field=name)


def test_a_filter_twice(refusing):
    refusing.refused("VALIDATION", "GET", f"{LOG}?since=1&since=1",
                     field="since")


def test_every_complaint_is_told(refusing):
    error = refusing.refused("VALIDATION", "GET",
                             LOG + "?since=x&action=x&actor=x")
    assert {d["field"] for d in error["details"]} == \
        {"since", "action", "actor"}


def test_number_and_time_rise_together(project):
    """Whoever writes at once: no number twice, none left out, none later than
    the next one."""
    project.api.get("/project")
    at_once([lambda n=n: project.api.post(
        "/project/members/invite", {"email": f"a{n}@b.c", "role": "member"})
        for n in range(24)])
    rows = project.stack.rows(
        "select number, at from codecourier.audit where project_id = "
        f"'{project.id}' order by number")
    assert [r["number"] for r in rows] == list(range(1, 27))
    assert [r["at"] for r in rows] == sorted(r["at"] for r in rows)


def test_a_clock_that_was_set_back(project):
    """The chain's time does not go back with it."""
    project.stack.sql("update codecourier.audit_head set at = now() + "
                      f"interval '1 day' where project_id = '{project.id}'")
    project.api.post("/project/update", {"name": "x"})
    project.api.post("/project/update", {"name": "y"})
    rows = log(project)
    assert rows[0]["at"] == rows[1]["at"] > rows[2]["at"]
    assert [r["number"] for r in rows] == [4, 3, 2, 1]


def test_a_write_that_is_undone_leaves_no_gap(project, other):
    project.api.refused("CONFLICT", "POST", "/project/update",
                        {"slug": other.slug}, field="slug")
    rid = str(uuid.uuid4())
    project.api.post("/project/update", {"name": "x"},
                     headers={"X-Request-ID": rid})
    row = log(project)[0]
    assert (row["number"], row["requestId"]) == (3, rid)
