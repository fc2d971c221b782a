"""GET project, project/update, project/delete."""
import json
import time

import pytest

from client import Api
from contract import DELETED, NOBODY, PROJECT, same_id
from few import few
from fixtures import make_project, written
from session import tick

@pytest.fixture(scope="module")
def taking(stack):
    """For values that are taken, one after the other."""
    return make_project(stack).api


DAY = 24 * 3600 * 1000
UPDATE = "/project/update"


def test_get(project):
    got = project.api.get("/project")
    assert set(got) == PROJECT
    assert same_id(got) == project.id
    assert got["name"] == "Test"
    assert got["slug"] == project.slug
    assert got["githubRepoUrl"] is None
    assert abs(got["_creationTime"] - time.time() * 1000) < 60_000
    assert type(got["_creationTime"]) is int
    assert type(got["updatedAt"]) is int


def test_update_as_the_page_shows(project):
    body = {"name": "New Name", "slug": project.slug + "-new",
            "githubRepoUrl": "https://github.com/org/new-repo"}
    before = project.api.get("/project")
    after = project.api.post(UPDATE, body)
    assert after == project.api.get("/project")
    assert {n: after[n] for n in body} == body
    assert after["updatedAt"] > before["updatedAt"]
    assert after["_creationTime"] == before["_creationTime"]
    assert after["id"] == before["id"]


@pytest.mark.parametrize("name, value", [
    ("name", "Only the Name"),
    ("slug", "only-the-slug"),
    ("githubRepoUrl", "https://github.com/only/the-url")])
def test_update_one_field_keeps_the_others(api, name, value):
    if name == "slug":
        value += "-" + api.get("/project")["slug"]
    before = api.get("/project")
    after = api.post(UPDATE, {name: value})
    changed = {n for n in PROJECT if after[n] != before[n]}
    assert changed == {name, "updatedAt", "etag"}
    assert after[name] == value


def test_empty_update_changes_nothing(project):
    before = project.api.get("/project")
    tick(before["updatedAt"])
    assert project.api.post(UPDATE, {}) == before
    assert project.api.get("/project") == before
    assert written(project) == 0


@pytest.mark.parametrize("given, kept", few([
    ("a", "a"),
    ("x" * 100, "x" * 100),
    ("\U0001f680" * 100, "\U0001f680" * 100),
    ("é" * 100, "é" * 100),
    ("  two  words  ", "two  words"),
    (" " * 50 + "n" * 100 + " " * 50, "n" * 100),
    ('"quoted" \\ <b>&amp;', '"quoted" \\ <b>&amp;'),
    ("'); drop table project; --", "'); drop table project; --"),
    ("\u00a0kept\u00a0", "\u00a0kept\u00a0"),
    ("null", "null")]),
    ids=["one", "hundred", "hundred-emoji", "hundred-accents", "trimmed",
         "trimmed-to-hundred", "quotes", "sql", "only-u0020-trimmed", "word"])
def test_name_accepted(taking, given, kept):
    taking.post(UPDATE, {"name": "Before"})
    assert taking.post(UPDATE, {"name": given})["name"] == kept
    assert taking.get("/project")["name"] == kept


@pytest.mark.parametrize("name", few([
    "", " ", " " * 100, "x" * 101, "\U0001f680" * 101, "a\tb", "a\nb",
    "a\u0001b", "a\u007fb", "a\u0085b", "a\u2028b", "a\u2029b", "a\u061cb",
    "a\u200eb", "a\u200fb", "a\u202ab", "a\u202eb", "a\u2066b", "a\u2069b",
    "\tname", "name\n", "\u200b", "\xa0", " \u3000 ", "\xad\u2060",
    "\u3164", "\ufe0f\ufeff", "\u2800", "\U000e0020", "\ue000",
    None, 1, 1.5, True, [], {}, ["name"]], 6), ids=repr)
def test_name_refused(refusing, name):
    refusing.invalid(UPDATE, {"name": name}, "name")


