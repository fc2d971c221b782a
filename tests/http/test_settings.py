"""GET settings and settings/update: the fields, each kind's rules."""
import json
import subprocess

import pytest

from contract import (CONVEX, EMPTY_SETTINGS, LISTS, MAPS, SHORT, TEXTS,
                      untagged)
from few import few
from fixtures import make_project, written

SETTINGS = "/project/settings"
UPDATE = "/project/settings/update"
SAMPLES = {
    **{n: f"Text of {n}\n\twith \"lines\" é \U0001f680" for n in TEXTS},
    **{n: [f"{n}-b", f"{n}-a", "é"] for n in LISTS},
    **{n: {"NODE_ENV": n, "_x9": "", "LINES": "a\nb"} for n in MAPS},
    "testUserCredentials": {"user": "u", "deep": [{"ok": True}, None, 1.5]},
    **{n: f"{n}-secret-1234" for n in CONVEX},
    **{n: f"{n} value" for n in SHORT},
    "gitCommitEmail": "bot@example.com",
}


def shown(name, value):
    """What a given value looks like in an answer."""
    return {"last4": value[-4:]} if name in CONVEX else value


def get(api):
    return untagged(api.get(SETTINGS))


def update(api, body):
    """The answer, which is what the next GET shows."""
    answer = api.post(UPDATE, body)
    assert answer == api.get(SETTINGS)
    return untagged(answer)


def test_unset(api):
    assert get(api) == EMPTY_SETTINGS


def test_samples_are_of_all():
    """The seventeen of the reference page, and what was added."""
    assert set(SAMPLES) == set(EMPTY_SETTINGS) and len(SAMPLES) >= 17


def test_update_as_the_page_shows(api):
    body = {
        "sandboxSystemPrompt": "You are a helpful coding assistant.",
        "claudeMd": "# Project Instructions\n...",
        "issueDiscoveryPrompt": "Analyze the codebase and identify issues.",
        "envVars": {"NODE_ENV": "production"},
        "gitCommitName": "CodeCourier Bot",
        "gitCommitEmail": "bot@example.com"}
    assert update(api, body) == {**EMPTY_SETTINGS, **body}


def test_all_at_once_and_cleared_again(api):
    want = {n: shown(n, v) for n, v in SAMPLES.items()}
    assert update(api, SAMPLES) == want
    assert update(api, dict.fromkeys(SAMPLES)) == EMPTY_SETTINGS


@pytest.fixture(scope="module")
def shared_full(stack):
    """A project with every field set; each test leaves it so."""
    api = make_project(stack).api
    api.post(UPDATE, SAMPLES)
    return api


@pytest.mark.parametrize("name", few(SAMPLES, 4))
def test_one_field_keeps_the_others(shared_full, name):
    before = get(shared_full)
    cleared = update(shared_full, {name: None})
    assert cleared == {**before, name: EMPTY_SETTINGS[name]}
    assert update(shared_full, {name: SAMPLES[name]}) == before


def test_empty_update_changes_nothing(project):
    project.api.post(UPDATE, SAMPLES)
    before, audit = project.api.get(SETTINGS), written(project)
    assert project.api.post(UPDATE, {}) == before
    assert project.api.get(SETTINGS) == before
    assert written(project) == audit


@pytest.fixture(scope="module")
def taking(stack):
    """For values that are taken, one after the other."""
    return make_project(stack).api


@pytest.mark.parametrize("name", MAPS)
def test_a_map_replaces_the_old_one_whole(taking, name):
    taking.post(UPDATE, {name: {"A": "1", "B": "2"}})
    assert taking.post(UPDATE, {name: {"C": "3"}})[name] == {"C": "3"}
    assert taking.post(UPDATE, {name: {}})[name] == {}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_replaces_the_old_one_in_order(taking, name):
    taking.post(UPDATE, {name: ["b", "a"]})
    assert taking.post(UPDATE, {name: ["z", "b", "é"]})[name] == ["z", "b", "é"]
    assert taking.post(UPDATE, {name: []})[name] == []


@pytest.mark.parametrize("text", few([
    "1.10", "100", "-2.5", "0.1", "9007199254740991", "0.30", "12.000"]))
def test_credentials_keep_their_digits(taking, text):
    body = b'{"testUserCredentials":{"n":' + text.encode() + b"}}"
    for answer in (taking.send("POST", UPDATE, raw=body),
                   taking.send("GET", SETTINGS)):
        assert answer.status == 200, answer
        got = json.loads(answer.body, parse_float=str, parse_int=str)
        assert got["data"]["testUserCredentials"] == {"n": text}


@pytest.mark.parametrize("value", few([
    {"é\U0001f680": "\u0001\n\t\"\\/"}, {}, {"": ""},
    {"a": {"b": {"c": []}}}, {"t": True, "f": False, "n": None},
    {"not a variable": ["x", 1]}]), ids=repr)
