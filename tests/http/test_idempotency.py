"""A POST with an Idempotency-Key is done once, whatever is sent again."""
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, at_once
from contract import WRITE_CALLS, make_key, named
from fixtures import furnish, make_project, rounds, written
from metrics import scrape
from once import HEADER, REPLAYED, name_of, number_of, records
from session import Session, until
from test_auth_row import check_value

UPDATE = "/project/update"
INVITE = "/project/members/invite"
GENERATE = "/project/api-keys/generate"
REVOKE = "/project/api-keys/revoke"
HOLDER = "/credentials/revoke"
SETTINGS = "/project/settings/update"
FULL = "take all the room"


def new():
    return uuid.uuid4().hex


def send(api, path, body, key, **more):
    return api.send("POST", path, body, headers={HEADER: key}, **more)


def replays(answer, first):
    """Status, body and ETag byte for byte; the rest is the new request's."""
    assert answer.status == first.status == 200, answer
    assert answer.body == first.body
    assert answer.header("ETag") == first.header("ETag")
    assert first.header(REPLAYED) is None
    assert answer.header(REPLAYED) == "true"
    assert answer.header("X-Request-ID") != first.header("X-Request-ID")
    return answer


def refused(answer, code):
    assert answer.status == 409, answer
    assert answer.json["error"]["code"] == code, answer
    return answer


# ---- form, and the order of refusals ----

@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é", "\x7f"],
                         ids=ascii)
def test_form(refusing, key):
    for path, body in ((UPDATE, {"name": "No"}), (HOLDER, {"key": "x"})):
        refusing.refused("VALIDATION", "POST", path, body, field=HEADER,
                         headers={HEADER: key.encode()})


@pytest.mark.parametrize("key", ["!", "~" * 255, '"quoted"', "a,b;c"])
def test_good_form(api, key):
    first = send(api, UPDATE, {"name": "A"}, key)
    replays(send(api, UPDATE, {"name": "A"}, key), first)


def test_ignored_on_a_read(refusing):
    for key in "", "x", "a b":
        answer = refusing.send("GET", "/project", headers={HEADER: key})
        assert answer.status == 200 and answer.header(REPLAYED) is None


def test_refusals_come_first(project, nobody):
    """401, 415 and the rate go before the record; body and state do not."""
    api, key = project.api, new()
    first = send(api, UPDATE, {"name": "Once"}, key)
    Api(api.base).refused("AUTH_MISSING", "POST", UPDATE, {"name": "Once"},
                          headers={HEADER: key})
    api.refused("UNSUPPORTED_MEDIA_TYPE", "POST", UPDATE, {"name": "Once"},
                headers={HEADER: key, "Content-Type": "text/plain"})
    for raw in b"{", b'{"name":1}', b'{"name":"Once" }', b'{"name":"Two"}':
        refused(api.send("POST", UPDATE, raw=raw, headers={HEADER: key}),
                "IDEMPOTENCY_MISMATCH")
    refused(send(api, UPDATE + "?x=1", {"name": "Once"}, key),
            "IDEMPOTENCY_MISMATCH")
    refused(send(api, INVITE, {"name": "Once"}, key), "IDEMPOTENCY_MISMATCH")
    replays(send(api, UPDATE, {"name": "Once"}, key), first)
    assert api.get("/project")["name"] == "Once"


def test_rate_counts_and_is_told(project):
    row = project.api.post(GENERATE, {"name": "few", "rateLimit": 3})
    api, key = Api(project.api.base, row["key"]), new()
    first = send(api, UPDATE, {"name": "R"}, key)
    again = replays(send(api, UPDATE, {"name": "R"}, key), first)
    assert first.header("RateLimit").startswith('"key";r=2')
    assert again.header("RateLimit").startswith('"key";r=1')
    send(api, UPDATE, {"name": "R"}, key)
    assert send(api, UPDATE, {"name": "R"}, key).status == 429


