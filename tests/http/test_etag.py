"""Tags: what has been read is not sent again, and what has changed since is
not overwritten. Which calls take them, the rows of contract.py say."""
import re

import pytest

from client import Api, at_once, raw, request_bytes
from contract import (ALWAYS, NOBODY, OF_BODIES, PROVIDERS, READ_CALLS,
                      WRITE_CALLS, WRITES, named)
from fixtures import everything, furnish, make_project, owners, written

TAG = re.compile(r'"[1-9][0-9]*-[0-9a-f]{1,16}"')
OLD = '"1-0"'       # nobody's
SHOWN = [r.path for r in READ_CALLS if r.tagged]
TAGGED = [w for w in WRITE_CALLS if w.tagged]
OTHERS = [w for w in WRITE_CALLS if not w.tagged]
# of a body, where its object is listed, and by what
LISTS = {"targetUserId": ("/project/members", "userId"),
         "provider": ("/project/provider-keys", "provider"),
         "keyId": ("/project/api-keys", "id")}
SETTINGS, UPDATE = "/project/settings", "/project/settings/update"
ROLE, REMOVE = "/project/members/update-role", "/project/members/remove"
SET, UNSET = "/project/provider-keys/set", "/project/provider-keys/remove"
KEY, REVOKE = "/project/api-keys/update", "/project/api-keys/revoke"


def match(*tags):
    return {"If-Match": ", ".join(tags)}


def tag_of(api, call, body):
    """The tag of what a write is about to change; None: it is not there."""
    name = next((n for n in LISTS if n in body), None)
    if not name:
        of_settings = call.path.startswith(SETTINGS)
        return api.get(SETTINGS if of_settings else "/project")["etag"]
    path, member = LISTS[name]
    return next((o["etag"] for o in api.get(path) if o[member] == body[name]),
                None)


def changed(project, path, body, tag, present):
    """Refused by its tag, and the present one is told."""
    before, logged = everything(project), written(project)
    answer = project.api.send("POST", path, body, headers={"If-Match": tag})
    assert answer.status == 412, answer
    assert answer.header("ETag") == present, answer
    assert everything(project) == before and written(project) == logged


# ---- what is read ----

@pytest.mark.parametrize("path", SHOWN)
@pytest.mark.parametrize("form", [
    "{}", "W/{}", '"x", {}', '"x" ,\t W/{} , "y"', ",,{},", "*", '"a,b",{}',
    '"\xe9",{}'])
def test_what_was_read_is_not_sent_again(shared, path, form):
    tag = shared.api.get(path)["etag"]
    assert TAG.fullmatch(tag)
    for method in "GET", "HEAD":
        answer = raw(shared.stack.port, request_bytes(
            method, "/api/v1" + path, [
                ("Authorization", f"Bearer {shared.key}"),
                ("If-None-Match", form.format(tag))]), method)
        assert answer.status == 304 and answer.body == b""
        assert answer.header("ETag") == tag
        names = {n for n, _ in answer.headers}
        assert names - {"server", "date", "connection"} == \
            ALWAYS - OF_BODIES | {"etag"}


@pytest.mark.parametrize("path", SHOWN)
@pytest.mark.parametrize("form", [
    '"x"', "{bare}", "w/{}", "{}{}", '"x', "* , {}", "", "x, {}", '"{}"',
    "W/ {}", "**"])
def test_what_is_another_is_sent(shared, path, form):
    got = shared.api.get(path)
    value = form.format(got["etag"], got["etag"], bare=got["etag"][1:-1])
    answer = shared.api.send("GET", path, headers={"If-None-Match": value})
    assert answer.status == 200 and answer.json["data"] == got


def test_304_is_for_who_may_read(project, nobody):
    head = {"headers": {"If-None-Match": "*"}}
    nobody.refused("AUTH_MISSING", "GET", SETTINGS, **head)
    made = project.api.post("/project/api-keys/generate", {
        "name": "x", "scopes": ["members:read"]})
    Api(project.stack.base, made["key"]).refused(
        "SCOPE_DENIED", "GET", SETTINGS, **head)