def test_credentials_are_any_object(taking, value):
    assert taking.post(UPDATE, {"testUserCredentials": value})[
        "testUserCredentials"] == value
    assert taking.get(SETTINGS)["testUserCredentials"] == value


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("value", few([
    "!~" * 512, "12345678", "prod:name|abc=="]), ids=["1024", "8", "prod"])
def test_convex_key_shows_its_end_only(taking, name, value):
    answer = taking.send("POST", UPDATE, {name: value})
    assert answer.json["data"][name] == {"last4": value[-4:]}
    assert value not in answer.body.decode()
    assert value not in taking.send("GET", SETTINGS).body.decode()


NOT_TEXT = [1, 1.5, True, [], {}, ["x"]]
CASES = (
    [(n, v) for n in TEXTS + SHORT for v in NOT_TEXT]
    + [(n, v) for n in LISTS + MAPS + ["testUserCredentials"]
       for v in ("x", "", 1, True)]
    + [(n, {}) for n in LISTS] + [(n, []) for n in MAPS]
    + [("testUserCredentials", []), ("testUserCredentials", [{}])]
    + [(n, v) for n in CONVEX for v in
       ["", "1234567", "é" * 10, "1234567\n", "1234567\t8", "x" * 1025,
        "1234567\u007f", 12345678, True, [], {}, {"last4": "1234"}]]
    + [(n, v) for n in SHORT for v in
       ["", " ", "\u200b", "\xa0", "\xad\u2060", "\u3164", "\ufeff", "\u2800",
        "a\nb", "a\u202eb"]]
    + [("gitCommitName", v) for v in
       ["<>", "<", "a<b", "a>", ".", ",:;", '"', "'", "\\", " . , "]]
    + [("gitCommitEmail", v) for v in
       ["", "<a@b>", "a<@b", "a@b>", "bot", "bot@", "@example.com", "a@b@c", "a b@example.com",
        "bot@exam ple.com", "bót@example.com", "bot@example.com\n",
        "x" * 200 + "@example.com", *NOT_TEXT]])


def first_of_each(cases):
    """In front: the first of each name."""
    names = [name for name, _ in cases]
    return sorted(cases, key=lambda case: cases.index(case) !=
                  names.index(case[0]))


CASES = first_of_each(CASES)


@pytest.mark.parametrize("name, value", few(CASES, len(EMPTY_SETTINGS)),
                         ids=[f"{n}={v!r:.24}" for n, v in CASES])
def test_refused_value(refusing, name, value):
    refusing.invalid(UPDATE, {name: value}, name)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("key", few([
    "", "A" * 256, "1A", "A-B", "A B", "A.B", "É", "A=B", " A", "A\n", "$A"],
    2), ids=repr)
def test_variable_name_refused(refusing, name, key):
    refusing.invalid(UPDATE, {name: {"FINE": "1", key: "x"}},
                     f"{name}.{key}")


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("value", few([None, 1, 1.5, True, [], {}]), ids=repr)
def test_variable_value_refused(refusing, name, value):
    refusing.invalid(UPDATE, {name: {"FINE": "1", "FOO": value}},
                     f"{name}.FOO")


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("items", few([
    [""], [1], ["a", "b", "a"], ["x" * 201], [None], [True], [[]], [{}],
    ["é", "é"], ["\U0001f680" * 201]], 4),
    ids=lambda v: f"{v!r:.24}")
def test_list_refused(refusing, name, items):
    error = refusing.refused("VALIDATION", "POST", UPDATE, {name: items})
    assert error["field"].split(".")[0].split("[")[0] == name


@pytest.mark.parametrize("name", few(["envvars", "updatedAt", "EnvVars", "id",
                                      "gitCommitname", "unknown", "name"], 2))
def test_unknown_field(refusing, name):
    refusing.invalid(UPDATE, {name: None}, name)


def test_every_complaint_in_body_order(refusing):
    refusing.invalid(
        UPDATE, {"mergingModel": 1, "envVars": {"OK": "", "FOO": 1, "2": ""},
                 "nope": 0, "gitCommitEmail": "x", "claudeMd": False},
        "mergingModel", "envVars.FOO", "envVars.2", "nope", "gitCommitEmail",
        "claudeMd")


def test_one_bad_field_writes_none(refusing):
    refusing.invalid(UPDATE, {"claudeMd": "fine", "gitCommitEmail": "x"},
                     "gitCommitEmail")
    assert get(refusing) == EMPTY_SETTINGS


# what a person, a bot or a careless form may send as the author of commits
NAMES = ["CodeCourier Bot", "a", "1", "-", "--amend", "-n x", "$HOME", "`id`",
         "%an", "#x", "[bot]", "dependabot[bot]", "O'Neil", '"Q" Public',
         "Smith, John", "J. R. Hartley", "a.", ".a", "a:", ";a;", "\\a", "a=b",
         "a@b", "(x)", "Ünï", "\u4e2d\u6587", "\U0001f916", "e\u0301",
         "a\u200db", "a\xa0b", "x" * 200, "\U0001f916" * 200, "", " ", ".",
         "<", ">", "<>", "a<b", "a>b", "<a@b>", "...", ",", ":", ";", "'", '"',
         "\\", " . ", '.,:;<>"\'\\', "\u200b", "\xa0"]
