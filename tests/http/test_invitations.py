"""POST invitations/accept: who holds an invitation's token becomes the member,
once. test_resend.py has how tokens come to be."""
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, Line, at_once, raw, request_bytes
from contract import ACCEPTED, checksum, make_key, make_token
from fixtures import everything, make_project, rounds, running
from session import gate, until
from test_refuse_auth import typo

MEMBERS = "/project/members"
INVITE = "/project/members/invite"
RESEND = "/project/members/resend"
REMOVE = "/project/members/remove"
ACCEPT = "/invitations/accept"
TARGET = "/api/v1" + ACCEPT
REPLAYED = "Idempotency-Replayed"


def invite(project, email=None, role="member"):
    return project.api.post(INVITE, {
        "email": email or f"{uuid.uuid4().hex}@x.example", "role": role})


def member(project, user):
    """As GET has it; None: not at all."""
    found = [m for m in project.api.get(MEMBERS) if m["userId"] == user]
    return found[0] if found else None


def audited(project, action):
    return project.stack.rows(
        "select actor, actor_key, operator, object, object_id, fields, "
        "request_id, host(address) as address from codecourier.audit "
        f"where project_id = '{project.id}' and action = '{action}' "
        "order by number")


# ---- accept: refusals ----

@pytest.fixture(scope="module")
def pending(shared):
    """An invitation that no refusal spends."""
    return invite(make_project(shared.stack))["token"]


@pytest.mark.parametrize("change", [
    lambda t: "", lambda t: t[:7], lambda t: t[:52], lambda t: t + "0",
    lambda t: typo(t, 10), lambda t: typo(t, 30), lambda t: typo(t, 52),
    lambda t: " " + t, lambda t: t + " ", lambda t: t + "\n",
    lambda t: "Bearer " + t, str.lower, str.upper, lambda t: make_key(),
    lambda t: "cc_INV_" + t[7:], lambda t: "cc_inv_" + checksum("cc_inv_"),
    lambda t: t[:20] + "-" + t[21:], lambda t: t[:20] + "\xe9" + t[21:],
    lambda t: None, lambda t: 1, lambda t: [t], lambda t: {"token": t}])
def test_an_ill_formed_token(nobody, pending, change):
    nobody.invalid(ACCEPT, {"token": change(pending)}, "token")


@pytest.mark.parametrize("name", [
    "", " ", "x" * 101, "a\nb", "a\u0000b", "\u2028", "\u200b", "a\u202eb", 1,
    True, [], {}], ids=repr)
def test_a_refused_name_spends_nothing(project, nobody, name):
    made = invite(project)
    before = everything(project)
    nobody.invalid(ACCEPT, {"token": made["token"], "name": name}, "name")
    assert everything(project) == before
    assert nobody.post(ACCEPT, {"token": made["token"]})["status"] == "active"


def test_other_bodies(nobody, pending):
    nobody.invalid(ACCEPT, {}, "token")
    nobody.invalid(ACCEPT, {"token": pending, "email": "a@b.c"}, "email")
    nobody.invalid(ACCEPT, {"Token": pending}, "Token", "token")
    for text in (b"", b"{", b"[]", b"null",
                 b'{"token":"%b","token":"%b"}' % ((pending.encode(),) * 2)):
        nobody.refused("VALIDATION", "POST", ACCEPT, raw=text)


def test_order(nobody, pending):
    """404, 405, 415, 400, 404; there is no 401."""
    good, bad = {"body": {"token": pending}}, {"body": {"token": "x"}}
    text = {"headers": {"Content-Type": "text/plain"}}
    for path in ACCEPT + "/", ACCEPT + "%20", "/invitations", \
            "/invitations/Accept":
        nobody.refused("NOT_FOUND", "POST", path, **bad, **text)
    for method in "GET", "PUT", "DELETE":
        nobody.refused("METHOD_NOT_ALLOWED", method, ACCEPT + "?x=1", **good)
    for headers in text["headers"], {"Content-Encoding": "gzip"}:
        nobody.refused("UNSUPPORTED_MEDIA_TYPE", "POST", ACCEPT + "?x=1",
                       headers=headers, **bad)
    absent = {"body": {"token": make_token()}}
    nobody.refused("VALIDATION", "POST", ACCEPT + "?x=1", field="x", **absent)
    for name, value in (("Idempotency-Key", ""), ("If-Match", '"1-0"'),
                        ("If-None-Match", "*")):
        nobody.refused("VALIDATION", "POST", ACCEPT, field=name,
                       headers={name: value}, **absent)
    nobody.refused("NOT_FOUND", "POST", ACCEPT, **absent)
    assert nobody.send("OPTIONS", ACCEPT).header("Allow") == "POST, OPTIONS"
    nobody.refused("PAYLOAD_TOO_LARGE", "POST", ACCEPT, raw=b" " * 4097)


