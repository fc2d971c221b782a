"""GET members, invite, remove, update-role."""
import time

import pytest

from contract import MEMBER, MEMBER_REMOVED, NOBODY, TOKEN, UUID, same_id
from few import few
from fixtures import make_project, owners, written

MEMBERS = "/project/members"
INVITE = "/project/members/invite"
REMOVE = "/project/members/remove"
ROLE = "/project/members/update-role"
NO_MEMBER = 'The project has no member with this userId. Send the member\'s ' \
    '"userId", not its "id".'


@pytest.fixture(scope="module")
def inviting(stack):
    """For invitations, one after the other."""
    return make_project(stack).api


def by_email(api, email):
    found = [m for m in api.get(MEMBERS) if m["email"] == email]
    assert len(found) == 1, found
    return found[0]


def test_first_owner(project):
    page = project.api.page(MEMBERS)
    assert page["nextCursor"] is None and page["hasMore"] is False
    (owner,) = page["data"]
    assert set(owner) == MEMBER
    same_id(owner)
    assert UUID.fullmatch(owner["userId"])
    assert owner["email"] == project.owner_email
    assert owner["role"] == "owner"
    assert owner["status"] == "active"
    assert type(owner["joinedAt"]) is int


@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_invite(api, role):
    got = api.post(INVITE, {"email": "user@example.com", "role": role})
    assert TOKEN.fullmatch(got.pop("token")) and set(got) == MEMBER
    same_id(got)
    assert UUID.fullmatch(got["userId"])
    assert (got["email"], got["role"], got["status"]) == \
        ("user@example.com", role, "pending")
    assert got["name"] is None and got["joinedAt"] is None
    assert abs(got["invitedAt"] - time.time() * 1000) < 60_000
    assert got == by_email(api, "user@example.com")


@pytest.mark.parametrize("email", few([
    "root@localhost", "a@b", "first.last+tag@sub.example.org", "'o@x.org",
    "x" * 242 + "@example.com", "a\"b@example.com", "!#$%&*@example.com"]),
    ids=lambda e: e[-24:])
def test_invite_address_accepted(inviting, email):
    assert inviting.post(INVITE, {"email": email, "role": "member"})[
        "email"] == email


@pytest.mark.parametrize("email", few([
    "", "user", "@", "user@", "@example.com", "a@b@c", "a b@example.com",
    "a@exam ple.com", " a@example.com", "a@example.com ", "a@example.com\n",
    "a\t@example.com", "é@example.com", "a@exämple.com", "a\u007f@b.c",
    "x" * 243 + "@example.com", None, 1, True, [], {}, ["a@b.c"]], 2),
    ids=lambda e: repr(e)[-24:])
def test_invite_address_refused(refusing, email):
    refusing.invalid(INVITE, {"email": email, "role": "member"}, "email")


@pytest.mark.parametrize("path, rest", [
    (INVITE, {"email": "a@example.com"}), (ROLE, {"targetUserId": NOBODY})],
    ids=["invite", "update-role"])
@pytest.mark.parametrize("role", few([
    "", "Owner", "OWNER", "viewer", "member ", " admin", "pending", None, 1,
    True, [], ["admin"], {}]), ids=repr)
def test_role_refused(refusing, path, rest, role):
    refusing.invalid(path, {**rest, "role": role}, "role")


@pytest.mark.parametrize("path, body, missing", [
    (INVITE, {}, ["email", "role"]),
    (INVITE, {"email": "a@example.com"}, ["role"]),
    (INVITE, {"role": "member"}, ["email"]),
    (REMOVE, {}, ["targetUserId"]),
    (ROLE, {}, ["targetUserId", "role"]),
    (ROLE, {"role": "admin"}, ["targetUserId"]),
    (ROLE, {"targetUserId": NOBODY}, ["role"])])
def test_required_field(refusing, path, body, missing):
    error = refusing.refused("VALIDATION", "POST", path, body)
    assert sorted(d["field"] for d in error["details"]) == sorted(missing)


