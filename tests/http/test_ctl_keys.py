"""codecourierctl: what a key may, its successor, and which keys there are."""
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, at_once
from contract import API_KEY, KEY, NOBODY
from few import few
from fixtures import everything
from harness import ROOT
from session import gate, until

DONE, FAILED, USAGE, ABSENT, CONFLICT, UNAVAILABLE = range(6)
DAY = 86_400_000


def text(stack, *args):
    """The command as a person runs it."""
    return stack.run([stack.ctl_path, *args])


def audited(project, action):
    return project.stack.rows(
        "select fields, object, object_id from codecourier.audit where "
        f"project_id = '{project.id}' and actor = 'operator' "
        f"and action = '{action}' and operator <> '' order by at")


def key_row(project, key_id):
    return next(k for k in project.stack.ctl("key", "list", project.slug,
                                             "--all") if k["id"] == key_id)


@pytest.fixture
def folder(project):
    """A folder that the stack's user may write."""
    stack = project.stack
    path = stack.top / f"keys-{project.slug}"
    path.mkdir()
    os.chown(path, stack.uid, stack.gid)
    return path


TERMS = [
    ("--scope", "", "--scope"), ("--scope", "nonsense", "table of scopes"),
    ("--scope", "projects:read,", "--scope"),
    ("--scope", "projects:read, settings:read", "--scope"),
    ("--scope", "Projects:read", "--scope"),
    ("--scope", "projects:read,projects:read", "twice"),
    ("--scope", "{projects:read}", "--scope"),
    ("--scope", "x" * 2000, "--scope"),
    ("--expires", "", "--expires"), ("--expires", "90", "--expires"),
    ("--expires", "59s", "one minute"), ("--expires", "0s", "one minute"),
    ("--expires", "3653d", "ten years"), ("--expires", "-1d", "--expires"),
    ("--expires", "2020-01-01", "one minute"),
    ("--expires", "2027-02-30", "--expires"),
    ("--allow-ip", "", "--allow-ip"),
    ("--allow-ip", "10.0.0.1/8", "10.0.0.0/8"),
    ("--allow-ip", "10.0.0.0/8,", "--allow-ip"),
    ("--allow-ip", "any,10.0.0.0/8", "--allow-ip"),
    ("--allow-ip", "example.com", "--allow-ip"),
    ("--allow-ip", "10.0.0.1,10.0.0.1/32", "10.0.0.1 twice"),
    ("--allow-ip", ",".join(f"10.0.0.{n}" for n in range(51)), "50"),
    ("--rate", "", "--rate"), ("--rate", "0", "--rate"),
    ("--rate", "1000001", "--rate"), ("--rate", "-1", "--rate"),
    ("--rate", "1.5", "--rate"), ("--rate", "99999999999999999999", "--rate")]


@pytest.mark.parametrize("option, value, said", few(TERMS, 4),
                         ids=lambda v: v[:24])
def test_terms_are_refused(shared, option, value, said):
    for args in ["key", "create", shared.slug, "--name", "x"], \
            ["key", "update", shared.key_id]:
        error = shared.stack.ctl(*args, option, value, code=USAGE)
        assert error["code"] == "VALIDATION" and said in error["message"]


@pytest.mark.parametrize("args, said", few([
    (["key", "update", "{key}"], "nothing to update"),
    (["key", "update", "{key}", "--name", ""], "--name"),
    (["key", "update", "{key}", "--disable", "--enable"], "not both"),
    (["key", "rotate", "{key}", "--grace", "31d"], "--grace"),
    (["key", "rotate", "{key}", "--grace", "1"], "--grace"),
    (["key", "list", "{slug}", "--unused", "soon"], "--unused"),
    (["key", "list"], "missing: P, or --unused"),
    (["key", "list", "--all"], "missing: P, or --unused")], 3),
    ids=lambda v: v if isinstance(v, str) else "")
def test_a_bad_line_is_refused(shared, args, said):
    error = shared.stack.ctl(*(a.format(key=shared.key_id, slug=shared.slug)
                               for a in args), code=USAGE)
    assert error["code"] == "VALIDATION" and said in error["message"]


