"""What GET /metrics says, as numbers."""
import http.client
import re

from contract import METRICS_TYPE, UUID

SAMPLE = re.compile(r"codecourier_([a-z_]+)(?:\{(.*)\})? ([0-9.]+)")
LABEL = re.compile(r'([a-z_]+)="([^"\\\n]*)"(?:,|$)')

# what the first of two scrapes adds
SCRAPED = {("GET", "/metrics", "200"): 1}


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


def total(stack, name):
    """One number, by less work than all of them."""
    return int(re.search(rf"^codecourier_{name} (\d+)$", text(stack),
                         re.M)[1])


def grown(before, after):
    """What is more than before, by how much."""
    assert set(before) <= set(after)
    return {k: v - before.get(k, 0) for k, v in after.items()
            if v != before.get(k, 0)}


def requests(counts):
    """{(method, route, status): number} of requests_total."""
    return {tuple(p.partition("=")[2] for p in key[1:]): int(n)
            for key, n in counts.items() if key[0] == "requests_total"}