@pytest.mark.parametrize("path, body", [
    (INVITE, {"email": "a@example.com", "role": "member"}),
    (REMOVE, {"targetUserId": NOBODY}),
    (ROLE, {"targetUserId": NOBODY, "role": "admin"})],
    ids=["invite", "remove", "update-role"])
@pytest.mark.parametrize("name", few(["name", "userId", "status", "id",
                                      "Role"]))
def test_unknown_field(refusing, path, body, name):
    refusing.invalid(path, {**body, name: "x"}, name)


@pytest.mark.parametrize("again", ["user@example.com", "USER@Example.COM"])
def test_invite_twice(project, again):
    project.api.post(INVITE, {"email": "User@example.com", "role": "member"})
    count = written(project)
    project.api.refused("CONFLICT", "POST", INVITE,
                        {"email": again, "role": "admin"})
    assert len(project.api.get(MEMBERS)) == 2
    assert written(project) == count


def test_invite_an_active_member(project):
    project.api.refused("CONFLICT", "POST", INVITE,
                        {"email": project.owner_email.upper(),
                         "role": "member"})
    assert len(project.api.get(MEMBERS)) == 1


def test_accepted(project):
    invited = project.api.post(INVITE, {"email": "new@example.com",
                                        "role": "admin"})
    project.stack.ctl("member", "accept", project.slug, "NEW@example.com",
                      "--name", "Néw Member")
    got = by_email(project.api, "new@example.com")
    assert got["status"] == "active"
    assert got["name"] == "Néw Member"
    assert got["joinedAt"] >= got["invitedAt"]
    assert got["invitationExpiresAt"] is None
    same = MEMBER - {"status", "name", "joinedAt", "etag",
                     "invitationExpiresAt"}
    assert {n: got[n] for n in same} == {n: invited[n] for n in same}


def test_order(project):
    """Active before pending, then owner, admin, member, then the oldest."""
    api, want = project.api, [project.owner_email]
    people = [("m1", "member", 1), ("p1", "owner", 0), ("a1", "admin", 1),
              ("p2", "member", 0), ("o2", "owner", 1), ("a2", "admin", 1),
              ("m2", "member", 1), ("p3", "owner", 0), ("p4", "admin", 0)]
    for name, role, active in people:
        email = f"{name}@example.com"
        api.post(INVITE, {"email": email, "role": role})
        if active:
            project.stack.ctl("member", "accept", project.slug, email)
    want += [f"{n}@example.com" for n in
             "o2 a1 a2 m1 m2 p1 p3 p4 p2".split()]
    assert [m["email"] for m in api.get(MEMBERS)] == want


def test_user_id_differs_in_each_project(api, other):
    body = {"email": "known@example.com", "role": "member"}
    first, second = api.post(INVITE, body), other.api.post(INVITE, body)
    assert first["userId"] != second["userId"]
    assert first["id"] != second["id"]


@pytest.mark.parametrize("role", few(["owner", "admin", "member"]))
def test_remove_pending(inviting, role):
    api = inviting
    before = api.get(MEMBERS)
    who = api.post(INVITE, {"email": "gone@example.com", "role": role})
    gone = api.post(REMOVE, {"targetUserId": who["userId"]})
    assert set(gone) == MEMBER_REMOVED
    assert same_id(gone) == who["id"]
    assert gone["userId"] == who["userId"]
    assert gone["removed"] is True
    assert api.get(MEMBERS) == before
    api.refused("NOT_FOUND", "POST", REMOVE, {"targetUserId": who["userId"]})


def test_remove_active_owner_but_one(project):
    first, second = owners(project)
    project.api.post(REMOVE, {"targetUserId": first})
    assert [m["userId"] for m in project.api.get(MEMBERS)] == [second]
    project.api.refused("CONFLICT", "POST", REMOVE, {"targetUserId": second})


