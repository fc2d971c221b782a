"""Upgrades under clients that never stop: from the previous version to this
one, from this one to a later one."""
import re
import subprocess

import pytest

from host import ROOT, UNIT, WORKER, commands, install, package, serving
from machine import until

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


def upgraded(host, later):
    """What apt has said, what the clients saw, the host before and after."""
    def look():
        return {"version": host.out(VERSION), "builds": host.worker_builds(),
                "main": host.show("MainPID")}

    before = look()
    host.put(later)
    with host.load() as load:
        done = host.run(f"apt-get install -y /root/{later.name}",
                        seconds=300)
        wanted = host.out(f"sha256sum {WORKER}").split()[0]
        until(lambda: host.worker_builds() == {wanted}, 30,
              "every worker the new program")
    host.note(f"upgrade {before['version']} to {look()['version']}: "
              f"{load.says()}")
    return {"host": host, "before": before, "after": look(), "load": load,
            "said": done.stdout + done.stderr}


@pytest.fixture(scope="module")
def from_previous(old_host, deb):
    return upgraded(old_host, deb)


@pytest.fixture(scope="module")
def to_next(host, cache):
    """The later one is the same tree with another binary, a migration, a line
    more in the site and in one example; examples were copied here."""
    host.run("mkdir -p /etc/apache2/codecourier && cd /etc/apache2/codecourier"
             " && cp /usr/share/doc/codecourier-api/examples/apache/*.conf .")
    assert host.curl("/of-the-tests")[0] == 404
    return upgraded(host, build("next-deb.sh", cache / "next"))


@pytest.fixture(params=["from_previous", "to_next"])
def upgrade(request):
    return request.getfixturevalue(request.param)


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


def test_the_daily_check_runs(upgrade):
    """Also where the version before had none."""
    timer = "codecourier-doctor.timer"
    assert upgrade["host"].show("ActiveState", timer) == "active"
    assert upgrade["host"].out(f"systemctl is-enabled {timer}") == "enabled"


def test_nginx_serves_the_new_site(to_next):
    assert "nginx was reloaded" in to_next["said"]
    assert to_next["host"].curl("/of-the-tests")[0] == 204


def test_a_copy_of_what_has_changed_is_named(to_next):
    copies = re.findall(r"/etc/apache2/\S+", to_next["said"])
    assert copies == ["/etc/apache2/codecourier/common.conf"], to_next["said"]


def test_it_says_how_the_schema_follows(to_next):
    assert "codecourierctl migrate --plan" in to_next["said"]


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