EMAILS = ["bot@example.com", "root@localhost", "a@b", "a+b@c.d", "'a'@b",
          '"a"@b', "-x@y", "--amend@y", "$(id)@h", "%ae@x", ".@.", ",@;",
          "\\@\\", "a@[::1]", "x" * 190 + "@b.c", "", "a", "<a@b>", "a<@b",
          "a@>", "<@>", "a b@c", "@"]


@pytest.fixture(scope="module")
def commit(tmp_path_factory):
    """The commit that git makes by such an author, or "", and whom commits
    then show."""
    folder = tmp_path_factory.mktemp("repository")
    home = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": "/usr/bin:/bin"}

    def git(*words):
        return subprocess.run(["git", *words], cwd=folder, env=home,
                              capture_output=True, timeout=60)

    def commit(name, email):
        return git("-c", f"user.name={name}", "-c", f"user.email={email}",
                   "commit-tree", "-m", f"{name} {email}", tree
                   ).stdout.decode().strip()

    def authors(commits):
        lines = git("log", "--no-walk=unsorted", "--format=%an%n%ae",
                    *commits).stdout.decode().split("\n")
        return list(zip(lines[::2], lines[1::2]))

    assert git("init", "-q").returncode == 0
    tree = git("write-tree").stdout.decode().strip()
    return commit, authors


@pytest.mark.plain     # git's work
@pytest.mark.parametrize("field, values, good", [
    ("gitCommitName", NAMES, 32), ("gitCommitEmail", EMAILS, 15)],
    ids=["name", "email"])
def test_git_takes_what_we_take(taking, commit, field, values, good):
    """With all its characters but those that it strips at both ends."""
    make, authors = commit
    taken, commits = [], []
    for value in values:
        answer = taking.send("POST", UPDATE, {field: value})
        if answer.status == 400:
            assert answer.json["error"]["field"] == field, value
            continue
        taken.append(value)
        commits.append(make(value, "a@b") if field == "gitCommitName" else
                       make("n", value))
        assert commits[-1], f"git refuses {value!r}"
    strip = ".,:;<>\"'\\ "
    shown = authors(commits)
    assert [(name.strip(strip), email.strip(strip)) for name, email in
            shown] == [(v.strip(strip), "a@b") if field == "gitCommitName"
                       else ("n", v.strip(strip)) for v in taken]
    assert taken == values[:good]       # the refused ones stand last


IN_PHP = "{} for none, in PHP (object)[]."


@pytest.mark.parametrize("body, message", few([
    ({"envVars": []}, "Must be an object of strings, no array: " + IN_PHP),
    ({"deployEnvVars": []},
     "Must be an object of strings, no array: " + IN_PHP),
    ({"envVars": ["A=b"]},
     "Must be an object of strings, no array: " + IN_PHP),
    ({"testUserCredentials": []}, "Must be an object, no array: " + IN_PHP),
    ({"selectedSkills": {"1": "b"}},
     "Must be an array of strings, no object: [] for none, in PHP "
     "array_values($list)."),
    ({"envVars": {"A": None}},
     "Must be a string. Leave the variable out to remove it."),
    ({"envVars": {"PORT": 8080}}, "Must be a string, in quotes."),
    ({"deployEnvVars": {"DEBUG": True}}, "Must be a string, in quotes."),
    ({"convexDeployKey": ""},
     "Must have 8 to 1024 characters. Send null to clear it."),
    ({"gitCommitEmail": ""},
     "Must be an e-mail address: printable ASCII, one @, without < and >. "
     "Send null to clear it."),
    ({"mergingModel": ""},
     "Must have at least one visible character. Send null to clear it."),
    ({"claudeMd": {}}, "Must be a string. Leave it out to keep it."),
    ({"updatedAt": 1}, "Cannot be set: leave it out."),
    ({"updatedat": 1}, "Unknown field.")]), ids=repr)
def test_message_shows_the_way_out(refusing, body, message):
    error = refusing.refused("VALIDATION", "POST", UPDATE, body)
    assert error["message"] == message


def test_settings_sent_back_whole(api):
    """The answer to a GET with everything set: only the two keys, version and
    tag are not what a body takes, and what to do is said."""
    api.post(UPDATE, SAMPLES)
    whole = api.get(SETTINGS)
    error = api.invalid(UPDATE, whole, *CONVEX, "version", "etag")
    assert [d["message"] for d in error["details"]] == \
        ["Must be a string. Leave it out to keep it."] * 2 + \
        ["Cannot be set: leave it out."] * 2
    kept = {n: v for n, v in untagged(whole).items() if n not in CONVEX}
    assert update(api, kept) == untagged(whole)
