"""GET settings/env and POST settings/env/import: variables as text.

The forms themselves are test_dotenv.py's. MAPS: how many maps go out in each
form and come back.
"""
import random

import pytest

import test_dotenv
from client import Api, at_once
from fixtures import rounds
from test_audit import audit

ENV = "/project/settings/env"
IMPORT = ENV + "/import"
UPDATE = "/project/settings/update"
SETS = ["envVars", "deployEnvVars"]
HARD = {"A": "", "B": "two\nlines\r\n", "C": " 'single' \"double\" `back` ",
        "D": "$A ${A} $(date) `date`", "E": "# no comment", "F": "a # b",
        "G": "C:\\dir\\", "H": "\\n\\\\", "I": "\t\r", "J": "\U0001f680é\u2028",
        "K": test_dotenv.PEM, "L": "\x01\x7f", "_": "export A=1", "a1": "="}
MAPS = min(test_dotenv.MAPS, 40) if test_dotenv.MAPS == 300 else \
    test_dotenv.MAPS


def put(api, which="envVars", **variables):
    api.post(UPDATE, {which: variables})


def read(api, which="envVars", form="dotenv"):
    answer = api.send("GET", f"{ENV}?set={which}&format={form}")
    assert answer.status == 200, answer
    return answer.body.decode()


def bring(api, text, which="envVars", **query):
    more = "".join(f"&{n}={v}" for n, v in query.items())
    return untagged(api.send("POST", f"{IMPORT}?set={which}{more}", text))


def stored(api, which="envVars"):
    return api.get("/project/settings")[which]


def untagged(answer):
    """An import's answer but for its version and tag, which is the header,
    too."""
    assert answer.status == 200, answer
    data = dict(answer.json["data"])
    tag = data.pop("etag")
    assert tag == answer.header("ETag"), answer
    assert tag.startswith(f'"{data.pop("version")}-'), answer
    return data


def told(added=(), changed=(), removed=(), unchanged=0, dryRun=False):
    return {"added": [*added], "changed": [*changed], "removed": [*removed],
            "unchanged": unchanged, "dryRun": dryRun}


# ---- refusals ----

@pytest.mark.parametrize("query, field", [
    ("", "set"), ("?format=shell", "set"), ("?set=", "set"),
    ("?set=envvars", "set"), ("?set=envVars&set=envVars", "set"),
    ("?set=envVars&format=", "format"), ("?set=envVars&format=Shell", "format"),
    ("?set=envVars&format=yaml", "format"), ("?set=envVars&mode=merge", "mode"),
    ("?set=envVars&dryRun=true", "dryRun"), ("?set=envVars&x=1", "x"),
    ("?set=envVars&format=json&format=json", "format")])
def test_query_of_the_export(refusing, query, field):
    # a ? with nothing behind it is no query
    refusing.refused("VALIDATION", "GET", ENV + (query or "?"), field=field)


@pytest.mark.parametrize("query, field", [
    ("", "set"), ("?set=x", "set"), ("?set=envVars&mode=", "mode"),
    ("?set=envVars&mode=add", "mode"), ("?set=envVars&format=shell", "format"),
    ("?set=envVars&format=json", "format"),
    ("?set=envVars&dryRun=yes", "dryRun"), ("?set=envVars&dryRun", "dryRun"),
    ("?set=envVars&limit=1", "limit"),
    ("?set=envVars&mode=merge&mode=merge", "mode")])
def test_query_of_the_import(refusing, query, field):
    refusing.refused("VALIDATION", "POST", IMPORT + (query or "?"), "A=1",
                     field=field)


@pytest.mark.parametrize("kind", [
    None, "", "application/json", "text/html", "text/plainer", "text",
    "application/x-www-form-urlencoded", "text/plain; charset=iso-8859-1",
    "text/plain; a=b; charset=utf-16", "text/plain;charset=utf-80"])
def test_media(refusing, kind):
    refusing.refused("UNSUPPORTED_MEDIA_TYPE", "POST", IMPORT, "A=1",
                     headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", [
    "text/plain", "Text/Plain", "text/plain; charset=utf-8",
    'text/plain;charset="UTF-8"', "text/plain ; a=b ; charset=utf-8 ; c=d"])
def test_media_by_its_names(api, kind):
    assert untagged(api.send("POST", IMPORT, "A=1", headers={
        "Content-Type": kind})) == told(["A"])


@pytest.mark.parametrize("text, lines", [
    ("A", [1]), ("A=1\nB\n\nC", [2, 4]), ("=1", [1]),
    ("#\n1A=1\nA-B=1\n", [2, 3]), ("A='b\n\n", [1]),
    ("A=1\r\nB='c' d\r\n", [2]), ("é=1", [1]),
    ("A=1\nB=" + "x" * 65537, [2]), ("A" * 256 + "=1", [1]),
    ("A='\n'\nB=\n\nC", [5]),
    ("".join(f"A{n}=\n" for n in range(1002)), [1001, 1002])])