def test_304_counts_and_says_so(project):
    made = project.api.post("/project/api-keys/generate",
                            {"name": "x", "rateLimit": 2})
    key = Api(project.stack.base, made["key"])
    for left in 1, 0:
        answer = key.send("GET", SETTINGS, headers={"If-None-Match": "*"})
        assert answer.status == 304
        assert answer.header("RateLimit").startswith(f'"key";r={left};')
    key.refused("RATE_LIMITED", "GET", SETTINGS)


@pytest.mark.parametrize("path", [r.path for r in READ_CALLS if not r.tagged])
def test_others_are_always_sent(shared, path):
    for value in "*", OLD, "x":
        assert shared.api.send("GET", path, headers={
            "If-None-Match": value, "If-Match": value}).status == 200


# ---- what a tag follows ----

def test_each_change_gives_another(project):
    """And nothing else does: neither a refusal nor an empty change."""
    api, seen = project.api, {}
    for path, bad, good in [
            ("/project", {"name": ""}, {"name": "a"}),
            (SETTINGS, {"claudeMd": 1}, {"claudeMd": "a"})]:
        tags = [api.get(path)["etag"]]
        for body in good, good, {**good}:
            got = api.post(path + "/update", body)
            assert got == api.get(path)
            tags.append(got["etag"])
        assert len(set(tags)) == 4
        assert [int(t[1:].split("-")[0]) for t in tags] == [1, 2, 3, 4]
        api.invalid(path + "/update", bad, *bad)
        assert api.post(path + "/update", {})["etag"] == tags[-1]
        seen[path] = tags[-1]
    assert {p: api.get(p)["etag"] for p in seen} == seen


def test_a_key_that_is_used_keeps_its_own(project):
    before = project.api.get("/project/api-keys")[0]
    project.stack.sql("update codecourier.api_key set last_used_at = null "
                      f"where id = '{project.key_id}'")
    project.api.get("/project")
    while not (after := project.api.get("/project/api-keys")[0])["lastUsedAt"]:
        pass
    assert after == {**before, "lastUsedAt": after["lastUsedAt"]}


def test_one_that_is_set_again_is_another(project):
    api, body = project.api, {"provider": "e2b", "key": "secret-key"}
    tags = []
    for _ in range(2):
        tags += [api.post(SET, body)["etag"], api.post(SET, body)["etag"]]
        api.post(UNSET, {"provider": "e2b"})
    assert len(set(tags)) == 4


def test_the_same_role_is_no_change(project):
    made = project.api.post("/project/members/invite",
                            {"email": "a@example.com", "role": "admin"})
    body = {"targetUserId": made["userId"], "role": "admin"}
    del made["token"]
    assert project.api.post(ROLE, body, headers=match(made["etag"])) == made


# ---- what is changed ----

@pytest.mark.parametrize("call", TAGGED, ids=lambda c: c.path[1:])
def test_a_write_by_its_tag(stack, call):
    """With each of its bodies: by an older tag it does nothing, by the present
    one it is done, and that is the old one then."""
    project = furnish(make_project(stack), "tags", len(PROVIDERS))
    api = project.api
    for body in (named(b, project.ids) for b in call.bodies):
        tag = tag_of(api, call, body)
        for old in OLD, f"W/{tag}", f'"x", W/{tag},{OLD}', '"{1-0}"':
            changed(project, call.path, body, old, tag)
        gone = call.path in ("/project/delete", REMOVE, UNSET)
        got = api.post(call.path, body, headers=match(OLD, tag, '"x"'))
        if not gone:
            assert got["etag"] != tag
            again = got["etag"] if "key" not in got or call.path == SET \
                else tag_of(api, call, body)
            if call.path != "/project/api-keys/rotate":
                changed(project, call.path, body, tag, again)


@pytest.mark.parametrize("call", TAGGED, ids=lambda c: c.path[1:])
def test_any_tag_of_what_is_there(stack, call):
    project = furnish(make_project(stack), "tags", len(PROVIDERS))
    for body in (named(b, project.ids) for b in call.bodies):
        project.api.post(call.path, body, headers=match("*"))


@pytest.mark.parametrize("call", [c for c in TAGGED if c.absent],
                         ids=lambda c: c.path[1:])
