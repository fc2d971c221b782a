"""The document and the server's tables say the same, in both directions.

The tables come from the library itself (build/tests/tables), nginx's codes
from its configuration. test_openapi_codes.py provokes what is documented.
"""
import json
import random
import re

import pytest

import characters
from client import raw, request_bytes
from contract import CODES, KEY, READ_CALLS
from harness import ROOT
from openapi import (DOCUMENT, EVERY, FILE, OPERATIONS, Response, Validator,
                     flat, follow)
from tables import LIBRARY_CODES, LIMITS, ROUTES, rows, said

pytestmark = pytest.mark.plain     # nginx and the tables; calls are elsewhere

TYPES = [{"string"}, {"array"}, {"integer"}, {"boolean"}, {"object"},
         {"object"}]
UNITS = [("minLength", "maxLength"), ("minItems", "maxItems"),
         ("minimum", "maximum"), ("minLength", "maxLength"),
         ("minLength", "maxLength"), ("minLength", "x-maxBytes")]
PATH = "/api/v1/openapi.json"
# control characters as one-line fields refuse them, and some that are none
CONTROL = "\x01\t\n\x1f\x7f\x80\x9f\u061c\u200e\u2028\u202e\u2066\u2069"
HARMLESS = "\xa0\xad\u061b\u200d\u2010\u2027\u202f\u2065\u206a\ufeff"
HOSTS = ["h.i:1", "h:65535", "h:65536", "h:", "h:99999", "h:012345", "h:0",
         "h:x", "a..b", "-a", "a-", "a.-b", "a.", ".a", "a_b", "_a", "3com",
         "a" * 64, "\xe9", "u@h", "u:p@h", "1.2.3.4", "1.2.3.4:80", "1.2.3",
         "1.2.3.256", "1.2.3.04", "1.2.3.4.5", "a.1", "1.a", "1", "1-2", "-",
         "[2001:db8::1]", "[2001:DB8::1]:8443", "[::]", "[::1]x", "[::1]:",
         "[::1]:65536", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:"
         "6:7:8]", "[1::2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3]",
         "[::ffff:1.2.3.4]", "[::ffff:1.2.3.256]", "[1::2::3]", "[::12345]",
         "[:::]", "[:]", "[]", "[.]", "[::1%25lo]", "[::1", "::1", "[h]"]
URLS = [*(f"https://{host}/o/r" for host in HOSTS),
        "http://h/o/r", "https://h/o", "https://h/o/r/", "HTTPS://h/o/r",
        "hTTpS://h/o/r", "https://h/o/r//", "https://h//o/r", "https://h",
        "https://h/o/r?q", "https://h/o/r#f", "https://h/o/..", "https://h/./r",
        "https://h/.../r", "https://h/..a/r.", "https://h/o/%2e", "https:///o/r",
        "https://h/o/%2F", "https://h/o/%5c", "https://h/o/%00",
        "https://h/o/%1f", "https://h/o/%7f", "https://h/o/%20",
        "https://h/o/%ff", "https://h/o/%2", "https://h/o/%zz",
        "https://h/o/r.git\n", "https://h/o/\xe9", "https://h/~o/a@b:c",
        *(f"https://h/o/r{c}" for c in map(chr, range(32, 128)))]
TEXTS = ["", " ", "  a  ", "a", "A", "-a", "a-", "a--b", "a\n", "a b", "a_b",
         "@", "a@", "@b", "a@b", "a@b@c", "a @b", "a@\xe9", "root@localhost",
         "live", "test", "Live", "owner", "admin", "member", "e2b", "openai",
         "github", "anthropic", "anthropic_token", "openrouter", "\xe9" * 9,
         "\U0001f680" * 8, "x y z w v", "https://h/o/r",
         "<>", "a<b", "<a@b>", "a@b>", ".,:;\"'\\", ". x", "\u200b", "\u3164 ",
         *(f"a{c}b" * 3 for c in CONTROL + HARMLESS), *HARMLESS]
OTHERS = [None, True, False, 0, 1, -1.5, [], {}, [1], [None], [""], ["a"],
          ["a", "a"], ["a", "b"], [["a"]], ["a\n"], {"A": "b"}, {"A": 1},
          {"A": None}, {"": "b"}, {"1": "b"}, {"_1": ""}, {"A-B": "b"},
          {"\xc4": "b"}, {"A\n": "b"}, {"A": {"B": [1]}}]