@pytest.mark.parametrize("verb", ["update", "rotate"])
@pytest.mark.parametrize("who", few([NOBODY, "", "x", "' or true --"]))
def test_no_such_key(shared, verb, who):
    more = ["--disable"] if verb == "update" else []
    shared.stack.ctl("key", verb, who, *more, code=ABSENT)


def test_create_with_terms(project):
    stack = project.stack
    row = stack.ctl(
        "key", "create", project.slug, "--name", "narrow", "--scope",
        "settings:read,counters:read,runs:write", "--expires", "90d",
        "--allow-ip", "127.0.0.0/8,::1/128,2001:DB8::/32", "--rate", "600")
    key = row.pop("key")
    assert set(row) == API_KEY
    assert row["scopes"] == ["counters:read", "runs:write", "settings:read"]
    assert row["allowedIps"] == ["127.0.0.0/8", "::1", "2001:db8::/32"]
    assert row["rateLimit"] == 600 and row["disabled"] is False
    assert abs(row["expiresAt"] - row["_creationTime"] - 90 * DAY) < 60_000
    assert row == {k: v for k, v in key_row(project, row["id"]).items()
                   if k != "state"}
    api = Api(stack.base, key)
    api.get("/project/counters")
    api.refused("SCOPE_DENIED", "GET", "/project")
    assert audited(project, "api-key.generate")[-1] == {
        "fields": ["name", "scopes", "expiresAt", "allowedIps", "rateLimit"],
        "object": "api-key", "object_id": row["id"]}


def test_create_without_terms(project):
    row = project.stack.ctl("key", "create", project.slug, "--name", "x",
                            "--expires", "never", "--allow-ip", "any",
                            "--rate", "none", "--disable")
    assert row["scopes"] == ["projects:read", "projects:write"]
    assert (row["expiresAt"], row["allowedIps"], row["rateLimit"],
            row["disabled"]) == (None, [], None, True)
    Api(project.stack.base, row["key"]).refused("AUTH_INVALID", "GET",
                                                "/project")


@pytest.mark.parametrize("given, ms", few([
    ("2030-01-01", 1893456000_000), ("2030-01-01T00:00:01Z", 1893456001_000),
    ("2030-01-01 00:01 UTC", 1893456060_000)]))
def test_an_end_as_a_moment(project, given, ms):
    row = project.stack.ctl("key", "update", project.key_id, "--expires",
                            given)
    assert row["expiresAt"] == ms


def everywhere(api, call):
    """On eight workers; the key is known to the host."""
    return at_once([lambda: call(api)] * 24)


NARROWED = [
    (["--disable"], "AUTH_INVALID", ["--enable"]),
    (["--scope", "counters:read"], "SCOPE_DENIED",
     ["--scope", "projects:read"]),
    (["--allow-ip", "192.0.2.7"], "FORBIDDEN", ["--allow-ip", "any"]),
    (["--allow-ip", "192.0.2.0/24"], "FORBIDDEN",
     ["--allow-ip", "192.0.2.0/24,127.0.0.1"])]


@pytest.mark.parametrize("narrow, code, wide", few(NARROWED, 2),
                         ids=lambda v: "_".join(v)[:20])
def test_narrower_at_once_on_every_worker(project, narrow, code, wide):
    stack, api = project.stack, project.api
    for _ in range(3):
        api.get("/project")
        everywhere(api, lambda a: a.get("/project"))
        row = stack.ctl("key", "update", project.key_id, *narrow)
        assert set(row) == API_KEY
        everywhere(api, lambda a: a.refused(code, "GET", "/project"))
        stack.ctl("key", "update", project.key_id, *wide)
    assert api.get("/project")


def test_a_rate_holds_at_once(project):
    project.stack.ctl("key", "update", project.key_id, "--rate", "5")
    codes = [project.api.send("GET", "/project").status for _ in range(8)]
    assert codes == [200] * 5 + [429] * 3
    project.stack.ctl("key", "update", project.key_id, "--rate", "none")
    project.api.get("/project")


