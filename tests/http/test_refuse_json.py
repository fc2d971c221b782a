"""Strict JSON: what parsers let pass, change or read in two ways."""
import pytest

from contract import JSON_WRITES, WRITES

UPDATE = "/project/update"
SETTINGS = "/project/settings/update"

SYNTAX = {
    "nothing": b"",
    "blank": b" ",
    "newline": b"\n",
    "open-object": b"{",
    "open-string": b'{"name":"x',
    "open-member": b'{"name":',
    "no-colon": b'{"name" "x"}',
    "no-comma": b'{"name":"x" "slug":"y"}',
    "comma-last": b'{"name":"x",}',
    "comma-first": b'{,"name":"x"}',
    "comma-only": b"{,}",
    "two-commas": b'{"name":"x",,"slug":"y"}',
    "comma-in-array": b'{"name":["x",]}',
    "wrong-bracket": b'{"name":"x"]',
    "extra-bracket": b'{"name":"x"}}',
    "text-after": b'{"name":"x"} x',
    "two-objects": b'{"name":"x"}{"name":"y"}',
    "two-lines": b'{"name":"x"}\n{"name":"y"}',
    "nul-after": b'{"name":"x"}\0',
    "nul-and-more": b'{"name":"x"}\0{"slug":"-"}',
    "nul-before": b'\0{"name":"x"}',
    "nul-between": b'{"name"\0:"x"}',
    "single-quotes": b"{'name':'x'}",
    "bare-key": b'{name:"x"}',
    "bare-value": b'{"name":x}',
    "number-key": b'{1:"x"}',
    "comment": b'{"name":"x"/* no */}',
    "line-comment": b'{"name":"x"} // no',
    "hash-comment": b'# no\n{"name":"x"}',
    "bom": b'\xef\xbb\xbf{"name":"x"}',
    "utf-16": '{"name":"x"}'.encode("utf-16"),
    "utf-16-le": '{"name":"x"}'.encode("utf-16-le"),
    "vertical-tab": b'{\x0b"name":"x"}',
    "form-feed": b'{"name":\x0c"x"}',
    "no-break-space": b'{"name":\xc2\xa0"x"}',
    "form": b"name=x",
    "xml": b"<name>x</name>",
}
LITERALS = [b"TRUE", b"True", b"tru", b"truex", b"nul", b"NULL", b"None",
            b"undefined", b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity",
            b"inf"]
NUMBERS = [b"01", b"-01", b"00", b"+1", b".5", b"-.5", b"1.", b"1.e5", b"1e",
           b"1e+", b"1E-", b"-", b"--1", b"1-", b"0x10", b"1_000", b"1,5",
           b"1 2", b"1.2.3", b"1e5.5", b"0b1", b"\xd9\xa1"]
CHANGED = [b"1e400", b"-1e400", b"1e-400", b"9007199254740993",
           b"18446744073709551615", b"18446744073709551617",
           b"-9223372036854775809", b"123456789012345678901234567890",
           b"0.12345678901234567890123", b"3.141592653589793238462643",
           b"1" + b"0" * 400]
TEXT = {
    "raw-nul": b"a\x00b",
    "raw-tab": b"a\tb",
    "raw-newline": b"a\nb",
    "raw-return": b"a\rb",
    "raw-1": b"a\x01b",
    "raw-1f": b"a\x1fb",
    "u0000": b"a\\u0000b",
    "u0000-only": b"\\u0000",
    "high-surrogate": b"\\ud800",
    "high-at-end": b"a\\udbff",
    "low-surrogate": b"\\udc00",
    "reversed-pair": b"\\udc00\\ud800",
    "high-high": b"\\ud800\\ud800",
    "high-then-text": b"\\ud800x",
    "high-then-escape": b"\\ud800\\n",
    "high-then-u0041": b"\\ud800\\u0041",
    "upper-case-lone": b"\\uD834",
    "pair-and-low": b"\\ud83d\\ude80\\ude80",
    "overlong-2": b"\xc0\xaf",
    "overlong-2-nul": b"\xc0\x80",
    "overlong-c1": b"\xc1\xbf",
    "overlong-3": b"\xe0\x80\xaf",
    "overlong-4": b"\xf0\x80\x80\xaf",
    "utf8-surrogate": b"\xed\xa0\x80",
    "utf8-pair": b"\xed\xa0\xbd\xed\xba\x80",
    "above-10ffff": b"\xf4\x90\x80\x80",
    "f5": b"\xf5\x80\x80\x80",
    "ff": b"\xff",
    "fe": b"\xfe",
    "continuation": b"\x80",
    "cut-2": b"\xc3",
    "cut-3": b"\xe2\x82",
    "cut-4": b"\xf0\x9f\x9a",
    "cut-then-text": b"\xe2\x82x",
    "latin-1": b"caf\xe9",
    "escape-x": b"\\x41",
    "escape-a": b"\\a",
    "escape-0": b"\\0",
    "escape-quote": b"\\'",
    "escape-U": b"\\U00000041",
    "u-short": b"\\u12",
    "u-not-hex": b"\\u00zz",
    "u-sign": b"\\u+041",
    "u-brace": b"\\u{41}",
}
NOT_OBJECTS = [b"[]", b'[{"name":"x"}]', b'"name"', b'""', b"1", b"0",
               b"1.5", b"true", b"false", b"null"]
TWICE = {
    "same": b'{"name":"a","name":"a"}',
    "other-value": b'{"name":"a","name":"b"}',
    "apart": b'{"name":"a","slug":"s","name":"b"}',
    "escaped": b'{"name":"a","\\u006eame":"b"}',
    "escaped-twice": b'{"\\u006Eame":"a","\\u006eame":"b"}',
    "unknown": b'{"name":"a","x":1,"x":2}',
}