def test_a_scope_taken_away_goes_before(project):
    row = project.api.post(GENERATE, {"name": "narrow"})
    api, key = Api(project.api.base, row["key"]), new()
    assert send(api, UPDATE, {"name": "S"}, key).status == 200
    project.api.post("/project/api-keys/update", {
        "keyId": row["id"], "scopes": ["settings:write"]})
    assert send(api, UPDATE, {"name": "S"}, key).status == 403


# ---- done once ----

@pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda c: c.path[1:])
def test_each_call_once(stack, call):
    """The answer again, byte for byte, and not one audit row more."""
    project = furnish(make_project(stack), "mark", 6)
    body = named(call.bodies[0], project.ids)
    key, before = new(), (written(project), records(project))
    first = send(project.api, call.path, body, key)
    assert first.status == 200, first
    did = (written(project), records(project))
    assert did == (before[0] + call.keyed, before[1] + 1)
    again = send(project.api, call.path, body, key)
    if call.path == "/project/delete":
        assert again.status == 401
    else:
        replays(again, first)
        is_text = isinstance(body, str)
        other = body if is_text else json.dumps(body)
        refused(project.api.send(
            "POST", call.path, raw=other.encode() + b" ", headers={
                HEADER: key, "Content-Type": "text/plain" if is_text
                else "application/json"}), "IDEMPOTENCY_MISMATCH")
    assert (written(project), records(project)) == did


@pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda c: c.path[1:])
def test_with_the_key_it_does_what_it_does_without(stack, call):
    """All bodies of a call, one after the other, each with a key."""
    project = furnish(make_project(stack), "mark", 6)
    for body in call.bodies:
        answer = send(project.api, call.path, named(body, project.ids), new())
        assert answer.status == 200 and not answer.header(REPLAYED), answer


def test_if_match_is_not_judged_again(project):
    """The first time has changed what it names."""
    tag, key = project.api.send("GET", "/project").header("ETag"), new()
    head = {HEADER: key, "If-Match": tag}
    first = project.api.send("POST", UPDATE, {"name": "One"}, headers=head)
    assert first.header("ETag") not in (None, tag)
    replays(project.api.send("POST", UPDATE, {"name": "One"}, headers=head),
            first)
    assert project.api.send("POST", UPDATE, {"name": "One"}, headers={
        **head, HEADER: new()}).status == 412


def test_an_empty_update_is_kept_too(project):
    key = new()
    first = send(project.api, UPDATE, {}, key)
    project.api.post(UPDATE, {"name": "Other"})
    replays(send(project.api, UPDATE, {}, key), first)


def test_a_large_answer(project):
    body = {"claudeMd": "é" * 100_000, "envVars": {
        f"V{n}": "v" * 60_000 for n in range(15)}}
    key = new()
    first = send(project.api, SETTINGS, body, key)
    replays(send(project.api, SETTINGS, body, key), first)


def test_refusals_are_not_kept(project):
    """What they were refused for is gone: the retry is a new try."""
    key, email = new(), f"{new()}@x.example"
    member = project.api.post(INVITE, {"email": email, "role": "admin"})
    body = {"email": email, "role": "member"}
    assert refused(send(project.api, INVITE, body, key), "CONFLICT")
    project.api.refused("VALIDATION", "POST", INVITE, {"role": "x"},
                        headers={HEADER: key})
    assert records(project) == 0
    project.api.post("/project/members/remove",
                     {"targetUserId": member["userId"]})
    first = send(project.api, INVITE, body, key)
    replays(send(project.api, INVITE, body, key), first)
    absent = {"targetUserId": str(uuid.uuid4())}
    assert send(project.api, "/project/members/remove", absent,
                new()).status == 404
    assert records(project) == 1


def test_a_record_is_of_one_api_key(project, other):
    key = new()
    second = Api(project.api.base, project.api.post(
        GENERATE, {"name": "second"})["key"])
    for api in project.api, second, other.api:
        answer = send(api, GENERATE, {"name": "each"}, key)
        assert answer.status == 200 and not answer.header(REPLAYED)
    names = [k["name"] for k in project.api.get("/project/api-keys")]
    assert names.count("each") == 2


