"""Every limit at its edge: the last value that passes, the first refused."""
import json

import pytest

from contract import CONVEX, EMPTY_SETTINGS, LISTS, MAPS, SHORT, TEXTS
from fixtures import make_project

KIB = 1024
UPDATE = "/project/settings/update"
SETTINGS = "/project/settings"
EMAIL = "@example.com"
BODY = 2 * KIB * KIB


@pytest.fixture(scope="module")
def roomy(stack):
    """A project that takes what is just small enough."""
    return make_project(stack).api


def variables(count, size=0):
    return {f"V{n}": "x" * size for n in range(count)}


# name: path, body of a size, the largest size, the field complained about
EDGES = {
    "project-name": ("/project/update", lambda n: {"name": "x" * n}, 100,
                     "name"),
    "project-name-emoji": ("/project/update",
                           lambda n: {"name": "\U0001f680" * n}, 100, "name"),
    "repo": ("/project/update", lambda n: {
        "githubRepoUrl": "https://github.com/o/".ljust(n, "r")}, 500,
        "githubRepoUrl"),
    "invite-email": ("/project/members/invite", lambda n: {
        "email": "x" * (n - len(EMAIL)) + EMAIL, "role": "member"}, 254,
        "email"),
    "provider-key": ("/project/provider-keys/set", lambda n: {
        "provider": "e2b", "key": "k" * n}, 1024, "key"),
    "api-key-name": ("/project/api-keys/generate",
                     lambda n: {"name": "é" * n}, 100, "name"),
    **{n: (UPDATE, lambda size, n=n: {n: "x" * size}, 256 * KIB, n)
       for n in TEXTS},
    **{n: (UPDATE, lambda size, n=n: {n: "é" * size}, 200, n)
       for n in SHORT},
    **{n: (UPDATE, lambda size, n=n: {n: "k" * size}, 1024, n)
       for n in CONVEX},
    **{f"{n}-count": (UPDATE, lambda size, n=n: {
        n: [f"skill-{i}" for i in range(size)]}, 500, n) for n in LISTS},
    **{f"{n}-count": (UPDATE, lambda size, n=n: {n: variables(size)}, 1000, n)
       for n in MAPS},
    **{f"{n}-value": (UPDATE, lambda size, n=n: {n: {"FOO": "x" * size}},
                      64 * KIB, f"{n}.FOO") for n in MAPS},
    "git-email": (UPDATE, lambda n: {
        "gitCommitEmail": "x" * (n - len(EMAIL)) + EMAIL}, 200,
        "gitCommitEmail"),
}


@pytest.mark.parametrize("name", EDGES)
def test_at_the_limit(roomy, name):
    path, make, size, _ = EDGES[name]
    assert roomy.send("POST", path, make(size)).status == 200
    if path == UPDATE:      # the maps share a limit: leave room
        roomy.post(UPDATE, dict.fromkeys(EMPTY_SETTINGS))


@pytest.mark.parametrize("name", EDGES)
def test_one_above(refusing, name):
    path, make, size, field = EDGES[name]
    refusing.invalid(path, make(size + 1), field)


@pytest.mark.parametrize("path, make, field", [
    ("/project/provider-keys/set",
     lambda n: {"provider": "e2b", "key": "k" * n}, "key"),
    *((UPDATE, lambda size, n=n: {n: "k" * size}, n) for n in CONVEX)],
    ids=["provider-key", *CONVEX])
def test_shortest_key(roomy, refusing, path, make, field):
    assert roomy.send("POST", path, make(8)).status == 200
    refusing.invalid(path, make(7), field)


@pytest.mark.parametrize("name", TEXTS)
def test_kib_are_bytes_of_the_decoded_text(roomy, refusing, name):
    at = "é" * (128 * KIB)
    assert roomy.post(UPDATE, {name: at})[name] == at
    # written as escapes it is three times as long and still the same text
    raw = json.dumps({name: at}).encode()
    assert roomy.send("POST", UPDATE, raw=raw).status == 200
    refusing.invalid(UPDATE, {name: at + "x"}, name)


