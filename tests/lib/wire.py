"""A small FastCGI client: it says whatever a test wants a peer to say. (Not
client.py: the HTTP tests' module of that name is on the same path.)"""
import fcntl
import socket
import struct
import termios
import time

from contract import Answer, check

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = range(1, 7)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE, KEEP_CONN = 9, 10, 11, 1


def record(kind, content=b"", rid=1, version=1, padding=0):
    return struct.pack(">BBHHBB", version, kind, rid, len(content), padding,
                       0) + content + b"\0" * padding


def begin(rid=1, role=1, flags=0):
    return record(BEGIN, struct.pack(">HB5x", role, flags), rid)


def size(number):
    return bytes([number]) if number < 128 else \
        struct.pack(">I", number | 1 << 31)


def pair(name, value):
    name, value = name.encode("latin-1"), value.encode("latin-1")
    return size(len(name)) + size(len(value)) + name + value


def stream(kind, data, rid=1, chunk=0xffff, padding=0):
    """Data as records of at most `chunk` bytes, and the stream's end, never
    padded: libfcgi takes padding of an empty record for a header."""
    parts = [data[i:i + chunk] for i in range(0, len(data), chunk)]
    return b"".join(record(kind, p, rid, padding=padding)
                    for p in parts) + record(kind, rid=rid)


def params_of(method, target, key=None, body=b"", **more):
    """What nginx would send; a None among `more` leaves the name out."""
    found = {"REQUEST_METHOD": method, "REQUEST_URI": target,
             "CONTENT_TYPE": "application/json" if body else "",
             "CONTENT_LENGTH": str(len(body)) if body else "",
             "REMOTE_ADDR": "192.0.2.7",
             "HTTP_AUTHORIZATION": f"Bearer {key}" if key else None, **more}
    return {n: v for n, v in found.items() if v is not None}


def request(params, body=b"", rid=1, flags=0, **framing):
    """A whole request as the bytes of a well-behaved peer."""
    pairs = b"".join(pair(n, v) for n, v in params.items())
    return begin(rid, flags=flags) + stream(PARAMS, pairs, rid, **framing) + \
        stream(STDIN, body, rid, **framing)


def answer_of(out, method="GET"):
    """An answer in the form of CGI, checked."""
    head, _, body = out.partition(b"\r\n\r\n")
    pairs = [line.split(": ", 1) for line in head.decode().split("\r\n")]
    name, status = pairs.pop(0)
    assert name == "Status", head
    return check(Answer(method, int(status[:3]),
                        [(n.lower(), v) for n, v in pairs], body))


class Peer:
    """One connection to a socket of workers."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.close = self.sock.close
        self.got = b""
        self.sent = 0       # how often

    def send(self, data):
        """As much of it as the other side is willing to take."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.sent += 1
        return self

    def taken(self, seconds=10):
        """Waits until every byte sent has been read by the worker."""
        end = time.monotonic() + seconds
        while fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4) != b"\0" * 4:
            assert time.monotonic() < end, "nobody reads"
            time.sleep(0.0005)
        return self

    def receive(self, count=1 << 16):
        """At most so many bytes more; False at the connection's end."""
        try:
            more = self.sock.recv(count)
        except ConnectionResetError:
            more = b""
        self.got += more
        return more != b""

    def read(self, count):
        """So many bytes; fewer when the connection ends before."""
        while len(self.got) < count and self.receive():
            pass
        found, self.got = self.got[:count], self.got[count:]
        return found

    def records(self):
        """(type, request id, content) of each record until the end."""
        while head := self.read(8):
            assert len(head) == 8 and head[0] == 1, head
            kind, rid, length, padding = struct.unpack(">xBHHBx", head)
            content = self.read(length + padding)
            assert len(content) == length + padding, f"record {kind} is cut"
            yield kind, rid, content[:length]

    def answer(self, method="GET", rid=1):
        """The answer, checked to be whole; None if there was none at all."""
        found = list(self.records())
        out = b"".join(c for k, _, c in found if k == STDOUT)
        if not out:
            return None
        assert [f[0] for f in found] == [STDOUT] * (len(found) - 1) + [END]
        assert found[-2:] == [(STDOUT, rid, b""), (END, rid, b"\0" * 8)]
        return answer_of(out, method)
