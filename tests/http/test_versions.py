"""The versions of the settings: GET settings/versions, one of them, and
settings/rollback. What the database keeps by itself is sql/test_history.py's."""
import random
import uuid

import pytest

from client import Api, at_once
from contract import (CONVEX, EMPTY_SETTINGS, LISTS, MAPS, SHORT, TEXTS,
                      filled_settings, untagged)
from fixtures import rounds
from sealed import Opener

SETTINGS = "/project/settings"
UPDATE = SETTINGS + "/update"
VERSIONS = SETTINGS + "/versions"
ROLLBACK = SETTINGS + "/rollback"
VERSION = {"version", "_creationTime", "actor", "fields", "restoredFrom"}


def at(api, n):
    """Version n, as it is answered; None: there is none."""
    answer = api.send("GET", f"{VERSIONS}/{n}")
    if answer.status == 404:
        return None
    assert answer.status == 200 and answer.header("ETag") is None, answer
    data = answer.json["data"]
    assert data["version"] == n and "etag" not in data
    return untagged(data)


def listed(api):
    """All of them, the oldest first."""
    rows, cursor = [], ""
    while cursor is not None:
        page = api.ok("GET", f"{VERSIONS}?limit=100{cursor}")
        rows += page["data"]
        cursor = page["hasMore"] and "&cursor=" + page["nextCursor"] or None
    assert all(set(r) == VERSION for r in rows)
    assert [r["version"] for r in rows] == sorted(
        (r["version"] for r in rows), reverse=True)
    return rows[::-1]


def roll_back(api, n, **more):
    return api.post(ROLLBACK, {"version": n}, **more)


def match(tag):
    return {"If-Match": tag}


def shown(settings):
    """What given values look like in an answer."""
    return {n: {"last4": v[-4:]} if n in CONVEX and v else
            EMPTY_SETTINGS[n] if v is None else v for n, v in settings.items()}


# ---- refusals ----

@pytest.mark.parametrize("n", [
    "0", "-1", "+1", "01", "1.0", "1e0", "0x1", "1%20", "x", "", "1/",
    "1/2", "12345678901234567890", "١"])
def test_what_is_no_version(refusing, n):
    error = refusing.refused("NOT_FOUND", "GET", f"{VERSIONS}/{n}")
    assert error["message"] == "There is no such path."


@pytest.mark.parametrize("n", [2, 9223372036854775807, 9223372036854775808,
                               9999999999999999999])
def test_a_version_that_is_not_there(refusing, n):
    error = refusing.refused("NOT_FOUND", "GET", f"{VERSIONS}/{n}")
    assert error["message"] == \
        "There is no such version, or it has been dropped."


def test_methods(refusing):
    for path, allow in [(VERSIONS, "GET, HEAD, OPTIONS"),
                        (VERSIONS + "/1", "GET, HEAD, OPTIONS"),
                        (ROLLBACK, "POST, OPTIONS")]:
        for method in "OPTIONS", "PUT", "POST" if "G" in allow else "GET":
            answer = refusing.send(method, path)
            assert answer.status == (204 if method == "OPTIONS" else 405)
            assert answer.header("Allow") == allow
    assert refusing.send("HEAD", VERSIONS + "/1").status == 200
    assert refusing.send("HEAD", VERSIONS + "/2").status == 404


@pytest.mark.parametrize("version", [
    None, "1", 0, -1, 1.5, 2**53, True, [1], {"version": 1}])
def test_what_is_no_number(refusing, version):
    refusing.invalid(ROLLBACK, {"version": version}, "version")


def test_it_has_to_be_given(refusing):
    refusing.invalid(ROLLBACK, {}, "version")


@pytest.mark.parametrize("version", [2, 1000, 2**53 - 1])
def test_roll_back_to_none(refusing, version):
    refusing.refused("NOT_FOUND", "POST", ROLLBACK, {"version": version},
                     field="version")