def refuse(api, raw, path=UPDATE):
    error = api.refused("VALIDATION", "POST", path, raw=raw)
    assert len(error["message"]) < 500
    return error


@pytest.mark.parametrize("name", SYNTAX)
def test_syntax(refusing, name):
    refuse(refusing, SYNTAX[name])


@pytest.mark.parametrize("text", LITERALS + NUMBERS, ids=repr)
def test_word(refusing, text):
    refuse(refusing, b'{"testUserCredentials":{"n":' + text + b"}}", SETTINGS)


@pytest.mark.parametrize("text", CHANGED, ids=lambda t: f"{t!r:.26}")
@pytest.mark.parametrize("inside", [b'{"n":%s}', b'{"a":[1,{"b":%s}]}'],
                         ids=["member", "deep"])
def test_number_that_parsers_change(refusing, text, inside):
    refuse(refusing, b'{"testUserCredentials":' + inside % text + b"}",
           SETTINGS)


@pytest.mark.parametrize("name", TEXT)
def test_text_in_a_value(refusing, name):
    refuse(refusing, b'{"name":"' + TEXT[name] + b'"}')


@pytest.mark.parametrize("name", TEXT)
def test_text_in_a_key(refusing, name):
    refuse(refusing, b'{"name":"x","' + TEXT[name] + b'":1}')


@pytest.mark.parametrize("name", TEXT)
def test_text_in_free_form_data(refusing, name):
    """Where no rule of a field would catch it."""
    refuse(refusing, b'{"testUserCredentials":{"a":["' + TEXT[name] +
           b'"]}}', SETTINGS)


@pytest.mark.parametrize("name", TEXT)
def test_text_in_a_free_form_key(refusing, name):
    refuse(refusing, b'{"testUserCredentials":{"a":{"' + TEXT[name] +
           b'":1}}}', SETTINGS)


@pytest.mark.parametrize("raw", NOT_OBJECTS, ids=repr)
def test_not_an_object(refusing, raw):
    refuse(refusing, raw)


@pytest.mark.parametrize("name", TWICE)
def test_key_twice(refusing, name):
    refuse(refusing, TWICE[name])


@pytest.mark.parametrize("raw", [
    b'{"envVars":{"A":"1","A":"2"}}',
    b'{"envVars":{"A":"1","\\u0041":"2"}}',
    b'{"testUserCredentials":{"a":1,"a":1}}',
    b'{"testUserCredentials":{"x":[{"a":1,"b":2,"a":3}]}}',
    b'{"testUserCredentials":{"":1,"":2}}'], ids=repr)
def test_key_twice_inside(refusing, raw):
    refuse(refusing, raw, SETTINGS)


@pytest.mark.parametrize("path", list(JSON_WRITES))
@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"a":1,"a":1}', b"null"],
                         ids=repr)
def test_every_write_is_strict(refusing, path, raw):
    refuse(refusing, raw, path)


@pytest.mark.parametrize("path", [p for p, body in WRITES.items() if body])
def test_body_is_needed(refusing, path):
    refuse(refusing, b"", path)


@pytest.mark.parametrize("depth", [33, 34, 100, 10_000, 300_000])
@pytest.mark.parametrize("opening, closing", [(b"[", b"]"),
                                              (b'{"a":', b"}")],
                         ids=["arrays", "objects"])
def test_too_deep(refusing, depth, opening, closing):
    inside = depth - 2
    refuse(refusing, b'{"testUserCredentials":{"a":' + opening * inside +
           b"1" + closing * inside + b"}}", SETTINGS)


@pytest.mark.parametrize("raw", [b"[" * 1_000_000, b'{"a":' * 300_000],
                         ids=["arrays", "objects"])
def test_deep_and_never_closed(refusing, raw):
    refuse(refusing, raw, SETTINGS)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"),
                                              (b'{"a":', b"}")],
                         ids=["arrays", "objects"])
def test_32_levels_are_fine(api, opening, closing):
    raw = (b'{"testUserCredentials":{"a":' + opening * 30 + b"1" +
           closing * 30 + b"}}")
    assert api.send("POST", SETTINGS, raw=raw).status == 200


@pytest.mark.parametrize("raw, want", [
    (b'{"name":"\\ud83d\\ude80"}', "\U0001f680"),
    (b'{"name":"\\ud836\\udc00\\uDBF6\\uDFFF"}', "\U0001d800\U0010dbff"),
    (b'{"name":"\\uD83D\\uDE80"}', "\U0001f680"),
    (b'{"name":"\xf0\x9f\x9a\x80"}', "\U0001f680"),
    (b'{"\\u006eame":"escaped key"}', "escaped key"),
    (b' \t\r\n{ "name" \n:\t"blanks" }\r\n ', "blanks"),
    (b'{"name":"\\"\\\\\\/"}', '"\\/'),
    (b'{"name":"\\u00e9\xc3\xa9"}', "éé"),
    (b'{"name":"\xef\xbf\xbf\xef\xbf\xbd"}', "\uffff\ufffd"),
    (b'{"name":"\xef\xbb\xbfbom inside"}', "\ufeffbom inside"),
    (b'{"name":"x\xf4\x8f\xbf\xbf"}', "x\U0010ffff"),
    (b'{"name":"\\\\u0000"}', "\\u0000"),
    (b'{"name":"x","githubRepoUrl":null}', "x")], ids=repr)
def test_proper_json(api, raw, want):
    answer = api.send("POST", UPDATE, raw=raw)
    assert answer.status == 200, answer
    assert answer.json["data"]["name"] == want
