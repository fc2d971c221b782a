"""Keys that only some addresses may use: allowedIps."""
import json
import random
import uuid

import pytest

from client import NO_BODY, at_once
from contract import check, make_key
from fixtures import make_project, rounds, written
from site_on_host import Site as Front
from workers import Site as Workers

PROJECT = "/api/v1/project"
FIFTY = [f"198.51.{n}.0/24" for n in range(48)] + ["2001:db8::/32",
                                                  "192.0.2.7"]


def bind(project, *blocks):
    """Its key's addresses, as the database has them."""
    project.stack.sql("update codecourier.api_key set allowed_ips = "
                      f"'{{{','.join(blocks)}}}' where id = "
                      f"'{project.key_id}'")


@pytest.fixture(scope="module")
def workers(stack):
    """Three, each at a socket of its own: whom a request reaches is known.
    They share what workers of a host share."""
    made = [Workers(stack) for _ in range(3)]
    try:
        for one in made:
            one.ready()
        yield made
    finally:
        for one in made:
            one.close()


def ask(worker, project, address, method="GET", path="", body=NO_BODY):
    return worker.ask(method, PROJECT + path, project.key,
                      b"" if body is NO_BODY else json.dumps(body).encode(),
                      REMOTE_ADDR=address)


def status(worker, project, address):
    return ask(worker, project, address).status


def refused(answer):
    """Says that the address is not on the list, and not a word of what is."""
    assert answer.status == 403, answer
    error = answer.json["error"]
    assert error.pop("requestId")
    assert error == {"code": "FORBIDDEN", "message":
                     "The API key may not be used from this address."}
    return answer


