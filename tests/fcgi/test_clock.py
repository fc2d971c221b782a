"""Whose clock counts: the database's says when a key ends, on every host, and
the host's monotonic one how often it was used. The wall clock of a host counts
for neither. PostgreSQL is run on a clock that a file steps."""
import json
import os
import time

import pytest

from cluster import Cluster, running
from doctor import FAKETIME
from workers import serving

pytestmark = pytest.mark.plain      # libfaketime and sanitizers do not mix

GENERATE = "/api/v1/project/api-keys/generate"
HOUR = 3600


class Stepped(Cluster):
    """Its server's clock is ours by so many seconds more or less."""

    def __init__(self, stack):
        super().__init__(stack)
        self.file = self.top / "step"

    def step(self, seconds):
        new = self.top / "step.new"
        new.write_text(f"{seconds:+d}\n")
        os.chown(new, self.stack.uid, self.stack.gid)
        new.rename(self.file)

    def up(self):
        self.step(0)
        mine = self.environ
        self.environ = {
            **mine, "LD_PRELOAD": FAKETIME, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        super().up()
        self.environ = mine

    def is_ahead(self):
        """By so many seconds, as a session of its own sees it."""
        now = float(self.sql("select extract(epoch from clock_timestamp())"))
        return round((now - time.time()) / HOUR) * HOUR


@pytest.fixture(scope="module")
def cluster(stack):
    for made in running(stack, Stepped):
        for args in (["init"], ["project", "create", "--name", "x", "--slug",
                                "shop", "--owner-email", "a@b.c"]):
            done = made.ctl(*args)
            assert done.returncode == 0, done
        done = made.ctl("--json", "key", "create", "shop", "--name", "first")
        made.key = json.loads(done.stdout)["data"]["key"]
        yield made


@pytest.fixture(scope="module")
def site(stack, cluster):
    with serving(stack, cluster) as made:
        yield made


@pytest.fixture(autouse=True)
def in_step(cluster):
    cluster.step(0)
    yield
    cluster.step(0)


def generate(cluster, site, **fields):
    answer = site.ask("POST", GENERATE, cluster.key,
                      json.dumps({"name": "x", **fields}).encode())
    assert answer.status == 200, answer
    return answer.json["data"]["key"]


def get(site, key):
    return site.ask("GET", "/api/v1/project", key).status


def in_half_an_hour():
    return int((time.time() + HOUR / 2) * 1000)


def test_the_databases_clock_ends_a_key(cluster, site):
    """At once, and no longer than it is so."""
    key = generate(cluster, site, expiresAt=in_half_an_hour())
    assert get(site, key) == 200
    cluster.step(HOUR)
    assert cluster.is_ahead() == HOUR
    assert get(site, key) == 401
    assert get(site, cluster.key) == 200
    cluster.step(0)
    assert get(site, key) == 200
    cluster.step(-HOUR)
    assert cluster.is_ahead() == -HOUR
    assert get(site, key) == 200


def test_a_key_that_was_revoked_stays_so(cluster, site):
    """Whatever the clock says since."""
    key = generate(cluster, site, expiresAt=in_half_an_hour())
    assert get(site, key) == 200
    cluster.step(HOUR)
    assert cluster.ctl("key", "revoke", cluster.sql(
        "select id from codecourier.api_key "
        f"where prefix = '{key[:16]}'")).returncode == 0
    for seconds in HOUR, 0, -HOUR:
        cluster.step(seconds)
        assert get(site, key) == 401


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_hosts_clock_ends_none(stack, cluster, site, shift):
    key = generate(cluster, site, expiresAt=in_half_an_hour())
    with serving(stack, cluster, {
            "LD_PRELOAD": FAKETIME, "FAKETIME": shift}) as other:
        assert get(other, key) == 200
        cluster.step(HOUR)
        assert get(other, key) == 401


def test_what_lies_ahead_is_the_databases_word(cluster, site):
    """Half an hour from now is past there."""
    cluster.step(HOUR)
    answer = site.ask("POST", GENERATE, cluster.key, json.dumps(
        {"name": "x", "expiresAt": in_half_an_hour()}).encode())
    assert answer.status == 400, answer
    assert answer.json["error"]["field"] == "expiresAt"


def test_a_rate_knows_no_step(cluster, site):
    key = generate(cluster, site, rateLimit=3)
    began = time.monotonic()
    assert [get(site, key) for _ in range(4)] == [200, 200, 200, 429]
    for seconds in HOUR, -HOUR:
        cluster.step(seconds)
        # or the minute is over, as the host has it
        assert get(site, key) == 429 or time.monotonic() - began > 50
