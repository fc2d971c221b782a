"""GET /metrics and status: what was asked is counted, once and for good, told
on a port of its own, and promtool can read it."""
import http.client
import json
import os
import re
import signal
import subprocess
import time
import uuid

import pytest

from client import Api, Line, at_once, raw, request_bytes
from contract import CALLS, METRICS_TYPE, NOBODY, UUID, WRITES, make_key
from fixtures import make_project
from harness import ROOT, started
from tables import ROUTES
from test_database_down import PG_CTL, comes_back

RULES = ROOT / "cgi-bin/prometheus/codecourier.rules.yml"
SAMPLE = re.compile(r"codecourier_([a-z_]+)(?:\{(.*)\})? ([0-9.]+)")
LABEL = re.compile(r'([a-z_]+)="([^"\\\n]*)"(?:,|$)')
PROJECT = "/api/v1/project"
# status's name of a total, and the metric's
TOTALS = {"verifiedHits": "verified_key_hits_total",
          "scryptRuns": "scrypt_runs_total",
          "checkRefusals": "check_refusals_total",
          "coldRefusals": "cold_refusals_total",
          "databaseRequests": "database_wait_seconds_count"}


def fetch(stack, method="GET", target="/metrics", headers=None):
    conn = http.client.HTTPConnection("127.0.0.1", stack.metrics_port,
                                      timeout=20)
    try:
        conn.request(method, target, headers=headers or {})
        got = conn.getresponse()
        return got, got.read().decode()
    finally:
        conn.close()


def text(stack):
    got, body = fetch(stack)
    assert got.status == 200, body
    assert got.headers["Content-Type"] == METRICS_TYPE
    assert got.headers["Content-Length"] == str(len(body))
    assert got.headers["Cache-Control"] == "no-store"
    assert UUID.fullmatch(got.headers["X-Request-ID"])
    return body


def scrape(stack):
    """{(name, label=value, …): number}; each sample once."""
    found = {}
    for line in text(stack).splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        pairs = LABEL.findall(labels or "")
        assert ",".join(f'{n}="{v}"' for n, v in pairs) == (labels or "")
        key = (name, *(f"{n}={v}" for n, v in pairs))
        assert key not in found, key
        found[key] = float(value)
    return found


def grown(before, after):
    """What is more than before, by how much."""
    assert set(before) <= set(after)
    return {k: v - before.get(k, 0) for k, v in after.items()
            if v != before.get(k, 0)}


def requests(counts):
    """{(method, route, status): number} of requests_total."""
    return {tuple(p.partition("=")[2] for p in key[1:]): int(n)
            for key, n in counts.items() if key[0] == "requests_total"}


SCRAPED = {("GET", "/metrics", "200"): 1}   # the first of two


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


@pytest.mark.parametrize("method, path", CALLS, ids=lambda v: v)
def test_every_call_has_its_route(stack, method, path):
    nobody, before = Api(stack.base), scrape(stack)
    nobody.refused("AUTH_MISSING", method, path)
    assert requests(grown(before, scrape(stack))) == {
        (method, "/api/v1" + path, "401"): 1, **SCRAPED}


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
    stack = project.stack
    keys = [stack.ctl("key", "create", project.slug, "--name",
                      f"k{n}")["key"] for n in range(40)]
    before = scrape(stack)
    got = at_once([lambda k=key: Line(stack.port, k).get("/project")[0]
                   for key in keys])
    more = grown(before, scrape(stack))
    assert set(got) == {200, 503}
    assert more["cold_refusals_total",] == got.count(503)
    assert more["scrypt_runs_total",] == got.count(200)
    assert requests(more) == {
        ("GET", PROJECT, "200"): got.count(200),
        ("GET", PROJECT, "503"): got.count(503), **SCRAPED}


