"""Workers of our own: started one by one on a socket that we have bound, so
that a signal goes to exactly one of them and its exit status is seen."""
import contextlib
import itertools
import os
import re
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

from harness import ROOT
from session import as_user, until
from wire import Peer, params_of, request

NUMBERS = itertools.count()
LATE = ROOT / os.environ.get("BUILD", "build") / "tests/late.so"


def ask(path, method, target, key=None, body=b"", **more):
    """One request by a well-behaved peer; its answer."""
    peer = Peer(path)
    peer.send(request(params_of(method, target, key, body, **more), body))
    found = peer.answer(method)
    peer.close()
    return found


class Worker:
    """To be started by the main thread only: a worker ends with the thread
    that started it (PDEATHSIG)."""

    def __init__(self, stack, stdin, arguments=(), environ=None):
        who = as_user(stack)
        who["env"] = {**who["env"], **(environ or {})}
        self.log = stack.top / f"worker{next(NUMBERS)}.log"
        with open(self.log, "wb") as err:
            self.process = subprocess.Popen(
                [str(stack.worker_path), *arguments], stdin=stdin,
                stdout=err, stderr=err, **who)
        self.expected = 0       # status at the end of the test

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def alive(self):
        return self.process.poll() is None

    def ended(self, seconds):
        """Its exit status; None if it does not end in time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ends(self, seconds):
        """The same, but it has to."""
        status = self.ended(seconds)
        assert status is not None, f"alive after {seconds} s:\n{self.said()}"
        return status

    def peak(self):
        """The most memory it has had, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+)", status).group(1))

    def says(self, text, seconds=3):
        """Waits for a text in its log: lines come after the answers."""
        end = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < end, f"{text} not in:\n{self.said()}"
            time.sleep(0.005)

    def descriptors(self):
        """How many are open; the connection just served soon is not."""
        counts = []
        for _ in range(10):
            counts.append(len(os.listdir(f"/proc/{self.pid}/fd")))
            time.sleep(0.01)
        return min(counts)

    def said(self):
        return self.log.read_text("utf-8", errors="surrogateescape")


class Site:
    """A listening socket, and the workers that were started on it."""

    def __init__(self, stack):
        self.stack = stack
        self.path = stack.top / f"site{next(NUMBERS)}.sock"
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.path))
        self.sock.listen(4096)
        self.workers = []

    def start(self, environ=None):
        """One more worker; connections wait in the queue until it is up."""
        worker = Worker(self.stack, self.sock, environ=environ)
        self.workers.append(worker)
        return worker

    def late(self, **environ):
        """One whose signals come at the last moment: late.c."""
        library = self.stack.top / "late.so"
        shutil.copy(LATE, library)
        library.chmod(0o755)
        return self.start({"LD_PRELOAD": str(library), **environ})

    def ready(self):
        """One more worker, known to be up (if it is the only one)."""
        worker = self.start()
        assert self.ask("GET", "/healthz").status == 200
        return worker

    def peer(self, data=b""):
        return Peer(self.path).send(data)

    def hold(self):
        """Keeps the only worker busy until the peer returned is closed."""
        return self.peer(b"\1").taken()

    def all_accepted(self):
        """Waits until no connection is left in the queue."""
        until(lambda: not select.select([self.sock], [], [], 0)[0],
              "nobody accepts it")

    def ask(self, *args, **more):
        return ask(self.path, *args, **more)

    def close(self):
        """Each worker that is left obeys, and each has ended as it should:
        0 unless its test says otherwise."""
        self.sock.close()
        for worker in self.workers:
            if worker.alive():
                worker.process.terminate()
        try:
            found = [w.ends(14) for w in self.workers]
            assert found == [w.expected for w in self.workers], \
                [w.said()[-2000:] for w in self.workers]
        finally:
            for worker in self.workers:
                worker.process.kill()
                worker.process.wait()


@contextlib.contextmanager
def serving(stack, cluster, environ=None):
    """A site with one worker that serves another cluster, with a runtime
    directory of its own."""
    site = Site(stack)
    folder = stack.top / f"run{next(NUMBERS)}"
    folder.mkdir(0o700)
    os.chown(folder, stack.uid, stack.gid)
    try:
        site.worker = site.start({
            **cluster.environ, "CODECOURIER_RUNTIME_DIR": str(folder),
            **(environ or {})})
        yield site
    finally:
        site.close()
