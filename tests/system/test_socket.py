"""The variant whose socket belongs to systemd: a restart loses nothing."""
import re

import pytest

from host import SOCKET, UNIT
from machine import until

EXAMPLE = ("/usr/share/doc/codecourier-api/examples/systemd/"
           "codecourier-api.socket")
RESTARTS = 8


@pytest.fixture(scope="module")
def variant(host):
    """Put in place by the commands in the example's own comment."""
    text = host.out(f"cat {EXAMPLE}")
    commands = re.findall(r"^#   (\S.*)$", text, re.M)
    assert len(commands) > 3, text
    host.run("set -e\n" + "\n".join(commands))
    host.until_serving()
    return host


def test_the_socket_is_nginxs(variant):
    assert variant.out(f"stat -c '%a %G' {SOCKET}") == "660 www-data"


def test_a_restart_loses_nothing(variant):
    with variant.load() as load:
        for _ in range(RESTARTS):
            before = set(variant.workers())
            variant.run(f"systemctl restart {UNIT}")
            until(lambda: variant.workers()
                  and not before & set(variant.workers()), 30,
                  "a new pool")
    variant.note(f"{RESTARTS} restarts: {load.says()}")
    assert load.requests > 10 * RESTARTS    # it was at work
    assert load.failures == [], load.says()


def test_a_reload_loses_nothing(variant):
    with variant.load() as load:
        for _ in range(RESTARTS):
            before = set(variant.workers())
            variant.run(f"systemctl reload {UNIT}")
            until(lambda: variant.workers()
                  and not before & set(variant.workers()), 30,
                  "every worker another one")
    variant.note(f"{RESTARTS} reloads: {load.says()}")
    assert load.failures == [], load.says()




def test_it_survives_a_reboot(variant):
    variant.reboot()
    variant.until_serving(90)