def test_gauges(stack):
    seen, status = scrape(stack), stack.status()
    assert seen["workers",] == seen["workers_configured",] == 8
    assert status["workersConfigured"] == len(status["workers"]) == 8
    assert seen["schema_version",] == status["schemaVersion"]
    (info,) = [k for k in seen if k[0] == "build_info"]
    assert info[1:] == (f"program={status['program']}",
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


@pytest.mark.ends_workers
def test_survives_a_reload(project):
    """USR2 to the pool, with requests under way: all of them are counted."""
    stack, old = project.stack, all_workers(project.stack)
    project.api.get("/project")
    before = scrape(stack)
    (pool,) = stack.pids("multiwatch")

    def ask():
        line = Line(stack.port, project.key)
        return [line.get("/project")[0] for _ in range(100)]

    def reload():
        time.sleep(0.1)
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


# ---- who can see it ----

@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("target", [
    "/metrics", "/metrics?", "/metrics/", "//metrics", "/x/../metrics",
    "/%6detrics", "/api/v1/../../metrics", "/api/v1/metrics",
    "http://localhost/metrics"])
def test_not_on_the_public_port(stack, method, target):
    answer = raw(stack.port, request_bytes(method, target), method)
    assert answer.status == 404
    if method != "HEAD":
        assert answer.json["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("target", [
    "/", "/metrics/", "//metrics", "/metricsx", "/x/../metrics",
    "/%6detrics", "/healthz", "/readyz", "/api/v1/project",
    "/api/v1/openapi.json", "/api/v1/"])
def test_nothing_else_on_its_port(stack, project, target):
    """Not even with a good key. (Another server than the document's.)"""
    head = {"Authorization": f"Bearer {project.key}"}
    got, body = fetch(stack, target=target, headers=head)
    assert got.status == 404
    assert got.headers["Content-Type"] == "application/json"
    error = json.loads(body)["error"]
    assert error["code"] == "NOT_FOUND"
    assert error["requestId"] == got.headers["X-Request-ID"]


def test_methods(stack):
    got, body = fetch(stack, "HEAD")
    assert (got.status, body) == (200, "")
    assert int(got.headers["Content-Length"]) > 1000
    for method in "POST", "PUT", "DELETE":
        answer = raw(stack.metrics_port, request_bytes(method, "/metrics"),
                     method)
        assert answer.status == 405
        assert answer.header("Allow") == "GET, HEAD, OPTIONS"
    large = request_bytes("GET", "/metrics", [("Content-Length", 2000)])
    answer = raw(stack.metrics_port, large)
    assert answer.json["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_its_port_is_of_this_host_only(stack):
    """As the kernel has it: 127.0.0.1 alone listens there."""
    found = []
    for name in "tcp", "tcp6":
        with open(f"/proc/net/{name}") as file:
            rows = [line.split() for line in list(file)[1:]]
        found += [r[1].split(":")[0] for r in rows if r[3] == "0A" and
                  int(r[1].split(":")[1], 16) == stack.metrics_port]
    assert set(found) == {"0100007F"}


def test_what_clients_send_is_not_told(project):
    """Neither in a label nor as one more line."""
    stack, mark = project.stack, "plantedmetric"
    before = scrape(stack)
    project.api.post("/project/provider-keys/set",
                     {"provider": "e2b", "key": mark})
    for n in range(30):
        api = Api(stack.base, project.key if n % 2 else make_key())
        api.send("GET", f"/{mark}{n}?{mark}={n}")
        api.send("GET", f"/project?{mark}{n}=1")
        api.send(mark.upper(), "/project", headers={mark: mark})
    body = text(stack)
    told = body + stack.run([stack.ctl_path, "--json", "status"]).stdout
    for secret in (mark, mark.upper(), project.key, project.key[8:16],
                   project.key[16:], project.id, project.slug,
                   project.key_id, "127.0.0.1"):
        assert secret not in told
    routes = {f"route={r}" for _, r in ROUTES} | {"route=-", "route=/metrics"}
    for key in grown(before, scrape(stack)):
        assert not [p for p in key[1:] if p.startswith("route=") and
                    p not in routes]
        assert not [p for p in key[1:] if p.startswith("method=") and
                    p not in ("method=GET", "method=POST", "method=-")]


# ---- promtool ----

def promtool(*argv, data=None):
    done = subprocess.run(["promtool", *map(str, argv)], input=data,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_reads_it(stack, project):
    project.api.get("/project")
    assert promtool("check", "metrics", data=text(stack)) == ""


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


def test_alerts():
    """The sample's rules are sound, know the metrics, and fire."""
    promtool("check", "rules", RULES)
    out = promtool("test", "rules", ROOT / "tests/http/alerts.yml")
    assert "SUCCESS" in out


def test_alerts_ask_for_metrics_that_exist(stack):
    told = {"codecourier_" + k[0] for k in scrape(stack)}
    asked = set(re.findall(r"\bcodecourier_\w+", RULES.read_text()))
    assert asked and asked <= told
