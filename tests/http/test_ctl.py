"""codecourierctl: each command, its exit status, its --json form."""
import json
import os
import stat
import uuid

import pytest

from client import Api
from contract import (API_KEY, ERROR_KEYS, KEY, MEMBER, NOBODY, PROJECT,
                      same_id)
from few import few
from fixtures import everything, make_project

DONE, FAILED, USAGE, ABSENT, CONFLICT, UNAVAILABLE = range(6)


def text(stack, *args, **more):
    """The command as a person runs it."""
    return stack.run([stack.ctl_path, *args], **more)


USAGES = [
    [], ["nonsense"], ["--nonsense", "status"], ["project"],
    ["project", "nonsense"], ["project", "create"],
    ["project", "create", "--name", "x"],
    ["project", "create", "--name", "x", "--slug", "x"],
    ["project", "create", "--name"],
    ["project", "create", "--name", "x", "--slug", "x", "--owner-email",
     "a@b.c", "--nonsense"],
    ["project", "show"], ["project", "show", "a", "b"],
    ["project", "list", "x"], ["member"], ["member", "accept"],
    ["member", "accept", "x"], ["key"], ["key", "create"],
    ["key", "create", "x"], ["key", "create", "x", "--name"],
    ["key", "list"], ["key", "revoke"], ["key", "revoke", "a", "b"],
    ["provider-key"], ["provider-key", "reveal"],
    ["provider-key", "reveal", "x"], ["provider-key", "show", "x", "e2b"],
    ["counter"], ["counter", "add"], ["counter", "add", "x", "runs"],
    ["counter", "add", "x", "runs", "1", "2"], ["status", "x"],
    ["migrate", "x"], ["init", "x"], ["purge", "x"], ["project", "purge"],
    ["project", "restore", "x", "--slug"], ["key", "find"],
    ["project", "update"], ["project", "update", "x"], ["member", "list"],
    ["member", "role", "x", "a@b.c"], ["member", "remove", "x"],
    ["key", "update"], ["key", "rotate"], ["key", "list", "--unused"]]


@pytest.mark.parametrize("args", few(USAGES, 11),
                         ids=lambda a: "_".join(a) or "none")
def test_usage(stack, args):
    done = text(stack, *args)
    assert done.returncode == USAGE, done
    assert done.stdout == "" and done.stderr != ""


def invalid(stack, *args):
    """A bad value: refused before anything was done."""
    done = stack.run([stack.ctl_path, "--json", *args])
    assert done.returncode == USAGE, done
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "VALIDATION", error
    assert set(error) <= ERROR_KEYS


CREATE = {"name": "Fine", "slug": "fine-slug", "owner-email": "a@b.c"}


@pytest.mark.parametrize("name, value", few([
    ("name", ""), ("slug", "-a"), ("owner-email", "a@b@c"),
    ("name", " "), ("name", "x" * 101), ("name", "a\u202eb"),
    ("name", "a\nb"), ("name", "\u200b"), ("name", " \u3164"),
    ("slug", ""), ("slug", "A"), ("slug", "a_b"),
    ("slug", "x" * 64), ("slug", NOBODY),
    ("slug", "deadbeef-dead-beef-dead-beefdeadbeef"), ("owner-email", ""),
    ("owner-email", "nobody"),
    ("owner-email", "é@b.c"), ("owner-email", "x" * 300 + "@b.c")], 3))
def test_project_create_refuses(stack, name, value):
    given = {**CREATE, name: value}
    count = "select count(*) from codecourier.project"
    before = stack.sql(count)
    invalid(stack, "project", "create",
            *(w for n, v in given.items() for w in (f"--{n}", v)))
    assert stack.sql(count) == before


def test_project_create(stack):
    slug = "ctl-" + uuid.uuid4().hex[:12]
    made = stack.ctl("project", "create", "--name", "Näme", "--slug", slug,
                     "--owner-email", "Owner@Example.com")
    assert set(made) == PROJECT
    same_id(made)
    assert made["name"] == "Näme" and made["slug"] == slug
    for which in slug, made["id"]:
        assert stack.ctl("project", "show", which)["id"] == made["id"]
    assert made["id"] in [p["id"] for p in stack.ctl("project", "list")]


