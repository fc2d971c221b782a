"""Tokens of invitations: told once by invite, and by resend a new one."""
import hashlib
import time
import uuid

import pytest

from contract import INVITED, MEMBER, NOBODY, TOKEN, checksum
from fixtures import make_project
from test_invitations import (ACCEPT, INVITE, MEMBERS, REPLAYED, RESEND, audited,
                              invite, member, used_and_removed)

DAY = 86_400_000


def hash_of(token):
    """What is kept of it, made without the program."""
    return hashlib.blake2b(token.encode(), digest_size=32, key=b"codecourier "
                           b"invitation v1".ljust(32, b"\0")).hexdigest()


def test_the_form_of_a_token(project):
    made = [invite(project) for _ in range(8)]
    for one in made:
        assert set(one) == INVITED and TOKEN.fullmatch(one["token"])
        assert one["token"][47:] == checksum(one["token"][:47])
        assert abs(one["invitationExpiresAt"] - 7 * DAY
                   - time.time() * 1000) < 60_000
    assert len({one["token"] for one in made}) == 8


def test_it_is_told_once(project):
    made = invite(project)
    shown = member(project, made["userId"])
    assert set(shown) == MEMBER
    assert shown == {n: v for n, v in made.items() if n != "token"}
    kept = project.stack.rows("select * from codecourier.member where id = "
                              f"'{made['id']}'")
    assert made["token"] not in str(kept)
    assert made["token"][7:47] not in str(kept)
    assert kept[0]["token_hash"] == "\\x" + hash_of(made["token"])


def test_again_is_a_conflict(project, nobody):
    """And the token that was given stays good."""
    made = invite(project, "Twice@x.example")
    project.api.refused("CONFLICT", "POST", INVITE, {
        "email": "tWICE@x.example", "role": "admin"}, field="email")
    nobody.post(ACCEPT, {"token": made["token"]})
    project.api.refused("CONFLICT", "POST", INVITE, {
        "email": "twice@x.example", "role": "admin"}, field="email")


def test_resend_refused(project):
    owner = project.api.get(MEMBERS)[0]
    for user in NOBODY, owner["id"], "x", invite(
            make_project(project.stack))["userId"]:
        project.api.refused("NOT_FOUND", "POST", RESEND,
                            {"targetUserId": user}, field="targetUserId")
    project.api.refused("CONFLICT", "POST", RESEND,
                        {"targetUserId": owner["userId"]},
                        field="targetUserId")
    for value in '"1-0"', "*":
        project.api.refused("VALIDATION", "POST", RESEND, {
            "targetUserId": invite(project)["userId"]}, field="If-Match",
            headers={"If-Match": value})
    assert audited(project, "member.resend") == []


def test_resend(project, nobody):
    made = invite(project)
    project.stack.sql("update codecourier.member set invitation_ends_at = "
                      f"now() - interval '1 day' where id = '{made['id']}'")
    got = project.api.post(RESEND, {"targetUserId": made["userId"]})
    assert set(got) == INVITED and TOKEN.fullmatch(got["token"])
    assert got["token"] != made["token"] and got["etag"] != made["etag"]
    assert abs(got["invitationExpiresAt"] - 7 * DAY
               - time.time() * 1000) < 60_000
    same = set(INVITED) - {"token", "etag", "invitationExpiresAt"}
    assert {n: got[n] for n in same} == {n: made[n] for n in same}
    assert member(project, made["userId"]) == {
        n: v for n, v in got.items() if n != "token"}
    (row,) = audited(project, "member.resend")
    assert (row["actor"], row["actor_key"], row["object_id"]) == \
        ("key", project.key_id, made["id"])
    nobody.refused("NOT_FOUND", "POST", ACCEPT, {"token": made["token"]})
    nobody.post(ACCEPT, {"token": got["token"]})
    project.api.refused("CONFLICT", "POST", RESEND,
                        {"targetUserId": made["userId"]})


def test_who_was_invited_before_has_no_token(project, nobody):
    """As programs before this invite: resend gives them one."""
    project.stack.api_sql(
        "insert into codecourier.member (project_id, email, role) values "
        f"('{project.id}', 'before@x.example', 'admin')")
    (row,) = [m for m in project.api.get(MEMBERS)
              if m["email"] == "before@x.example"]
    assert row["invitationExpiresAt"] is None and row["status"] == "pending"
    got = project.api.post(RESEND, {"targetUserId": row["userId"]})
    nobody.post(ACCEPT, {"token": got["token"]})


def test_a_rejoin_after_remove(project, nobody):
    first = invite(project, "back@x.example")
    used_and_removed(project, first)
    second = invite(project, "back@x.example", "admin")
    assert second["userId"] != first["userId"]
    assert nobody.post(ACCEPT, {"token": second["token"]})["role"] == "admin"


def test_the_role_is_the_last_one(project, nobody):
    """Another role while it is pending: the token stays good."""
    made = invite(project)
    now = project.api.post("/project/members/update-role", {
        "targetUserId": made["userId"], "role": "owner"})
    assert now["invitationExpiresAt"] == made["invitationExpiresAt"]
    assert nobody.post(ACCEPT, {"token": made["token"]})["role"] == "owner"


@pytest.mark.parametrize("path", [INVITE, RESEND])
def test_a_replay_has_the_token(project, nobody, path):
    body = {"email": "again@x.example", "role": "member"}
    if path == RESEND:
        body = {"targetUserId": invite(project)["userId"]}
    head = {"Idempotency-Key": str(uuid.uuid4())}
    first = project.api.send("POST", path, body, headers=head)
    again = project.api.send("POST", path, body, headers=head)
    assert again.body == first.body and again.header(REPLAYED) == "true"
    assert again.header("ETag") == first.header("ETag")
    nobody.post(ACCEPT, {"token": again.json["data"]["token"]})