def test_a_successor_is_another_key(project):
    row = project.api.post(GENERATE, {"name": "old"})
    old, key = Api(project.api.base, row["key"]), new()
    answer = send(old, "/project/api-keys/rotate",
                  {"keyId": row["id"], "graceSeconds": 60}, key)
    assert send(old, "/project/api-keys/rotate",
                {"keyId": row["id"], "graceSeconds": 60},
                key).body == answer.body
    after = Api(project.api.base, answer.json["data"]["key"])
    assert refused(send(after, "/project/api-keys/rotate",
                        {"keyId": row["id"], "graceSeconds": 60}, key),
                   "CONFLICT")


def test_who_ends_itself_gets_401(project):
    api, key = project.api, new()
    assert send(api, REVOKE, {"keyId": project.key_id}, key).status == 200
    assert send(api, REVOKE, {"keyId": project.key_id}, key).status == 401


def test_holder(project, nobody):
    """The key in the body stands for the caller's; unknown ones keep none."""
    row = project.api.post(GENERATE, {"name": "found"})
    key = new()
    first = send(nobody, HOLDER, {"key": row["key"]}, key)
    replays(send(nobody, HOLDER, {"key": row["key"]}, key), first)
    assert records(project) == 1
    absent = row["key"].replace("cc_live_", "cc_test_")
    nobody.refused("VALIDATION", "POST", HOLDER, {"key": absent},
                   headers={HEADER: key})


def test_holder_of_a_revoked_one(project, nobody):
    """Keeps nothing, or who has found it could fill the room of its project;
    and is not told that there was such a key."""
    row = project.api.post(GENERATE, {"name": "found"})
    project.api.post(REVOKE, {"keyId": row["id"]})
    fill(project, 64)
    for shown in row["key"], make_key():
        key = new()
        for _ in range(2):
            answer = send(nobody, HOLDER, {"key": shown}, key)
            assert answer.status == 200 and not answer.header(REPLAYED)
    assert records(project) == 0


@pytest.mark.parametrize("head", [{}, {HEADER: "x"}], ids=["", "once"])
def test_the_check_value_alone_ends_nothing(project, nobody, head):
    """Its four bytes only save the work of scrypt."""
    row = project.api.post(GENERATE, {"name": "kept"})
    wrong = make_key(row["prefix"][8:])
    project.stack.sql("update codecourier.api_key set check_value = "
                      f"'\\x{check_value(wrong)}' where id = '{row['id']}'")
    nobody.ok("POST", HOLDER, {"key": wrong}, headers=head)
    after = {k["id"]: k for k in project.api.get("/project/api-keys")}
    assert not after[row["id"]]["revoked"] and records(project) == 0


# ---- at once ----

@pytest.mark.parametrize("path, body", [
    (GENERATE, {"name": "one"}), (INVITE, {"email": "#@x.example",
                                           "role": "member"}),
    (SETTINGS, {"envVars": {"A": "#"}}),
    ("/project/provider-keys/set", {"provider": "e2b", "key": "12345678#"}),
    ("/project/api-keys/rotate", {"keyId": "$", "graceSeconds": 60})],
    ids=lambda v: v if isinstance(v, str) else "")
def test_many_at_once(project, path, body):
    """One does it; the others are told to wait, or get the same bytes."""
    project.api.get("/project")
    for _ in range(rounds(2)):
        target = project.api.post(GENERATE, {"name": "target"})["id"]
        some = {n: v.replace("#", new()).replace("$", target)
                if isinstance(v, str) else v for n, v in body.items()}
        if "envVars" in some:
            some = {"envVars": {"A": new()}}
        key, before = new(), written(project)
        apis = [Api(project.api.base, project.key) for _ in range(32)]
        got = at_once([lambda a=a: send(a, path, some, key) for a in apis])
        good = [a for a in got if a.status == 200]
        assert good and {a.body for a in good} == {good[0].body}
        assert sum(a.header(REPLAYED) is None for a in good) == 1
        for answer in got:
            if answer.status != 200:
                refused(answer, "IDEMPOTENCY_IN_PROGRESS")
                assert answer.header("Retry-After") == "1"
        assert written(project) == before + 1
        assert send(project.api, path, some, key).body == good[0].body


