"""A key's rateLimit: so many requests in any minute, over all workers of the
host. Load, and workers that are killed: fcgi/test_rate_load.py."""
import re

import pytest

from client import Api, at_once
from contract import ABSENT, KEYED, make_key
from fixtures import rounds

KEYS = "/project/api-keys"
TEXT = {"Content-Type": "text/plain"}


def add(project, limit, **more):
    """A client with a new key of the project, which has this limit."""
    row = project.api.post(KEYS + "/generate", {
        "name": "limited", "rateLimit": limit, **more})
    assert row["rateLimit"] == limit
    api = Api(project.stack.base, row["key"])
    api.id, api.limit = row["id"], limit
    return api


def change(project, api, **how):
    project.api.post(KEYS + "/update", {"keyId": api.id, **how})
    api.limit = how.get("rateLimit", api.limit)


def left(api, answer):
    """What it says is left, of this key's limit."""
    assert answer.header("RateLimit-Policy") == f'"key";q={api.limit};w=60'
    found = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.header("RateLimit"))
    assert 1 <= int(found[2]) <= 60
    return int(found[1])


def now_left(api):
    """Counts itself."""
    return left(api, api.send("GET", "/project"))


def is_spent(api):
    answer = api.send("GET", "/project")
    assert answer.json["error"]["code"] == "RATE_LIMITED", answer
    assert left(api, answer) == 0
    return True


def test_each_call_counts_and_says_so(project):
    """Whatever comes of it."""
    api = add(project, 1000)
    wanted = [(200 if m == "GET" else 400, m, p, {"nope": 1})
              for m, p in KEYED]
    wanted += [(404, "POST", p, body) for p, body in ABSENT.items()
               if ("POST", p) in KEYED]
    wanted += [(400, m, p + "?nope=1", {}) for m, p in KEYED]
    for n, (status, method, path, body) in enumerate(wanted, 1):
        more = {} if method == "GET" else {"body": body}
        answer = api.send(method, path, **more)
        assert answer.status in (status, 409, 415), answer
        assert left(api, answer) == 1000 - n, answer
    for more in ({"headers": TEXT}, {"raw": b"{"}):
        answer = api.send("POST", "/project/update", **{"raw": b"x", **more})
        assert answer.status in (400, 415), answer
    assert left(api, api.send("HEAD", "/project")) == 1000 - n - 3


def test_what_does_not_count(project):
    api = add(project, 50, allowedIps=["192.0.2.1"])
    for _ in range(3):
        api.refused("FORBIDDEN", "GET", "/project")
    answer = api.send("GET", "/project/settings")
    assert answer.status == 403 and answer.header("RateLimit") is None
    change(project, api, allowedIps=[])
    assert now_left(api) == 49
    wrong = Api(api.base, make_key(api.key[8:16]))
    for status, asked in (
            (404, lambda: api.send("GET", "/nope")),
            (405, lambda: api.send("PUT", "/project")),
            (204, lambda: api.send("OPTIONS", "/project")),
            (413, lambda: api.send("POST", "/project/update",
                                   raw=b" " * (2 << 20 | 1))),
            (401, lambda: wrong.send("GET", "/project"))):
        answer = asked()
        assert answer.status == status, answer
        assert answer.header("RateLimit") is None, answer
    assert now_left(api) == 48


def test_a_scope_that_is_lacking_counts(project):
    api = add(project, 5, scopes=["counters:read"])
    for n in (4, 3):
        answer = api.send("GET", "/project")
        assert answer.json["error"]["code"] == "SCOPE_DENIED"
        assert left(api, answer) == n
    assert left(api, api.send("GET", "/project/counters")) == 2


def test_429(project):
    """In the API's form; nothing is done, and nobody else is refused."""
    stack = project.stack
    api = add(project, 2)
    assert [now_left(api), now_left(api)] == [1, 0]
    before = stack.status()["rateRefusals"]
    name = project.api.get("/project")["name"]
    for method, path, body in (
            ("POST", "/project/update", {"name": "Never Written"}),
            ("POST", "/project/update", {"nope": 1}),
            ("GET", "/project", None)):
        more = {"body": body} if body else {}
        answer = api.send(method, path, **more)
        error = answer.json["error"]
        assert answer.status == 429 and "field" not in error, answer
        assert error["code"] == "RATE_LIMITED" and error["retryable"] is True
        assert 1 <= int(answer.header("Retry-After")) <= 60
        assert left(api, answer) == 0
    assert stack.status()["rateRefusals"] - before == 3
    assert project.api.get("/project")["name"] == name
    assert now_left(add(project, 2)) == 1       # another key of the project


def test_without_a_limit(project):
    windows = project.stack.status()["rateWindows"]
    for method, path in (("GET", "/project"), ("POST", "/project/update")):
        answer = project.api.send(method, path, {"nope": 1}
                                  if method == "POST" else {})
        assert answer.header("RateLimit-Policy") is None, answer
    assert project.stack.status()["rateWindows"] <= windows
    add(project, 1).get("/project")
    assert project.stack.status()["rateWindows"] >= 1


def test_another_limit_holds_at_once(project):
    """And what was counted stays counted."""
    api = add(project, 10)
    for n in range(4):
        assert now_left(api) == 9 - n
    change(project, api, rateLimit=5)
    assert now_left(api) == 0
    assert is_spent(api)
    change(project, api, rateLimit=3)
    assert is_spent(api)
    change(project, api, rateLimit=8)
    assert now_left(api) == 2
    change(project, api, rateLimit=None)
    for _ in range(20):
        answer = api.send("GET", "/project")
        assert answer.status == 200 and not answer.header("RateLimit")
    change(project, api, rateLimit=8)
    assert now_left(api) == 1


def rotated(project, api, grace):
    row = project.api.post(KEYS + "/rotate", {
        "keyId": api.id, "graceSeconds": grace})
    new = Api(api.base, row["key"])
    new.id, new.limit = row["id"], api.limit
    return new


def test_a_key_and_its_successors_share_one(project):
    first = add(project, 9)
    assert now_left(first) == 8
    second = rotated(project, first, 3600)
    third = rotated(project, second, 3600)
    assert [now_left(a) for a in (second, first, third, first)] == [7, 6, 5, 4]
    # a dead one takes nothing: whoever has it could keep its successor out
    fourth = rotated(project, third, 0)
    for _ in range(12):
        third.refused("AUTH_INVALID", "GET", "/project")
    assert [now_left(a) for a in (fourth, second, first)] == [3, 2, 1]
    assert now_left(fourth) == 0
    assert is_spent(first) and is_spent(second) and is_spent(fourth)
    answer = third.send("GET", "/project")
    assert answer.status == 401 and answer.header("RateLimit") is None


def let_in(api):
    """200 or 429; before that may come 503: its project is served enough."""
    while (answer := api.send("GET", "/project")).status == 503:
        pass
    return answer.status


@pytest.mark.plain
def test_exact_over_all_workers(project):
    """At the same moment, on any of them."""
    assert len(project.stack.workers()) == 8
    for _ in range(rounds(5)):
        apis = [add(project, 25)] + [None] * 31
        assert now_left(apis[0]) == 24
        for n in range(1, 32):
            apis[n] = Api(apis[0].base, apis[0].key)
        codes = at_once([lambda a=a: let_in(a) for a in apis])
        assert sorted(codes) == [200] * 24 + [429] * 8