def test_update_changes_what_is_named(project):
    def change(*args):
        row = project.stack.ctl("key", "update", project.key_id, *args)
        return shown(row)

    def shown(row):
        return {k: v for k, v in row.items() if k not in ("updatedAt", "etag")}

    (row,) = project.api.get("/project/api-keys")
    want = shown(row)
    for args, more, field in [
            (["--name", " Néw "], {"name": "Néw"}, "name"),
            (["--scope", "projects:read,api-keys:read"],
             {"scopes": ["api-keys:read", "projects:read"]}, "scopes"),
            (["--expires", "2030-01-01"], {"expiresAt": 1893456000_000},
             "expiresAt"),
            (["--allow-ip", "127.0.0.0/8"], {"allowedIps": ["127.0.0.0/8"]},
             "allowedIps"),
            (["--rate", "1000"], {"rateLimit": 1000}, "rateLimit"),
            (["--disable"], {"disabled": True}, "disabled"),
            (["--enable"], {"disabled": False}, "disabled"),
            (["--expires", "never"], {"expiresAt": None}, "expiresAt"),
            (["--allow-ip", "any"], {"allowedIps": []}, "allowedIps"),
            (["--rate", "none"], {"rateLimit": None}, "rateLimit")]:
        want.update(more)
        got = change(*args)
        got["lastUsedAt"] = want["lastUsedAt"]
        assert got == want
        assert audited(project, "api-key.update")[-1] == {
            "fields": [field], "object": "api-key",
            "object_id": project.key_id}
    assert change("--name=b", "--rate=7")["name"] == "b"
    assert audited(project, "api-key.update")[-1]["fields"] == [
        "name", "rateLimit"]


def test_what_has_ended_is_not_changed(project):
    """Revoked or expired is for good; an end that has come is not moved."""
    stack = project.stack
    gone = stack.ctl("key", "create", project.slug, "--name", "x")["id"]
    over = stack.ctl("key", "create", project.slug, "--name", "y")["id"]
    stack.ctl("key", "revoke", gone)
    stack.sql("update codecourier.api_key set ends_at = now() - "
              f"interval '1 s' where id = '{over}'")
    before = everything(project)
    for key, state in (gone, "revoked"), (over, "expired"):
        for args in ["update", key, "--enable"], ["rotate", key], \
                ["update", key, "--expires", "never"]:
            error = stack.ctl("key", *args, code=CONFLICT)
            assert state in error["message"]
    assert everything(project) == before


def test_rotate(project):
    stack = project.stack
    old = stack.ctl(
        "key", "create", project.slug, "--name", "old", "--environment",
        "test", "--scope", "projects:read", "--allow-ip", "127.0.0.1",
        "--rate", "900", "--expires", "30d")
    key = old.pop("key")
    new = stack.ctl("key", "rotate", old["id"], "--grace", "1h")
    fresh = new.pop("key")
    assert KEY.fullmatch(fresh) and fresh.startswith("cc_test_")
    assert set(new) == API_KEY
    for name in "name", "environment", "scopes", "allowedIps", "rateLimit", \
            "expiresAt":
        assert new[name] == old[name]
    assert new["rotatedFrom"] == old["id"]
    for one in key, fresh:
        Api(stack.base, one).get("/project")
    row = key_row(project, old["id"])
    assert row["rotatedTo"] == new["id"] and row["state"] == "rotated"
    assert abs(row["expiresAt"] - time.time() * 1000 - 3600_000) < 600_000
    assert audited(project, "api-key.rotate") == [{
        "fields": ["graceSeconds"], "object": "api-key",
        "object_id": old["id"]}]
    assert "successor" in stack.ctl("key", "rotate", old["id"],
                                    code=CONFLICT)["message"]
    # its end comes nearer, and never the other way
    for later in "2h", "never", "2030-01-01":
        error = stack.ctl("key", "update", old["id"], "--expires", later,
                          code=USAGE)
        assert "nearer" in error["message"]
    sooner = stack.ctl("key", "update", old["id"], "--expires", "10m")
    assert sooner["expiresAt"] < row["expiresAt"]


def test_rotate_without_grace_is_at_once(project):
    stack = project.stack
    project.api.get("/project")
    everywhere(project.api, lambda a: a.get("/project"))
    new = stack.ctl("key", "rotate", project.key_id)
    everywhere(project.api,
               lambda a: a.refused("AUTH_INVALID", "GET", "/project"))
    assert key_row(project, project.key_id)["state"] == "revoked"
    Api(stack.base, new["key"]).get("/project")


