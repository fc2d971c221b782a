"""A worker whose n-th call of a kind fails: the page it shares with us, its
life, and one request by it. The other half is shim.c."""
import ctypes
import mmap
import os
import shutil
import socket
import subprocess
import time
from types import SimpleNamespace

from harness import ROOT, WORKER
from session import as_user
from wire import Peer, params_of, request
from workers import NUMBERS

# a cold key is checked many times
CHEAP = {"CODECOURIER_SCRYPT_LOG2N": "10"}
KINDS = ["memory", "database", "crypto", "json", "files"]
CLOSED, ARMED, OPEN = range(3)
SITES, FCGI = 2048, 1
LIBRARY = ROOT / os.environ.get("BUILD", "build") / "tests/shim.so"


class Page(ctypes.Structure):
    """struct page of shim.c."""
    _fields_ = [(n, ctypes.c_uint32) for n in (
        "window", "kind", "nth", "look", "sticky", "fired", "peer",
        "idle", "descriptors", "deadly")] + [
        ("heap", ctypes.c_uint64), ("count", ctypes.c_uint32 * len(KINDS)),
        ("name", ctypes.c_char * 64), ("stack", ctypes.c_char * 1024),
        ("site", ctypes.c_uint32 * SITES * len(KINDS))]


def is_sanitized():
    """Such a build has no heap of the C library to measure; it looks for
    leaks by itself when it ends."""
    return b"__asan_init" in WORKER.read_bytes()


class Rig:
    """One worker at a time, on a socket and in a runtime directory of ours.

    To be used by the main thread only, see workers.Worker."""

    def __init__(self, stack):
        number = next(NUMBERS)
        self.stack = stack
        self.folder = stack.top / f"faults{number}"
        self.folder.mkdir(0o700)
        self.shim = stack.top / "shim.so"
        shutil.copy(LIBRARY, self.shim)
        self.shim.chmod(0o755)
        memory = self.folder / "page"
        memory.write_bytes(b"\0" * ctypes.sizeof(Page))
        for path in self.folder, memory:
            os.chown(path, stack.uid, stack.gid)
        with open(memory, "r+b") as file:
            self.page = Page.from_buffer(mmap.mmap(file.fileno(), 0))
        self.path = stack.top / f"faults{number}.sock"
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.path))
        self.sock.listen(64)
        self.process = None
        self.sanitized = is_sanitized()
        self.log = stack.top / f"faults{number}.log"
        self.starts = 0
        self.heaps = {}     # of the worker of so many starts

    def environment(self):
        more = {"LD_PRELOAD": str(self.shim), "PGAPPNAME": "faults",
                "FAULT_PAGE": str(self.folder / "page"),
                "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
                "CODECOURIER_RUNTIME_DIR": str(self.folder),
                "CODECOURIER_WORKERS": "1", **CHEAP}
        found = as_user(self.stack)
        options = found["env"].get("ASAN_OPTIONS", "")
        # the shim stands before the sanitizer, which speaks to our log, and
        # must see through it that the dynamic loader asks
        more["ASAN_OPTIONS"] = (f"{options}:verify_asan_link_order=0:"
                                "log_path=stderr:fast_unwind_on_malloc=0")
        return {**found, "env": {**found["env"], **more}}

    def spawn(self):
        """A worker; whoever calls looks whether it comes up."""
        with open(self.log, "ab") as err:
            self.process = subprocess.Popen(
                [str(self.stack.worker_path)], stdin=self.sock, stdout=err,
                stderr=err, **self.environment())
        self.starts += 1

    def start(self):
        self.page.window = CLOSED
        before = self.page.idle
        self.spawn()
        assert self.await_idle(before), self.said()

    def await_idle(self, before, seconds=5):
        """True when the worker waits again; False when it has ended. One
        that hangs is ended."""
        end = time.monotonic() + seconds
        while self.page.idle == before:
            if self.process.poll() is not None:
                return False
            if time.monotonic() > end:
                self.process.kill()
            time.sleep(0.0001)
        return True

    def start_failing(self, kind, nth, look=0):
        """A start whose nth call fails: whether the worker serves."""
        self.page.look = look
        page = self.page
        (self.folder / "host.v4").unlink(missing_ok=True)
        self.arm(kind, nth)
        page.window = OPEN
        before = page.idle
        self.spawn()
        return self.await_idle(before)

    def arm(self, kind, nth, sticky=False, deadly=0):
        page = self.page
        page.deadly = deadly
        page.kind = KINDS.index(kind) if kind else 0
        page.nth, page.sticky = nth, sticky
        page.fired = page.peer = 0
        page.name = page.stack = b""
        for i in range(len(KINDS)):
            page.count[i] = 0

    def forget_keys(self):
        """Empties the verified-key table, which ends its file."""
        with open(self.folder / "host.v4", "r+b") as file:
            size = 6 << 20
            file.seek(-size, os.SEEK_END)
            file.write(b"\0" * size)

    def ask(self, case):
        """One request without any fault."""
        return self.fail(case, None, 0).answer

    def look(self, case):
        """The same, and its calls are known afterwards: sites()."""
        self.page.look = 1
        try:
            return self.fail(case, None, 0)
        finally:
            self.page.look = 0

    def fail(self, case, kind, nth, sticky=False):
        """One request, and what came of it. nth 0: only counted."""
        page = self.page
        self.arm(kind, nth, sticky)
        before = page.idle
        page.window = ARMED
        answer, cut = None, None
        peer = Peer(self.path, timeout=10)
        peer.send(case.bytes)
        try:
            answer = peer.answer(case.method)
        except (AssertionError, ValueError, KeyError, OSError) as problem:
            # cut short, not as the contract says, or too late
            cut = str(problem).partition("\n")[0]
        peer.close()
        alive = self.await_idle(before)
        while alive and page.window == OPEN:
            time.sleep(0.0001)
        page.window = CLOSED
        return SimpleNamespace(
            answer=answer, cut=cut, alive=alive, fired=page.fired,
            name=page.name.decode(), stack=page.stack.decode(),
            peer=bool(page.peer), heap=page.heap,
            descriptors=page.descriptors,
            count=dict(zip(KINDS, page.count)))

    def sites(self):
        """Of the last look: for each kind the calls by where they are made.
        FCGI: libfcgi wants memory and gives up the process without."""
        found = {}
        for kind, count, site in zip(KINDS, self.page.count, self.page.site):
            assert count < SITES, (kind, count)
            found[kind] = by_site = {}
            for n in range(1, count + 1):
                by_site.setdefault(site[n], []).append(n)
        return found

    def said(self):
        return self.log.read_text("utf-8", errors="replace")[-3000:]

    def end(self):
        """Its exit status, after TERM."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def close(self):
        self.sock.close()


def case_of(method, target, key=None, body=b"", **more):
    """A request as bytes, made once."""
    params = params_of(method, target, key, body, **more)
    return SimpleNamespace(method=method, target=target, body=body,
                           bytes=request(params, body))


def where(stack):
    """The functions behind `file+0xoffset …`, for a message."""
    out = []
    for part in stack.split():
        name, _, offset = part.partition("+")
        found = part
        if name == LIBRARY.name or len(out) == 8:
            continue
        if name == WORKER.name:
            done = subprocess.run(
                ["addr2line", "-fse", str(WORKER), hex(int(offset, 16) - 1)],
                capture_output=True, text=True)
            found = "/".join(done.stdout.split()) or part
        out.append(found)
    return " < ".join(out)
