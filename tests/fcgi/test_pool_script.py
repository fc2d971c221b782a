"""cgi-bin/pool, as the units start it: with a socket that is held for it, and
with a folder of its own for a further instance."""
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from test_pool import Load
from session import as_user
from workers import ask

pytestmark = pytest.mark.plain     # scripts and loads; each call is made elsewhere


class Pool:
    """One pool; to be started by the main thread, which its workers obey."""

    def __init__(self, stack, where, stdin=subprocess.DEVNULL):
        script = stack.run_dir.resolve() / "stage/cgi-bin/pool"
        self.process = subprocess.Popen(
            [str(script), str(where), str(stack.worker_path)], stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, **as_user(stack))

    def end(self):
        """All of it is gone when its output ends."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=20)
        return said.decode()


@pytest.fixture
def held(stack):
    """A listening socket that outlives the pools on it."""
    path = stack.top / "held.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(4096)
        yield sock
    path.unlink()


def test_restart_with_a_held_socket_loses_nothing(stack, home, held):
    pool = Pool(stack, "-", held)
    with Load(held.getsockname(), home) as load:
        for _ in range(3):
            load.go_on(50)
            pool.end()
            pool = Pool(stack, "-", held)
        load.go_on(50)
    said = pool.end()
    assert load.bad == []
    assert "spawn-fcgi" not in said, said


def test_folder_of_an_instance(stack, home):
    """It belongs to the group of the folder above, and so does the socket:
    the web server's, on a host."""
    above = Path(tempfile.mkdtemp(dir=stack.top))
    group = os.getgid()
    if os.geteuid() == 0:
        group = 12345
        os.chown(above, stack.uid, group)
    above.chmod(0o2750)
    path = above / "one/api.sock"
    pool = Pool(stack, path)
    try:
        end = time.monotonic() + 10
        while not path.exists() or stat.S_IMODE(path.stat().st_mode) != 0o660:
            assert time.monotonic() < end, pool.end()
            time.sleep(0.02)
        assert ask(str(path), "GET", "/api/v1/project", home.key).status == 200
        folder = path.parent.stat()
        assert stat.S_IMODE(folder.st_mode) == 0o2750
        assert folder.st_gid == path.stat().st_gid == group
    finally:
        pool.end()


@pytest.mark.parametrize("where", ["", "api.sock", "--", "-n"])
def test_only_whole_paths(stack, where):
    pool = Pool(stack, where)
    said, _ = pool.process.communicate(timeout=10)
    assert pool.process.returncode == 2
    assert said.startswith(b"usage: pool")