BLOCKS = ["10.0.0.1", "10.0.0.0/8", "10.0.0.1/8", "10.0.0.1/32", "10.0.0.0/33",
          "10.0.0.0/08", "10.0.0", "10.0.0.01", "::", "::/0", "0.0.0.0/0",
          "::1/128", "2001:db8::/32", "2001:db8::1/32", "2001:DB8:0::1",
          "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "fe80::1%lo", " 10.0.0.1",
          "10.0.0.1 ", "10.0.0.1/", "/8", "a.b", "1:2:3", "::1/129"]
NAMES = ["projects:read", "settings:write", "webhooks:read", "projects:*",
         "nope:read"]
LISTS = [[a] for a in BLOCKS + NAMES] + [
    ["10.0.0.1", "10.0.0.1/32"], ["10.0.0.1", "::ffff:10.0.0.1"],
    ["10.0.0.1", "10.0.0.2"], ["::1", "0:0:0:0:0:0:0:1"], NAMES[:3],
    [*NAMES[:2], NAMES[0]]]
LARGE = [{"t": "x" * 70000},
         {f"V{n}": "x" * 65530 for n in range(16)},
         {f"V{n}": "x" * 65534 for n in range(16)},
         {f"V{n}": "x" * 65535 for n in range(16)}]


BODIES = {path: r.fields for (_, path), r in ROUTES.items()
          if r.body in (1, 2)}
FILTERS = {r.path: r.filters for r in READ_CALLS}
# by the kinds of src/http/route.h
QUERIES = [[], ["limit", "cursor"],
           ["limit", "cursor", *FILTERS["/project/audit-log"]],
           ["set", "format"], ["set", "mode", "format", "dryRun"]]


def body_schema(path):
    spec = OPERATIONS["POST", path].spec["requestBody"]
    return flat(spec["content"]["application/json"]["schema"])


def test_what_shows_nothing():
    """The table of src/base/utf8.c against Unicode's own files."""
    surrogates = set(range(0xd800, 0xe000))
    assert said("-i").split() == [
        *map(str, sorted(characters.invisible() - surrogates))]


def nginx_codes():
    """The pairs of nginx/errors.conf; what is in no row there is a 500."""
    conf = (ROOT / "nginx/errors.conf").read_text()
    block = conf.split("map $status $codecourier_code {")[1].split("}")[0]
    return {(code, int(status.replace("default", "500")))
            for status, code in re.findall(r"(\d+|default) (\w+);", block)}


def test_routes():
    assert set(OPERATIONS) == set(ROUTES) | {("GET", PATH)}


# of lists that can be asked for less


@pytest.mark.parametrize("method, path", ROUTES, ids=lambda v: v)
def test_operation(method, path):
    """Key, query parameters and body are those of the table."""
    key, _, body, *_, kind = ROUTES[method, path]
    spec = OPERATIONS[method, path].spec
    assert spec.get("security", DOCUMENT["security"]) == \
        ([{"bearerKey": []}] if key else [])
    query = [follow(p)["name"] for p in spec["parameters"]
             if follow(p)["in"] == "query"]
    assert query == QUERIES[kind]
    assert ("requestBody" in spec) == (body > 0)
    if body:
        assert spec["requestBody"]["required"] is (body > 1)
        assert [*spec["requestBody"]["content"]] == [
            "text/plain" if body == 3 else "application/json"]


def test_limits():
    limit = DOCUMENT["components"]["parameters"]["Limit"]["schema"]
    variables = flat(DOCUMENT["components"]["schemas"]["Variables"])
    assert [limit["default"], limit["maximum"],
            variables["x-maxBytesTogether"]] == LIMITS[:3]
    assert limit["minimum"] == 1
    too_large = DOCUMENT["components"]["responses"]["PayloadTooLarge"]
    for said in DOCUMENT["info"], too_large:
        assert f"{LIMITS[3] // 2**20} MiB" in said["description"]


def test_limits_inside_of_fields():
    """The constants of src/http/value.h."""
    source = (ROOT / "src/http/value.h").read_text()
    said = {n: int(v) for n, v in
            re.findall(r"^#define (\w+_MAX) +(\d+)", source, re.M)}
    schemas = DOCUMENT["components"]["schemas"]
    env, strings = schemas["Variables"], schemas["Selection"]
    assert said == {"STRINGS_MAX": strings["maxItems"],
                    "STRING_MAX": strings["items"]["maxLength"],
                    "ENV_MAX": env["maxProperties"],
                    "ENV_NAME_MAX": env["propertyNames"]["maxLength"],
                    "ENV_VALUE_MAX": env["additionalProperties"]["x-maxBytes"]}