# what an invitation was, and is no more

def used(project, made):
    Api(project.stack.base).post(ACCEPT, {"token": made["token"]})


def used_and_removed(project, made):
    used(project, made)
    withdrawn(project, made)


def withdrawn(project, made):
    project.api.post(REMOVE, {"targetUserId": made["userId"]})


def invited_anew(project, made):
    withdrawn(project, made)
    invite(project, made["email"])


def resent(project, made):
    project.api.post(RESEND, {"targetUserId": made["userId"]})


def expired(project, made):
    project.stack.sql("update codecourier.member set invitation_ends_at = "
                      f"now() where id = '{made['id']}'")


def accepted_by_the_operator(project, made):
    project.stack.make("member", "accept", project.slug, made["email"])


def removed_by_the_operator(project, made):
    project.stack.make("member", "remove", project.slug, made["email"])


def of_a_deleted_project(project, made):
    project.stack.ctl("project", "delete", project.slug)


ENDS = [used, used_and_removed, withdrawn, invited_anew, resent, expired,
        accepted_by_the_operator, removed_by_the_operator,
        of_a_deleted_project]


@pytest.mark.parametrize("ends", ENDS, ids=lambda f: f.__name__)
def test_one_answer_for_all(project, nobody, ends):
    """The very bytes that a token gets which never was."""
    def answer(token):
        got = nobody.send("POST", ACCEPT, {"token": token})
        assert got.status == 404, got
        assert got.json["error"]["field"] == "token"
        return (got.body.replace(got.header("X-Request-ID").encode(), b""),
                sorted(h for h in got.headers
                       if h[0] not in ("x-request-id", "date")))

    made = invite(project)
    ends(project, made)
    before = everything(project)
    assert answer(made["token"]) == answer(make_token())
    assert everything(project) == before


# ---- accept ----

@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_accept(project, nobody, role):
    made = invite(project, "new@x.example", role)
    rid = str(uuid.uuid4())
    answer = nobody.ok("POST", ACCEPT, {"token": made["token"],
                                        "name": "  Zoë  "},
                       headers={"X-Request-ID": rid})
    assert set(answer["data"]) == ACCEPTED
    assert answer["data"] == {
        "projectId": project.id, "projectName": "Test", "role": role,
        "userId": made["userId"], "email": "new@x.example",
        "status": "active"}
    now = member(project, made["userId"])
    assert (now["name"], now["status"], now["role"]) == ("Zoë", "active", role)
    assert now["invitationExpiresAt"] is None
    assert abs(now["joinedAt"] - time.time() * 1000) < 60_000
    assert now["etag"] != made["etag"]
    assert audited(project, "member.accept") == [{
        "actor": "holder", "actor_key": made["id"], "operator": None,
        "object": "member", "object_id": made["id"],
        "fields": ["token", "name"], "request_id": rid,
        "address": "127.0.0.1"}]


@pytest.mark.parametrize("body, name", [
    ({}, None), ({"name": None}, None), ({"name": "x" * 100}, "x" * 100)])
def test_a_name_or_none(project, nobody, body, name):
    made = invite(project)
    nobody.post(ACCEPT, {"token": made["token"], **body})
    assert member(project, made["userId"])["name"] == name


def test_an_owner_by_it_is_one(project, nobody):
    """Who accepts counts as an active owner: the other one may go."""
    first = project.api.get(MEMBERS)[0]["userId"]
    made = invite(project, role="owner")
    project.api.refused("CONFLICT", "POST", REMOVE, {"targetUserId": first})
    nobody.post(ACCEPT, {"token": made["token"]})
    project.api.post(REMOVE, {"targetUserId": first})
    assert project.api.get("/project/counters")["members"] == 1