def test_none_goes_before_the_tag(refusing):
    """404, then 412."""
    refusing.refused("NOT_FOUND", "POST", ROLLBACK, {"version": 2},
                     field="version", headers=match('"9-9"'))
    tag = refusing.get(SETTINGS)["etag"]
    answer = refusing.send("POST", ROLLBACK, {"version": 1},
                           headers=match('"9-9"'))
    assert answer.status == 412 and answer.header("ETag") == tag


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=x", "n=1"])
def test_query_of_the_list(refusing, query):
    refusing.refused("VALIDATION", "GET", f"{VERSIONS}?{query}",
                     field=query.partition("=")[0])


def test_one_of_them_has_no_query(refusing):
    refusing.refused("VALIDATION", "GET", VERSIONS + "/1?limit=1",
                     field="limit")


# ---- what is told ----

def test_the_first(project):
    rows = listed(project.api)
    assert len(rows) == 1
    one = rows[0]
    assert one == {"version": 1, "_creationTime": one["_creationTime"],
                   "actor": {"type": "operator", "id": None, "name": None},
                   "fields": [], "restoredFrom": None}
    assert at(project.api, 1) == EMPTY_SETTINGS
    assert project.api.get(SETTINGS)["version"] == 1


def test_who_and_what(project):
    """By whom, when, and which fields: as its audit row has it."""
    api = project.api
    other = api.post("/project/api-keys/generate", {"name": "another"})
    api.post(UPDATE, {"claudeMd": "a", "convexDevKey": "12345678"})
    Api(project.stack.base, other["key"]).send(
        "POST", SETTINGS + "/env/import?set=deployEnvVars", "A=1")
    roll_back(api, 1)
    rows = listed(api)[1:]
    assert [(r["version"], sorted(r["fields"]), r["restoredFrom"])
            for r in rows] == [
        (2, ["claudeMd", "convexDevKey"], None), (3, ["deployEnvVars"], None),
        (4, ["claudeMd", "convexDevKey", "deployEnvVars"], 1)]
    log = [r for r in api.get("/project/audit-log") if r["object"] ==
           "settings"][::-1]
    assert [r["actor"] for r in rows] == [r["actor"] for r in log]
    assert [r["actor"]["name"] for r in rows] == ["first", "another", "first"]
    assert [r["_creationTime"] for r in rows] == [r["at"] for r in log]
    assert [r["action"] for r in log] == [
        "settings.update", "settings.import", "settings.rollback"]
    assert log[-1]["fields"] == ["version"]


def test_pages(project):
    for n in range(7):
        project.api.post(UPDATE, {"claudeMd": str(n)})
    whole = listed(project.api)[::-1]
    seen, page = [], project.api.ok("GET", VERSIONS + "?limit=3")
    project.api.post(UPDATE, {"claudeMd": "shifts nothing"})
    while True:
        seen += page["data"]
        if not page["hasMore"]:
            break
        page = project.api.ok(
            "GET", f"{VERSIONS}?limit=3&cursor={page['nextCursor']}")
    assert seen == whole and len(seen) == 8


def test_all_fields_and_back(project):
    """Everything set, everything cleared, and each brought back."""
    api = project.api
    states = [EMPTY_SETTINGS, shown(filled_settings("a", 1)),
              shown(filled_settings("b", 2)), EMPTY_SETTINGS]
    api.post(UPDATE, filled_settings("a", 1))
    api.post(UPDATE, filled_settings("b", 2))
    api.post(UPDATE, dict.fromkeys(EMPTY_SETTINGS))
    for n, want in enumerate(states, 1):
        assert at(api, n) == want
    for n, want in enumerate(states, 1):
        got = roll_back(api, n)
        assert untagged(got) == want and got["version"] == 4 + n
        assert got == api.get(SETTINGS)
    assert [at(api, n) for n in range(1, 9)] == states * 2


def test_the_present_one_may_be_named(project):
    """A new version all the same, in which nothing differs."""
    api = project.api
    first = api.post(UPDATE, {"claudeMd": "a", "envVars": {"A": "1"}})
    got = roll_back(api, 2)
    assert untagged(got) == untagged(first) and got["version"] == 3
    assert got["etag"] != first["etag"]
    last = listed(api)[-1]
    assert (last["fields"], last["restoredFrom"]) == ([], 2)


