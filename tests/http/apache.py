"""A private Apache in front of a stack: Debian's program, our sites as a host
would have them, a configuration of its own, as the stack's user."""
import os
import shutil
import socket
import subprocess
import time

import openapi
from harness import REPORTS, ROOT, free_port, started

SITES = ROOT / "cgi-bin/apache"
PROGRAM = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"
COMMON = ["alias", "authz_core", "env", "headers", "reqtimeout", "setenvif"]
# site, modules, and what else: for a process a request there are as many
# connections to the database as Apache lets requests in
WAYS = {
    "proxy": ("proxy", ["mpm_event", "buffer", "proxy", "proxy_fcgi"], []),
    "cgid": ("cgi", ["mpm_event", "cgid"], [
        "ScriptSock cgid.sock", "KeepAliveTimeout 1", "ThreadsPerChild 12",
        "MaxRequestWorkers 24"]),
    "cgi": ("cgi", ["mpm_prefork", "cgi"], [
        "KeepAliveTimeout 1", "MaxRequestWorkers 24"])}


class Apache:
    def __init__(self, stack, way, conf=None, program=None, proxy=None):
        self.stack, self.way = stack, way
        self.program = str(program or stack.worker_path)
        self.conf = conf or stack.env["CODECOURIER_CONF"]
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.root = stack.top / f"apache-{self.port}"
        shutil.copytree(SITES, self.root / "codecourier")
        shutil.copy(openapi.FILE, self.root)
        site, modules, more = WAYS[way]
        self.replaced(site)
        if proxy:
            self.trust(proxy)
            modules = [*modules, "remoteip"]
        self.configure(site, modules, more)
        if os.geteuid() == 0:
            for path in [self.root, *self.root.rglob("*")]:
                os.chown(path, stack.uid, stack.gid)

    def replaced(self, site):
        """The lines of a site that name places of the host; all else stays."""
        words = {"127.0.0.1:8080": f"127.0.0.1:{self.port}",
                 "/var/log/apache2/": f"{self.root}/",
                 "/run/codecourier/api.sock":
                 self.stack.conf["CODECOURIER_RUNTIME_DIR"] + "/api.sock",
                 "/etc/codecourier/api.conf": self.conf,
                 "/usr/lib/codecourier/project-api.fcgi": self.program,
                 "/usr/share/codecourier/": f"{self.root}/"}
        for name in f"codecourier-{site}.conf", "common.conf":
            path = self.root / "codecourier" / name
            text = path.read_text()
            for word, place in words.items():
                text = text.replace(word, place)
            path.write_text(text)

    def trust(self, address):
        """common.conf as its comment says."""
        path = self.root / "codecourier/common.conf"
        text = path.read_text()
        assert text.count("#RemoteIP") == 2 and "192.0.2.10" in text
        path.write_text(text.replace("#RemoteIP", "RemoteIP")
                        .replace("192.0.2.10", address))

    def configure(self, site, modules, more):
        lines = [f"ServerRoot {self.root}", f"DefaultRuntimeDir {self.root}",
                 f"PidFile {self.root}/pid", f"ErrorLog {self.root}/error.log",
                 "ServerName localhost", "StartServers 2",
                 *(f"LoadModule {m}_module {MODULES}/mod_{m}.so"
                   for m in modules + COMMON),
                 *more, *(f"PassEnv {name}" for name in REPORTS),
                 f"Include codecourier/codecourier-{site}.conf"]
        (self.root / "apache2.conf").write_text("\n".join(lines) + "\n")

    def start(self, seconds=20):
        who = {}
        if os.geteuid() == 0:
            who = {"user": self.stack.uid, "group": self.stack.gid,
                   "extra_groups": []}
        with open(self.root / "output", "wb") as out:
            self.process = subprocess.Popen(
                [PROGRAM, "-f", str(self.root / "apache2.conf"),
                 "-D", "FOREGROUND"], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, cwd="/", start_new_session=True,
                env={"PATH": os.environ["PATH"], **REPORTS,
                     "TMPDIR": os.readlink(self.stack.run_dir / "spool")},
                **who)
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return self
            except ConnectionRefusedError:
                gone = self.process.poll() is not None
                if gone or time.monotonic() > end:
                    self.process.kill()
                    raise RuntimeError(self.said()) from None
                time.sleep(0.05)

    def said(self):
        """Its logs, and what CGI programs have written."""
        names = ["output", "error.log", "codecourier-error.log"]
        return "".join((self.root / n).read_text(errors="replace")
                       for n in names if (self.root / n).exists())

    def pids(self):
        """Its processes: they are in its session."""
        return [int(p) for p in os.listdir("/proc") if p.isdigit()
                and session(int(p)) == self.process.pid and started(int(p))]

    def stop(self, seconds=20):
        """Ends it; nothing of it may be left."""
        self.process.terminate()
        self.process.wait(seconds)
        end = time.monotonic() + seconds
        while left := self.pids():
            assert time.monotonic() < end, f"left running: {left}"
            time.sleep(0.05)


def session(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None


def fronts(stack, ways):
    """Apaches for the time of a fixture."""
    found = {}
    try:
        for way in ways:
            found[way] = Apache(stack, way)
            found[way].start()
        yield found
    finally:
        for front in found.values():
            front.stop()
