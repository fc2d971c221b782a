"""Upgrades under clients that never stop: from the previous version to this
one, from this one to a later one; and both versions side by side."""
import json
import re
import subprocess

import pytest

from host import (ROOT, TIMERS, UNIT, WORKER, block, commands, install,
                  package, second_instance, serving)
from machine import until

BEFORE = "http://127.0.0.1:8090"    # workers of the version before
PROJECT = "/api/v1/project"
# what the load writes
ROWS = ("select count(*) from codecourier.audit where action = "
        "'settings.update'")
VERSION = "dpkg-query -W -f '${Version}' codecourier-api"


def build(script, folder):
    subprocess.run([ROOT / "tests/system" / script, folder], check=True)
    return package(folder / "build/deb")


@pytest.fixture(scope="module")
def old_host(run, empty, cache):
    """A host as the README of the previous version leads to it. That one's
    reload wanted /bin/kill; from now on it may go."""
    deb = build("previous-deb.sh", cache / "previous")
    machine = run.machine(empty, "upgrade-install").boot()
    try:
        machine.run("apt-get install -y procps curl", seconds=300)
        done = install(machine, deb,
                       commands(cache / "previous/README.md"))
        machine.run("apt-get purge -y procps")
    finally:
        machine.stop()
    yield from serving(run, done, "upgrade-previous")


@pytest.fixture(scope="module")
def stays(old_host, cache):
    """A second instance, which stays with its program whatever is installed,
    as the workers of a host that is to follow."""
    second_instance(old_host, cache / "previous")
    folder = "/etc/systemd/system/codecourier-api@second.service.d"
    program = WORKER.replace("project-api", "before")
    old_host.run(f"cp {WORKER} {program}; mkdir -p {folder}")
    old_host.write(
        f"{folder}/before.conf", "[Service]\nExecStart=\n"
        "ExecStart=/usr/lib/codecourier/pool /run/codecourier/second/api.sock "
        f"{program}\nExecReload=\nExecReload=/bin/true\n")
    old_host.run("systemctl daemon-reload && "
                 "systemctl restart codecourier-api@second")
    until(lambda: old_host.curl("/api/v1/project", base=BEFORE)[0] == 200, 30,
          "the second instance")


def look(host):
    return {"version": host.out(VERSION), "builds": host.worker_builds(),
            "main": host.show("MainPID")}


def upgraded(host, later, lines):
    """What the lines have said, what the clients saw, the host before and
    after."""
    before, rows = look(host), int(host.sql(ROWS))
    host.put(later)
    with host.load() as load:
        done = host.run(f"set -e\ncd /root\n{lines}", seconds=300)
        wanted = host.out(f"sha256sum {WORKER}").split()[0]
        until(lambda: host.worker_builds() == {wanted}, 30,
              "every worker the new program")
    host.note(f"upgrade {before['version']} to {look(host)['version']}: "
              f"{load.says()}")
    return {"host": host, "before": before, "after": look(host), "load": load,
            "rows": int(host.sql(ROWS)) - rows, "said": done.stdout + done.stderr}


@pytest.fixture(scope="module")
def too_early(old_host, stays, deb):
    """apt alone, where the database has not been migrated."""
    before = look(old_host)
    old_host.put(deb)
    with old_host.load() as load:
        done = old_host.run(f"apt-get install -y /root/{deb.name}", code=None,
                            seconds=300)
        old_host.run(f"kill -9 {old_host.workers()[0]}")
        old_host.reload()
    return {"status": done.returncode, "said": done.stdout + done.stderr,
            "load": load, "before": before, "after": look(old_host)}


@pytest.fixture(scope="module")
def from_previous(old_host, too_early, deb):
    """By README's lines."""
    return upgraded(old_host, deb, block(ROOT / "README.md", "dpkg -x"))


@pytest.fixture(scope="module")
def to_next(host, cache):
    """The later one is the same tree with another binary, a migration, a line
    more in the site and in one example; examples were copied here."""
    host.run("mkdir -p /etc/apache2/codecourier && cd /etc/apache2/codecourier"
             " && cp /usr/share/doc/codecourier-api/examples/apache/*.conf .")
    assert host.curl("/of-the-tests")[0] == 404
    later = build("next-deb.sh", cache / "next")
    return upgraded(host, later, f"apt-get install -y ./{later.name}")


@pytest.fixture(params=["from_previous", "to_next"])
def upgrade(request):
    return request.getfixturevalue(request.param)