def test_codes():
    """Every code with its status: the document, the tables and contract.py."""
    said = {(code, status) for operation in EVERY
            for _, status, code in operation.documented() if code}
    assert ("PRECONDITION_FAILED", 412) in said      # of the document alone
    assert said == LIBRARY_CODES | nginx_codes()
    assert {code for code, _ in said} == \
        set(DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"])
    assert said == {(c, s) for c in CODES for s in CODES[c]}


@pytest.mark.parametrize("path", BODIES)
def test_fields(path):
    """Names in their order, and which must be given."""
    schema = body_schema(path)
    assert list(schema.get("properties", {})) == list(BODIES[path])
    assert schema.get("required", []) == \
        [n for n, field in BODIES[path].items() if field.required]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("path, name", [(p, n) for p in BODIES
                                        for n in BODIES[p]])
def test_field(path, name):
    """Type and limits of a field as its row has them."""
    field = BODIES[path][name]
    schema = body_schema(path)["properties"][name]
    choices = schema.get("oneOf", [schema])
    types = {t for c in choices for t in
             ([c["type"]] if isinstance(c["type"], str) else c["type"])}
    assert types == TYPES[field.type] | ({"null"} if field.nullable else set())
    schema = choices[0]
    assert schema.get("x-trimmed", False) is bool(field.trimmed)
    least, most = UNITS[field.type]
    if field.in_bytes:
        most = "x-maxBytes"
    if field.max or most != "maxItems":     # else all lists have one
        assert schema.get(most, 0) == field.max
    assert schema.get(least, 0) == field.min
    assert schema.get("x-oneLine", False) is bool(field.one_line)
    assert schema.get("enum", []) == field.one_of
    ruled = {"pattern", "x-addresses"} & {*schema} or \
        "enum" in schema.get("items", ())
    assert bool(ruled) == bool(field.rule or field.one_line)


def values(schema, example):
    """What a field takes and what it does not: long maps for maps, and many
    texts where more than the length counts."""
    parts = schema.get("oneOf", [schema])
    found = [*TEXTS, *OTHERS, *LISTS, *edges(schema)]
    if any("object" in part["type"] for part in parts):
        found += LARGE
    if any("pattern" in part or "enum" in part for part in parts):
        found += [*URLS, *mutants(example)]
    if KEY.fullmatch(str(example)):
        found += [example[:n] + "Z" + example[n + 1:] for n in range(8, 54)]
    return found


def edges(schema):
    """Values around every number of a field's schema."""
    found = []
    for part in schema.get("oneOf", [schema]):
        for name in "minLength", "maxLength", "x-maxBytes":
            for n in range(part.get(name, 0) - 1, part.get(name, 0) + 2):
                found += ["x" * n, "x" * (n - 2) + "@y", "\xe9" * (n // 2),
                          "\xe9" * (n // 2) + "x", "\U0001f680" * n,
                          " " * 3 + "x" * n, {"t": "x" * (n - 8)},
                          {"A": "x" * n}, {"A": "\xe9" * (n // 2) + "x"},
                          "https://h/o/".ljust(n, "r")]
        for n in (part.get("maxItems", 0), part.get("maxItems", 0) + 1,
                  part.get("maxProperties", 0),
                  part.get("maxProperties", 0) + 1):
            found += [[f"s{i}" for i in range(n)],
                      {f"V{i}": "" for i in range(n)}]
        for n in (part.get("minimum", 0), part.get("maximum", 0)):
            found += [n - 1, n, n + 1, n + 0.0, n + 0.5, str(n)]
        for n in 200, 201, 255, 256:
            found += [["\U0001f680" * n], {"A" * n: "b"}]
    return found


def mutants(value, count=300):
    """The example with a character replaced, added or left out."""
    pick = random.Random(1)
    letters = "aZ09-._~+%/:@ ?#\\\n\xe9\u2028[]<>"
    for _ in range(count if isinstance(value, str) else 0):
        at = pick.randrange(len(value) + 1)
        new = value[:at] + pick.choice(letters) + value[at + pick.choice(
            [0, 1, 1, 4]):]
        yield new
        if pick.random() < 0.5:
            value = new if len(new) < 60 else value


def trimmed(schema, body):
    return {n: v.strip(" ") if isinstance(v, str) and
            schema.get("properties", {}).get(n, {}).get("x-trimmed") else v
            for n, v in body.items()}


@pytest.mark.parametrize("path", BODIES)
def test_bodies(path):
    """The document's schema takes exactly the bodies the server takes."""
    schema = body_schema(path)
    media = OPERATIONS["POST", path].spec["requestBody"]["content"]
    example = media["application/json"]["example"]
    bodies = [{}, example, {**example, "unknown": 1}, {"": ""}]
    bodies += [{k: v for k, v in example.items() if k != n} for n in example]
    for name, field in schema.get("properties", {}).items():
        bodies += [{**example, name: value}
                   for value in values(field, example.get(name))]
    taken = rows("-c", text="".join(
        f"{path}\t{json.dumps(b, ensure_ascii=False)}\n" for b in bodies))
    assert len(taken) == len(bodies)
    validator = Validator(schema)
    for (complaints,), body in zip(taken, bodies):
        fault = next(validator.iter_errors(trimmed(schema, body)), None)
        assert (fault is None) == (complaints == "0"), \
            (repr(body)[:600], complaints, fault and fault.message[:300])
    takes = sum(c == "0" for (c,) in taken)
    assert takes > 0 and takes < len(taken)


@pytest.mark.parametrize("query, lines, status", [
    (8150, [], 200), (8192, [], 414), (0, [8000], 200), (0, [8192], 431),
    (0, [8000] * 4, 200), (0, [8000] * 5, 431), (0, [5000] * 5, 431)])
def test_sizes_that_it_names(stack, query, lines, status):
    """The request line and the headers: descriptions of 414 and 431."""
    answer = ask(stack, "GET", f"{PATH}?".ljust(query, "x"), [
        ("X-Long", "x" * (size - len("X-Long: "))) for size in lines])
    assert answer.status == status


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_version_that_nobody_knows(stack, method, name):
    value = '"x"' if name == "If-Match" else "Thu, 01 Jan 1970 00:00:01 GMT"
    assert ask(stack, method, headers=[(name, value)]).status == 412


def ask(stack, method, target=PATH, headers=()):
    return raw(stack.port, request_bytes(method, target, headers), method)


def test_served_as_it_is(stack):
    """To everybody, whole, whatever a client has of it already."""
    for headers in [(), [("Range", "bytes=0-9")], [("Accept", "text/html")],
                    [("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT")],
                    [("If-None-Match", '"x"')], [("If-Match", "*")],
                    [("If-Unmodified-Since", "Fri, 01 Jan 2038 00:00:00 GMT")],
                    [("Accept-Encoding", "gzip, br")],
                    [("Authorization", "Bearer cc_live_x")]]:
        for target in PATH, PATH + "?x=1&x=2":
            answer = ask(stack, "GET", target, headers)
            assert (answer.status, answer.body) == (200, FILE.read_bytes())
    head = ask(stack, "HEAD")
    assert head.status == 200 and head.header("Content-Length") == \
        str(FILE.stat().st_size)
    assert head.header("Last-Modified") is None


def test_tag(stack):
    """Who has the document need not get it again; no other tag is it."""
    tag = ask(stack, "GET").header("ETag")
    for method in "GET", "HEAD":
        for value in tag, f'"x", {tag}', f"W/{tag}", "*":
            answer = ask(stack, method, headers=[("If-None-Match", value)])
            assert answer.status == 304 and answer.body == b""
            assert answer.header("ETag") == tag
        for value in '"x"', tag[1:-1], tag[:-2] + '"', "":
            assert ask(stack, method, headers=[("If-None-Match", value)]
                       ).status == 200
        assert ask(stack, method, headers=[("If-Match", tag)]).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW",
                                    "TRACE"])
def test_other_methods(stack, method):
    answer = ask(stack, method)
    assert answer.status == 405
    assert answer.header("Allow") == "GET, HEAD, OPTIONS"


def test_options(stack):
    answer = ask(stack, "OPTIONS")
    assert answer.status == 204
    assert answer.header("Allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("target", [
    PATH + "/", "/api/v1//openapi.json", "/api/v1/x/../openapi.json",
    "/api/v1/openapi%2ejson", "/API/v1/openapi.json", "/openapi.json",
    "/html/openapi.json", PATH + ";x", "/api/v1/openapi.yaml"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_other_spelling(stack, method, target):
    assert ask(stack, method, target).status == 404