def test_lines(refusing, text, lines):
    error = refusing.refused("VALIDATION", "POST", IMPORT, text)
    assert [d["field"] for d in error["details"]] == [f"line {n}"
                                                      for n in lines]


@pytest.mark.parametrize("raw, field", [
    (b"", None), (b"A=1\nB=\xff", "line 2"), (b"A=\0", "line 1"),
    (b"\n" * 9 + b"A=\xed\xa0\x80", "line 10")])
@pytest.mark.parametrize("form", ["dotenv", "docker"])
def test_no_text(refusing, raw, field, form):
    refusing.refused("VALIDATION", "POST",
                     f"{IMPORT}?set=envVars&format={form}", field=field,
                     raw=raw, headers={"Content-Type": "text/plain"})


def test_too_many_complaints(refusing):
    error = refusing.refused("VALIDATION", "POST", IMPORT, "x\n" * 500_000)
    assert len(error["details"]) == 100


@pytest.mark.parametrize("which", SETS)
def test_too_much_together(project, which):
    """By the stored and the new, of both sets; the same of a dry run."""
    api, other = project.api, SETS[which == SETS[0]]
    put(api, other, **{f"V{n}": "x" * 65534 for n in range(15)})
    put(api, which, A="x" * 60000)
    before = audit(project)
    for query in "", "&dryRun=true", "&mode=merge":
        api.refused("VALIDATION", "POST", f"{IMPORT}?set={which}{query}",
                    f"B={'x' * 6000}", field=which)
    assert audit(project) == before
    bring(api, f"B={'x' * 6000}", which, mode="replace")
    put(api, other)
    put(api, which, **{f"V{n}": "" for n in range(1000)})
    api.refused("VALIDATION", "POST", f"{IMPORT}?set={which}", "B=", field=which)
    assert bring(api, "V1=", which) == told(unchanged=1000)


@pytest.mark.parametrize("form, name, value", [
    ("docker", "BAD", "a\nb"), ("docker", "BAD", "a\r"), ("docker", "BAD", "\n"),
    ("docker", "BAD", "x" * 65536), ("shell", "UID", "1"),
    ("shell", "OPTIND", "a[$(date)]"), ("shell", "PS4", "x"),
    ("shell", "_", "x")])
@pytest.mark.parametrize("which", SETS)
def test_cannot_carry(api, which, form, name, value):
    put(api, which, A="1", **{name: value, "Z": "2"})
    error = api.refused("CONFLICT", "GET", f"{ENV}?set={which}&format={form}",
                        field=f"{which}.{name}")
    assert value not in error["message"] or value in "x1\n"
    assert name in read(api, which)


def test_a_long_name_is_told_whole(api):
    name = "N" * 255
    put(api, "deployEnvVars", **{name: "\n"})
    api.refused("CONFLICT", "GET", f"{ENV}?set=deployEnvVars&format=docker",
                field=f"deployEnvVars.{name}")


# ---- out ----

@pytest.mark.parametrize("which", SETS)
def test_export(api, which):
    put(api, which, A="it's", B="x")
    put(api, SETS[which == SETS[0]], OTHER="1")
    assert read(api, which) == 'A="it\'s"\nB=x\n'
    assert api.send("GET", f"{ENV}?set={which}").body.decode() == \
        read(api, which)
    assert read(api, which, "shell") == \
        "export A='it'\\''s'\nexport B='x'\n"
    assert read(api, which, "docker") == "A=it's\nB=x\n"
    answer = api.send("GET", f"{ENV}?set={which}&format=json")
    assert answer.json == {"A": "it's", "B": "x"}
    assert answer.header("Content-Type") == "application/json"


@pytest.mark.parametrize("form", ["dotenv", "shell", "docker", "json"])
def test_export_of_nothing(refusing, form):
    assert read(refusing, form=form) == ("{}" if form == "json" else "")


def test_head_has_the_same_headers(api):
    put(api, A="1")
    head, get = (api.send(m, f"{ENV}?set=envVars") for m in ("HEAD", "GET"))
    assert head.header("Content-Length") == "4" == str(len(get.body))
    assert head.header("Content-Type") == "text/plain; charset=utf-8"


# ---- in ----

@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("form", ["dotenv", "docker"])
def test_comes_back(api, which, form):
    """What is read comes back byte for byte, into the other set, too."""
    other = SETS[which == SETS[0]]
    pick, variables = random.Random(7), HARD
    for _ in range(MAPS):
        if form == "docker":
            variables = {n: v for n, v in variables.items()
                         if "\n" not in v and not v.endswith("\r")}
        put(api, which, **variables)
        bring(api, read(api, which, form), other, format=form, mode="replace")
        assert stored(api, other) == variables == stored(api, which)
        variables = {**test_dotenv.some_map(), "N": str(pick.random())}