@pytest.mark.parametrize("value", ["Bearer x", "", "Bearer " + make_key(),
                                   "{own}"])
def test_no_authorization_is_looked_at(project, nobody, value):
    made = invite(project)
    nobody.ok("POST", ACCEPT, {"token": made["token"]}, headers={
        "Authorization": value.format(own=f"Bearer {project.key}")})
    assert [a["actor"] for a in audited(project, "member.accept")] == \
        ["holder"]


def test_one_of_many_at_once(project):
    stack = project.stack
    for _ in range(rounds(3)):
        made = invite(project)
        got = at_once([lambda n=n: Api(stack.base).send(
            "POST", ACCEPT, {"token": made["token"], "name": f"n{n}"})
            for n in range(16)])
        assert sorted(a.status for a in got) == [200] + [404] * 15
        (n,) = [n for n, a in enumerate(got) if a.status == 200]
        assert member(project, made["userId"])["name"] == f"n{n}"
    assert len(audited(project, "member.accept")) == rounds(3)


@pytest.mark.parametrize("path", [RESEND, REMOVE])
def test_against_an_end_at_once(project, path):
    """Either it was accepted first, or its token is of no use."""
    stack = project.stack
    for _ in range(rounds(8)):
        made = invite(project)
        accepted, ended = at_once([
            lambda: Api(stack.base).send("POST", ACCEPT,
                                         {"token": made["token"]}),
            lambda: Api(stack.base, project.key).send(
                "POST", path, {"targetUserId": made["userId"]})])
        now = member(project, made["userId"])
        if path == REMOVE:
            assert ended.status == 200 and now is None
        elif accepted.status == 200:
            assert ended.status == 409 and now["status"] == "active"
        else:
            assert ended.status == 200 and now["status"] == "pending"
        assert accepted.status in (200, 404)


@pytest.mark.parametrize("end", [
    "update codecourier.member set token_hash = sha256('x') where id = '{m}'",
    "update codecourier.member set status = 'active', joined_at = now() "
    "where id = '{m}'",
    "delete from codecourier.member where id = '{m}'"],
    ids=["resent", "accepted", "removed"])
def test_replaced_meanwhile(project, session, end):
    """Who has waited for what ends the token comes too late."""
    made = invite(project)
    session.run("begin; " + end.format(m=made["id"]))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(Api(project.stack.base).send, "POST", ACCEPT,
                             {"token": made["token"]})
        session.await_waiting("%invitation_accept%", unless=answer)
        session.release()
        assert answer.result().status == 404, answer.result()
    assert audited(project, "member.accept") == []


def test_a_project_deleted_meanwhile(project, session):
    """The delete has its answer when no acceptance begun before is open."""
    made, stack = invite(project), project.stack
    with gate(project, session, "member"), ThreadPoolExecutor(2) as pool:
        accepted = pool.submit(Api(stack.base).send, "POST", ACCEPT,
                               {"token": made["token"]})
        session.await_waiting("%invitation_accept%", unless=accepted)
        deleted = pool.submit(Api(stack.base, project.key).send, "POST",
                              "/project/delete")
        until(lambda: deleted.done() or session.waiting("%FOR UPDATE%"),
              "nobody waits")
        assert not deleted.done()
        session.release()
        assert accepted.result().status == 200
        assert deleted.result().status == 200


def test_a_restored_project(project, nobody):
    made = invite(project)
    of_a_deleted_project(project, made)
    nobody.refused("NOT_FOUND", "POST", ACCEPT, {"token": made["token"]})
    project.stack.ctl("project", "restore", project.id)
    assert nobody.post(ACCEPT, {"token": made["token"]})["status"] == "active"


def test_without_a_length(stack, project):
    """A chunked body, which nginx collects as any other."""
    text = b'{"token":"%b"}' % invite(project)["token"].encode()
    answer = raw(stack.port, request_bytes("POST", TARGET, [
        ("Content-Type", "application/json"),
        ("Transfer-Encoding", "chunked")],
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)), "POST")
    assert answer.status == 200


# ---- accept, with an Idempotency-Key ----