def test_a_package_before_its_schema_changes_nothing(too_early):
    """It says what is to be done; the service goes on, whatever starts a
    worker anew. (What SIGKILL cut off is a request's end.)"""
    assert too_early["status"] == 100
    for line in "schema version", "next/usr/sbin/codecourierctl migrate\n":
        assert line in too_early["said"], too_early["said"]
    assert too_early["before"] == too_early["after"]
    load = too_early["load"]
    assert load.requests > 300 and len(load.failures) <= 1, load.says()


def test_it_is_another_program(upgrade):
    before, after = upgrade["before"], upgrade["after"]
    assert len(before["builds"]) == len(after["builds"]) == 1
    assert before["builds"] != after["builds"]
    assert before["version"] != after["version"]


def test_no_request_was_lost(upgrade):
    load = upgrade["load"]
    assert load.requests > 500
    assert load.failures == [], load.says()


def test_it_was_a_reload_not_a_restart(upgrade):
    host = upgrade["host"]
    assert upgrade["before"]["main"] == upgrade["after"]["main"]
    assert host.show("NRestarts") == "0"
    assert host.out(f"systemctl is-enabled {UNIT}") == "enabled"


def test_no_configuration_was_asked_about(upgrade):
    """The administrator's files are as they were: no question, no copy."""
    assert "Configuration file" not in upgrade["said"], upgrade["said"]
    assert upgrade["host"].out("find /etc -name '*.dpkg-*'") == ""


def test_every_write_is_in_the_audit_log(upgrade):
    """Whoever made it, a worker of before or of after."""
    load = upgrade["load"]
    assert upgrade["rows"] == load.written > 50
    upgrade["host"].run("codecourierctl audit verify")


@pytest.mark.parametrize("timer", TIMERS)
def test_the_timers_run(upgrade, timer):
    """Also those that the version before had not."""
    assert upgrade["host"].show("ActiveState", timer) == "active"
    assert upgrade["host"].out(f"systemctl is-enabled {timer}") == "enabled"


@pytest.fixture(scope="module")
def both(from_previous):
    """The host of both versions. call(path, body, base): what its workers
    answer, which must be 200; those of this version without a base."""
    host = from_previous["host"]
    assert len(host.worker_builds()) == 1

    def call(path, body=None, base=None):
        options = [] if body is None else [
            "-H 'Content-Type: application/json'", f"-d '{json.dumps(body)}'"]
        status, text = host.curl(PROJECT + path, *options, base=base)
        assert status == 200, (path, status, text)
        return json.loads(text)["data"]
    host.call = call
    return host


def seen(host, key):
    """How a key is let in: by this version, by that before."""
    return [host.curl(PROJECT, base=base, key=key)[0]
            for base in (None, BEFORE)]


def test_each_revokes_what_the_other_made(both):
    for here, there in (None, BEFORE), (BEFORE, None):
        made = both.call("/api-keys/generate", {"name": "x"}, here)
        assert seen(both, made["key"]) == [200, 200]
        both.call("/api-keys/revoke", {"keyId": made["id"]}, there)
        assert seen(both, made["key"]) == [401, 401]


def tags(host):
    """All tags of the project, by what has them."""
    found = {path: host.call(path)["etag"] for path in ("", "/settings")}
    for path in "/members", "/provider-keys", "/api-keys":
        found |= {row.get("id", row.get("provider")): row["etag"]
                  for row in host.call(path)}
    return found


# what an older worker does, and what of it changes a tag: a path, the name of
# an id, or nothing
OLD_WRITES = [
    ("/update", {"name": "of before"}, ""),
    ("/settings/update", {"learningModel": "of before"}, "/settings"),
    ("/settings/update", {"convexDevKey": "0123456789"}, "/settings"),
    ("/members/invite", {"email": "x@y.example", "role": "member"}, None),
    ("/members/update-role", {"targetUserId": "userId", "role": "admin"},
     "member"),
    ("/members/remove", {"targetUserId": "userId"}, None),
    ("/provider-keys/set", {"provider": "e2b", "key": "0123456789"}, None),
    ("/provider-keys/set", {"provider": "e2b", "key": "9876543210"}, "e2b"),
    ("/provider-keys/remove", {"provider": "e2b"}, None),
    ("/api-keys/generate", {"name": "of before"}, None),
    ("/api-keys/update", {"keyId": "keyId", "name": "y"}, "keyId"),
    ("/api-keys/rotate", {"keyId": "keyId", "graceSeconds": 60}, "keyId"),
    ("/api-keys/revoke", {"keyId": "keyId"}, "keyId"),
]


