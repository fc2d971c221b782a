"""A row in the transaction of every write: who, what, never a value."""
import uuid

import pytest

from contract import ABSENT, MARK, READS, UUID, WRITE_CALLS, fields, named
from few import few
from fixtures import furnish, make_project, owners

def audit(project, where="true"):
    return project.stack.rows(
        "select actor, actor_key, operator, action, object, object_id, "
        "fields, request_id, address from codecourier.audit "
        f"where project_id = '{project.id}' and {where} order by at, id")


def by_request(project, answer):
    rid = answer.header("X-Request-ID")
    return audit(project, f"request_id = '{rid}'")


@pytest.fixture
def furnished(project):
    """A project that has something to remove, and the ids of it."""
    return furnish(project, "before", 2)


def test_write(furnished):
    for call in WRITE_CALLS:
        for body in call.bodies:
            wrote(furnished, call, named(body, furnished.ids))


def wrote(furnished, call, body):
    """A write and its row."""
    before = len(audit(furnished))
    answer = furnished.api.send("POST", call.path, body)
    assert answer.status == 200, answer
    (row,) = by_request(furnished, answer)
    assert len(audit(furnished)) == before + 1
    assert (row["actor"], row["actor_key"]) == (
        ("key", furnished.key_id) if call.keyed
        else ("holder", furnished.ids.get(call.holder)))
    assert row["operator"] is None
    assert row["action"] == call.action
    assert row["object"] == call.action.split(".")[0]
    made = answer.json["data"].get("id", furnished.id)
    named_by = {} if isinstance(body, str) else body
    assert row["object_id"] == {**furnished.ids, **named_by}.get(call.object,
                                                                 made)
    assert sorted(row["fields"]) == fields(call, body)
    assert row["address"] == "127.0.0.1"
    assert MARK not in str(row) and "PLANTED_NAME" not in str(row)
    assert "@" not in str(row)


def test_good_bodies_are_marked():
    """What is not in a row below would not have been seen in it."""
    for call in WRITE_CALLS:
        assert call.fill is None or MARK in str(call.bodies), call.path


REFUSED = [
    ("VALIDATION", "/project/update", {"name": ""}),
    ("VALIDATION", "/project/update", {"name": "x", "unknown": 1}),
    ("VALIDATION", "/project/settings/update", {"claudeMd": 1}),
    ("VALIDATION", "/project/members/invite", {"email": "x", "role": "x"}),
    *(("NOT_FOUND", path, body) for path, body in ABSENT.items()),
]


@pytest.mark.parametrize("code, path, body", few(REFUSED))
def test_refusal_leaves_no_row(shared, code, path, body):
    answer = shared.api.send("POST", path, body)
    assert answer.json["error"]["code"] == code
    assert by_request(shared, answer) == []


def test_conflict_leaves_no_row(project, other):
    owner = project.api.get("/project/members")[0]["userId"]
    for path, body in [
            ("/project/update", {"slug": other.slug}),
            ("/project/members/invite", {"email": project.owner_email,
                                         "role": "member"}),
            ("/project/members/remove", {"targetUserId": owner}),
            ("/project/members/update-role", {"targetUserId": owner,
                                              "role": "admin"})]:
        answer = project.api.send("POST", path, body)
        assert answer.status == 409
        assert by_request(project, answer) == []


def test_reads_leave_no_row(project):
    before = audit(project)
    for path in READS:
        assert project.api.send("GET", path).status == 200
    assert audit(project) == before


def test_own_request_id_is_kept(project):
    rid = str(uuid.uuid4())
    project.api.post("/project/update", {"name": "x"},
                     headers={"X-Request-ID": rid})
    assert len(audit(project, f"request_id = '{rid}'")) == 1


def test_a_forged_address_is_not_believed(project):
    answer = project.api.send("POST", "/project/update", {"name": "x"},
                              headers={"X-Forwarded-For": "203.0.113.9",
                                       "X-Real-IP": "203.0.113.9",
                                       "Forwarded": "for=203.0.113.9"})
    (row,) = by_request(project, answer)
    assert row["address"] == "127.0.0.1"


def operators(project, action):
    rows = audit(project, f"action = '{action}' and actor = 'operator'")
    for row in rows:
        assert row["operator"] and row["actor_key"] is None
        assert "@" not in str(row) and MARK not in str(row)
    return rows


def test_operator_makes_a_project(stack):
    project = make_project(stack, key=False)
    (row,) = operators(project, "project.create")
    assert row["object"] == "project"
    assert row["object_id"] == project.id


def test_operator_makes_and_revokes_a_key(project):
    (row,) = operators(project, "api-key.generate")
    assert row["object_id"] == project.key_id
    project.stack.ctl("key", "revoke", project.key_id)
    (row,) = operators(project, "api-key.revoke")
    assert row["object"] == "api-key"
    assert row["object_id"] == project.key_id


def test_operator_accepts_a_member(project):
    owners(project)
    (row,) = operators(project, "member.accept")
    assert row["object"] == "member"
    assert UUID.fullmatch(row["object_id"])


def test_operator_reveals(project):
    project.api.post("/project/provider-keys/set",
                     {"provider": "github", "key": MARK})
    for count in 1, 2:
        project.stack.ctl("provider-key", "reveal", project.slug, "github")
        rows = operators(project, "provider-key.reveal")
        assert len(rows) == count
        assert rows[0]["object"] == "provider-key"
        assert rows[0]["object_id"] == "github"


def test_operator_counts(project):
    project.stack.ctl("counter", "add", project.slug, "runs", "5")
    (row,) = operators(project, "counter.add")
    assert row["object"] == "counter"
    assert row["object_id"] == "runs"


def test_operators_failure_leaves_no_row(project):
    before = audit(project)
    project.stack.ctl("provider-key", "reveal", project.slug, "e2b", code=3)
    project.stack.ctl("member", "accept", project.slug, "no@example.com",
                      code=3)
    assert audit(project) == before
