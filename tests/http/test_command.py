"""How codecourierctl reads: help, version, columns, what it leaves out."""
import json
import re
import uuid

import pytest

from contract import KEY
from few import few
from fixtures import make_project
from harness import ROOT

DONE, FAILED, USAGE, ABSENT, CONFLICT, UNAVAILABLE = range(6)
NOWHERE = {"CODECOURIER_CONF": "/nonexistent/api.conf"}
VERSION = re.search(r"\((.*?)\)", (
    ROOT / "cgi-bin/debian/changelog").read_text()).group(1)
TIME = r"20\d\d-[01]\d-[0-3]\d [0-2]\d:[0-5]\d UTC"


def text(stack, *args, **more):
    """The command as a person runs it."""
    return stack.run([stack.ctl_path, *args], **more)


def commands():
    """Of the table in the source: words and arguments of each."""
    table = re.sub(r'"\n\s+"', "", (ROOT / "src/ctl/args.c").read_text())
    found = re.findall(r'^ +\{"([a-z -]+)",\s+"(.*?)",\s+\d', table, re.M)
    assert len(found) > 12
    return found


@pytest.mark.parametrize("args", few([["--help"], ["help"], ["-h"],
                                      ["--json", "--help"],
                                      ["help", "--json"]]), ids=" ".join)
def test_help_lists_all(stack, args):
    """Also where nothing is configured, and no database is."""
    done = text(stack, *args, environ=NOWHERE)
    assert (done.returncode, done.stderr) == (DONE, "")
    lines = done.stdout.splitlines()
    for words, arguments in commands():
        assert f"  {words} {arguments}".rstrip() in lines


@pytest.mark.parametrize("words, arguments", few(commands(), 2),
                         ids=lambda v: v)
def test_help_of_one(stack, words, arguments):
    first = f"usage: codecourierctl {words} {arguments}".rstrip()
    want = None
    for args in ([*words.split(), "--help"], ["help", *words.split()],
                 ["--help", *words.split()], [*words.split(), "x", "-h"]):
        done = text(stack, *args, environ=NOWHERE)
        assert (done.returncode, done.stderr) == (DONE, "")
        assert done.stdout.splitlines()[0] == first
        want = want or done.stdout
        assert done.stdout == want
    for option in re.findall(r"--[a-z-]+", arguments):
        assert f"\n  {option} " in want


def test_help_of_a_group(stack):
    done = text(stack, "key", "--help", environ=NOWHERE)
    assert (done.returncode, done.stderr) == (DONE, "")
    shown = [line for line in done.stdout.splitlines()
             if re.match("  [a-z]", line)]
    assert shown == [f"  {w} {a}" for w, a in commands()
                     if w.startswith("key ")]


@pytest.mark.parametrize("args", [["help", "nonsense"],
                                  ["nonsense", "--help"],
                                  ["help", "key", "nonsense"],
                                  ["status", "--nonsense", "--help"]],
                         ids=" ".join)
def test_no_such_help(stack, args):
    done = text(stack, *args, environ=NOWHERE)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "nonsense" in done.stderr


def test_version(stack):
    done = text(stack, "--version", environ=NOWHERE)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout == f"codecourierctl {VERSION}\n"
    done = text(stack, "--version", "--json", environ=NOWHERE)
    assert json.loads(done.stdout) == {"data": {"version": VERSION}}
    assert stack.status()["version"] == VERSION


def test_version_in_the_log(stack):
    lines = re.findall(r'level=info msg="worker starts" version=(.*)',
                       stack.log("pool.log"))
    assert len(lines) >= 8 and set(lines) == {VERSION}


@pytest.mark.parametrize("args", few([
    ["project", "list", "--json"], ["--json", "project", "list"],
    ["project", "--json", "list"]]), ids=" ".join)
def test_json_anywhere(stack, project, args):
    done = text(stack, *args)
    assert done.returncode == DONE
    assert project.id in [p["id"] for p in json.loads(done.stdout)["data"]]