@pytest.mark.parametrize("tag", ["*", OLD])
def test_404_before_412(refusing, call, tag):
    refusing.refused("NOT_FOUND", "POST", call.path, call.absent,
                     headers=match(tag))


@pytest.mark.parametrize("tag", ["*", OLD])
def test_a_provider_that_is_not_there(project, tag):
    body = {"provider": "e2b", "key": "secret-key"}
    changed(project, SET, body, tag, None)
    project.api.post(SET, {**body, "provider": "github"})
    changed(project, SET, body, tag, None)
    assert project.api.post(SET, body)["provider"] == "e2b"


def test_412_before_409(project, other):
    api = project.api
    mine, owner = api.get("/project"), api.get("/project/members")[0]
    key = api.post("/project/api-keys/generate", {"name": "x"})
    ended = api.post(REVOKE, {"keyId": key["id"]})
    assert ended["etag"] != key["etag"]
    for path, body, tag in [
            ("/project/update", {"slug": other.slug}, mine["etag"]),
            (REMOVE, {"targetUserId": owner["userId"]}, owner["etag"]),
            (ROLE, {"targetUserId": owner["userId"], "role": "admin"},
             owner["etag"]),
            (KEY, {"keyId": key["id"], "name": "y"}, ended["etag"]),
            ("/project/api-keys/rotate", {"keyId": key["id"]},
             ended["etag"])]:
        changed(project, path, body, OLD, tag)
        api.refused("CONFLICT", "POST", path, body, headers=match(tag))
    changed(project, REVOKE, {"keyId": key["id"]}, key["etag"], ended["etag"])
    assert api.post(REVOKE, {"keyId": key["id"]},
                    headers=match(ended["etag"])) == ended


def test_an_empty_change_is_judged(project):
    for path, body, tag in [
            ("/project/update", {}, project.api.get("/project")["etag"]),
            (UPDATE, {}, project.api.get(SETTINGS)["etag"]),
            (KEY, {"keyId": project.key_id},
             project.api.get("/project/api-keys")[0]["etag"])]:
        changed(project, path, body, OLD, tag)
        for good in tag, "*":
            assert project.api.post(path, body, headers=match(good))[
                "etag"] == tag


def test_who_may_not_read_settings_may_go_by_their_tag(project):
    made = project.api.post("/project/api-keys/generate", {
        "name": "x", "scopes": ["settings:write"]})
    key = Api(project.stack.base, made["key"])
    first = key.post(UPDATE, {})
    assert set(first) == {"version", "etag"}
    assert first["etag"] == project.api.get(SETTINGS)["etag"]
    second = key.post(UPDATE, {"claudeMd": "a"}, headers=match(first["etag"]))
    answer = key.send("POST", UPDATE, {"claudeMd": "b"},
                      headers=match(first["etag"]))
    assert answer.status == 412
    assert answer.header("ETag") == second["etag"]


# ---- what is none ----

@pytest.mark.parametrize("value", [
    "", "x", "1-0", '"1-0', '1-0"', '"a" "b"', '"a";"b"', "W/", "w/\"a\"",
    '* , "a"', '"a", *', "**", ",", '"a b"', '"a\x7f"', '"a",b', "W/*"],
    ids=repr)
def test_ill_formed(refusing, value):
    for call in TAGGED:
        refusing.refused("VALIDATION", "POST", call.path, WRITES[call.path],
                         field="If-Match", headers={"If-Match": value})


@pytest.mark.parametrize("call", OTHERS, ids=lambda c: c.path[1:])
@pytest.mark.parametrize("value", [OLD, "*", "x"])
def test_not_taken(refusing, call, value):
    refusing.refused("VALIDATION", "POST", call.path, WRITES[call.path],
                     field="If-Match", headers={"If-Match": value})


@pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda c: c.path[1:])
def test_if_none_match_on_a_write(refusing, call):
    for value in OLD, "*", "", "x":
        refusing.refused("VALIDATION", "POST", call.path, WRITES[call.path],
                         field="If-None-Match",
                         headers={"If-None-Match": value})