def accept(project, token, key, **more):
    return Api(project.stack.base).send(
        "POST", ACCEPT, {"token": token, **more},
        headers={"Idempotency-Key": key})


def test_a_retry_is_answered_alike(project):
    made, key = invite(project), str(uuid.uuid4())
    first = accept(project, made["token"], key, name="A")
    again = accept(project, made["token"], key, name="A")
    assert (first.status, first.header(REPLAYED)) == (200, None)
    assert (again.status, again.header(REPLAYED)) == (200, "true")
    assert again.body == first.body
    assert len(audited(project, "member.accept")) == 1
    other = accept(project, made["token"], key, name="B")
    assert other.json["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert accept(project, made["token"], "x").status == 404


def test_a_refusal_is_kept_by_nobody(project):
    made, key = invite(project), str(uuid.uuid4())
    expired(project, made)
    assert accept(project, made["token"], key).status == 404
    project.stack.sql("update codecourier.member set invitation_ends_at = "
                      f"now() + interval '1 h' where id = '{made['id']}'")
    assert accept(project, made["token"], key).status == 200


def test_many_retries_at_once(project):
    for _ in range(rounds(2)):
        made, key = invite(project), str(uuid.uuid4())
        got = at_once([lambda: accept(project, made["token"], key)] * 16)
        good = [a for a in got if a.status == 200]
        assert good and {a.body for a in good} == {good[0].body}
        assert sum(a.header(REPLAYED) is None for a in good) == 1
        assert {a.json["error"]["code"] for a in got if a.status != 200} <= \
            {"IDEMPOTENCY_IN_PROGRESS"}
        assert accept(project, made["token"], key).body == good[0].body


# ---- the log of changes ----

def test_in_the_audit_log(project, nobody):
    made = invite(project)
    nobody.post(ACCEPT, {"token": made["token"]})
    log = "/project/audit-log?action=member.accept"
    for query in "", "&actor=holder", f"&actor={made['id']}", \
            f"&object={made['id']}":
        (row,) = project.api.get(log + query)
        assert row["actor"] == {"type": "holder", "id": made["id"],
                                "name": None}
    assert project.api.get(log + "&actor=operator") == []
    assert project.stack.ctl("audit", "verify", project.slug)


# ---- nginx ----

@pytest.mark.plain     # nginx's work
def test_thirty_a_minute_from_one_address():
    """So many at once, whatever they say; the rest of the API goes on, and keys
    that are found have a limit of their own."""
    for stack in running(workers=2, limits="on"):
        project = make_project(stack)
        nobody = Api(stack.base)
        for _ in range(40):
            nobody.refused("METHOD_NOT_ALLOWED", "GET", ACCEPT)
            nobody.refused("NOT_FOUND", "POST", ACCEPT + "/", {})
        began, passed = time.monotonic(), 0
        while (answer := nobody.send("POST", ACCEPT, {
                "token": make_token() if passed else "x"})).status != 429:
            assert answer.status == (404 if passed else 400), answer
            passed += 1
            # one more for every two seconds, and for those that have begun
            assert passed <= 31 + (time.monotonic() - began) / 2
        assert passed >= 30
        assert answer.json["error"]["code"] == "RATE_LIMITED"
        assert answer.header("Retry-After") == "2"
        project.api.get("/project")
        nobody.post("/credentials/revoke", {"key": make_key()})
        assert nobody.send("OPTIONS", ACCEPT).status == 204


@pytest.mark.plain
def test_without_limits_there_is_none(stack):
    line = Line(stack.port, None)
    del line.head["Authorization"]
    for _ in range(40):
        assert line.post(ACCEPT, {"token": make_token()})[0] == 404


def test_its_line_in_the_log(project, nobody):
    """Whose invitation it was, and nothing of its token."""
    made, rid = invite(project), str(uuid.uuid4())
    nobody.ok("POST", ACCEPT, {"token": made["token"]},
              headers={"X-Request-ID": rid})
    (line,) = until(lambda: [
        x for x in project.stack.log("pool.log").splitlines() if rid in x],
        "no line")
    assert f"project={project.id} " in line
    assert f"route={TARGET} status=200" in line
    assert made["token"][7:47] not in project.stack.logs().decode("latin-1")