def test_a_grace_ends(project):
    project.api.get("/project")
    everywhere(project.api, lambda a: a.get("/project"))
    project.stack.ctl("key", "rotate", project.key_id, "--grace", "1s")
    until(lambda: project.api.send("GET", "/project").status == 401,
          "the old key goes on")
    everywhere(project.api,
               lambda a: a.refused("AUTH_INVALID", "GET", "/project"))


def test_rotate_into_a_file(project, folder):
    """None is made that nobody could read, and the old one goes on."""
    stack, path = project.stack, folder / "key"
    done = text(stack, "key", "rotate", project.key_id, "--out",
                str(folder / "none" / "key"))
    assert done.returncode == FAILED
    assert key_row(project, project.key_id)["state"] == "live"
    row = stack.ctl("key", "rotate", project.key_id, "--out", str(path))
    assert "key" not in row
    Api(stack.base, path.read_text().strip()).get("/project")


def test_a_disabled_key_is_not_rotated(project):
    project.stack.ctl("key", "update", project.key_id, "--disable")
    error = project.stack.ctl("key", "rotate", project.key_id, code=CONFLICT)
    assert "disabled" in error["message"]


def test_of_a_deleted_project(project):
    """A key can be switched off before its project comes back."""
    stack = project.stack
    project.api.post("/project/delete")
    assert stack.ctl("key", "find", project.key)["state"] == "deleted"
    stack.ctl("key", "rotate", project.key_id, code=CONFLICT)
    assert stack.ctl("key", "update", project.key_id, "--disable")["disabled"]
    (back,) = stack.ctl("project", "restore", project.id)["keys"]
    assert back["disabled"] is True
    project.api.refused("AUTH_INVALID", "GET", "/project")


@pytest.mark.parametrize("args", [["update", "--disable"], ["rotate"]],
                         ids=lambda a: a[0])
def test_an_open_write_is_waited_for(project, session, args):
    """What is narrower is so of writes that began before, too."""
    stack, verb = project.stack, args[0]
    with gate(project, session, "settings"), ThreadPoolExecutor(2) as pool:
        write = pool.submit(project.api.post, "/project/settings/update",
                            {"claudeMd": "late"})
        session.await_waiting("%UPDATE settings%")
        end = pool.submit(stack.ctl, "key", verb, project.key_id, *args[1:])
        until(lambda: session.waiting("%FOR%UPDATE%") or end.done(),
              "nobody waits for the write")
        assert not end.done(), "done while the write was open"
        session.release()
        write.result()
        end.result()
    project.api.refused("AUTH_INVALID", "GET", "/project")


@pytest.mark.parametrize("args", [["update", "--rate", "9"], ["rotate"]],
                         ids=lambda a: a[0])
def test_a_key_that_changes_meanwhile(project, session, args):
    """What was decided was decided of another key: nothing is done."""
    stack, verb = project.stack, args[0]
    session.run("begin; update codecourier.api_key set rate_limit = 7 "
                f"where id = '{project.key_id}'")
    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(stack.ctl, "key", verb, project.key_id, *args[1:],
                          code=CONFLICT)
        until(lambda: session.waiting("%api_key%") or end.done(),
              "nobody waits for the key")
        session.run("commit")
        assert "same moment" in end.result()["message"]
    (row,) = stack.ctl("key", "list", project.slug, "--all")
    assert (row["state"], row["rateLimit"]) == ("live", 7)


def test_rotation_of_a_full_project(project):
    """One more key is one too many, one in the other's place is not."""
    def rotate(*args, **more):
        return project.stack.ctl("key", "rotate", project.key_id, *args,
                                 environ={"CODECOURIER_MAX_KEYS": "1"}, **more)

    error = rotate("--grace", "1h", code=CONFLICT)
    assert "CODECOURIER_MAX_KEYS=1" in error["message"]
    (row,) = project.api.get("/project/api-keys")
    assert row["rotatedTo"] is None
    assert rotate()["rotatedFrom"] == project.key_id


