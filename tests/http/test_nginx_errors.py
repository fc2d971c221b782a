"""What nginx refuses by itself looks like an answer of the service."""
import os
import socket

import pytest

from client import raw, request_bytes
from contract import UUID, make_key

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

TARGET = "/api/v1/project"
LINE = b"GET /api/v1/project HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
BAD_REQUESTS = {
    "words": b"what is this\r\n\r\n",
    "binary": bytes(range(128, 200)) + b"\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "lower-case-method": b"get /api/v1/project HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-host": LINE + b"\r\n",
    "two-hosts": LINE + HOST * 2 + b"\r\n",
    "bad-host": LINE + b"Host: a b\r\n\r\n",
    "no-path": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "relative-path": b"GET api/v1/project HTTP/1.1\r\n" + HOST + b"\r\n",
    "above-root": b"GET /../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "percent-nul": b"GET /api/v1/project%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad-percent": b"GET /api/v1/%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "no-such-protocol": b"GET / SPDY/1.1\r\n" + HOST + b"\r\n",
    "nul-in-header": LINE + HOST + b"X: a\0b\r\n\r\n",
    "two-lengths": LINE + HOST + b"Content-Length: 1\r\n" * 2 + b"\r\nx",
    "length-and-chunked": LINE + HOST + b"Content-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative-length": LINE + HOST + b"Content-Length: -1\r\n\r\n",
    "length-of-words": LINE + HOST + b"Content-Length: ten\r\n\r\n",
    "two-keys": LINE + HOST + b"Authorization: Bearer x\r\n" * 2 + b"\r\n",
    "connect": b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",
}


def refused(stack, data, status, code, method="GET"):
    answer = raw(stack.port, data, method)
    assert answer is not None, "closed without an answer"
    assert answer.status == status, answer
    error = answer.json["error"]
    assert error["code"] == code
    assert UUID.fullmatch(error["requestId"])
    return error


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_not_http(stack, name):
    error = refused(stack, BAD_REQUESTS[name], 400, "BAD_REQUEST")
    assert set(error) <= {"code", "message", "requestId", "retryable"}


@pytest.mark.parametrize("body", [b"zz\r\n", b"-1\r\nx\r\n", b"5\r\nab\r\n",
                                  b"1\r\nab\r\n0\r\n\r\n"], ids=repr)
def test_broken_chunks(stack, body):
    head = [("Transfer-Encoding", "chunked"),
            ("Content-Type", "application/json"),
            ("Authorization", f"Bearer {make_key()}")]
    with socket.create_connection(("127.0.0.1", stack.port), 5) as conn:
        conn.sendall(request_bytes("POST", TARGET + "/update", head, body))
        conn.shutdown(socket.SHUT_WR)
        got = b""
        while part := conn.recv(65536):
            got += part
    assert got == b"" or got.startswith(b"HTTP/1.1 400 "), got


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/9.9"])
def test_unknown_http_version(stack, version):
    refused(stack, request_bytes("GET", TARGET, version=version), 505,
            "NOT_IMPLEMENTED")


@pytest.mark.parametrize("coding", ["gzip", "identity", "chunked, gzip",
                                    "nonsense"])
def test_unknown_transfer_encoding(stack, coding):
    refused(stack, request_bytes("POST", TARGET + "/update",
                                 [("Transfer-Encoding", coding)]), 501,
            "NOT_IMPLEMENTED", "POST")


@pytest.mark.parametrize("size", [40_000, 100_000])
def test_long_uri(stack, size):
    refused(stack, request_bytes("GET", TARGET + "?" + "x" * size), 414,
            "URI_TOO_LONG")


@pytest.mark.parametrize("head", [
    [("X-Long", "x" * 40_000)],
    [("Authorization", "Bearer " + "x" * 40_000)],
    [("Cookie", "x" * 100_000)],
    [(f"X-{n}", "x" * 4000) for n in range(40)]],
    ids=["one", "key", "cookie", "many"])
def test_large_headers(stack, head):
    refused(stack, request_bytes("GET", TARGET, head), 431,
            "HEADERS_TOO_LARGE")


def test_large_body_is_refused_before_it_is_read(stack):
    head = [("Content-Type", "application/json"),
            ("Content-Length", 10_000_000_000)]
    refused(stack, request_bytes("POST", TARGET + "/update", head), 413,
            "PAYLOAD_TOO_LARGE", "POST")


def test_large_body_with_expect(stack):
    head = [("Content-Type", "application/json"),
            ("Content-Length", 10_000_000), ("Expect", "100-continue")]
    refused(stack, request_bytes("POST", TARGET + "/update", head), 413,
            "PAYLOAD_TOO_LARGE", "POST")


@pytest.mark.parametrize("target", ["/", "/nope", "/index.html", "/api",
                                    "/favicon.ico", "/50x.html"])
def test_nothing_else_is_served(stack, target):
    refused(stack, request_bytes("GET", target), 404, "NOT_FOUND")


@pytest.mark.parametrize("target", [TARGET, "/", "/healthz"])
def test_trace(stack, target):
    answer = raw(stack.port, request_bytes("TRACE", target), "TRACE")
    assert answer.status == 405
    assert answer.json["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_http_1_0(stack):
    data = request_bytes("GET", "/healthz", version="HTTP/1.0", host=None)
    assert raw(stack.port, data).status == 200


@pytest.fixture
def no_socket(stack):
    """Moves the workers' socket out of nginx's sight for a moment."""
    path = os.path.join(stack.conf["CODECOURIER_RUNTIME_DIR"], "api.sock")
    os.rename(path, path + ".away")
    yield
    os.rename(path + ".away", path)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_no_worker(shared, no_socket, method):
    """No byte reached a worker: even a write may be sent again."""
    path = "/project/update" if method == "POST" else "/project"
    body = {"body": {"name": "No"}} if method == "POST" else {}
    answer = shared.api.send(method, path, **body)
    assert answer.status == 502
    if method != "HEAD":
        assert answer.json["error"]["code"] == "UNAVAILABLE"
        assert answer.json["error"]["retryable"] is True


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_no_worker_for_health(stack, no_socket, path):
    answer = raw(stack.port, request_bytes("GET", path))
    assert answer.status == 502
    assert answer.json["error"]["code"] == "UNAVAILABLE"


def test_server_names_no_version(stack):
    for target in "/nope", "/healthz":
        answer = raw(stack.port, request_bytes("GET", target))
        assert "/" not in (answer.header("Server") or ""), answer
