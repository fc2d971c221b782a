"""Clients of the service: one for its users, one that sends any bytes."""
import http.client
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from contract import Answer, CODES, check, target

NO_BODY = object()
ANY = object()


class Api:
    """A user of the API. Every answer is held against the contract."""

    def __init__(self, base, key=None):
        self.base = base
        self.key = key
        self.session = requests.Session()
        self.session.trust_env = False      # no proxy, no netrc
        self.session.headers.clear()

    def send(self, method, path, body=NO_BODY, headers=None, raw=None,
             timeout=20):
        """Any request; path is below /api/v1 unless it has a scheme. A body
        that is a text is sent as one."""
        head = {"User-Agent": "tests"}
        if self.key is not None:
            head["Authorization"] = f"Bearer {self.key}"
        is_text = isinstance(body, str)
        if is_text:
            raw = body.encode()
        elif body is not NO_BODY:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            head["Content-Type"] = "text/plain" if is_text else \
                "application/json"
        head.update(headers or {})
        head = {n: v for n, v in head.items() if v is not None}
        got = self.session.request(
            method, f"{self.base}/api/v1{target(path)}", data=raw,
            headers=head,
            timeout=timeout, allow_redirects=False)
        pairs = [(n.lower(), v) for n, v in got.raw.headers.items()]
        return check(Answer(method, got.status_code, pairs, got.content,
                            got.request.path_url))

    def ok(self, method, path, body=NO_BODY, **more):
        answer = self.send(method, path, body, **more)
        assert answer.status == 200, answer
        return answer.json

    def get(self, path):
        return self.ok("GET", path)["data"]

    def page(self, path):
        """A list with its envelope."""
        return self.ok("GET", path)

    def post(self, path, body=NO_BODY, **more):
        return self.ok("POST", path, body, **more)["data"]

    def refused(self, code, method, path, body=NO_BODY, field=ANY, **more):
        """Asserts a refusal by its code, status and field; gives it back."""
        answer = self.send(method, path, body, **more)
        assert not answer.is_text, answer
        error = answer.json.get("error", {})
        assert error.get("code") == code, answer
        assert answer.status == min(CODES[code]) or code == "UNAVAILABLE", \
            answer
        if field is not ANY:
            assert error.get("field") == field, error
        return error

    def invalid(self, path, body, *fields):
        """A body refused for exactly these fields, in this order."""
        error = self.refused("VALIDATION", "POST", path, body)
        got = [d["field"] for d in error.get("details", [])]
        assert got == list(fields), error
        return error


def request_bytes(method, target, headers=(), body=b"", version="HTTP/1.1",
                  host="localhost"):
    """A request as it goes over the wire; nothing is added but Host."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{n}: {v}" for n, v in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def target_of(method, data):
    """The target of a request by this method; "" if it is none."""
    found = re.match(rb"%b (\S+) HTTP/" % method.encode(), data)
    return found.group(1).decode("latin-1") if found else ""


def raw(port, data, method="GET", timeout=20, check=check):
    """Sends any bytes; the answer, or None if there was not one byte."""
    with socket.create_connection(("127.0.0.1", port), timeout) as conn:
        try:
            conn.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass                # refused before we were done: read why
        got = http.client.HTTPResponse(conn, method=method)
        try:
            got.begin()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return None
        pairs = [(n.lower(), v) for n, v in got.getheaders()]
        return check(Answer(method, got.status, pairs, got.read(),
                            target_of(method, data)))


class Line:
    """A kept connection for load: says only the status and the body."""

    def __init__(self, port, key):
        self.conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.head = {"Authorization": f"Bearer {key}"}

    def get(self, path):
        return self.send("GET", path, None)

    def post(self, path, body):
        return self.send("POST", path, json.dumps(body))

    def send(self, method, path, body):
        head, path = self.head, target(path)
        if body is not None:
            head = {**head, "Content-Type": "application/json"}
        self.conn.request(method, "/api/v1" + path, body, head)
        got = self.conn.getresponse()
        pairs = [(n.lower(), v) for n, v in got.getheaders()]
        answer = check(Answer(method, got.status, pairs, got.read(),
                              "/api/v1" + path))
        return answer.status, answer.body

    def close(self):
        self.conn.close()


def at_once(calls):
    """Runs all calls at the same moment; their results in order."""
    gate = threading.Barrier(len(calls))

    def one(call):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))
