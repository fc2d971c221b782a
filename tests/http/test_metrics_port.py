"""Who can see /metrics, and that nobody's data can be seen there."""
import json
import os
import re
import select
import signal
import socket
import time

import pytest

from client import Api, raw, request_bytes
from contract import make_key
from harness import Stack
from metrics import fetch, grown, scrape, text
from session import until
from tables import ROUTES

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere


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
def test_nothing_else_on_its_port(shared, target):
    """Not even with a good key. (Another server than the document's.)"""
    head = {"Authorization": f"Bearer {shared.key}"}
    got, body = fetch(shared.stack, target=target, headers=head)
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


def open_at(port):
    """nginx's connections there that are not closed on its side."""
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in list(file)[1:]]
    return [r for r in rows if r[3] in ("01", "08")
            and int(r[1].split(":")[1], 16) == port]


def test_few_at_once(spare):
    """Whoever may ask cannot take all places of the socket's queue."""
    workers, conns = spare.workers(), []
    scrape(spare)
    until(lambda: not open_at(spare.metrics_port), "the scrape has not ended")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(12):
            conns.append(socket.create_connection(
                ("127.0.0.1", spare.metrics_port), 20))
            conns[-1].sendall(request_bytes("GET", "/metrics"))
        end = time.monotonic() + 10
        while len(select.select(conns, [], [], 0.1)[0]) < 4:
            assert time.monotonic() < end, "nobody was refused"
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    seen = sorted(conn.recv(12) for conn in conns)
    assert seen == [b"HTTP/1.1 200"] * 8 + [b"HTTP/1.1 503"] * 4
    for conn in conns:
        conn.close()
    scrape(spare)


def test_the_next_free_port_is_taken():
    """By make run, unless it is told which."""
    stack = Stack(workers=1, environ={"METRICS_PORT": ""})
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.port + 1))
        other.listen()
        try:
            stack.start()
            said = until(lambda: re.search(
                r"http://127\.0\.0\.1:(\d+)/metrics$",
                stack.output.read_text(), re.M), "no line of the port")
            stack.metrics_port = int(said[1])
            assert stack.metrics_port > stack.port + 1
            assert scrape(stack)["workers",] == 1
        finally:
            stack.stop()
            stack.clean()


@pytest.mark.parametrize("port, said", [
    ("{0.port}", "the same"), ("x", "not a port"), ("0", "not a port"),
    ("65536", "not a port"), ("{1}", "taken")])
def test_a_port_that_cannot_be(stack, port, said):
    new = Stack(workers=1)
    new.extra["METRICS_PORT"] = port.format(new, stack.port)
    try:
        with pytest.raises(RuntimeError, match=f"make run: .*{said}"):
            new.start()
    finally:
        new.clean()


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