@pytest.mark.parametrize("blocks, within, beyond", [
    (["192.0.2.7"], ["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207"],
     ["192.0.2.6", "192.0.2.8", "2001:db8::7", "::192.0.2.7", "::ffff:0:"
      "192.0.2.7"]),
    (["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
     ["9.255.255.255", "11.0.0.0", "::ffff:11.0.0.0", "a00::"]),
    (["192.0.2.128/25"], ["192.0.2.128", "192.0.2.255"],
     ["192.0.2.127", "192.0.3.0"]),
    (["0.0.0.0/0"], ["127.0.0.1", "255.255.255.255", "::ffff:1.2.3.4"],
     ["::1", "::"]),
    (["::/0"], ["::1", "2001:db8::1", "::127.0.0.1"],
     ["127.0.0.1", "::ffff:127.0.0.1"]),
    (["2001:db8::/32"], ["2001:db8::", "2001:DB8:ffff::1"],
     ["2001:db7:ffff::", "2001:db9::", "192.0.2.7"]),
    (["2001:db8::1"], ["2001:db8::1", "2001:db8:0:0:0:0:0:1"],
     ["2001:db8::", "2001:db8::2"]),
    (["::ffff:192.0.2.0/120"], ["192.0.2.7", "::ffff:192.0.2.7"],
     ["192.0.3.0"]),
    (["192.0.2.7", "2001:db8::/32"], ["192.0.2.7", "2001:db8::5"],
     ["192.0.2.8", "2001:db9::"]),
    (FIFTY, ["198.51.0.1", "198.51.47.1", "2001:db8::1", "192.0.2.7"],
     ["198.51.48.1", "192.0.2.8"])], ids=lambda v: v[0])
def test_who_is_on_the_list(workers, project, blocks, within, beyond):
    bind(project, *blocks)
    for worker in workers[:2]:
        for address in [*within, *beyond] * 2:
            found = ask(worker, project, address)
            assert (found.status == 200) == (address in within), address
            if address in beyond:
                refused(found)


@pytest.mark.parametrize("address", [
    None, "", "unix:", "localhost", "192.0.2.7:80", "192.0.2.0/24",
    "192.0.2.7, 192.0.2.7", "fe80::1%lo", "[::1]", "192.0.2.07"], ids=repr)
def test_no_address_is_on_no_list(workers, project, address):
    bind(project, "0.0.0.0/0", "::/0")
    refused(ask(workers[0], project, address))
    bind(project)
    assert status(workers[0], project, address) == 200


def test_without_a_list_from_anywhere(workers, project):
    for address in "192.0.2.7", "2001:db8::1", "::ffff:1.2.3.4", "unix:", None:
        for worker in workers:
            assert status(worker, project, address) == 200


def test_what_comes_first(workers, project):
    """404, 405 and 401 come before the address, all else behind it."""
    worker, away = workers[0], "198.51.100.1"
    bind(project, "192.0.2.7")
    for method, path, expected in (
            ("GET", "/nope", 404), ("POST", "", 405), ("GET", "/update", 405),
            ("GET", "", 403), ("GET", "/members?limit=x", 403),
            ("POST", "/update", 403), ("POST", "/api-keys/revoke", 403),
            ("HEAD", "/settings", 403)):
        assert ask(worker, project, away, method, path).status == expected
    for body in {}, {"nope": 1}, {"name": "Changed"}, [], None:
        refused(ask(worker, project, away, "POST", "/update", body))
    answer = worker.ask("POST", PROJECT + "/update", project.key, b"x",
                        REMOTE_ADDR=away, CONTENT_TYPE="text/plain")
    refused(answer)
    assert written(project) == 0
    assert ask(worker, project, "192.0.2.7").json["data"]["name"] == "Test"


def test_a_key_that_is_no_more(workers, project):
    """From where it is tried does not matter then: nothing is told of it."""
    bind(project, "192.0.2.7")
    wrong = make_key(public=project.key[8:16])
    assert workers[0].ask("GET", PROJECT, wrong,
                          REMOTE_ADDR="198.51.100.1").status == 401
    refused(ask(workers[0], project, "198.51.100.1"))
    project.stack.ctl("key", "revoke", project.key_id)
    for worker in workers:
        assert status(worker, project, "198.51.100.1") == 401
        assert status(worker, project, "192.0.2.7") == 401


def test_nothing_is_used_from_elsewhere(workers, project):
    """A key that was refused has not been used."""
    bind(project, "192.0.2.7")
    refused(ask(workers[0], project, "198.51.100.1"))
    shown = "select last_used_at is null from codecourier.api_key where id = "
    assert project.stack.sql(f"{shown}'{project.key_id}'") == "t"


def test_a_list_that_changes_counts_at_once(workers, project):
    """On each worker, whatever it remembers, in both directions."""
    first, second = "192.0.2.7", "2001:db8::7"
    for number in range(rounds(10)):
        for blocks, good in (
                ([first], {first}), ([second], {second}),
                ([first, second], {first, second}), ([], {first, second}),
                (["10.0.0.0/8"], set()), ([first], {first}),
                (["2001:db8::/32", f"203.0.113.{number}"], {second})):
            bind(project, *blocks)
            for worker in random.sample(workers, len(workers)):
                for address in random.sample([first, second], 2):
                    found = status(worker, project, address)
                    assert found == (200 if address in good else 403), (
                        blocks, address)


def test_writes_are_held_to_it(workers, project):
    bind(project, "192.0.2.7")
    for number, worker in enumerate(workers):
        for address, expected in ("192.0.2.7", 200), ("192.0.2.8", 403):
            name = f"{number} {address}"
            answer = ask(worker, project, address, "POST", "/update",
                         {"name": name})
            assert answer.status == expected
    assert written(project) == len(workers)


def test_more_lists_than_a_worker_remembers(workers, stack):
    """Each of 70 keys has a list of its own, and is held to no other one."""
    project = make_project(stack)
    keys = [stack.make("key", "create", project.slug, "--name", str(n))
            for n in range(70)]
    stack.sql("begin; " + "".join(
        f"update codecourier.api_key set allowed_ips = '{{10.0.{n}.0/24}}' "
        f"where id = '{key['id']}'; " for n, key in enumerate(keys)) +
        "commit")
    for _ in range(2):
        for n in random.sample(range(70), 70):
            for near, expected in (n, 200), (n + 1, 403), (n - 1 & 255, 403):
                answer = workers[0].ask("GET", PROJECT, keys[n]["key"],
                                        REMOTE_ADDR=f"10.0.{near}.9")
                assert answer.status == expected, (n, near)


# As callers give them

GENERATE, UPDATE = "/project/api-keys/generate", "/project/api-keys/update"
GIVEN = ["10.0.0.1/32", "2001:DB8:0:0::/32", "::ffff:192.0.2.0/120",
         "0:0:0:0:0:0:0:1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "::192.0.2.1"]
SHOWN = ["10.0.0.1", "2001:db8::/32", "192.0.2.0/24", "::1", "10.0.0.0/8",
         "0.0.0.0/0", "::/0", "::192.0.2.1"]


def shown(project, key_id):
    row, = (k for k in project.api.get("/project/api-keys")
            if k["id"] == key_id)
    return row["allowedIps"]


def test_they_come_back_in_one_form(project):
    """In the order given; what is shown may be sent again."""
    made = project.api.post(GENERATE, {"name": "x", "allowedIps": GIVEN})
    assert made["allowedIps"] == SHOWN == shown(project, made["id"])
    for given, expected in (FIFTY, FIFTY), (SHOWN[::-1], SHOWN[::-1]), (
            [], []), (["::1"], ["::1"]), (None, []):
        row = project.api.post(UPDATE, {"keyId": made["id"],
                                        "allowedIps": given})
        assert row["allowedIps"] == expected == shown(project, made["id"])


@pytest.mark.parametrize("entry, words", [
    ("10.0.0.1/8", "Did you mean 10.0.0.0/8?"),
    ("2001:DB8::1/32", "Did you mean 2001:db8::/32?"),
    ("::ffff:10.0.0.1/104", "Did you mean 10.0.0.0/8?"),
    ("::ffff:10.0.0.0/8", "Did you mean ::/8?"),
    ("1.2.3", "behind its length."),
    ("1.2.3.04", "behind its length."), ("::1%lo", "behind its length."),
    (" ::1", "behind its length."), ("localhost", "behind its length."),
    ("10.0.0.0/33", "behind its length."), ("", "1 to 200"), (7, "a string"),
    ("x" * 201, "1 to 200"), ("192.0.2.7/32", "twice"),
    ("::ffff:192.0.2.7", "twice")])
def test_what_is_no_entry(project, entry, words):
    for path, more in (GENERATE, {"name": "x"}), (
            UPDATE, {"keyId": project.key_id}):
        error = project.api.invalid(
            path, {**more, "allowedIps": ["192.0.2.7", entry, "::1"]},
            "allowedIps[1]")
        assert words in error["message"], error
    assert shown(project, project.key_id) == []


def test_fifty_at_most(project):
    error = project.api.invalid(GENERATE, {
        "name": "x", "allowedIps": [*FIFTY, "192.0.2.8"]}, "allowedIps")
    assert "50 entries" in error["message"]


def test_never_more_than_its_own(project):
    """Each within one of the caller's own; absent, they are its own."""
    own = ["127.0.0.0/8", "2001:db8::/32"]
    bind(project, *own)
    api = project.api
    made = api.post(GENERATE, {"name": "x"})
    assert made["allowedIps"] == own
    for path, more in (GENERATE, {"name": "x"}), (
            UPDATE, {"keyId": made["id"]}), (UPDATE, {
                "keyId": project.key_id}):
        for given, field in (["0.0.0.0/0"], "allowedIps[0]"), (
                ["127.0.0.1", "126.0.0.0/7"], "allowedIps[1]"), (
                ["2001:db8::/31"], "allowedIps[0]"), ([], "allowedIps"), (
                ["::/0"], "allowedIps[0]"), (
                ["::ffff:10.0.0.1"], "allowedIps[0]"):
            error = api.invalid(path, {**more, "allowedIps": given}, field)
            assert "within the calling key's" in error["message"], error
    assert api.refused("VALIDATION", "POST", UPDATE, {
        "keyId": made["id"], "allowedIps": None}, field="allowedIps")
    row = api.post(UPDATE, {"keyId": made["id"], "allowedIps": [
        "::ffff:127.1.2.0/120", "2001:db8:1::/48"]})
    assert row["allowedIps"] == ["127.1.2.0/24", "2001:db8:1::/48"]
    api.post(UPDATE, {"keyId": project.key_id, "allowedIps": ["127.0.0.1"]})
    assert shown(project, project.key_id) == ["127.0.0.1"]


def test_a_caller_narrows_itself_out(project):
    """Its answer comes; nothing that begins later succeeds."""
    row = project.api.post(UPDATE, {"keyId": project.key_id,
                                    "allowedIps": ["192.0.2.7"]})
    assert row["allowedIps"] == ["192.0.2.7"]
    answers = at_once([lambda: project.api.send("GET", "/project")] * 24)
    assert {a.status for a in answers} == {403}


# Through nginx

@pytest.fixture(scope="module")
def front(stack):
    made = Front(stack)
    try:
        yield made.start()
    finally:
        made.clean()


def through(front, project, address, source, headers=()):
    return check(front.ask(PROJECT, headers=[
        ("Authorization", f"Bearer {project.key}"),
        ("X-Request-ID", str(uuid.uuid4())), *headers], address=address,
        source=source))


@pytest.mark.plain
def test_through_nginx(front, project):
    """Who connects counts, whatever the request says."""
    peers = [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"),
             ("::1", "::1")]
    for blocks, good in (
            (["127.0.0.1"], {"127.0.0.1"}), (["127.0.0.2"], {"127.0.0.2"}),
            (["::1"], {"::1"}), (["127.0.0.0/30"], {"127.0.0.1", "127.0.0.2"}),
            (["192.0.2.7"], set()), ([], {"127.0.0.1", "127.0.0.2", "::1"})):
        bind(project, *blocks)
        claims = [(name, (blocks or ["192.0.2.7"])[0]) for name in (
            "X-Forwarded-For", "X-Real-IP")]
        claims.append(("Forwarded", f"for={claims[0][1]}"))
        for address, source in peers:
            for headers in [], claims:
                found = through(front, project, address, source, headers)
                if source in good:
                    assert found.status == 200, (blocks, source)
                else:
                    refused(found)


@pytest.mark.plain
def test_many_at_once(project, stack):
    """The whole pool, while the list changes under it: what is asked for when
    the change is there is judged by it."""
    for good in [True, False] * 3:
        bind(project, "127.0.0.1" if good else "127.0.0.2")
        answers = at_once([lambda: project.api.send("GET", "/project")] * 24)
        assert {a.status for a in answers} == {200 if good else 403}
