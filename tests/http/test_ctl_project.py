"""codecourierctl: a project's own row and its members."""
import re

import pytest

from contract import MEMBER, MEMBER_REMOVED, NOBODY, PROJECT
from few import few
from fixtures import everything, make_project

DONE, FAILED, USAGE, ABSENT, CONFLICT, UNAVAILABLE = range(6)
URL = "https://github.com/org/repo"


def audited(project, action):
    return project.stack.rows(
        "select fields, object, object_id from codecourier.audit where "
        f"project_id = '{project.id}' and actor = 'operator' "
        f"and action = '{action}' and operator <> '' order by at")


def refused(project, *args, code=USAGE):
    """By the command, and nothing was written."""
    before = everything(project)
    error = project.stack.ctl(*args, code=code)
    assert everything(project) == before
    return error


@pytest.mark.parametrize("args", few([
    [], ["--name", ""], ["--name", "x" * 101], ["--name", "a\nb"],
    ["--name", "\u200b"], ["--slug", ""], ["--slug", "A"], ["--slug", "-a"],
    ["--slug", "x" * 64], ["--slug", NOBODY], ["--repo-url", ""],
    ["--repo-url", "http://github.com/org/repo"],
    ["--repo-url", "https://github.com/org"], ["--repo-url", "None"],
    ["--repo-url", "https://u:p@github.com/org/repo"],
    ["--repo-url", URL + "x" * 500]], 3), ids=lambda a: " ".join(a)[:20])
def test_update_refuses(shared, args):
    error = refused(shared, "project", "update", shared.slug, *args)
    assert error["code"] == "VALIDATION"
    assert (args[0] if args else "nothing to update") in error["message"]


def test_update_of_what_is_not_there(project, other):
    refused(project, "project", "update", NOBODY, "--name", "x", code=ABSENT)
    error = refused(project, "project", "update", project.slug, "--slug",
                    other.slug, code=CONFLICT)
    assert error["field"] == "slug"
    project.api.post("/project/delete")
    refused(project, "project", "update", project.id, "--name", "x",
            code=ABSENT)


def test_update(project):
    stack = project.stack
    slug = project.slug + "-2"
    longest = URL + "x" * (500 - len(URL))
    for args, want, fields in [
            (["--name", "  Néw  "], {"name": "Néw"}, ["name"]),
            (["--slug", slug], {"slug": slug}, ["slug"]),
            (["--repo-url", "HTTPS" + URL[5:]], {"githubRepoUrl": URL},
             ["githubRepoUrl"]),
            (["--repo-url", longest], {"githubRepoUrl": longest},
             ["githubRepoUrl"]),
            (["--repo-url", "none", "--name", "y"],
             {"githubRepoUrl": None, "name": "y"},
             ["name", "githubRepoUrl"])]:
        before = project.api.get("/project")
        row = stack.ctl("project", "update", project.id, *args)
        assert set(row) == PROJECT and row == project.api.get("/project")
        assert row["etag"] != before["etag"]
        assert row == {**before, **want, "updatedAt": row["updatedAt"],
                       "etag": row["etag"]}
        assert audited(project, "project.update")[-1] == {
            "fields": fields, "object": "project", "object_id": project.id}
    assert stack.ctl("project", "show", slug)["id"] == project.id


# ---- members

@pytest.fixture(scope="module")
def peopled(stack):
    """One active owner, one pending member; tests change nothing."""
    project = make_project(stack)
    project.api.post("/project/members/invite",
                     {"email": "New@example.com", "role": "member"})
    project.owner, project.invited = project.api.get("/project/members")
    return project


def test_members_are_listed(peopled):
    want = peopled.api.get("/project/members")
    assert peopled.stack.ctl("member", "list", peopled.slug) == want
    assert set(want[0]) == MEMBER
    done = peopled.stack.run([peopled.stack.ctl_path, "member", "list",
                              peopled.slug])
    head, *lines = done.stdout.splitlines()
    columns = re.split("  +", head)
    assert columns[-1] == "NAME" and "INVITATION EXPIRES AT" in columns
    assert peopled.owner_email in lines[0] and "New@example.com" in lines[1]


@pytest.mark.parametrize("who", few([NOBODY, "", "nobody@example.com",
                                     "' or true --"]))
def test_no_such_member(peopled, who):
    refused(peopled, "member", "remove", peopled.slug, who, code=ABSENT)
    refused(peopled, "member", "role", peopled.slug, who, "admin",
            code=ABSENT)


def test_a_member_of_another_project_is_none(peopled, other):
    for who in other.owner_email, \
            other.api.get("/project/members")[0]["userId"]:
        refused(peopled, "member", "remove", peopled.slug, who, code=ABSENT)
    # the other of a member's two ids
    refused(peopled, "member", "remove", peopled.slug,
            peopled.invited["id"], code=ABSENT)


@pytest.mark.parametrize("role", few(["", "Owner", "root", "owner,admin"]))
def test_no_such_role(peopled, role):
    error = refused(peopled, "member", "role", peopled.slug,
                    "new@example.com", role)
    assert "owner, admin or member" in error["message"]


def test_the_last_owner_stays(peopled):
    for args in ["remove", peopled.slug, peopled.owner_email], \
            ["role", peopled.slug, peopled.owner["userId"], "member"]:
        error = refused(peopled, "member", *args, code=CONFLICT)
        assert error["message"] == \
            "A project keeps at least one active owner."


@pytest.mark.parametrize("by", ["email", "userId"])
def test_role_and_remove(project, by):
    stack = project.stack
    invited = project.api.post("/project/members/invite", {
        "email": "New@example.com", "role": "member"})
    del invited["token"]
    who = {"email": "nEW@EXAMPLE.com",
           "userId": invited["userId"].upper()}[by]
    row = stack.ctl("member", "role", project.slug, who, "admin")
    assert row["etag"] != invited["etag"]
    assert row == {**invited, "role": "admin", "etag": row["etag"]}
    assert row in project.api.get("/project/members")
    gone = stack.ctl("member", "remove", project.slug, who)
    assert set(gone) == MEMBER_REMOVED
    assert gone["userId"] == invited["userId"] and gone["removed"] is True
    assert len(project.api.get("/project/members")) == 1
    (changed,) = audited(project, "member.update-role")
    assert changed == {"fields": ["role"], "object": "member",
                       "object_id": invited["id"]}
    (removed,) = audited(project, "member.remove")
    assert removed == {"fields": [], "object": "member",
                       "object_id": invited["id"]}