def test_in_progress_at_once(project, stack):
    """Nobody waits for the first one."""
    key = new()
    holder = Session(stack)
    holder.run("select pg_advisory_lock("
               f"{number_of(name_of(project.key, key))})")
    try:
        answer = refused(send(project.api, UPDATE, {"name": "W"}, key),
                         "IDEMPOTENCY_IN_PROGRESS")
        assert answer.json["error"]["retryable"] is True
        assert send(project.api, UPDATE, {"name": "V"}, new()).status == 200
    finally:
        holder.run("select pg_advisory_unlock_all()")
        holder.close()
    assert project.api.get("/project")["name"] == "V"
    assert send(project.api, UPDATE, {"name": "W"}, key).status == 200


def test_a_replay_waits_too(project, stack, session):
    """The first one's answer, that no write with the key is open any more, may
    never have come: who gets it again finds it as true."""
    row, key = project.api.post(GENERATE, {"name": "slow"}), new()
    api, body = Api(stack.base, project.key), {"keyId": row["id"]}
    # as a write with the key does, see guard_write
    session.run("begin; select from codecourier.api_key where id = "
                f"'{row['id']}' for key share")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(send, project.api, REVOKE, body, key)
        until(lambda: records(project) == 1, "the first is not committed")
        again = pool.submit(send, api, REVOKE, body, key)
        until(lambda: again.done() or len(session.waiting("%FOR UPDATE")) == 2,
              "two wait")
        assert not again.done() and not first.done()
        session.release()
        replays(again.result(), first.result())


# ---- how long, how much ----

def test_a_day(project, stack):
    """What has ended is no answer any more, and its place is taken."""
    key = new()
    first = send(project.api, UPDATE, {"name": "Day"}, key)
    assert stack.sql("select ends_at - now() > interval '23:59' from "
                     "codecourier.replay where project_id = "
                     f"'{project.id}'") == "t"
    stack.sql("update codecourier.replay set ends_at = now() where "
              f"project_id = '{project.id}'")
    second = send(project.api, UPDATE, {"name": "Other"}, key)
    assert second.status == 200 and second.header(REPLAYED) is None
    assert second.body != first.body
    assert records(project) == 1
    room_is_true(project)


def room_is_true(project):
    """What is counted is what is there."""
    assert project.stack.sql(
        "select coalesce((select bytes from codecourier.replay_room where "
        f"project_id = '{project.id}'), 0) = (select coalesce(sum("
        "octet_length(answer) + 256), 0) from codecourier.replay where "
        f"project_id = '{project.id}')") == "t"


def fill(project, mib, less=0):
    """So much is taken by answers of before."""
    project.stack.sql(
        "insert into codecourier.replay_room (project_id, bytes) values "
        f"('{project.id}', ({mib} << 20) - {less}) on conflict (project_id) "
        "do update set bytes = excluded.bytes")


def is_full(answer):
    assert answer.status == 429, answer
    assert FULL in answer.json["error"]["message"]
    assert answer.header("Retry-After") == "60"


def test_no_more_than_it_may(project, nobody):
    """What would be more is not done; what is kept is given."""
    body, key = {"claudeMd": "c" * 200_000}, new()
    fill(project, 64, 300_000)
    first = send(project.api, SETTINGS, body, key)
    assert first.status == 200
    before = written(project)
    is_full(send(project.api, SETTINGS, body, new()))
    assert written(project) == before and records(project) == 1
    assert send(project.api, UPDATE, {"name": "Small"}, new()).status == 200
    fill(project, 64)
    is_full(send(project.api, UPDATE, {"name": "F"}, new()))
    is_full(send(nobody, HOLDER, {"key": project.key}, new()))
    replays(send(project.api, SETTINGS, body, key), first)
    assert project.api.get("/project")["name"] == "Small"
    assert project.api.post(UPDATE, {"name": "F"})["name"] == "F"


