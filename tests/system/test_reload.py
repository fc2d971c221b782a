"""Reload, a bad configuration, restart: under clients that never stop."""
from host import UNIT, WORKER
from machine import until

RELOADS = 20


def test_reload_loses_nothing(host):
    main = host.show("MainPID")
    with host.load() as load:
        for _ in range(RELOADS):
            host.reload()
    host.note(f"{RELOADS} reloads: {load.says()}")
    assert load.requests > 500
    assert load.failures == [] and load.reopened == 0, load.says()
    assert host.show("MainPID") == main
    assert host.show("NRestarts") == "0"


def test_a_bad_configuration_is_refused(host):
    """The reload fails, says why, and traffic does not notice; nor does a
    reload after it was mended."""
    conf = "/etc/codecourier/api.conf"
    good = host.out(f"cat {conf}")
    since = host.cursor()
    before = set(host.workers())
    with host.load() as load:
        host.write(conf, good + "\nCODECOURIER_WORKERS=many\n")
        refused = host.run(f"systemctl reload {UNIT}", code=None)
        state = host.show("ActiveState")
        said = host.journal(since)
        same = set(host.workers())
        host.write(conf, good + "\n")
        host.run(f"systemctl reload {UNIT}")
        until(lambda: not before & set(host.workers()), 20,
              "every worker another one")
    assert refused.returncode != 0
    assert state == "active"
    assert same == before, "workers have changed on a refused reload"
    lines = [line for line in said.splitlines()
             if "CODECOURIER_WORKERS" in line]
    assert lines and conf in lines[0], said[-2000:]
    assert load.failures == [], load.says()
    assert host.show("NRestarts") == "0"


def test_a_bad_configuration_does_not_start(host):
    """-t before the start: systemd says failed, not active and broken."""
    conf = "/etc/codecourier/api.conf"
    good = host.out(f"cat {conf}")
    since = host.cursor()
    host.write(conf, good + "\nCODECOURIER_TYPO=1\n")
    try:
        host.run(f"systemctl restart {UNIT}", code=None)
        until(lambda: "CODECOURIER_TYPO" in host.journal(since), 20,
              "the journal names it")
        status, body = host.curl("/api/v1/project")
        assert status == 502 and '"UNAVAILABLE"' in body, (status, body)
    finally:
        host.write(conf, good + "\n")
        host.run(f"systemctl restart {UNIT}", code=None)
    host.until_serving()


def test_a_restart_is_short_and_ends_well(host):
    """spawn-fcgi opens the socket anew: what is lost is measured and
    printed; what is asked is that every request after it is served."""
    with host.load() as load:
        for _ in range(4):
            host.run(f"systemctl restart {UNIT}")
            host.until_serving()
    host.note(f"4 restarts: {load.says()}")
    assert load.requests > 100
    kinds = {failure.split()[0] for failure in load.failures}
    assert kinds <= {"502"}, load.says()
    assert host.serves()


def test_a_killed_worker_comes_back(host):
    count = len(host.workers())
    victim = host.workers()[0]
    host.run(f"kill -9 {victim}")
    until(lambda: victim not in host.workers()
          and len(host.workers()) == count, 20, "as many workers again")
    assert host.serves()
    assert host.show("NRestarts") == "0"


def test_a_killed_pool_comes_back_whole(host):
    """kill -9 of multiwatch leaves its workers without a parent: they must
    end with it, or the socket would stay in use."""
    old = set(host.workers())
    host.run(f"kill -9 {host.show('MainPID')}")
    until(lambda: host.workers() and not old & set(host.workers()), 30,
          "a new pool")
    host.until_serving()
    assert host.show("NRestarts") == "1"
    assert host.out(f"readlink /proc/{host.workers()[0]}/exe") == WORKER