def test_keys_are_listed(project):
    stack = project.stack

    def made(name, *more):
        return stack.ctl("key", "create", project.slug, "--name", name,
                         *more)["id"]

    off, gone, over, old = (made(n) for n in ("off", "gone", "over", "old"))
    stack.ctl("key", "update", off, "--disable")
    stack.ctl("key", "revoke", gone)
    stack.sql("update codecourier.api_key set ends_at = now() - "
              f"interval '1 s' where id = '{over}'")
    new = stack.ctl("key", "rotate", old, "--grace", "1h")["id"]
    states = {project.key_id: "live", off: "disabled", gone: "revoked",
              over: "expired", old: "rotated", new: "live"}
    rows = stack.ctl("key", "list", project.slug, "--all")
    assert [k["_creationTime"] for k in rows] == sorted(
        (k["_creationTime"] for k in rows), reverse=True)
    assert {k["id"]: k["state"] for k in rows} == states
    for row in rows:
        assert set(row) == API_KEY | {"state"}
        found = stack.ctl("key", "find", row["prefix"])
        assert found["state"] == row["state"]
    for done in gone, over:
        del states[done]
    assert {k["id"]: k["state"] for k in stack.ctl(
        "key", "list", project.slug)} == states


def test_the_list_reads(project):
    stack = project.stack
    stack.ctl("key", "create", project.slug, "--scope", "settings:read",
              "--name", "a   live", "--allow-ip", "127.0.0.1,::1",
              "--expires", "2030-01-01")
    done = text(stack, "key", "list", project.slug)
    head, *lines = done.stdout.splitlines()
    assert re.split("  +", head) == ["PREFIX", "STATE", "ID", "SCOPES",
                                     "CREATED AT", "LAST USED AT",
                                     "EXPIRES AT", "NAME"]
    cells = re.split("  +", lines[0])
    assert cells[1] == "live" and cells[3] == "settings:read"
    assert cells[5:] == ["-", "2030-01-01 00:00 UTC", r"a \x20\x20live"]
    assert len(lines) == 2


def unused_since(project, key_id, column, days):
    project.stack.sql(
        "set session_replication_role = replica; update codecourier.api_key "
        f"set {column} = now() - interval '{days} d' where id = '{key_id}'")


def test_unused_keys(project, other):
    stack = project.stack
    never, new = (stack.ctl("key", "create", project.slug, "--name", n)["id"]
                  for n in ("never", "new"))
    project.api.get("/project")
    until(lambda: key_row(project, project.key_id)["lastUsedAt"],
          "lastUsedAt was never written")
    unused_since(project, never, "created_at", 91)
    unused_since(project, project.key_id, "created_at", 300)
    unused_since(project, project.key_id, "last_used_at", 91)
    unused_since(other, other.key_id, "created_at", 200)

    def listed(*args):
        return [k["id"] for k in stack.ctl("key", "list", *args)
                if k["id"] in (never, new, project.key_id, other.key_id)]

    assert set(listed(project.slug, "--unused", "90d")) == {
        never, project.key_id}
    assert listed(project.slug, "--unused", "92d") == []
    assert set(listed("--unused", "90d")) == {never, project.key_id,
                                              other.key_id}
    (row,) = [k for k in stack.ctl("key", "list", "--unused", "150d")
              if k["id"] == other.key_id]
    assert set(row) == API_KEY | {"state", "projectSlug"}
    assert row["projectSlug"] == other.slug
    shown = text(stack, "key", "list", "--unused", "150d").stdout
    assert shown.startswith("PROJECT SLUG  ")
    # used now, revoked, or its project deleted: not any longer
    unused_since(project, project.key_id, "last_used_at", 0)
    stack.ctl("key", "revoke", never)
    other.api.post("/project/delete")
    assert listed("--unused", "90d") == []
    assert listed("--unused", "90d", "--all") == [never]


def test_the_manual_has_the_scopes():
    table = (ROOT / "src/base/scope.h").read_text()
    names = {*re.findall(r'"([a-z-]+:(?:read|write))"', table)}
    page = (ROOT / "cgi-bin/man/codecourierctl.8").read_text()
    told = re.findall(r"^\.It Li ([a-z-]+:.*)", page, re.M)
    assert sorted(" ".join(told).split()) == sorted(names)