def sweeps(name):
    """Who keeps an answer of such a name takes others away, when it has sent
    its own."""
    return name[0] % 8 == 0


def test_what_has_ended_goes(project, stack):
    """With the next ones that are kept, and by the operator's timer."""
    for n in range(5):
        send(project.api, UPDATE, {"name": f"n{n}"}, new())
    old = ("update codecourier.replay set ends_at = now() - interval '1 day' "
           f"where project_id = '{project.id}'")
    stack.sql(old)
    keys = (k for k in iter(new, None) if sweeps(name_of(project.key, k)))
    send(project.api, UPDATE, {"name": "x"}, next(keys))
    left = "select count(*) from codecourier.replay where ends_at <= now()"
    until(lambda: stack.sql(left) == "0", "they stay")
    stack.sql(old)
    stack.ctl("purge")
    assert stack.sql(left) == "0"
    room_is_true(project)


def test_what_has_ended_takes_no_room(project, other, stack):
    """Who is refused for want of it takes its project's away, whatever older
    ones others have; not all of them at once."""
    stack.sql("insert into codecourier.replay select p, p, sha256(n::text::"
              "bytea), sha256(''), '', null, now() - age * interval '1 hour' "
              f"from (values ('{other.id}'::uuid, 2), ('{project.id}', 1)) "
              "x (p, age), generate_series(1, 1500) n")
    for p in project, other:
        fill(p, 64)
    is_full(send(project.api, UPDATE, {"name": "x"}, new()))
    until(lambda: records(project) == 500, "they stay")
    assert records(other) == 1500
    assert send(project.api, UPDATE, {"name": "x"}, new()).status == 200


# ---- what the table tells ----

def test_purged_with_its_project(project, stack):
    send(project.api, UPDATE, {"name": "x"}, new())
    send(project.api, "/project/delete", {}, new())
    assert records(project) == 2
    stack.ctl("project", "purge", project.id)
    assert records(project) == 0
    assert stack.sql("select count(*) from codecourier.replay_room where "
                     f"project_id = '{project.id}'") == "0"


def test_the_table_tells_nothing(project, stack):
    """Without the API key: no name, no request, no answer is recognized."""
    key, name = "guess-" + new(), "Name-" + new()
    first = send(project.api, UPDATE, {"name": name}, key)
    send(project.api, GENERATE, {"name": "two"}, "other-" + key)
    rows = stack.sql("select encode(name, 'hex'), encode(request, 'hex'), "
                     "encode(answer, 'hex') from codecourier.replay where "
                     f"project_id = '{project.id}'")
    for text in key, name, "data", "cc_live_":
        assert text.encode().hex() not in rows and text not in rows
    assert name_of(project.key, key).hex() in rows
    # moved to another record it does not open
    stack.sql("update codecourier.replay r set answer = (select answer from "
              "codecourier.replay o where o.project_id = r.project_id and "
              "o.name <> r.name) where project_id = "
              f"'{project.id}'")
    assert send(project.api, UPDATE, {"name": name}, key).status == 500
    assert first.status == 200


def test_metrics_and_log(stack, project):
    """Counted by what became of them; no log has the key."""
    key = "logged-" + new()
    before = scrape(stack)
    send(project.api, UPDATE, {"name": "M"}, key)
    send(project.api, UPDATE, {"name": "M"}, key)
    refused(send(project.api, UPDATE, {"name": "N"}, key),
            "IDEMPOTENCY_MISMATCH")
    after = scrape(stack)
    for what, more in ("replays", 1), ("mismatches", 1), ("in_progress", 0):
        name = f"idempotency_{what}_total",
        assert after[name] - before[name] == more, name
    assert project.id.encode() in stack.logs()
    assert key.encode() not in stack.logs()