def test_an_id_in_upper_case(project):
    """Here it is one, in either case of its digits."""
    stack, which = project.stack, project.id.upper()
    assert stack.ctl("project", "show", which)["id"] == project.id
    assert stack.ctl("key", "list", which)[0]["id"] == project.key_id
    row = stack.ctl("key", "revoke", project.key_id.upper())
    assert row["id"] == project.key_id and row["revoked"]


@pytest.fixture
def planted_slug(project, other):
    """Another project's slug is this one's id: it was made before that was
    refused, here past all triggers."""
    def plant(slug, where="true"):
        project.stack.sql(
            "set session_replication_role = replica; "
            f"update codecourier.project set slug = '{slug}' "
            f"where id = '{other.id}' and {where}")
    return plant


MEANT = [["project", "show", "{}"], ["key", "list", "{}"],
         ["member", "accept", "{}", "a@b.c"], ["key", "create", "{}",
                                               "--name", "x"],
         ["provider-key", "reveal", "{}", "e2b"],
         ["counter", "add", "{}", "runs", "1"]]


@pytest.mark.parametrize("case", few([str.lower, str.upper]))
def test_an_id_means_no_slug(project, other, planted_slug, case):
    """However a slug looks: what has the form of an id is one."""
    stack, id_ = project.stack, case(project.id)
    planted_slug(project.id)
    for who in project, other:
        who.api.post("/project/provider-keys/set",
                     {"provider": "e2b", "key": f"key-of-{who.id[:8]}"})
        who.api.post("/project/members/invite",
                     {"email": "a@b.c", "role": "member"})
    before = everything(other)
    for args in MEANT:
        got = stack.ctl(*(id_ if w == "{}" else w for w in args))
        if args[1] == "show":
            assert got["id"] == project.id
        elif args[1] == "list":
            assert [k["id"] for k in got] == [project.key_id]
        elif args[1] == "reveal":
            assert got["key"] == f"key-of-{project.id[:8]}"
        assert everything(other) == before, args
    # gone, it is not found: the other one is not meant then either
    project.api.post("/project/delete", {})
    for args in MEANT:
        assert stack.ctl(*(id_ if w == "{}" else w for w in args),
                         code=ABSENT)["code"] == "NOT_FOUND"
    assert everything(other) == before


def test_a_slug_of_hex_digits_is_a_slug(project, other, planted_slug):
    """An id's 32 digits without hyphens have no form of an id."""
    bare = project.id.replace("-", "")
    planted_slug(bare)
    assert project.stack.ctl("project", "show", bare)["id"] == other.id
    assert project.stack.ctl("project", "show", bare.upper(), code=ABSENT)
    assert project.stack.ctl("project", "show", "{" + project.id + "}",
                             code=ABSENT)


def test_project_create_trims_the_name(stack):
    slug = "ctl-" + uuid.uuid4().hex[:12]
    made = stack.ctl("project", "create", "--name", "  x  ", "--slug", slug,
                     "--owner-email", "a@b.c")
    assert made["name"] == "x"


def test_slug_taken(project):
    error = project.stack.ctl(
        "project", "create", "--name", "x", "--slug", project.slug,
        "--owner-email", "a@b.c", code=CONFLICT)
    assert error["code"] == "CONFLICT" and error["field"] == "slug"


ON_ABSENT = [
    ["project", "delete", "{}"], ["project", "restore", "{}"],
    ["project", "purge", "{}"], ["project", "update", "{}", "--name", "x"],
    ["member", "list", "{}"], ["member", "remove", "{}", "a@b.c"],
    ["member", "role", "{}", "a@b.c", "admin"],
    ["key", "update", "{}", "--disable"], ["key", "rotate", "{}"],
    ["project", "show", "{}"], ["member", "accept", "{}", "a@b.c"],
    ["key", "create", "{}", "--name", "x"], ["key", "list", "{}"],
    ["key", "revoke", "{}"], ["provider-key", "reveal", "{}", "e2b"],
    ["counter", "add", "{}", "runs", "1"]]


@pytest.mark.parametrize("args", ON_ABSENT, ids=lambda a: "-".join(a[:2]))
@pytest.mark.parametrize("who", few([NOBODY, "x" * 1000, "no-such-slug", "",
                                     "' or true --"], 2), ids=lambda v: v[:12])
