"""Limits by address, workers that do not answer, clients that do not send.

All of it waits for time limits of nginx, so it happens at the same time.
"""
import os
import re
import signal
import socket
import time

import pytest

from client import at_once, raw, request_bytes
from fixtures import make_project, running, slow_limits

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE = "/api/v1/project/update"
BODY = b'{"name":"Too Late"}'


def flood(port, count):
    """Requests in one go on one connection; the statuses that came back."""
    data = request_bytes("HEAD", "/api/v1/openapi.json") * count
    found = b""
    with socket.create_connection(("127.0.0.1", port), 20) as conn:
        conn.sendall(data)
        while found.count(b"\r\n\r\n") < count:
            part = conn.recv(1 << 16)
            assert part, f"closed after {found.count(b'HTTP/1.1 ')} answers"
            found += part
    return re.findall(rb"HTTP/1\.1 (\d+) ", found)


def test_too_many_requests_from_one_address(tmp_path):
    """2,000 in a burst pass, and so many a second; the others are 429."""
    for stack in running(workers=1, limits=slow_limits(tmp_path)):
        began = time.monotonic()
        seen = sum((flood(stack.port, 900) for _ in range(4)), [])
        ask = request_bytes("GET", "/api/v1/nope")
        while (refusal := raw(stack.port, ask)).status != 429:
            pass
        passed = seen.count(b"200")
        # one more for each second, and for the last one that began
        assert 2000 <= passed <= 2002 + time.monotonic() - began
        assert seen.count(b"429") == 3600 - passed
        assert refusal.json["error"]["code"] == "RATE_LIMITED"
        assert refusal.header("Retry-After") == "1"


def half(port, data):
    """Sends the beginning of a request and waits for what comes."""
    return raw(port, data, timeout=25)


@pytest.fixture(scope="module")
def stalled(spare):
    """Answers to requests while no worker moves; clients that dawdle."""
    project = make_project(spare)
    project.api.get("/project")
    key = ("Authorization", f"Bearer {project.key}")
    head = [key, ("Content-Type", "application/json"),
            ("Content-Length", len(BODY))]
    get = request_bytes("GET", "/api/v1/project", [key])
    post = request_bytes("POST", UPDATE, head, BODY)
    workers = spare.workers()
    try:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        got = at_once([
            lambda: raw(spare.port, get, timeout=25),
            lambda: raw(spare.port, post, "POST", timeout=25),
            lambda: half(spare.port, b"GET /api/v1/proj"),
            lambda: half(spare.port, get[:-2]),
            lambda: half(spare.port, post[:-5])])
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    return project, dict(zip(["get", "post", "line", "head", "body"], got))


@pytest.mark.parametrize("name, again", [("get", True), ("post", False)])
def test_no_answer_from_a_worker(stalled, name, again):
    answer = stalled[1][name]
    assert answer.status == 504
    assert answer.json["error"]["code"] == "TIMEOUT"
    assert answer.json["error"]["retryable"] is again


@pytest.mark.parametrize("name", ["line", "head", "body"])
def test_slow_client_is_cut_off(stalled, name):
    assert stalled[1][name] is None


def test_request_of_a_client_that_has_gone_is_not_done(stalled):
    """The workers woke up to requests that nobody waits for any more."""
    project = stalled[0]
    for _ in range(8):
        assert project.api.get("/project")["name"] == "Test"
