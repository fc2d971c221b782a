"""GET /metrics and status: what was asked is counted, once and for good, and
promtool can read it."""
import json
import os
import re
import signal
import subprocess
import time
import uuid

import pytest

from client import Api, Line, at_once, raw, request_bytes
from contract import KEYED, NOBODY, WRITES, make_key, route
from few import few
from fixtures import make_project
from harness import ROOT, started
from metrics import SCRAPED, grown, requests, scrape, text
from session import until
from tables import ROUTES
from test_auth_row import cold_keys
from test_cold import places_taken
from test_database_down import PG_CTL, comes_back

RULES = ROOT / "cgi-bin/prometheus/codecourier.rules.yml"
PROJECT = "/api/v1/project"
# status's name of a total, and the metric's
TOTALS = {"verifiedHits": "verified_key_hits_total",
          "scryptRuns": "scrypt_runs_total",
          "checkRefusals": "check_refusals_total",
          "coldRefusals": "cold_refusals_total",
          "shareRefusals": "share_refusals_total",
          "rateRefusals": "rate_refusals_total",
          "databaseRequests": "database_wait_seconds_count"}


def test_every_route_is_told_before_it_is_asked(stack):
    seen = requests(scrape(stack))
    routes = [*ROUTES, ("GET", "/metrics"), ("-", "-")]
    assert {k[:2] for k in seen} == set(routes)
    for route in routes:
        for status in ("200", "500", "503", "504"):
            assert (*route, status) in seen


def test_counts_exactly_what_was_asked(project):
    stack, api = project.stack, project.api
    api.get("/project")
    before = scrape(stack)
    for _ in range(3):
        api.get("/project")
    for _ in range(2):
        api.refused("VALIDATION", "POST", "/project/update", {"name": ""})
    api.post("/project/update", {"name": "Counted"})
    api.refused("NOT_FOUND", "POST", "/project/members/remove",
                {"targetUserId": NOBODY})
    Api(stack.base).refused("AUTH_MISSING", "GET", "/project/settings")
    api.send("HEAD", "/project/members")
    api.send("OPTIONS", "/project/members")
    api.refused("NOT_FOUND", "GET", "/nope")
    api.refused("METHOD_NOT_ALLOWED", "PUT", "/project")
    raw(stack.port, request_bytes("GET", "/healthz"))
    raw(stack.port, request_bytes("GET", "/nope"))      # nginx's own
    more = grown(before, scrape(stack))
    expected = {("GET", PROJECT, "200"): 3,
                ("POST", PROJECT + "/update", "400"): 2,
                ("POST", PROJECT + "/update", "200"): 1,
                ("POST", PROJECT + "/members/remove", "404"): 1,
                ("GET", PROJECT + "/settings", "401"): 1,
                ("GET", PROJECT + "/members", "200"): 1,
                ("GET", "/healthz", "200"): 1,
                ("-", "-", "204"): 1, ("-", "-", "404"): 1,
                ("-", "-", "405"): 1, **SCRAPED}
    assert requests(more) == expected
    # and each of them has its time
    for method, route in {k[:2] for k in expected}:
        here = sum(n for k, n in expected.items() if k[:2] == (method, route))
        labels = f"method={method}", f"route={route}"
        for name, *rest in ("bucket", "le=+Inf"), ("count",):
            key = (f"request_duration_seconds_{name}", *labels, *rest)
            assert more[key] == here
    # with a good key: 3 + 2 + 1 + 1 + 1; the others asked no database
    assert more["database_wait_seconds_count",] == 8
    assert more["database_wait_seconds_sum",] > 0
    assert more["verified_key_hits_total",] == 8


@pytest.mark.parametrize("method, path", few(KEYED), ids=lambda v: v)
def test_every_call_has_its_route(stack, method, path):
    nobody, before = Api(stack.base, make_key()), scrape(stack)
    nobody.refused("AUTH_INVALID", method, path)
    assert requests(grown(before, scrape(stack))) == {
        (method, "/api/v1" + route(path), "401"): 1, **SCRAPED}


def test_buckets(stack):
    """Cumulative, the last is all; the sum is a time that fits them."""
    seen = scrape(stack)
    name = "request_duration_seconds"
    for key in [k for k in seen if k[0] == name + "_count"]:
        bounds = [(float(k[3].partition("=")[2]), n) for k, n in seen.items()
                  if k[0] == name + "_bucket" and k[1:3] == key[1:]]
        assert bounds == sorted(bounds) and len(bounds) == 15
        assert [n for _, n in bounds] == sorted(n for _, n in bounds)
        assert bounds[-1] == (float("inf"), seen[key])
        least, below = 0, 0     # each at the lower end of its bucket
        for (_, n), (low, _) in zip(bounds, [(0, 0), *bounds]):
            least += (n - below) * low
            below = n
        assert seen[(name + "_sum", *key[1:])] >= least
        assert seen[key] == sum(
            n for k, n in seen.items()
            if k[0] == "requests_total" and k[1:3] == key[1:])


