"""An upgrade to a later package, under clients that never stop."""
import subprocess

import pytest

from host import ROOT, UNIT, WORKER, package
from machine import until


@pytest.fixture(scope="module")
def later(cache):
    """The same tree as a later version, with another binary."""
    folder = cache / "next"
    subprocess.run([ROOT / "tests/system/next-deb.sh", folder], check=True)
    return package(folder / "build/deb")


@pytest.fixture(scope="module")
def upgrade(host, later):
    """What apt has said, what the clients saw, the host before."""
    version = "dpkg-query -W -f '${Version}' codecourier-api"
    before = {"version": host.out(version), "builds": host.worker_builds(),
              "main": host.show("MainPID")}
    host.put(later)
    with host.load() as load:
        done = host.run(f"apt-get install -y /root/{later.name}",
                        seconds=300)
        wanted = host.out(f"sha256sum {WORKER}").split()[0]
        until(lambda: host.worker_builds() == {wanted}, 30,
              "every worker the new program")
    after = {"version": host.out(version), "builds": host.worker_builds(),
             "main": host.show("MainPID")}
    return {"before": before, "after": after, "load": load, "done": done}


def test_it_is_another_program(upgrade):
    before, after = upgrade["before"], upgrade["after"]
    assert len(before["builds"]) == len(after["builds"]) == 1
    assert before["builds"] != after["builds"]
    assert before["version"] != after["version"]


def test_no_request_was_lost(upgrade, host):
    load = upgrade["load"]
    host.note(f"upgrade: {load.says()}")
    assert load.requests > 500
    assert load.failures == [], load.says()


def test_it_was_a_reload_not_a_restart(upgrade, host):
    assert upgrade["before"]["main"] == upgrade["after"]["main"]
    assert host.show("NRestarts") == "0"
    assert host.out(f"systemctl is-enabled {UNIT}") == "enabled"


def test_it_says_how_the_schema_follows(upgrade):
    said = upgrade["done"].stdout + upgrade["done"].stderr
    print(said)
    assert "codecourierctl migrate --plan" in said, said


def test_the_schema_follows_by_command(upgrade, host):
    """The plan, then the migration, under clients; the programs, which
    serve the old schema until then, serve the new one without a reload."""
    plan = host.out("codecourierctl migrate --plan")
    assert "9000" in plan, plan
    with host.load() as load:
        host.run("codecourierctl migrate")
        assert host.out("codecourierctl migrate --plan") != plan
        host.until_serving()
    host.note(f"migration: {load.says()}")
    assert load.failures == [], load.says()
    assert "9000" in host.out("codecourierctl --json status")


def test_no_configuration_was_asked_about(upgrade):
    """The administrator's files are as they were: no question, no copy."""
    said = upgrade["done"].stdout + upgrade["done"].stderr
    assert "Configuration file" not in said, said


def test_nothing_of_the_old_one_is_left(upgrade, host):
    found = host.out("find /etc -name '*.dpkg-*'")
    assert found == ""
    assert host.serves()