@pytest.mark.parametrize("name", MAPS)
def test_value_counts_in_bytes(roomy, refusing, name):
    at = {"FOO": "\U0001f680" * (16 * KIB)}
    assert roomy.post(UPDATE, {name: at})[name] == at
    refusing.invalid(UPDATE, {name: {"FOO": at["FOO"] + "x"}}, f"{name}.FOO")
    roomy.post(UPDATE, {name: {}})


@pytest.mark.parametrize("name", MAPS)
def test_longest_variable_name(roomy, refusing, name):
    assert roomy.post(UPDATE, {name: {"N" * 255: "x"}})[name] == \
        {"N" * 255: "x"}
    refusing.invalid(UPDATE, {name: {"N" * 256: "x"}},
                     f"{name}.{'N' * 256}")


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("char", ["x", "\U0001f680"])
def test_longest_list_item(roomy, refusing, name, char):
    assert roomy.post(UPDATE, {name: [char * 200]})[name] == [char * 200]
    error = refusing.refused("VALIDATION", "POST", UPDATE,
                             {name: [char * 201]})
    assert error["field"].split(".")[0].split("[")[0] == name


def test_a_mebibyte_of_variables_together(api):
    """16 values fill it but for the names; then one more does not fit."""
    half = variables(8, 64 * KIB)
    short = {**variables(7, 64 * KIB), "LAST": "x" * (60 * KIB)}
    got = api.post(UPDATE, {"envVars": half, "deployEnvVars": short})
    assert got["envVars"] == half and got["deployEnvVars"] == short
    before = api.get(SETTINGS)
    over = variables(9, 64 * KIB)
    api.refused("VALIDATION", "POST", UPDATE,
                {"envVars": over, "deployEnvVars": over})
    # the value that is kept counts as well as the one that is given
    for name in MAPS:
        api.invalid(UPDATE, {name: over}, name)
    assert api.get(SETTINGS) == before
    # and the one that goes away makes room
    api.post(UPDATE, {"deployEnvVars": {}, "envVars": over})


def mebibyte(more=0):
    """Names and values of 1 MiB and `more` together."""
    return {f"V{n:02}": "x" * (64 * KIB - 3 + (more if n == 15 else 0))
            for n in range(16)}


@pytest.mark.parametrize("name", MAPS)
def test_a_mebibyte_to_the_byte(api, name):
    other = MAPS[1 - MAPS.index(name)]
    assert api.post(UPDATE, {name: mebibyte()})[name] == mebibyte()
    api.invalid(UPDATE, {name: mebibyte(1)}, name)
    # with what is kept, and with what is given beside it
    api.invalid(UPDATE, {other: {"A": ""}}, other)
    api.refused("VALIDATION", "POST", UPDATE,
                {name: mebibyte(), other: {"A": ""}})
    less = mebibyte(-2)
    got = api.post(UPDATE, {name: less, other: {"A": "x"}})
    assert got[name] == less and got[other] == {"A": "x"}
    api.refused("VALIDATION", "POST", UPDATE, {other: {"A": "xx"}})
    assert api.get(SETTINGS)[other] == {"A": "x"}


def test_credentials_of_64_kib(roomy, refusing):
    fits = {"t": "x" * (64 * KIB - 100)}
    assert roomy.post(UPDATE, {"testUserCredentials": fits})[
        "testUserCredentials"] == fits
    for value in ({"t": "x" * 64 * KIB},
                  {"t": ["x" * 1000] * 66},
                  {f"k{n}": n for n in range(10_000)}):
        refusing.invalid(UPDATE, {"testUserCredentials": value},
                         "testUserCredentials")


def credentials(unit, size):
    """{"a":[unit,unit,…]} of exactly so many bytes, as it is stored."""
    left = size - len('{"a":[],"b":""}')
    count = (left + 1) // (len(unit) + 1)
    text = '{"a":[' + ",".join([unit] * count) + '],"b":"'
    return text + "x" * (size - len(text) - 2) + '"}'


