"""What a client can put into the logs: little, and never a key or a token."""
import re
import socket
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

from client import raw, request_bytes
from contract import check, make_key, make_token
from site_on_host import answer_of
from test_request_id import wait_for

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

KEY = make_key("Ab3dE6gH", "s3CrEt" * 5 + "s3")
TEST = make_key("Zz9yY8xX", "Sh0uLd" * 5 + "No", "test")
TOKEN = make_token("t0K3n" * 8)     # has no prefix that may be told
PARTS = [KEY[16:24], TEST[16:24], "s3CrEt", "Sh0uLd", "t0K3n"]


def escaped(text, upper=True):
    """Every character as %xx."""
    return "".join(f"%{ord(c):02X}" if upper else f"%{ord(c):02x}"
                   for c in text)


# target; what of it is logged, by its end
TARGETS = {
    "query": (f"/api/v1/project?api_key={KEY}", KEY[:16] + "..."),
    "path": (f"/api/v1/{KEY}/x", KEY[:16] + "..."),
    "test": (f"/api/v1/project?a=b&key={TEST}&c=d", TEST[:16] + "..."),
    "two": (f"/x?a={KEY}&b={TEST}", f"?a={KEY[:16]}..."),
    "glued": (f"/x?a={KEY}{TEST}", f"?a={KEY[:16]}..."),
    "underscore": (f"/x?a={KEY.replace('_', '%5F')}", "Ab3dE6gH..."),
    "underscore-lower": (f"/x?a={KEY.replace('_', '%5f')}", "Ab3dE6gH..."),
    "all-escaped": (f"/x?a={escaped(KEY)}", escaped(KEY[:16]) + "..."),
    "all-escaped-lower": (f"/x?a={escaped(KEY, False)}",
                          escaped(KEY[:16], False) + "..."),
    "secret-escaped": (f"/x?a={KEY[:16]}{escaped(KEY[16:])}",
                       KEY[:16] + "..."),
    "id-escaped": (f"/x?a={KEY[:8]}{escaped(KEY[8:16])}{KEY[16:]}",
                   escaped(KEY[8:16]) + "..."),
    "twice-escaped": (f"/x?a={quote(escaped(KEY))}", "..."),
    "three-times": (f"/x?a={quote(quote(KEY.replace('_', '%5F')))}", "..."),
    "upper-case": (f"/x?a={KEY[:8].upper()}{KEY[8:]}", "Ab3dE6gH..."),
    "cut-in-key": ("/x?a=" + "a" * 165 + KEY, KEY[:16] + "..."),
    "cut-behind": ("/x?a=" + "a" * 119 + KEY, KEY[:16] + "..."),
    "cut-before": ("/x?a=" + "a" * 300 + KEY, "aaa..."),
    "prefix": (f"/x?a={KEY[:16]}", KEY[:16] + " HTTP/1.1"),
    "prefix-and-one": (f"/x?a={KEY[:17]}", KEY[:16] + "..."),
    "none": ("/x?cc_live=1&cc_test_", "&cc_test_ HTTP/1.1"),
    "token": (f"/api/v1/project?token={TOKEN}&x=1", "=cc_inv_..."),
    "token-in-path": (f"/api/v1/invitations/{TOKEN}", "/cc_inv_..."),
    "token-escaped": (f"/x?a={escaped(TOKEN)}", escaped("cc_inv_") + "..."),
    "token-escaped-lower": (f"/x?a={escaped(TOKEN, False)}",
                            escaped("cc_inv_", False) + "..."),
    "token-twice-escaped": (f"/x?a={quote(escaped(TOKEN))}", "..."),
    "token-upper-case": (f"/x?a={TOKEN.upper()}", "CC_INV_..."),
    "token-then-key": (f"/x?a={TOKEN}&b={KEY}", "?a=cc_inv_..."),
    "key-then-token": (f"/x?a={KEY}&b={TOKEN}", f"?a={KEY[:16]}..."),
    "no-token": ("/x?cc_inv_&a=1", "?cc_inv_&a=1 HTTP/1.1"),
    "absolute": (f"http://localhost/x?a={KEY}", KEY[:16] + "..."),
}


def logged(stack, data, rid):
    """The one line of nginx about a request, and its request field."""
    raw(stack.port, data, check=lambda answer: answer)
    (line,) = wait_for(lambda: stack.log("nginx-access.log"), rid)
    return line, re.search(r' request="((?:[^"\\]|\\.)*)" status=', line)[1]


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_in_the_request_line(stack, name, method):
    target, ends = TARGETS[name]
    rid = str(uuid.uuid4())
    line, request = logged(stack, request_bytes(
        method, target, [("X-Request-ID", rid)]), rid)
    assert request.startswith(f"{method} {target[:4]}")
    assert request.endswith(ends), request
    assert len(request) <= 203
    for part in PARTS:
        assert part not in line and escaped(part) not in line.upper()