@pytest.mark.parametrize("make", few([
    lambda own: "z", lambda own: "0", lambda own: own + "--x",
    lambda own: (own + "x" * 63)[:63], lambda own: NOBODY[:-1],
    lambda own: NOBODY + "0", lambda own: NOBODY.replace("-", ""),
    lambda own: "g" + NOBODY[1:]]),
    ids=["letter", "digit", "two-hyphens", "63", "id-short", "id-long",
         "id-bare", "id-no-hex"])
def test_slug_accepted(taking, make):
    own = taking.get("/project")["slug"]
    slug = make(own)
    assert taking.post(UPDATE, {"slug": slug})["slug"] == slug
    assert taking.post(UPDATE, {"slug": own})["slug"] == own


@pytest.mark.parametrize("slug", few([
    "", "-", "-a", "a-", "A", "aB", "a_b", "a.b", "a b", " a", "a ", "a/b",
    "é", "a\n", "a" * 64, "аbc", None, 1, True, [], {}, NOBODY,
    "deadbeef-dead-beef-dead-beefdeadbeef",
    "12345678-1234-1234-1234-123456789012"], 3), ids=repr)
def test_slug_refused(refusing, slug):
    refusing.invalid(UPDATE, {"slug": slug}, "slug")


def test_slug_taken(project, other):
    project.api.refused("CONFLICT", "POST", UPDATE, {"slug": other.slug},
                        field="slug")
    assert project.api.get("/project")["slug"] == project.slug
    assert written(project) == 0


def test_slug_taken_refuses_the_other_fields_too(project, other):
    project.api.refused("CONFLICT", "POST", UPDATE,
                        {"name": "No", "slug": other.slug}, field="slug")
    assert project.api.get("/project")["name"] == "Test"


def test_own_slug_again(project):
    got = project.api.post(UPDATE, {"slug": project.slug})
    assert got["slug"] == project.slug


def test_slug_freed_by_update(project, other):
    old = other.slug
    other.api.post(UPDATE, {"slug": old + "-moved"})
    assert project.api.post(UPDATE, {"slug": old})["slug"] == old


LONG = "https://github.com/org/"


@pytest.mark.parametrize("url", few([
    "https://[2001:db8::1]/o/r", "https://github.com/org/repo",
    "https://github.com/org/repo.git",
    "https://github.com/my-org/my_repo.js",
    "https://git.example.org/Owner/Repo-2",
    LONG + "r" * (500 - len(LONG)),
    "https://[::ffff:192.0.2.1]:8443/o/r.git",
    "https://192.0.2.1:3000/o/r", "https://git_host/o/r",
    "https://h/~o/a@b:c,d;e=f&g!h$i'j(k)*", "https://h/.../r%20x",
    None], 2), ids=repr)
def test_repo_accepted(taking, url):
    taking.post(UPDATE, {"githubRepoUrl": "https://github.com/a/b"})
    assert taking.post(UPDATE, {"githubRepoUrl": url})["githubRepoUrl"] == url
    assert taking.get("/project")["githubRepoUrl"] == url


@pytest.mark.parametrize("scheme", few(["HTTPS", "Https", "httpS"]))
def test_repo_scheme_is_stored_in_lower_case(taking, scheme):
    got = taking.post(UPDATE,
                      {"githubRepoUrl": f"{scheme}://GitHub.com/Org/R"})
    assert got["githubRepoUrl"] == "https://GitHub.com/Org/R"
    assert taking.get("/project") == got


@pytest.mark.parametrize("url", few([
    "", "https://[2001:db8::1/o/r", "https://192.0.2.256/o/r",
    "https://h:65536/o/r", "https://h/o/%2", LONG + "r" * (501 - len(LONG)),
    "github.com/org/repo", "http://github.com/org/repo",
    "ssh://git@github.com/org/repo", "git@github.com:org/repo",
    "ftp://github.com/org/repo", "javascript:alert(1)", "https://",
    "https:///org/repo", "https://github.com", "https://github.com/",
    "https://github.com/org", "https://github.com/org/",
    "https://github.com//repo", "https:github.com/org/repo",
    "https://user@github.com/org/repo",
    "https://user:secret@github.com/org/repo",
    "https://github.com/org/repo?x=1", "https://github.com/org/repo?",
    "https://github.com/org/repo#readme", "https://github.com/org/repo#",
    "https://git hub.com/org/repo", "https://github.com/org/re po",
    " https://github.com/org/repo", "https://github.com/org/repo\n",
    "https://github.com/org/re\u202epo", "https://github.com/org/re\\po",
    "https://[::1%25lo]/o/r", "https://[1:2:3]/o/r",
    "https://h/o/..", "https://h/./r", "https://h/o/%2e%2e",
    "https://h/o/r`id`", "https://h/o/{r}", "https://h/o/a|b",
    1, True, [], {}], 6), ids=repr)