def test_no_write_of_before_misses_tag_version_or_log(both):
    ids, before = {}, tags(both)
    number = both.call("/audit-log?limit=1")[0]["number"]
    for path, body, changed in OLD_WRITES:
        made = both.call(path, {n: ids.get(v, v) for n, v in body.items()},
                         BEFORE)
        if path == "/members/invite":
            ids |= {"member": made["id"], "userId": made["userId"]}
        if path == "/api-keys/generate":
            ids["keyId"] = made["id"]
        now = tags(both)
        differ = {n for n in before.keys() & now if before[n] != now[n]}
        assert differ == {ids.get(changed, changed)} - {None}, path
        (row,) = both.call("/audit-log?limit=1")
        if changed == "/settings":
            (version,) = both.call("/settings/versions?limit=1")
            assert version["fields"] == list(body)
            assert version["actor"] == row["actor"]
        number += 1
        assert row["number"] == number, path
        assert "/" + row["action"].split(".")[1] in path, path
        before = now
    both.run("codecourierctl audit verify")


@pytest.mark.parametrize("header", [
    "Idempotency-Key: of-mine", 'If-Match: "x"'])
def test_the_version_before_refuses_what_it_cannot_keep(both, header):
    """It does not take no notice of it."""
    status, text = both.curl(
        PROJECT + "/update", "-H 'Content-Type: application/json'",
        f"-H '{header}'", "-d '{}'", base=BEFORE)
    assert status == 400, text
    assert json.loads(text)["error"]["field"] == header.split(":")[0]


def test_the_way_back(both, cache):
    """The package of before on the schema of this one, and up again: each
    write has another tag, its version, and its row."""
    asked = ["select version from codecourier.settings", ROWS,
             "select max(version) from codecourier.settings_version"]
    before = [int(both.sql(text)) for text in asked]
    with both.load() as load:
        for deb in package(cache / "previous/build/deb"), package():
            both.put(deb)
            both.run("apt-get install -y --allow-downgrades "
                     "-o Dpkg::Options::=--force-confnew "
                     f"/root/{deb.name}", seconds=300)
            wanted = both.out(f"sha256sum {WORKER}").split()[0]
            until(lambda: both.worker_builds() == {wanted}, 30, deb.name)
    both.note(f"to the version before and up again: {load.says()}")
    assert load.failures == [], load.says()
    after = [int(both.sql(text)) for text in asked]
    assert [b - a for a, b in zip(before, after)] == [load.written] * 3
    both.run("codecourierctl audit verify")
    for timer in TIMERS:
        assert both.show("ActiveState", timer) == "active"


def test_nginx_serves_the_new_site(to_next):
    assert "nginx was reloaded" in to_next["said"]
    assert to_next["host"].curl("/of-the-tests")[0] == 204


def test_a_copy_of_what_has_changed_is_named(to_next):
    copies = re.findall(r"/etc/apache2/\S+", to_next["said"])
    assert copies == ["/etc/apache2/codecourier/common.conf"], to_next["said"]


def test_it_says_how_the_schema_follows(to_next, from_previous):
    """Where it has to."""
    assert "nothing was applied; see: codecourierctl migrate --plan" in \
        to_next["said"]
    assert "nothing was applied" not in from_previous["said"]


def test_the_schema_follows_by_command(to_next):
    """The plan, then the migration, under clients; the programs, which
    serve the old schema until then, serve the new one without a reload."""
    host = to_next["host"]
    plan = host.out("codecourierctl migrate --plan")
    assert "9000" in plan, plan
    with host.load() as load:
        host.run("codecourierctl migrate")
        assert host.out("codecourierctl migrate --plan") != plan
        host.until_serving()
    host.note(f"migration: {load.says()}")
    assert load.failures == [], load.says()
    assert "9000" in host.out("codecourierctl --json status")


def again(host, deb, code=0):
    """The same version once more, past what dpkg would ask."""
    host.put(deb)
    done = host.run("apt-get install -y --reinstall --allow-downgrades "
                    f"-o Dpkg::Options::=--force-confnew /root/{deb.name}",
                    seconds=300, code=code)
    return done.stdout + done.stderr


def test_nginx_is_left_alone_where_nothing_has_changed(to_next, cache):
    said = again(to_next["host"], package(cache / "next/build/deb"))
    assert "nginx" not in said, said


def test_a_site_with_a_fault_stays_out_and_is_told(to_next, deb):
    """Somebody else's, and ours would have changed: back to the first one."""
    host = to_next["host"]
    host.write("/etc/nginx/conf.d/other.conf", "nonsense;\n")
    try:
        said = again(host, deb)
        assert "nginx was not reloaded" in said, said
        assert "systemctl reload nginx" in said
        assert host.curl("/of-the-tests")[0] == 204
    finally:
        host.run("rm /etc/nginx/conf.d/other.conf")
    host.run("nginx -t && systemctl reload nginx")
    until(lambda: host.curl("/of-the-tests")[0] == 404, 20, "the first site")
    assert host.serves()