@pytest.mark.parametrize("target", [
    "/x?" + "a" * 8000, "/x?" + "\x80" * 2000, "/x?" + '"' * 8000,
    "/x?" + "\\" * 8000, "/x?" + "\xff" * 8000, "/" + "\xe4\xb8\xad" * 2000,
    "/x?" + "a" * 160 + "\xff" * 3000, "/x?" + "%ff" * 2000],
    ids=lambda t: f"{t!r:.9}")
def test_a_long_request_line(stack, target):
    """200 characters, as they are written down."""
    rid = str(uuid.uuid4())
    line, request = logged(stack, request_bytes(
        "GET", target, [("X-Request-ID", rid)]), rid)
    assert len(request) <= 203 and request.endswith("...")
    assert len(line) < 500


@pytest.mark.parametrize("data, said", [
    (b"\x16\x03\x01\x02\r\n\r\n", r"\x16\x03\x01\x02"),
    (b"what is this " + KEY.encode() + b"\r\n\r\n",
     "what is this " + KEY[:16] + "..."),
    (b"GET /" + b"x" * 40_000 + KEY.encode() + b" HTTP/1.1\r\n\r\n",
     "GET /" + "x" * 195 + "...")], ids=["tls", "words", "414"])
def test_what_is_not_http(stack, data, said):
    before = len(stack.log("nginx-access.log"))
    raw(stack.port, data)
    end = time.monotonic() + 5
    while f'request="{said}" status=4' not in \
            stack.log("nginx-access.log")[before:]:
        assert time.monotonic() < end, stack.log("nginx-access.log")[before:]
        time.sleep(0.05)


def test_120_mb_of_them(stack):
    """A thousand lines of 8 KB on one connection are 0.5 MB of log."""
    before = len(stack.log("nginx-access.log"))
    data = request_bytes("GET", "/x?" + "\xff" * 8000)
    with socket.create_connection(("127.0.0.1", stack.port), 20) as conn:
        for _ in range(900):
            conn.sendall(data)
            got = b""
            while b'"}}' not in got:
                got += conn.recv(65536)
    check(answer_of("GET", None, got))
    end = time.monotonic() + 5
    while stack.log("nginx-access.log")[before:].count("\n") < 900:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert len(stack.log("nginx-access.log")) - before < 900 * 500


def test_what_fails_on_the_way(spare):
    """nginx writes the request line, Host and Referer into each line of its
    error log: it has none about requests."""
    head = [("Referer", f"http://x/{KEY}"), ("X-Request-ID", KEY),
            ("Authorization", f"Bearer {KEY}")]
    target = f"/api/v1/project?api_key={KEY}"
    with spare_socket(spare):
        answer = raw(spare.port, request_bytes("GET", target, head,
                                               host=f"{KEY}.x"))
        assert answer.status == 502
    spool = spare.run_dir / "spool/body"
    spool.rename(spool.with_name("away"))
    try:
        answer = raw(spare.port, request_bytes(
            "POST", f"/api/v1/project/update?{KEY}",
            [*head, ("Content-Length", 100_000)], b"x" * 100_000), "POST")
        assert answer.status == 503
    finally:
        spool.with_name("away").rename(spool)
    for size in 8000, 40_000:
        raw(spare.port, request_bytes("GET", target + "x" * size, head))
        raw(spare.port, request_bytes("GET", target,
                                      [*head, ("X", KEY * (size // 54))]))
    raw(spare.port, request_bytes("GET", target, [*head, *head]))
    raw(spare.port, b"GET /%zz" + KEY.encode() + b" HTTP/1.1\r\n\r\n")
    assert wait_for(lambda: spare.log("nginx-access.log"), "%zzcc_live_")
    assert spare.log("nginx-error.log") == ""
    for part in PARTS:
        assert part.encode() not in spare.logs()


class spare_socket:
    """The workers' socket is away for a moment."""

    def __init__(self, stack):
        self.path = Path(stack.conf["CODECOURIER_RUNTIME_DIR"]) / "api.sock"

    def __enter__(self):
        self.path.rename(self.path.with_name("away.sock"))

    def __exit__(self, *ignored):
        self.path.with_name("away.sock").rename(self.path)


@pytest.mark.parametrize("target, head", [
    (f"/api/v1/{KEY}", []), (f"/api/v1/project?{KEY}=1", []),
    ("/api/v1/project", [("Authorization", f"Bearer {KEY[:-1]}!")]),
    ("/api/v1/project", [("Authorization", KEY)]),
    ("/api/v1/project", [("Content-Type", KEY), ("Cookie", KEY)]),
    (f"/api/v1/{TOKEN}?{TOKEN}", [("Cookie", TOKEN)])],
    ids=["path", "query", "bad", "bare", "other", "token"])
def test_the_workers_log(stack, target, head):
    """Of a client it has the method, cut, and a request id."""
    rid = str(uuid.uuid4())
    raw(stack.port, request_bytes("GET", target,
                                  [*head, ("X-Request-ID", rid)]))
    assert wait_for(lambda: stack.log("nginx-access.log"), rid)
    for line in wait_for(lambda: stack.log("pool.log"), rid, 2):
        for part in [*PARTS, KEY[:16]]:
            assert part not in line