def test_absent(stack, args, who):
    error = stack.ctl(*(who if a == "{}" else a for a in args), code=ABSENT)
    assert error["code"] == "NOT_FOUND"
    assert set(error) <= ERROR_KEYS


@pytest.fixture(scope="module")
def deleted(stack):
    project = make_project(stack)
    project.api.post("/project/delete")
    return project


@pytest.mark.parametrize("args", [
    ["key", "create", "{}", "--name", "x"],
    ["member", "accept", "{}", "a@b.c"],
    ["counter", "add", "{}", "runs", "1"]], ids=lambda a: "-".join(a[:2]))
def test_nothing_is_written_into_a_deleted_project(deleted, args):
    deleted.stack.ctl(*(deleted.id if a == "{}" else a for a in args),
                      code=ABSENT)


def test_key_create(project):
    row = project.stack.ctl("key", "create", project.id, "--name", "by id",
                            "--environment", "test")
    key = row.pop("key")
    assert set(row) == API_KEY
    assert KEY.fullmatch(key) and key.startswith("cc_test_")
    assert row["name"] == "by id" and row["environment"] == "test"
    assert {**row, "state": "live"} in project.stack.ctl("key", "list",
                                                         project.slug)
    assert Api(project.stack.base, key).get("/project")["id"] == project.id


@pytest.mark.parametrize("args", few([
    ["--name", ""], ["--name", "x", "--environment", "prod"],
    ["--name", "x" * 101], ["--name", "\u2060\u3000"]], 2), ids=repr)
def test_key_create_refuses(shared, args):
    invalid(shared.stack, "key", "create", shared.slug, *args)
    assert len(shared.api.get("/project/api-keys")) == 1


@pytest.fixture
def folder(stack):
    """A folder that the stack's user may write."""
    path = stack.top / uuid.uuid4().hex
    path.mkdir()
    os.chown(path, stack.uid, stack.gid)
    return path


def test_key_to_a_file(project, folder):
    row = project.stack.ctl("key", "create", project.slug, "--name", "f",
                            "--out", str(folder / "key"))
    assert "key" not in row
    info = (folder / "key").stat()
    assert stat.S_IMODE(info.st_mode) == 0o600
    key = (folder / "key").read_text()
    assert KEY.fullmatch(key.rstrip("\n"))
    assert Api(project.stack.base, key.rstrip("\n")).get("/project")


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "no-folder"])
def test_key_file_that_cannot_be_made(project, folder, kind):
    """No key is made that nobody could read; no file is written over."""
    path = folder / "key"
    if kind == "file":
        path.write_text("mine")
    elif kind == "link":
        (folder / "target").write_text("mine")
        path.symlink_to("target")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    else:
        path = folder / "none" / "key"
    before = everything(project)
    done = text(project.stack, "key", "create", project.slug, "--name", "f",
                "--out", str(path))
    assert done.returncode == FAILED, done
    assert everything(project) == before
    assert not (folder / "nowhere").exists()
    if kind in ("file", "link"):
        assert path.read_text() == "mine"


@pytest.mark.parametrize("blocks", [0, 1])
def test_key_file_that_cannot_be_written(project, folder, blocks):
    """A full disk, here a limit of the process: no file that is empty stays,
    and the key that nobody has is named, to be revoked."""
    script = f"trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""
    (folder / "other").write_text("")
    done = project.stack.run([
        "sh", "-c", script, "sh", project.stack.ctl_path, "key", "create",
        project.slug, "--name", "f", "--out", folder / "key"])
    keys = {k["id"]: k for k in project.stack.ctl("key", "list",
                                                   project.slug)}
    assert len(keys) == 2
    made = next(k for k in keys if k != project.key_id)
    if blocks:      # of 512 bytes: enough for a key
        assert done.returncode == DONE, done
        assert KEY.fullmatch((folder / "key").read_text().rstrip("\n"))
        return
    assert done.returncode == FAILED, done
    assert made in done.stderr and not KEY.search(done.stdout + done.stderr)
    assert [p.name for p in folder.iterdir()] == ["other"]
    project.stack.ctl("key", "revoke", made)


