"""The document's patterns in the engines of its readers.

Each must compile and mean the same in ECMA-262 (with the flag u, as JSON
Schema asks), RE2 (Go) and PCRE (PHP; with characters and, as generated
clients forget the flag, with bytes).
"""
import ctypes
import json
import re
import subprocess
from pathlib import Path

import pytest

from openapi import DOCUMENT

pytestmark = pytest.mark.plain     # only the document is looked at

UUID = "8f14e45f-ceea-467f-a1d3-91d6a1e2b3c4"
LINES = ["x", " x", "a b", "\xe9", "\xc0", "\u4e2d\u6587", "\U0001f680", "x" * 100]
NO_LINES = ["", " ", "a\tb", "a\nb", "x\n", "\x01", "a\x1f", "\x7f"]
# where it stands: what it takes, what it does not
SAMPLES = {
    "parameters/AuditActorParameter/schema/pattern": (
        [UUID, "operator", "holder"],
        ["", "key", "operators", "a holder", UUID.upper(), UUID + "0", UUID[:-1]]),
    "schemas/AuditRow/properties/hash/pattern": (
        ["0" * 64, "0123456789abcdef" * 4],
        ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n"]),
    "schemas/Id/pattern": (
        [UUID, "0" * 8 + "-0000-0000-0000-" + "0" * 12],
        ["", UUID.upper(), UUID[:-1], UUID + "0", UUID + "\n", "{" + UUID + "}",
         UUID.replace("-", ""), " " + UUID, "\uff18" + UUID[1:]]),
    "schemas/RequestId/pattern": (
        [UUID, UUID.upper()], ["", UUID[1:], UUID + "\n", "g" + UUID[1:]]),
    "schemas/Name/pattern": (LINES, NO_LINES),
    "schemas/Slug/pattern": (
        ["a", "0", "a-b", "a--b", "x" * 63],
        ["", "-", "-a", "a-", "A", "a_b", "a b", "a\n", "\xe9", "\u0430"]),
    "schemas/RepoUrl/pattern": (
        ["https://github.com/org/repo", "HTTPS://h/o/r", "https://h:8443/o/r/",
         "https://git_host.example/g/s/r.git", "https://192.0.2.1/o/r",
         "https://[2001:db8::1]:80/o/r", "https://h/o/...", "https://h/..a/.r",
         "https://h/~o/a@b:c", "https://h/o/%20%c3%A9", "https://h/o/!$&'()*+,-"
         ";=[]_~"],
        ["", "http://h/o/r", "https://h/o", "https://h//o/r", "https://h/o/r//",
         "https://h/o/..", "https://h/./r", "https://h/o/%2e", "https://h/o/%2F",
         "https://h/o/%5c", "https://h/o/%00", "https://h/o/%7F", "https://h/o/%",
         "https://h/o/%zz", "https://u@h/o/r", "https://h/o/r?q",
         "https://h/o/r#f", "https://h/o/r\n", "https://h/o/a b",
         "https://h/o/{r}", "https://-h/o/r", "https://h-/o/r",
         "https://a..b/o/r", "https://h./o/r", "https://h:/o/r",
         "https://h:123456/o/r", "https://[::1/o/r", "https://[h]/o/r",
         "https://\xe9/o/r", "https://h/o/\xe9", "xhttps://h/o/r"]),
    "schemas/Email/pattern": (
        ["a@b", "root@localhost", "<a@b>", "a+b.c@d.e"],
        ["", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "\xe9@b"]),
    "schemas/WriteOnlyKey/pattern": (
        ["12345678", "prod: ~|!"], ["1234567\n", "a\tb", "\xe9", "\x7f"]),
    "schemas/ProviderKeySet/properties/key/pattern": (
        ["sk-ant-0123", "!~"], ["a b", "a\n", "\xe9", "\x7f", " "]),
    "schemas/Variables/propertyNames/pattern": (
        ["A", "_", "NODE_ENV", "a9"],
        ["", "9A", "A-B", "A B", "A\n", "\xc4", "A="]),
    "schemas/CommitName/pattern": (
        ["CodeCourier Bot", "[bot]", "O'Neil", "a.", "\xe9", "\U0001f916", "-"],
        ["", " ", ".", "<>", "a<b", "a>b", ".,:;\"'\\", " . ", "a\nb", "x\n"]),
    "schemas/CommitEmail/pattern": (
        ["bot@example.com", "a@b", "x=y@z;"],
        ["", "a", "a@", "@b", "<a@b>", "a@b>", "a@b@c", "a b@c", "a@b\n"]),
    "schemas/ApiKey/properties/prefix/pattern": (
        ["cc_live_Ab3dE6gH", "cc_test_00000000"],
        ["", "cc_dev_Ab3dE6gH", "cc_live_Ab3dE6g", "cc_live_Ab3dE6gH0",
         "cc_live_Ab3dE6g-", "cc_live_Ab3dE6gH\n"]),
    "schemas/GeneratedApiKey/properties/key/pattern": (
        ["cc_live_" + "aZ9" * 15 + "x"],
        ["", "cc_live_" + "a" * 45, "cc_live_" + "a" * 47,
         "cc_live_" + "a" * 46 + "\n"]),
    "schemas/InvitationToken/pattern": (
        ["cc_inv_" + "aZ9" * 15 + "x"],
        ["", "cc_inv_" + "a" * 45, "cc_inv_" + "a" * 47,
         "cc_inv_" + "a" * 46 + "\n"]),
    "schemas/Tag/pattern": (
        ['"1-0"', '"12-9b1d0c5e7f2a4b68"'],
        ["", '""', "1-0", 'W/"1-0"', '"0-1"', '"1-A"', '"1-"', '"1-0"\n',
         '"1-9b1d0c5e7f2a4b68a"']),
    "parameters/IdempotencyKey/schema/pattern": (
        ["x", "!~", "a" * 255, "9b1d0c5e-7f2a-4b68-8a1e-0d2c4f6e8a1b"],
        ["", "a b", "a\n", "\x7f", "\xe9", "a" * 256]),
    "headers/Allow/schema/pattern": (
        ["GET", "GET, HEAD, OPTIONS"], ["", "get", "GET,HEAD", "GET, ", "GET\n"]),
    "headers/RateLimitPolicy/schema/pattern": (
        ['"key";q=1;w=60', '"key";q=1000000;w=60'],
        ["", '"key";q=0;w=60', '"key";q=12345678;w=60', "key;q=1;w=60",
         '"key";q=1;w=61', '"key";q=1;w=60\n', ' "key";q=1;w=60']),
    "headers/RateLimit/schema/pattern": (
        ['"key";r=0;t=1', '"key";r=999999;t=60'],
        ["", '"key";r=00;t=1', '"key";r=1;t=0', '"key";r=-1;t=9', "r=1;t=1",
         '"key";r=1;t=1\n', '"key";t=1;r=1']),
    "headers/DocumentTag/schema/pattern": (
        ['"65f0-1a2b"', '"0"'], ["", '""', "65f0", 'W/"65f0"', '"65F0"',
                                 '"65f0"\n']),
    "responses/Document/content/application~1json/schema/properties/openapi"
    "/pattern": (["3.1.0", "3.1.10"], ["3.0.3", "3.1", "3x1.0", "3.1.0\n"]),
}
PROPERTY = "^_id$"      # the only pattern of names


def patterns(node, place=""):
    """{place: pattern} of everything below components."""
    found = {}
    for name, value in node.items() if isinstance(node, dict) else \
            enumerate(node) if isinstance(node, list) else ():
        where = f"{place}/{str(name).replace('/', '~1')}"
        if name == "pattern" and isinstance(value, str):
            found[where[1:]] = value
        else:
            found |= patterns(value, where)
    return found


PATTERNS = patterns(DOCUMENT["components"])


def cases():
    """[pattern, text, …], its good samples first, and how many these are."""
    for place, (good, bad) in SAMPLES.items():
        yield [PATTERNS[place], *good, *bad], len(good)
    yield [PROPERTY, "_id", "id", "__id", "_id_", "_id\n"], 1


def lines(argv, questions):
    done = subprocess.run(argv, input=json.dumps(questions), text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ecma(questions):
    return lines(["node", "-e", """
        for (const [pattern, ...texts] of
                JSON.parse(require("fs").readFileSync(0))) {
            let found = [];
            try {
                const re = new RegExp(pattern, "u");
                found = texts.map((text) => Number(re.test(text)));
            } catch {}
            console.log(JSON.stringify(found));
        }"""], questions)


def re2(questions):
    return lines(["perl", str(Path(__file__).with_name("re2.pl"))], questions)


def pcre(questions, flags=0x80000):     # PCRE2_UTF
    """With PCRE2_DOLLAR_ENDONLY, PHP's modifier D: $ is the end and no line
    feed before it."""
    lib = ctypes.CDLL("libpcre2-8.so.0")
    for name in "pcre2_compile_8", "pcre2_match_data_create_from_pattern_8":
        getattr(lib, name).restype = ctypes.c_void_p
    number, place = ctypes.c_int(), ctypes.c_size_t()

    def match(code, text):
        room = ctypes.c_void_p(
            lib.pcre2_match_data_create_from_pattern_8(code, None))
        data = text.encode()
        found = lib.pcre2_match_8(code, data, ctypes.c_size_t(len(data)),
                                  ctypes.c_size_t(0), 0, room, None)
        lib.pcre2_match_data_free_8(room)
        assert found >= -1, (text, found)
        return int(found > 0)

    for pattern, *texts in questions:
        data = pattern.encode()
        code = ctypes.c_void_p(lib.pcre2_compile_8(
            data, ctypes.c_size_t(len(data)), flags | 0x10,
            ctypes.byref(number), ctypes.byref(place), None))
        yield [match(code, text) for text in texts] if code else []
        lib.pcre2_code_free_8(code)


def pcre_bytes(questions):
    return pcre(questions, 0)


ENGINES = pytest.mark.parametrize("engine", [ecma, re2, pcre, pcre_bytes])


def test_every_pattern_has_samples():
    assert {PATTERNS[place] for place in SAMPLES} == set(PATTERNS.values())
    assert all(good and bad for good, bad in SAMPLES.values())
    names = re.findall(r'"patternProperties": \{"([^"]+)"',
                       json.dumps(DOCUMENT))
    assert set(names) == {PROPERTY}


@ENGINES
def test_takes_what_is_good_and_no_more(engine):
    every = list(cases())
    answers = list(engine([question for question, _ in every]))
    assert len(answers) == len(every)
    for (question, good), found in zip(every, answers):
        pattern, *texts = question
        assert found == [int(n < good) for n in range(len(texts))], \
            (pattern, [t for n, t in enumerate(texts)
                       if not found or found[n] != (n < good)])


@pytest.mark.parametrize("engine, unknown", [
    (ecma, r"a\-b"), (re2, "(?=a)"), (re2, r"\u0041"), (re2, "a{1,2000}"),
    (pcre, r"\u0041"), (pcre, "[a")],
    ids=lambda value: getattr(value, "__name__", repr(value)))
def test_an_engine_says_no(engine, unknown):
    """Each is the real one, with what it does not know."""
    assert list(engine([[unknown, "a"], ["^a$", "a", "b"]])) == [[], [1, 0]]


@pytest.mark.parametrize("place", PATTERNS)
def test_only_what_all_engines_have(place):
    """Anchored at both ends; no group but plain ones, no class by letter.
    Nothing that ends a string or a comment, or stands for a variable, where
    a generator writes it into a source."""
    pattern = PATTERNS[place]
    assert pattern[0] == "^" and pattern[-1] == "$" and pattern.isascii()
    assert not re.search(r"\(\?|\*/|[\"'`]|\$.", pattern)
    escapes = set(re.findall(r"\\(x[0-9a-f]{2}|.)", pattern))
    assert {e for e in escapes if e[0] != "x"} <= set(r".[]\-"), escapes
    assert all(int(n) <= 1000 for n in re.findall(r"\{\d*,?(\d+)", pattern))
