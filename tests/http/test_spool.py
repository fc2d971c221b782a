"""nginx's spool is full: large bodies are 503, all else goes on. On file
systems of the test's own, so only root can have it, and in a mount namespace,
so that nothing of it is left."""
import os
import re
import socket
import time
from pathlib import Path

import pytest

from client import Api, Line, raw, request_bytes
from contract import check
from fixtures import make_project
from site_on_host import Site

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

UPDATE = "/project/settings/update"
LARGE = {"claudeMd": "x" * 200_000}     # goes to the spool
SMALL = {"claudeMd": "x" * 50_000}      # does not
BODY, ANSWER = "codecourier_body", "codecourier_answer"
MOUNT = """
for name in codecourier_body codecourier_answer; do
	mkdir -p $1/run/$name
	mount -t tmpfs -o size=2m,mode=700,uid=$2 none $1/run/$name || exit 1
done
uid=$2 gid=$3
shift 3
exec setpriv --reuid $uid --regid $gid --clear-groups "$@"
"""


class SmallSite(Site):
    """The installed site with 2 MiB for bodies and for answers."""

    def argv(self, *more):
        self.who = {}
        return ["unshare", "-m", "sh", "-c", MOUNT, "sh", str(self.top),
                str(self.stack.uid), str(self.stack.gid), *super().argv(*more)]

    def folder(self, name):
        """As the namespace has it."""
        return Path(f"/proc/{self.process.pid}/root{self.top}/run/{name}")

    def free(self, name):
        """Bytes."""
        fs = os.statvfs(self.folder(name))
        return fs.f_bavail * fs.f_frsize

    def fill(self, name):
        """Nothing more fits; the path, to be removed."""
        path = self.folder(name) / "fill"
        with pytest.raises(OSError, match="No space left"), \
                open(path, "wb", buffering=0) as file:
            while file.write(b"x" * 65536):
                pass
        return path


@pytest.fixture(scope="module")
def site(stack):
    made = SmallSite(stack, tls=False)
    made.base = f"http://127.0.0.1:{made.ports[8080]}"
    try:
        yield made.start()
    finally:
        made.clean()


@pytest.fixture(scope="module")
def user(site):
    """The owner of a project, through that site."""
    project = make_project(site.stack)
    project.api.post(UPDATE, {
        "deployEnvVars": {f"V{n}": "v" * 60_000 for n in range(14)}})
    return Api(site.base, project.key)


def refused(answer):
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (503, "UNAVAILABLE"), answer
    assert error["retryable"] is True and "Nothing was changed" in \
        error["message"]
    assert answer.header("Retry-After") == "1"


def parts(size):
    """A body of unknown length."""
    yield b'{"claudeMd":"'
    for _ in range(size // 8192):
        yield b"x" * 8192
    yield b'"}'


def test_no_room_for_bodies(site, user):
    before = user.get("/project/settings")
    path = site.fill(BODY)
    try:
        refused(user.send("POST", UPDATE, LARGE))
        refused(user.send("POST", UPDATE, raw=parts(200_000)))
        refused(user.send("POST", "/project/update", raw=b" " * 2 ** 21))
        # who is refused for another reason still hears that one
        user.refused("PAYLOAD_TOO_LARGE", "POST", UPDATE,
                     raw=b" " * (2 ** 21 + 1))
        Api(site.base).refused("AUTH_MISSING", "POST", UPDATE, LARGE)
        assert user.get("/project/settings") == before
        assert user.post(UPDATE, SMALL)["claudeMd"] == SMALL["claudeMd"]
    finally:
        path.unlink()
    assert user.post(UPDATE, LARGE)["claudeMd"] == LARGE["claudeMd"]


def test_bodies_that_fill_it(site, user):
    """Unfinished ones of other addresses, until there is no room, which comes
    back when they go."""
    held = []
    data = request_bytes("POST", "/api/v1" + UPDATE, [
        ("Authorization", f"Bearer {user.key}"),
        ("Content-Type", "application/json"), ("Content-Length", 2 ** 21)],
        b" " * 1_000_000)    # two, and the next 200 KB find no room
    for n in range(2):
        conn = socket.create_connection(
            ("127.0.0.1", site.ports[8080]), 20, (f"127.0.1.{n + 1}", 0))
        conn.sendall(data)
        held.append(conn)
    end = time.monotonic() + 9
    while site.free(BODY) > 200_000:
        assert time.monotonic() < end
        time.sleep(0.05)
    refused(user.send("POST", UPDATE, LARGE))
    line = Line(site.ports[8080], user.key)
    assert [line.get("/project/settings")[0] for _ in range(20)] == [200] * 20
    assert [line.post(UPDATE, SMALL)[0] for _ in range(5)] == [200] * 5
    for conn in held:
        conn.close()
    while user.send("POST", UPDATE, LARGE).status != 200:
        assert time.monotonic() < end


def is_open(local, remote):
    """Whether that end of a connection is established (01 in proc(5))."""
    ends = f" 0100007F:{local:04X} 0100007F:{remote:04X} 01 "
    return ends in Path("/proc/net/tcp").read_text()


def late(site, user, asked=20):
    """Answers of 840 KB each to a client that reads nothing until nginx has
    given up: what came until the end of the connection."""
    with socket.socket() as conn:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        conn.settimeout(20)
        conn.connect(("127.0.0.1", site.ports[8080]))
        ask = request_bytes("GET", "/api/v1/project/settings", [
            ("Authorization", f"Bearer {user.key}")])
        conn.sendall(ask * asked)   # the kernel's buffers take the first
        ends = site.ports[8080], conn.getsockname()[1]
        end = time.monotonic() + 60
        while is_open(*ends):
            assert time.monotonic() < end
            time.sleep(0.05)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        found = b""
        try:
            while part := conn.recv(1 << 16):
                found += part
        except ConnectionResetError:
            pass
    return found


def test_no_room_for_answers(site, user):
    """What can wait nowhere is cut off, and never looks whole; who reads at
    once misses nothing."""
    path = site.fill(ANSWER)
    try:
        head, _, body = late(site, user).rpartition(b"\r\n\r\n")
        head = head.rpartition(b"HTTP/1.1 ")[2]
        assert head.startswith(b"200 ")
        length = re.search(rb"Content-Length: (\d+)", head).group(1)
        assert 0 < len(body) < int(length)
        for _ in range(20):
            assert user.send("GET", "/project/settings").status == 200
    finally:
        path.unlink()


def test_a_spool_that_nginx_may_not_write(site, user):
    """As after a remount that nobody told nginx of."""
    folder = site.folder(BODY)
    folder.chmod(0)
    try:
        refused(user.send("POST", UPDATE, LARGE))
        user.post(UPDATE, SMALL)
    finally:
        folder.chmod(0o700)
    assert check(raw(site.ports[8080], request_bytes(
        "GET", "/healthz"))).status == 200


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