def test_key_is_shown_to_a_person_once(project):
    done = text(project.stack, "key", "create", project.slug, "--name", "x")
    assert done.returncode == DONE
    assert len([w for w in done.stdout.split() if KEY.fullmatch(w)]) == 1
    listed = text(project.stack, "key", "list", project.slug)
    assert listed.returncode == DONE
    assert not [w for w in listed.stdout.split() if KEY.fullmatch(w)]


def test_key_revoke(project):
    project.api.get("/project")
    row = project.stack.ctl("key", "revoke", project.key_id)
    assert set(row) == API_KEY and row["revoked"] is True
    project.api.refused("AUTH_INVALID", "GET", "/project")
    assert project.stack.ctl("key", "revoke", project.key_id)[
        "revokedAt"] == row["revokedAt"]


def test_member_accept(project):
    project.api.post("/project/members/invite", {
        "email": "New@example.com", "role": "admin"})
    got = project.stack.ctl("member", "accept", project.slug,
                            "new@EXAMPLE.com", "--name", "New One")
    assert set(got) == MEMBER
    assert got["status"] == "active" and got["name"] == "New One"
    assert got in project.api.get("/project/members")
    assert project.stack.ctl("member", "accept", project.slug,
                             "new@example.com") == got


@pytest.fixture(scope="module")
def inviting(stack):
    project = make_project(stack)
    project.api.post("/project/members/invite", {
        "email": "new@example.com", "role": "admin"})
    return project


@pytest.mark.parametrize("name", few(["", "x" * 101, "a\nb", "\ufeff",
                                      "\u2800"]), ids=repr)
def test_member_accept_refuses(inviting, name):
    project = inviting
    invalid(project.stack, "member", "accept", project.slug,
            "new@example.com", "--name", name)
    assert project.api.get("/project/members")[1]["status"] == "pending"


def test_accept_of_nobody(project):
    project.stack.ctl("member", "accept", project.slug, "no@example.com",
                      code=ABSENT)


def test_reveal_prints_the_key(project):
    project.api.post("/project/provider-keys/set",
                     {"provider": "github", "key": "ghp_reveal_me"})
    done = text(project.stack, "provider-key", "reveal", project.slug,
                "github")
    assert done.returncode == DONE
    assert done.stdout.split().count("ghp_reveal_me") == 1


@pytest.mark.parametrize("name", few(["nonsense", "Runs", "members", ""]))
def test_no_such_counter(shared, name):
    shared.stack.ctl("counter", "add", shared.slug, name, "1", code=ABSENT)


@pytest.mark.parametrize("number", few([
    "9223372036854775808", "x", "", "1.5", "1x", "99999999999999999999"], 2))
def test_counter_add_refuses(shared, number):
    invalid(shared.stack, "counter", "add", shared.slug, "runs", number)
    assert shared.api.get("/project/counters")["runs"] == 0


def test_status(stack):
    status = stack.status()
    assert type(status["schemaVersion"]) is int
    assert status["keyringFingerprint"]
    assert [{"v": status["databaseVersion"]}] == stack.rows(
        "select current_setting('server_version') as v")
    assert text(stack, "status").returncode == DONE
    assert status["rateLimits"] == "counted by all workers together"
    assert type(status["rateWindows"]) is type(status["rateRefusals"]) is int
    done = stack.run([stack.ctl_path, "--json", "status"], {
        "CODECOURIER_RUNTIME_DIR": "/nonexistent"})
    assert "counts alone" in json.loads(done.stdout)["data"]["rateLimits"]


def test_status_shows_no_secret(stack, project):
    with open(stack.conf["CODECOURIER_KEYRING"]) as file:
        words = [w for line in file for w in line.split() if len(w) > 20]
    assert words
    out = text(stack, "--json", "status").stdout
    assert not [w for w in words if w in out]


def test_init_again_changes_nothing(stack, project):
    with open(stack.conf["CODECOURIER_KEYRING"]) as file:
        keyring = file.read()
    before = stack.status()["schemaVersion"]
    assert text(stack, "init").returncode == DONE
    with open(stack.conf["CODECOURIER_KEYRING"]) as file:
        assert file.read() == keyring
    assert stack.status()["schemaVersion"] == before
    project.api.get("/project")


def test_migrate_again_does_nothing(stack):
    before = stack.rows("select * from codecourier.schema_version")
    assert text(stack, "migrate").returncode == DONE
    assert text(stack, "migrate", "--plan").returncode == DONE
    assert stack.rows("select * from codecourier.schema_version") == before