def test_403_and_415_before_the_header(refusing):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", UPDATE, {"x": 1},
                     headers={"Content-Type": "text/plain", **match("x")})
    refusing.refused("VALIDATION", "POST", REMOVE, {"targetUserId": NOBODY},
                     field="If-Match", headers=match("x"))


# ---- at the same moment ----

def waits(session, project, table, change, call):
    """What a call gets that finds its row being changed, and waits."""
    session.run(f"begin; {change}")

    def release():
        session.await_waiting(f"%{table}%")
        session.release()

    return at_once([call, release])[0]


def test_the_tag_is_judged_after_the_wait(project, session):
    """Read, then somebody else changes it, then our write: it was judged while
    the other change was open, and is once more."""
    api = project.api
    user = owners(project)[1]
    member = next(m for m in api.get("/project/members")
                  if m["userId"] == user)
    keys = [api.post("/project/api-keys/generate", {"name": "x"})
            for _ in range(3)]
    where = f"where project_id = '{project.id}'"
    for table, change, path, body, tag in [
            ("project", f"name = 'x', updated_at = now() where id = "
             f"'{project.id}'", "/project/update", {"name": "y"},
             api.get("/project")["etag"]),
            ("settings", f"claude_md = 'x', updated_at = now() {where}", UPDATE,
             {"claudeMd": "y"}, api.get(SETTINGS)["etag"]),
            ("member", f"role = 'admin' {where} and user_id = '{user}'",
             REMOVE, {"targetUserId": user}, member["etag"]),
            *(("api_key", f"name = 'y' where id = '{key['id']}'", path,
               {"keyId": key["id"], **more}, key["etag"])
              for key, path, more in zip(
                  keys, [KEY, REVOKE, "/project/api-keys/rotate"],
                  [{"name": "z"}, {}, {}]))]:
        answer = waits(
            session, project, table,
            f"update codecourier.{table} set {change}",
            lambda: api.send("POST", path, body, headers=match(tag)))
        assert answer.status == 412, answer
        assert answer.header("ETag") not in (None, tag)
    assert api.get("/project")["name"] == "x"
    assert api.get(SETTINGS)["claudeMd"] == "x"


def test_what_was_removed_meanwhile_is_not_made_anew(project, session):
    body = {"provider": "e2b", "key": "secret-key"}
    tag = project.api.post(SET, body)["etag"]
    answer = waits(
        session, project, "provider_key",
        f"delete from codecourier.provider_key where project_id = "
        f"'{project.id}'", lambda: project.api.send(
            "POST", SET, body, headers=match(tag)))
    assert answer.status == 412 and answer.header("ETag") is None
    assert project.api.get("/project/provider-keys") == []


def test_write_only_settings_go_by_the_tag_too(project):
    """They are set by statements of their own, before the others."""
    tag = project.api.get(SETTINGS)["etag"]
    both = {"convexDeployKey": "first-key", "convexDevKey": "first-key",
            "claudeMd": "first"}
    first = project.api.post(UPDATE, both, headers=match(tag))
    for body in both, {"convexDevKey": "other-key"}:
        changed(project, UPDATE, body, tag, first["etag"])
    assert project.api.get(SETTINGS) == first


def add(api, by_tag):
    """Reads a number, adds one, writes it; until it has been done."""
    while True:
        got = api.get(SETTINGS)
        body = {"learningModel": str(int(got["learningModel"]) + 1)}
        answer = api.send("POST", UPDATE, body, headers=match(
            got["etag"]) if by_tag else {})
        if answer.status == 200:
            return
        assert answer.status == 412, answer


@pytest.mark.plain
@pytest.mark.parametrize("by_tag", [True, False])
def test_fifty_writers_of_one_value(project, by_tag):
    """20 times each: the sum is exact, and not by chance."""
    project.api.post(UPDATE, {"learningModel": "0"})

    def writer():
        api = Api(project.stack.base, project.key)
        for _ in range(20):
            add(api, by_tag)

    at_once([writer] * 50)
    total = int(project.api.get(SETTINGS)["learningModel"])
    print(f"{total} of 1000")
    assert (total == 1000) == by_tag