def test_what_makes_none(project):
    api = project.api
    api.post(UPDATE, {})
    for query, text in ("&dryRun=true", "A=1"), ("", "#"):
        answer = api.send(
            "POST", SETTINGS + "/env/import?set=envVars" + query, text)
        assert answer.json["data"]["version"] == 1
    assert len(listed(api)) == 1


def test_an_import_tells_its_version(project):
    answer = project.api.send(
        "POST", SETTINGS + "/env/import?set=envVars", "A=1")
    assert answer.json["data"]["version"] == 2 == \
        project.api.get(SETTINGS)["version"]


def test_a_restored_project_keeps_them(project):
    project.api.post(UPDATE, {"claudeMd": "a"})
    before = listed(project.api), at(project.api, 1)
    project.api.post("/project/delete", {})
    project.stack.make("project", "restore", project.id)
    assert (listed(project.api), at(project.api, 1)) == before


def test_who_may_not_read_is_shown_version_and_tag(project):
    made = project.api.post("/project/api-keys/generate", {
        "name": "w", "scopes": ["settings:write"]})
    writer = Api(project.stack.base, made["key"])
    project.api.post(UPDATE, filled_settings("a", 1))
    assert set(roll_back(writer, 1)) == {"version", "etag"}
    assert untagged(project.api.get(SETTINGS)) == EMPTY_SETTINGS
    for path in VERSIONS, VERSIONS + "/1":
        writer.refused("SCOPE_DENIED", "GET", path, field="scope")


def test_idempotent(project):
    """Once, however often it is sent."""
    project.api.post(UPDATE, {"claudeMd": "a"})
    sent = [project.api.send("POST", ROLLBACK, {"version": 1},
                             headers={"Idempotency-Key": "x"})
            for _ in range(3)]
    assert len({a.body for a in sent}) == 1
    assert [a.header("Idempotency-Replayed") for a in sent] == [
        None, "true", "true"]
    assert len(listed(project.api)) == 3


# ---- against a model ----

def some_value(chance, name):
    n = chance.randrange(4)
    text = f"{name} {chance.randrange(9)}"
    if n == 0:
        return None
    if name in TEXTS:
        return text * chance.choice([1, 30, 20000 if name == TEXTS[0] else 9])
    if name in LISTS:
        return [f"{text} {i}" for i in range(n)]
    if name in MAPS:
        return {f"V{i}": text * chance.choice([1, 4000]) for i in range(n)}
    if name == "testUserCredentials":
        return {text: [n, None, {"a": text}]}
    if name in CONVEX:
        return f"{name}-{chance.randrange(1000, 9999)}"
    return "a@b.example" if name == "gitCommitEmail" else text


@pytest.mark.parametrize("seed", range(rounds(3)))
def test_like_a_model(project, seed):
    """Any changes: each version is what the model has had, and comes back."""
    chance, api = random.Random(seed), project.api
    now, states = dict(EMPTY_SETTINGS), [dict(EMPTY_SETTINGS)]
    for _ in range(40):
        kind = chance.randrange(5)
        if kind == 0:
            n = chance.randint(1, len(states))
            now = dict(states[n - 1])
            got = roll_back(api, n)
        elif kind == 1:
            which, value = chance.choice(MAPS), str(chance.random())
            now[which] = {**now[which], "IMPORTED": value}
            got = api.send(
                "POST", f"{SETTINGS}/env/import?set={which}",
                f"IMPORTED={value}").json["data"]
        else:
            names = chance.sample([*EMPTY_SETTINGS], chance.randint(1, 6))
            body = {n: some_value(chance, n) for n in names}
            now = {**now, **shown(body)}
            got = api.post(UPDATE, body)
        states.append(dict(now))
        assert got["version"] == len(states)
        assert untagged(api.get(SETTINGS)) == now
    for n, want in enumerate(states, 1):
        assert at(api, n) == want, n
    told = listed(api)
    for before, after, row in zip(states, states[1:], told[1:]):
        differs = {n for n in now if before[n] != after[n]}
        # a value that is sealed anew is another one
        assert differs <= set(row["fields"]) <= differs | {
            *MAPS, "testUserCredentials", *CONVEX}, row


# ---- data keys ----