def test_merge_and_replace(project):
    api = project.api
    assert bring(api, "B=1\nA=1\nC=1\n") == told(["B", "A", "C"])
    assert list(stored(api).items()) == [("B", "1"), ("A", "1"), ("C", "1")]
    assert bring(api, "A=2\nD=1\nB=1\n", dryRun="true") == \
        told(["D"], ["A"], unchanged=2, dryRun=True)
    assert bring(api, "A=2\nD=1\nB=1\n", mode="merge") == \
        told(["D"], ["A"], unchanged=2)
    assert stored(api) == {"A": "2", "B": "1", "C": "1", "D": "1"}
    assert bring(api, "E=1\nA=2\nB=3", mode="replace", dryRun="false") == \
        told(["E"], ["B"], ["C", "D"], 1)
    assert stored(api) == {"A": "2", "B": "3", "E": "1"}
    assert bring(api, "A=1\nA=2\n") == told(unchanged=3)
    assert bring(api, "# nothing\n", mode="replace") == \
        told(removed=["B", "A", "E"])
    assert stored(api) == {} == stored(api, "deployEnvVars")


def test_what_is_written(project):
    """The audit row, updatedAt; nothing where nothing changes."""
    api, when = project.api, (
        "select updated_at::text || env_vars::text as seen from "
        f"codecourier.settings where project_id = '{project.id}'")
    bring(api, "A=1")
    row = audit(project)[-1]
    assert row["action"] == "settings.import" and row["fields"] == ["envVars"]
    assert row["object"] == "settings" and row["object_id"] == project.id
    rows, seen = audit(project), project.stack.sql(when)
    assert bring(api, "A=1", mode="replace") == told(unchanged=1)
    assert bring(api, "#") == told(unchanged=1)
    assert bring(api, "A=2\nB=1", mode="replace", dryRun="true") == \
        told(["B"], ["A"], dryRun=True)
    assert (audit(project), project.stack.sql(when)) == (rows, seen)
    bring(api, "A=2", "deployEnvVars")
    assert audit(project)[-1]["fields"] == ["deployEnvVars"]
    assert stored(api) == {"A": "1"}


def test_tags(project):
    """If-Match is held against the settings' tag; the answer has the new one,
    or, where nothing is written, the present one."""
    api, path = project.api, f"{IMPORT}?set=envVars"
    first = api.get("/project/settings")["etag"]
    for query in "", "&dryRun=true":
        answer = api.send("POST", path + query, "A=1",
                          headers={"If-Match": '"1-0"'})
        assert answer.status == 412 and answer.header("ETag") == first
    assert stored(api) == {}
    got = api.post(path + "&dryRun=true", "A=1", headers={"If-Match": first})
    assert got["etag"] == first
    got = api.post(path, "A=1", headers={"If-Match": f'"1-0", {first}'})
    assert got["etag"] == api.get("/project/settings")["etag"] != first
    api.refused("PRECONDITION_FAILED", "POST", path, "A=1",
                headers={"If-Match": first})
    assert api.post(path, "A=1", headers={"If-Match": "*"}) == got | told(
        unchanged=1)


def test_who_may_not_read_is_told_nothing(project):
    key = project.api.post("/project/api-keys/generate", {
        "name": "writer", "scopes": ["settings:write"]})["key"]
    api = Api(project.stack.base, key)
    assert bring(api, "A=1") == {"dryRun": False}
    assert bring(api, "A=1") == {"dryRun": False}
    assert bring(api, "A=2", dryRun="true") == {"dryRun": True}
    assert stored(project.api) == {"A": "1"}
    api.refused("SCOPE_DENIED", "GET", ENV, field="scope")


@pytest.mark.parametrize("which", SETS)
def test_merges_at_once(project, which):
    """Each of different names: all stay, and each tells its own only."""
    writers = [Api(project.stack.base, project.key) for _ in range(8)]
    for turn in range(rounds(3)):
        got = at_once([lambda n=n, api=api: bring(api, f"T{turn}_{n}={n}", which)
                       for n, api in enumerate(writers)])
        assert [g["added"] for g in got] == [[f"T{turn}_{n}"] for n in range(8)]
        assert not any(g["changed"] or g["removed"] for g in got)
    assert stored(project.api, which) == {
        f"T{turn}_{n}": f"{n}" for turn in range(rounds(3)) for n in range(8)}
    assert len([row for row in audit(project)
                if row["action"] == "settings.import"]) == 8 * rounds(3)