def test_repo_refused(refusing, url):
    refusing.invalid(UPDATE, {"githubRepoUrl": url}, "githubRepoUrl")


@pytest.mark.parametrize("name", few([
    "id", "_id", "_creationTime", "updatedAt", "Name", "name ", "unknown",
    "projectId"]))
def test_unknown_field(refusing, name):
    refusing.invalid(UPDATE, {name: "x"}, name)


def test_a_project_sent_back_whole(refusing):
    """What only answers show is named, and that it can be left out."""
    whole = refusing.get("/project")
    error = refusing.invalid(UPDATE, whole, *(
        n for n in whole if n in ("id", "_id", "_creationTime", "updatedAt",
                            "etag")))
    assert {d["message"] for d in error["details"]} == \
        {"Cannot be set: leave it out."}


def test_every_complaint_in_body_order(refusing):
    body = {"slug": "Not A Slug", "nonsense": 1, "githubRepoUrl": "x",
            "name": ""}
    refusing.invalid(UPDATE, body, *body)


def test_one_bad_field_writes_none(refusing):
    refusing.invalid(UPDATE, {"name": "Fine", "slug": "-"}, "slug")


def test_at_most_a_hundred_complaints(refusing):
    body = {f"unknown{n:03}": n for n in range(150)}
    refusing.invalid(UPDATE, body, *list(body)[:100])


@pytest.mark.parametrize("more", [{}, {"body": {}}], ids=["no-body", "{}"])
def test_delete(project, more):
    before = project.api.get("/project")
    gone = project.api.post("/project/delete", **more)
    assert set(gone) == DELETED
    assert same_id(gone) == project.id
    assert gone["deleted"] is True
    assert gone["deletedAt"] >= before["_creationTime"]
    assert gone["purgeAt"] - gone["deletedAt"] == 30 * DAY


def test_delete_stops_every_key_at_once(project):
    second = Api(project.stack.base,
                 project.api.post("/project/api-keys/generate",
                                  {"name": "second"})["key"])
    second.get("/project")
    project.api.post("/project/delete")
    for api in project.api, second:
        api.refused("AUTH_INVALID", "GET", "/project")
        api.refused("AUTH_INVALID", "POST", UPDATE, {"name": "x"})
        api.refused("AUTH_INVALID", "POST", "/project/delete")


def test_delete_frees_the_slug(project, other):
    project.api.post("/project/delete")
    got = other.api.post(UPDATE, {"slug": project.slug})
    assert got["slug"] == project.slug


def test_delete_keeps_the_data(project):
    project.api.post("/project/delete")
    for table in "member", "api_key":
        assert project.stack.sql(
            f"select count(*) from codecourier.{table} "
            f"where project_id = '{project.id}'") == "1"


@pytest.mark.parametrize("body", few([
    {"confirm": True}, [], {"id": "x"}, [1], "yes", 1, True, None], 2),
    ids=repr)
def test_delete_takes_no_body_but_an_empty_object(refusing, body):
    refusing.refused("VALIDATION", "POST", "/project/delete",
                     raw=json.dumps(body))


def test_slug_of_a_deleted_project_for_a_new_one(stack):
    first = make_project(stack)
    first.api.post("/project/delete")
    made = stack.ctl("project", "create", "--name", "Again", "--slug",
                     first.slug, "--owner-email", first.owner_email)
    assert made["id"] != first.id