@pytest.mark.parametrize("args", few([
    ["project", "show", "x", "y", "--json"], ["nonsense", "--json"],
    ["--nonsense", "status", "--json"], ["project", "create", "--json"],
    ["--json"]], 2), ids=" ".join)
def test_json_of_a_wrong_line(stack, args):
    done = text(stack, *args, environ=NOWHERE)
    assert (done.returncode, done.stderr) == (USAGE, "")
    assert json.loads(done.stdout)["error"]["code"] == "VALIDATION"


@pytest.mark.parametrize("args, message", few([
    (["status", "--n\x1b[31m"], r"status: unknown option --n\x1b[31m"),
    (["project", "create", "--slug", "x"],
     "project create: missing: --name --owner-email"),
    (["project", "create", "--slug=x", "--owner-email=a@b.c"],
     "project create: missing: --name"),
    (["key", "create", "x"], "key create: missing: --name"),
    (["key", "create", "--name", "x"], "key create: missing: P"),
    (["key", "revoke"], "key revoke: missing: KEYID"),
    (["provider-key", "reveal", "x"],
     "provider-key reveal: missing: PROVIDER"),
    (["counter", "add", "x", "runs"], "counter add: missing: N"),
    (["key", "create", "x", "--name"],
     "key create: option without a value: --name"),
    (["key", "create", "x", "--name=a", "--name", "b"],
     "key create: option given twice: --name"),
    (["key", "list", "x", "--out", "f"],
     "key list: option not for this command: --out"),
    (["migrate", "--plan=yes"], "migrate: option takes no value: --plan"),
    (["status", "x"], "status: too many arguments: x"),
    (["key", "burn", "x"], "unknown command key burn")], 4),
    ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_wrong_is_said(stack, args, message):
    done = text(stack, *args, environ=NOWHERE)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr.splitlines()[0] == f"codecourierctl: {message}"
    done = text(stack, "--json", *args, environ=NOWHERE)
    assert json.loads(done.stdout)["error"]["message"] == \
        message.replace(r"\x1b", "\x1b")


def test_a_value_with_equals(stack):
    slug = "ctl-" + uuid.uuid4().hex[:12]
    made = stack.ctl("project", "create", "--name=a=b", f"--slug={slug}",
                     "--owner-email", "a@b.c")
    assert (made["name"], made["slug"]) == ("a=b", slug)


COMPLETE = """
source {}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_codecourierctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("typed, offered", few([
    ("key rotate x --", {"--grace", "--out", "--json", "--help",
                         "--version"}),
    ("key update x --", {"--name", "--scope", "--expires", "--allow-ip",
                         "--rate", "--disable", "--enable", "--json",
                         "--help", "--version"}),
    ("provider-key reveal shop a", {"anthropic", "anthropic_token"}),
    ("", {w.split()[0] for w, _ in commands()} | {"help"}),
    ("pro", {"project", "provider-key"}),
    ("help pro", {"project", "provider-key"}),
    ("key ", {"create", "find", "list", "revoke", "rotate", "update"}),
    ("key update x --rate ", set()), ("key list --unused ", set()),
    ("member role shop a@b.c ", {"owner", "admin", "member"}),
    ("--json key f", {"find"}), ("member ", {"accept", "list", "remove", "role"}),
    ("status ", set()), ("nonsense ", set()), ("key list ", set()),
    ("migrate --p", {"--plan"}), ("--v", {"--version"}),
    ("key create shop --environment t", {"test"}),
    ("project create --name ", set()), ("provider-key reveal ", set()),
    ("counter add shop iss", {"issues", "issueSessions"}),
    ("counter add shop runs ", set()),
    ("key create shop --out /etc/debian_v", {"/etc/debian_version"})], 3))
def test_completion(stack, typed, offered):
    """Without configuration or database, of the table in the source."""
    script = stack.top / "complete.bash"
    script.write_text(COMPLETE.format(stack.top / "completion"))
    (stack.top / "completion").write_text((
        ROOT / "cgi-bin/completion/codecourierctl.bash").read_text())
    for path in script, stack.top / "completion":
        path.chmod(0o644)
    done = stack.run(["bash", script, stack.ctl_path, *typed.split(" ")],
                     environ=NOWHERE)
    assert (done.returncode, done.stderr) == (0, "")
    assert offered == {*done.stdout.split()}


def row(stack, *args, about):
    """Head and the line with these words, cut where the head's words begin."""
    done = text(stack, *args)
    assert (done.returncode, done.stderr) == (DONE, "")
    lines = done.stdout.splitlines()
    head = lines[0]
    (line,) = [one for one in lines[1:] if about in one]
    begins = [m.start() for m in re.finditer(r"(?<=  )[A-Z]|^[A-Z]", head)]
    return {head[a:b].strip(): line[a:b].rstrip() for a, b in
            zip(begins, [*begins[1:], None])}


def test_project_list_reads(project):
    project.api.post("/project/update", {"name": "Näme 山田 👋"})
    project.stack.ctl("project", "create", "--name", "x", "--slug",
                      "ctl-" + uuid.uuid4().hex, "--owner-email", "a@b.c")
    seen = row(project.stack, "project", "list", about=project.id)
    assert re.fullmatch(TIME, seen.pop("CREATED AT"))
    assert seen == {"SLUG": project.slug, "ID": project.id,
                    "NAME": "Näme 山田 👋"}


@pytest.fixture(scope="module")
def named(stack):
    return make_project(stack)


@pytest.mark.parametrize("name, shown", few([
    ("a    2026-01-01 00:00 UTC", r"a \x20\x20\x202026-01-01 00:00 UTC"),
    ("Shop\u00a0 other", "Shop\u00a0\\x20other"),
    ("Sh\u200bop", r"Sh\u200bop"), ("\ufeffShop", r"\ufeffShop"),
    ("x\U000e0041", r"x\ue0041"), ("x\u3000y", "x\u3000y")], 3), ids=ascii)
def test_a_name_forges_nothing(named, name, shown):
    """What the API takes, and a list would be misread by."""
    project = named
    project.api.post("/project/update", {"name": name})
    seen = row(project.stack, "project", "list", about=project.id)
    assert seen["NAME"] == shown
    listed = project.stack.ctl("project", "list")
    assert name in [p["name"] for p in listed if p["id"] == project.id]


def test_an_argument_forges_nothing(stack):
    done = text(stack, "project", "show", "a\nmade: b\x1b[31m\u202e\x9b")
    assert done.returncode == ABSENT
    assert done.stderr == ("codecourierctl: no live project "
                           r'"a\nmade: b\x1b[31m\u202e\u009b"' + "\n")


def test_the_shared_file_forges_nothing(stack):
    """Whoever writes it is the service's user; root reads it."""
    conf = {"CODECOURIER_RUNTIME_DIR": "/nonexistent/\x1b[31m"}
    done = text(stack, "status", environ=conf)
    assert "\x1b" not in done.stdout + done.stderr


def test_one_object_reads(project):
    done = text(project.stack, "project", "show", project.slug)
    lines = dict(re.split(r": +", line, maxsplit=1)
                 for line in done.stdout.splitlines())
    assert lines["id"] == project.id and "_id" not in lines
    assert re.fullmatch(TIME, lines["created at"])
    assert lines["github repo url"] == "-"


def test_status_reads(stack):
    done = text(stack, "status")
    assert done.returncode == DONE
    assert re.search(r"^  PID +PROGRAM +STARTED AT +REQUESTS$", done.stdout,
                     re.M)
    assert len(re.findall(rf"^  \d+ +\d+ +{TIME} +\d+$", done.stdout,
                          re.M)) == 8


def test_deleted_projects_are_listed(project, other):
    gone = project.api.post("/project/delete")
    (seen,) = [p for p in project.stack.ctl("project", "list", "--deleted")
               if p["id"] == project.id]
    assert seen == {**project.made, "deletedAt": gone["deletedAt"],
                    "purgeAt": gone["purgeAt"],
                    "updatedAt": project.made["updatedAt"]}
    ids = [p["id"] for p in project.stack.ctl("project", "list")]
    assert other.id in ids and project.id not in ids
    seen = row(project.stack, "project", "list", "--deleted",
               about=project.id)
    assert re.fullmatch(TIME, seen["PURGE AT"])


def test_key_find(project, other):
    """Over all projects; by the prefix, or what begins with it."""
    for mine in project, other:
        for given in mine.key[:16], mine.key, mine.key[:30], \
                mine.key[:16] + "\n":
            done = text(mine.stack, "--json", "key", "find", given)
            assert done.returncode == DONE
            found = json.loads(done.stdout)["data"]
            assert found["id"] == mine.key_id
            assert found["prefix"] == mine.key[:16]
            assert (found["projectId"], found["projectSlug"],
                    found["projectDeletedAt"]) == (mine.id, mine.slug, None)
            assert mine.key[16:] not in done.stdout
    assert project.id in text(project.stack, "key", "find",
                              project.key[:16]).stdout


def test_key_of_a_deleted_project_is_found(project):
    gone = project.api.post("/project/delete")
    found = project.stack.ctl("key", "find", project.key[:16])
    assert found["projectDeletedAt"] == gone["deletedAt"]


@pytest.mark.parametrize("prefix, code", few([
    ("cc_live_00000000", ABSENT), ("cc_live_0000000é", USAGE),
    ("cc_test_zzzzzzzz", ABSENT),
    ("", USAGE), ("cc_live_", USAGE), ("cc_live_0000000", USAGE),
    ("cc_dev_000000000", USAGE), ("CC_LIVE_00000000", USAGE),
    ("cc_live_%%%%%%%%", USAGE), ("' or true --    ", USAGE)], 2))
def test_no_such_key(stack, prefix, code):
    stack.ctl("key", "find", prefix, code=code)


SECRET = "cc_live_00000000" + "S" * 38


@pytest.mark.parametrize("args", [
    ["key", "find", SECRET], ["key", "list", SECRET],
    ["key", "revoke", SECRET], ["project", "show", SECRET], [SECRET],
    ["status", SECRET], ["--" + SECRET], ["counter", "add", "x", SECRET, "1"],
    ["key", "create", "x", "--name", "x", "--out", f"/nowhere/{SECRET}"],
    ["help", SECRET]], ids=lambda a: " ".join(a)[:20])
@pytest.mark.parametrize("secret", [SECRET, "cc_inv_" + "S" * 46],
                         ids=["key", "token"])
def test_a_secret_is_never_echoed(stack, args, secret):
    assert KEY.fullmatch(SECRET)
    args = [a.replace(SECRET, secret) for a in args]
    for json_too in [], ["--json"]:
        done = text(stack, *json_too, *args)
        assert done.returncode != DONE
        assert "SS" not in done.stdout + done.stderr


def test_accepting_again_writes_no_audit_row(project):
    project.api.post("/project/members/invite",
                     {"email": "new@example.com", "role": "admin"})

    def accept(*more):
        got = project.stack.ctl("member", "accept", project.slug,
                                "NEW@example.com", *more)
        return got["name"], project.stack.rows(
            "select fields from codecourier.audit where action = "
            f"'member.accept' and project_id = '{project.id}'")

    one, two = [{"fields": []}], [{"fields": []}, {"fields": ["name"]}]
    assert accept() == (None, one)
    assert accept() == (None, one)
    assert accept("--name", "New") == ("New", two)
    assert accept("--name", "New") == ("New", two)
    assert accept() == ("New", two)


def test_a_key_is_known_of_a_project_made_meanwhile(stack):
    """Nothing is remembered between two runs."""
    made = make_project(stack)
    assert stack.ctl("key", "find", made.key)["projectId"] == made.id