NO_DATABASE = {"CODECOURIER_DATABASE": "host=/nonexistent dbname=x",
               "CODECOURIER_ADMIN_DATABASE": "host=/nonexistent dbname=x"}


@pytest.mark.parametrize("args", few([
    ["migrate"], ["init"],
    ["project", "list"], ["project", "list", "--deleted"],
    ["project", "show", "x"], ["project", "delete", "x"],
    ["project", "restore", "x"], ["project", "purge", "x"], ["purge"],
    ["project", "update", "x", "--name", "x"], ["member", "list", "x"],
    ["member", "role", "x", "a@b.c", "admin"],
    ["member", "remove", "x", "a@b.c"], ["key", "list", "--unused", "1d"],
    ["key", "update", NOBODY, "--disable"], ["key", "rotate", NOBODY],
    ["key", "find", "cc_live_00000000"],
    ["key", "list", "x"], ["key", "create", "x", "--name", "x"],
    ["key", "revoke", NOBODY], ["member", "accept", "x", "a@b.c"],
    ["provider-key", "reveal", "x", "e2b"],
    ["counter", "add", "x", "runs", "1"]], 2), ids=lambda a: "-".join(a[:2]))
def test_no_database(stack, args):
    error = stack.ctl(*args, code=UNAVAILABLE, environ=NO_DATABASE)
    assert error["code"] == "UNAVAILABLE"


def test_status_without_a_database(stack):
    """It says what it can, and what is missing."""
    done = stack.run([stack.ctl_path, "--json", "status"], NO_DATABASE)
    assert done.returncode == UNAVAILABLE
    assert "scryptRuns" in json.loads(done.stdout)["data"]


@pytest.mark.parametrize("content", [None, "", "nonsense\n",
                                     "k1 open AAAA\n"],
                         ids=["missing", "empty", "nonsense", "no-seal"])
def test_no_keyring(project, folder, content):
    if content is not None:
        (folder / "keyring").write_text(content)
        os.chown(folder / "keyring", project.stack.uid, project.stack.gid)
        (folder / "keyring").chmod(0o600)
    project.api.post("/project/provider-keys/set",
                     {"provider": "github", "key": "ghp_reveal_me"})
    done = project.stack.run(
        [project.stack.ctl_path, "provider-key", "reveal", project.slug,
         "github"], {"CODECOURIER_KEYRING": str(folder / "keyring")})
    assert done.returncode == UNAVAILABLE, done
    assert "ghp_reveal_me" not in done.stdout + done.stderr


@pytest.mark.parametrize("line", few([
    "CODECOURIER_NONSENSE=1", "no equals sign", "CODECOURIER_WORKERS=many",
    "CODECOURIER_LOG_LEVEL=loudest", "NONSENSE=1", "CODECOURIER_WORKERS=-1",
    "CODECOURIER_SCRYPT_LOG2N=99", "CODECOURIER_PURGE_DAYS=x",
    "CODECOURIER_STATEMENT_TIMEOUT_MS=5s"], 4))
def test_configuration_is_refused_with_its_line(stack, folder, line):
    with open(stack.env["CODECOURIER_CONF"]) as file:
        lines = file.read().rstrip("\n").split("\n")
    conf = folder / "api.conf"
    conf.write_text("\n".join([*lines, line, ""]))
    conf.chmod(0o644)
    for program, args in (stack.ctl_path, ["status"]), \
                         (stack.worker_path, ["-t"]):
        done = stack.run([program, *args], {"CODECOURIER_CONF": str(conf)})
        assert done.returncode == 1, done
        assert f":{len(lines) + 1}:" in done.stderr or \
            f"line {len(lines) + 1}" in done.stderr, done.stderr
        if "=" in line:
            assert line.split("=")[0] in done.stderr


def test_worker_checks_itself(stack):
    done = stack.run([stack.worker_path, "-t"])
    assert done.returncode == 0, done
    done = stack.run([stack.worker_path, "-w"])
    assert (done.returncode, done.stdout) == (0, "8\n")
    done = stack.run([stack.worker_path, "-t"], NO_DATABASE)
    assert done.returncode == 1