# as many values as 64 KiB hold: objects are made of all of them
VALUES = ["1", "{}", "[]", '""', "null", '{"a":{}}', "[[[[]]]]", "1.5",
          "9007199254740991"]


@pytest.mark.parametrize("unit", VALUES)
def test_credentials_of_any_shape(roomy, refusing, unit):
    fits = credentials(unit, 64 * KIB)
    raw = f'{{"testUserCredentials": {fits}}}'.encode()
    answer = roomy.send("POST", UPDATE, raw=raw)
    assert answer.json["data"]["testUserCredentials"] == json.loads(fits)
    over = json.loads(credentials(unit, 64 * KIB + 1))
    refusing.invalid(UPDATE, {"testUserCredentials": over},
                     "testUserCredentials")


def test_all_at_their_limits_at_once(roomy):
    """The fullest body there is: every list, map and object."""
    body = {**{n: ["%03d" % i for i in range(500)] for n in LISTS},
            **{n: variables(1000) for n in MAPS},
            "testUserCredentials": json.loads(credentials("{}", 64 * KIB)),
            **{n: "x" * 8 for n in CONVEX}, **{n: "x" for n in TEXTS + SHORT},
            "gitCommitEmail": "a@b"}
    got = roomy.post(UPDATE, body)
    assert {n: got[n] for n in body if n not in CONVEX} == {
        n: v for n, v in body.items() if n not in CONVEX}
    roomy.post(UPDATE, dict.fromkeys(EMPTY_SETTINGS))


@pytest.mark.parametrize("path, body, field", [
    (UPDATE, {"testUserCredentials": {"a": [{}] * 100_000}},
     "testUserCredentials"),
    (UPDATE, {"selectedSkills": [1] * 100_000}, "selectedSkills"),
    (UPDATE, {"gitCommitName": "x", "envVars": variables(100_000)},
     "envVars"),
    (UPDATE, {"claudeMd": [[]] * 100_000}, "claudeMd"),
    (UPDATE, {"nope": {"a": [[1, 2]] * 50_000}}, "nope"),
    ("/project/update", {"name": [1] * 10_000}, "name"),
    ("/project/members/invite", {"email": {"a": [{}] * 2000}}, "email"),
    ("/project/api-keys/revoke", {"keyId": {"a": [{}] * 2000}}, "keyId")])
def test_more_values_than_any_body_needs(refusing, path, body, field):
    error = refusing.invalid(path, body, field)
    assert error["message"] == \
        "Has more values than any body of this call needs."


@pytest.mark.parametrize("path", ["/project/update", "/project/delete",
                                  "/project/members/remove"])
def test_more_fields_than_any_body_needs(refusing, path):
    """There is none to name."""
    error = refusing.refused("VALIDATION", "POST", path,
                             {f"f{n}": 1 for n in range(10_000)})
    assert "field" not in error
    assert [d["field"] for d in error["details"]] == [""]


def padded(size):
    """A proper body of exactly this size."""
    body = b'{"name":"Padded"}'
    return body + b" " * (size - len(body))


def test_body_of_two_mebibytes(roomy):
    answer = roomy.send("POST", "/project/update", raw=padded(BODY))
    assert answer.status == 200


@pytest.mark.parametrize("size", [BODY + 1, BODY + KIB, 3 * BODY])
@pytest.mark.parametrize("path", ["/project/update", UPDATE,
                                  "/project/delete"])
def test_body_above(refusing, path, size):
    refusing.refused("PAYLOAD_TOO_LARGE", "POST", path, raw=padded(size))


def test_chunked_body_at_and_above(roomy, refusing):
    def parts(size):
        data = padded(size)
        return (data[n:n + 65536] for n in range(0, len(data), 65536))
    assert roomy.send("POST", "/project/update", raw=parts(BODY)
                      ).status == 200
    refusing.refused("PAYLOAD_TOO_LARGE", "POST", "/project/update",
                     raw=parts(BODY + 1))