@pytest.mark.plain     # a load
def test_sums_up_over_all_workers(project):
    """Requests at once, on all workers: none is lost, and none is twice."""
    stack = project.stack
    project.api.get("/project")
    before, each = scrape(stack), stack.status()["workers"]

    def ask():
        line = Line(stack.port, project.key)
        return [line.get("/project")[0] for _ in range(50)]

    for got in at_once([ask] * 8):
        assert got == [200] * 50
    after = stack.status()
    assert requests(grown(before, scrape(stack))) == {
        ("GET", PROJECT, "200"): 400, **SCRAPED}
    served = {w["pid"]: w["requests"] for w in after["workers"]}
    more = {w["pid"]: served[w["pid"]] - w["requests"] for w in each}
    assert sum(more.values()) == 400
    assert len([n for n in more.values() if n]) > 1


def test_totals_are_those_of_status(project):
    stack = project.stack
    before = scrape(stack)
    project.api.get("/project")                         # a scrypt run
    project.api.get("/project")                         # a hit
    wrong = Api(stack.base, make_key(project.key[8:16]))
    for _ in range(5):
        wrong.refused("AUTH_INVALID", "GET", "/project")
    after, status = scrape(stack), stack.status()
    more = grown(before, after)
    assert more["scrypt_runs_total",] == 1
    assert more["verified_key_hits_total",] == 1
    assert more["check_refusals_total",] == 5
    for name, metric in TOTALS.items():
        assert status[name] == after[metric,], name
    assert status["databaseWaitUs"] == \
        round(after["database_wait_seconds_sum",] * 1e6)
    # the one scrape that `after` cannot know of
    assert status["requests"] == sum(requests(after).values()) + 1


def test_cold_refusals_are_counted(project):
    """No place for keys that nobody knows; then there are places."""
    stack, keys = project.stack, cold_keys(project, 8)

    def ask(key):
        return Line(stack.port, key).get("/project")[0]

    before = scrape(stack)
    with places_taken(stack, 0, 1):
        assert at_once([lambda k=key: ask(k) for key in keys]) == [503] * 8
    more = grown(before, scrape(stack))
    assert more["cold_refusals_total",] == 8
    assert ("scrypt_runs_total",) not in more
    assert requests(more) == {("GET", PROJECT, "503"): 8, **SCRAPED}
    before = scrape(stack)
    assert [ask(key) for key in keys] == [200] * 8
    more = grown(before, scrape(stack))
    assert more["scrypt_runs_total",] == 8
    assert ("cold_refusals_total",) not in more
    assert requests(more) == {("GET", PROJECT, "200"): 8, **SCRAPED}


def test_gauges(stack):
    seen, status = scrape(stack), stack.status()
    assert seen["workers",] == seen["workers_configured",] == 8
    assert status["workersConfigured"] == len(status["workers"]) == 8
    assert seen["schema_version",] == status["schemaVersion"]
    (info,) = [k for k in seen if k[0] == "build_info"]
    assert info[1:] == (f"version={status['version']}",
                        f"program={status['program']}",
                        f"oldest_schema={status['oldestSchema']}")
    assert {w["pid"] for w in status["workers"]} == set(stack.workers())
    for worker in status["workers"]:
        assert worker["program"] == status["program"]
        assert 0 <= time.time() * 1000 - worker["startedAt"] < 86400_000


def await_workers(stack, old, seconds=15):
    """Eight workers, none of them as it was before."""
    end = time.monotonic() + seconds
    while True:
        now = {(p, started(p)) for p in stack.workers()}
        if len(now) == 8 and not now & old and \
                len(stack.status()["workers"]) == 8:
            return
        assert time.monotonic() < end, (old, now)
        time.sleep(0.05)


def all_workers(stack):
    return {(p, started(p)) for p in stack.workers()}