def test_invite_again_after_removal(api):
    body = {"email": "back@example.com", "role": "member"}
    first = api.post(INVITE, body)
    api.post(REMOVE, {"targetUserId": first["userId"]})
    assert api.post(INVITE, body)["id"] != first["id"]


@pytest.mark.parametrize("old", few(["owner", "admin", "member"]))
@pytest.mark.parametrize("new", few(["owner", "admin", "member"]))
def test_update_role(inviting, old, new):
    api, email = inviting, f"{old}-{new}@example.com"
    who = api.post(INVITE, {"email": email, "role": old})
    del who["token"]
    got = api.post(ROLE, {"targetUserId": who["userId"], "role": new})
    assert got == {**who, "role": new, "etag": got["etag"]}
    assert (got["etag"] == who["etag"]) == (old == new)
    assert by_email(api, email) == got


@pytest.mark.parametrize("helper", few([None, "pending owner",
                                        "active admin"]))
def test_last_owner_stays(project, helper):
    """Neither a pending owner nor an active admin stands in for one."""
    if helper:
        state, kind = helper.split()
        project.api.post(INVITE, {"email": "h@example.com", "role": kind})
        if state == "active":
            project.stack.ctl("member", "accept", project.slug,
                              "h@example.com")
    owner = by_email(project.api, project.owner_email)
    before = written(project)
    for path, more in (ROLE, {"role": "admin"}), (ROLE, {"role": "member"}), \
            (REMOVE, {}):
        project.api.refused("CONFLICT", "POST", path,
                            {"targetUserId": owner["userId"], **more})
    assert by_email(project.api, project.owner_email) == owner
    assert written(project) == before


def test_last_owner_may_be_made_owner(project):
    owner = by_email(project.api, project.owner_email)
    assert project.api.post(ROLE, {"targetUserId": owner["userId"],
                                   "role": "owner"}) == owner


@pytest.mark.parametrize("path, more", [(REMOVE, {}),
                                        (ROLE, {"role": "member"})],
                         ids=["remove", "update-role"])
@pytest.mark.parametrize("who", few([
    NOBODY, "", "x", "not-a-uuid", "owner", NOBODY + "0", NOBODY[:-1],
    NOBODY.replace("-", ""), "{" + NOBODY + "}", " " + NOBODY,
    NOBODY + "\n", "é" * 36, "'" * 36, "0" * 5000], 2))
def test_unknown_user_is_not_found(refusing, path, more, who):
    error = refusing.refused("NOT_FOUND", "POST", path,
                             {"targetUserId": who, **more},
                             field="targetUserId")
    assert error["message"] == NO_MEMBER


@pytest.mark.parametrize("path, more", [(REMOVE, {}),
                                        (ROLE, {"role": "member"})],
                         ids=["remove", "update-role"])
def test_id_of_the_member_is_not_its_user_id(refusing, path, more):
    """The message says which of the two is meant."""
    member = refusing.get(MEMBERS)[0]
    error = refusing.refused("NOT_FOUND", "POST", path,
                             {"targetUserId": member["id"], **more},
                             field="targetUserId")
    assert error["message"] == NO_MEMBER


def test_upper_case_id_is_not_found(project):
    people = [project.api.post(INVITE, {"email": f"u{n}@example.com",
                                        "role": "member"})["userId"]
              for n in range(2)]
    # two ids without any letter: not in this universe
    who = max(people, key=lambda u: u != u.upper()).upper()
    assert who not in people
    project.api.refused("NOT_FOUND", "POST", REMOVE, {"targetUserId": who})
    assert len(project.api.get(MEMBERS)) == 3


@pytest.mark.parametrize("path, more", [(REMOVE, {}),
                                        (ROLE, {"role": "member"})],
                         ids=["remove", "update-role"])
@pytest.mark.parametrize("who", few([None, 1, True, [], {}, [NOBODY]]),
                         ids=repr)
def test_id_of_a_wrong_type(refusing, path, more, who):
    refusing.invalid(path, {"targetUserId": who, **more}, "targetUserId")