def add_data_key(project):
    """One more, the newest, as another program would make it."""
    stack, new = project.stack, str(uuid.uuid4())
    master = stack.sql("select master_key from codecourier.data_key where "
                       f"project_id = '{project.id}' limit 1")
    wrapped = Opener(stack.conf["CODECOURIER_KEYRING"]).new_data_key(
        project.id, new, master)
    stack.sql("insert into codecourier.data_key (id, project_id, master_key, "
              f"wrapped, created_at) values ('{new}', '{project.id}', "
              f"'{master}', '\\x{wrapped.hex()}', clock_timestamp())")
    return uuid.UUID(new).hex


def test_many_data_keys(project):
    """Each version opens with its own, and so do settings that were sealed with
    several; a rollback moves a value that the seventh of twelve has sealed."""
    api, keys, states = project.api, [None], []
    sealed = [*MAPS, "testUserCredentials"]
    for n in range(12):
        keys += [add_data_key(project)] if n else []
        api.post(UPDATE, {sealed[n % 3]: {"A": f"{n}"},
                          "convexDevKey": f"12345678-{n}"})
        states.append(untagged(api.get(SETTINGS)))
    assert len(keys) == 12
    for n, want in enumerate(states, 2):
        assert at(api, n) == want
    for n in 8, 2, 13, 5:
        assert untagged(roll_back(api, n)) == states[n - 2]
    assert untagged(roll_back(api, 8)) == states[6]
    assert stored_key(project, "env_vars") == keys[6]
    # what is sealed now is sealed with the newest
    answer = api.send("POST", SETTINGS + "/env/import?set=envVars", "B=1")
    assert answer.status == 200
    assert stored_key(project, "env_vars") == keys[-1]
    assert api.get(SETTINGS)["envVars"] == {"A": "6", "B": "1"}


def stored_key(project, column):
    """The data key that a value names."""
    return project.stack.sql(
        f"select encode(substr({column}, 2, 16), 'hex') from codecourier."
        f"settings where project_id = '{project.id}'")


# ---- at the same moment ----

def test_two_writers(project):
    """Each has its own version, and none is lost."""
    api = project.api
    names = [TEXTS[0], SHORT[0]]

    def write(name):
        for n in range(10):
            api.post(UPDATE, {name: str(n)})
    at_once([lambda n=n: write(n) for n in names])
    rows = listed(api)
    assert [r["version"] for r in rows] == [*range(1, 22)]
    for name in names:
        assert sum(r["fields"] == [name] for r in rows) == 10
    for row in rows[1:]:
        was, now = at(api, row["version"] - 1), at(api, row["version"])
        assert [n for n in now if was[n] != now[n]] == row["fields"]


def test_a_rollback_overwrites_nothing_unseen(project):
    """Under If-Match either it or the update is refused: 412."""
    api = project.api
    for n in range(rounds(20)):
        api.post(UPDATE, {"claudeMd": "base"})
        seen = api.get(SETTINGS)
        both = at_once([
            lambda: api.send("POST", ROLLBACK, {"version": 1},
                             headers=match(seen["etag"])),
            lambda: api.send("POST", UPDATE, {"gitCommitName": f"n{n}"},
                             headers=match(seen["etag"]))])
        assert sorted(a.status for a in both) == [200, 412], both
        now = api.get(SETTINGS)
        assert now["version"] == seen["version"] + 1
        if both[0].status == 200:
            assert untagged(now) == EMPTY_SETTINGS
        else:
            assert (now["claudeMd"], now["gitCommitName"]) == ("base", f"n{n}")


def test_rollbacks_and_updates(project):
    """Each update is there or undone, by one or the other, never half."""
    api = project.api
    api.post(UPDATE, {"claudeMd": "a", "gitCommitName": "a"})
    bodies = [{"claudeMd": v, "gitCommitName": v} for v in "bcd"]
    for _ in range(rounds(6)):
        at_once([*[lambda b=b: api.post(UPDATE, b) for b in bodies],
                 *[lambda: roll_back(api, 2)] * 3])
    for row in listed(api)[1:]:
        one = at(api, row["version"])
        assert one["claudeMd"] == one["gitCommitName"], row
        if row["restoredFrom"]:
            assert one == at(api, 2)