@pytest.mark.plain     # a load
@pytest.mark.ends_workers
def test_survives_a_reload(project):
    """USR2 to the pool, with requests under way: all of them are counted."""
    stack, old = project.stack, all_workers(project.stack)
    project.api.get("/project")
    before = scrape(stack)
    (pool,) = stack.pids("multiwatch")

    seen = []

    def ask():
        line = Line(stack.port, project.key)
        return [seen.append(line.get("/project")[0]) or seen[-1]
                for _ in range(100)]

    def reload():
        until(lambda: len(seen) > 100, "nobody answers")
        os.kill(pool, signal.SIGUSR2)
        return [200]

    for got in at_once([ask] * 4 + [reload]):
        assert set(got) == {200}
    await_workers(stack, old)
    assert requests(grown(before, scrape(stack))) == {
        ("GET", PROJECT, "200"): 400, **SCRAPED}


@pytest.mark.ends_workers
def test_survives_workers_that_are_killed(project):
    stack, old = project.stack, all_workers(project.stack)
    before = scrape(stack)
    for pid, _ in old:
        os.kill(pid, signal.SIGKILL)
    await_workers(stack, old)
    project.api.get("/project")
    after = scrape(stack)
    assert requests(grown(before, after)) == {
        ("GET", PROJECT, "200"): 1, **SCRAPED}
    assert after["workers",] == 8


def test_last_errors(spare):
    """status has them, with the id that the client was told."""
    project = make_project(spare)
    project.api.get("/project")
    workers, before = spare.workers(), scrape(spare)
    data = ["-D", spare.run_dir / "pg", "-w", "-t", "30"]
    assert spare.run([PG_CTL, *data, "stop", "-m", "fast"]).returncode == 0
    rids = [str(uuid.uuid4()) for _ in range(20)]
    try:
        for rid in rids[:19]:
            project.api.refused("UNAVAILABLE", "GET", "/project",
                                headers={"X-Request-ID": rid})
        project.api.refused("UNAVAILABLE", "POST", "/project/update",
                            WRITES["/project/update"],
                            headers={"X-Request-ID": rids[19]})
        lost = scrape(spare)["schema_version",]
        done = spare.run([spare.ctl_path, "--json", "status"])
    finally:
        spare.run([PG_CTL, *data, "-l", spare.run_dir / "log/postgresql.log",
                   "start"])
    comes_back(project, workers)
    assert lost == 0 and done.returncode == 5
    found = json.loads(done.stdout)["data"]["lastErrors"]
    assert [e["requestId"] for e in found] == rids[:3:-1]
    for error in found:
        assert set(error) == {"at", "method", "route", "status", "code",
                              "requestId"}
        assert (error["status"], error["code"]) == (503, "UNAVAILABLE")
        assert abs(time.time() * 1000 - error["at"]) < 600_000
    assert (found[0]["method"], found[0]["route"]) == \
        ("POST", PROJECT + "/update")
    more = requests(grown(before, scrape(spare)))
    assert more["GET", PROJECT, "503"] >= 19
    assert more["POST", PROJECT + "/update", "503"] == 1


# ---- promtool ----

def promtool(*argv, data=None):
    done = subprocess.run(["promtool", *map(str, argv)], input=data,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.plain
def test_promtool_reads_it(stack, project):
    project.api.get("/project")
    assert promtool("check", "metrics", data=text(stack)) == ""


@pytest.mark.plain
def test_promtool_would_complain():
    """The check above can fail."""
    with pytest.raises(AssertionError):
        promtool("check", "metrics", data="# TYPE a counter\na 1\n")


def test_every_metric_is_explained(stack):
    """HELP and TYPE once, in front of the metric's lines."""
    named, types = [], {}
    for line in text(stack).splitlines():
        if line.startswith("# HELP "):
            named.append(line.split(" ", 3)[2])
            assert len(line.split(" ", 3)[3]) > 10
        elif line.startswith("# TYPE "):
            assert line.split()[2] == named[-1]
            types[named[-1]] = line.split()[3]
        else:
            name = re.match(r"\w+", line).group()
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert named[-1] == (base if base in types else name)
    assert len(named) == len(set(named)) == len(types)
    for name, kind in types.items():
        assert name.startswith("codecourier_")
        assert name.endswith("_total") == (kind == "counter")


@pytest.mark.plain
def test_alerts():
    """The sample's rules are sound, know the metrics, and fire."""
    promtool("check", "rules", RULES)
    out = promtool("test", "rules", ROOT / "tests/http/alerts.yml")
    assert "SUCCESS" in out


def test_alerts_ask_for_metrics_that_exist(stack):
    told = {"codecourier_" + k[0] for k in scrape(stack)}
    asked = set(re.findall(r"\bcodecourier_\w+", RULES.read_text()))
    assert asked and asked <= told
