"""What runs: our stack with more server blocks in the same nginx, a pool of
the constant program, PHP-FPM. All with as many workers."""
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

from harness import Stack, all_pids, free_port, parent  # noqa: E402

HERE = ROOT / "tests/bench"
TOOLS = ROOT / os.environ.get("BUILD", "build") / "bench"
PGBENCH = "/usr/lib/postgresql/15/bin/pgbench"
PHP_FPM = "/usr/sbin/php-fpm8.2"


def rival_block(name, port, extra=""):
    """The site's own server, for another upstream on another port."""
    block = f"server {{\nlisten 127.0.0.1:{port};\n" + \
        (ROOT / "nginx/server.conf").read_text() + "}\n"
    block, n = re.subn(r"include codecourier/common.conf;",
                       lambda _: (ROOT / "nginx/common.conf").read_text(),
                       block)
    block, m = re.subn(r"access_log .*# @access",
                       "access_log log/nginx-access.log rivals;", block)
    block, o = re.subn(r"fastcgi_pass codecourier;",
                       f"fastcgi_pass {name};", block)
    block, q = re.subn(r"include codecourier/fastcgi_params;",
                       rf"\g<0>\n\t{extra}", block)
    assert (n, m, o, q) == (1, 1, 4, 1)
    # two folders and a log of the site: those of the stack's nginx serve
    return re.sub(r"((client_body|fastcgi)_temp_path|error_log) .*", "", re.sub(
        r"alias .*# @openapi", "return 404;", block))


class Rival:
    """A server beside ours behind the same nginx."""

    def __init__(self, name, folder):
        self.name = name
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.socket = f"{folder}/{name}.sock"
        self.process = None

    def upstream(self):
        return f"upstream {self.name} {{ server unix:{self.socket}; }}\n"

    def start(self, bench, argv, environ):
        who = {}
        if os.geteuid() == 0:
            who = {"user": bench.uid, "group": bench.gid, "extra_groups": []}
        with open(bench.top / f"{self.name}.log", "wb") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd="/", **who,
                env={"PATH": os.environ["PATH"], **environ})
        end = time.monotonic() + 10
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    (bench.top / f"{self.name}.log").read_text())
            time.sleep(0.05)

    def pids(self):
        return descendants(self.process.pid)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


def descendants(top):
    parents = {p: parent(p) for p in all_pids()}
    found, fresh = set(), {top}
    while fresh:
        found |= fresh
        fresh = {p for p, up in parents.items() if up in fresh} - found
    return sorted(found)


class Bench(Stack):
    """A stack with a data set; durable, without limits by address."""

    def __init__(self, workers=8, rivals=()):
        super().__init__(workers=workers, environ={"DURABLE": "on"})
        self.workers_wanted = workers
        self.keys = {}          # name of a set of keys → file for wrk
        self.rivals = {n: Rival(n, self.top) for n in rivals}
        self.top.chmod(0o777)   # the rivals' sockets
        if rivals:
            self.extra["LIMITS"] = str(self.rival_limits())

    def rival_limits(self):
        """The file that stands in for limits.conf, with our servers in it."""
        site = (ROOT / "nginx/codecourier.conf").read_text()
        form = re.search(r"log_format codecourier .*?;\n", site, re.S).group(0)
        text = (ROOT / "nginx/limits-off.conf").read_text()
        text += form.replace("codecourier", "rivals", 1)
        for rival in self.rivals.values():
            text += rival.upstream() + rival_block(
                rival.name, rival.port,
                f"fastcgi_param SCRIPT_FILENAME {self.top}/api.php;"
                if rival.name == "php" else "")
        path = self.top / "limits.conf"
        path.write_text(text)
        return path

    def start(self, seconds=90):
        super().start(seconds)
        self.top.chmod(0o777)
        if self.sql("SHOW max_connections") != "200":   # for pgbench
            self.sql("ALTER SYSTEM SET max_connections = 200")
            self.restart()
        return self

    def restart(self, workers=None):
        """The same data, with another number of workers."""
        self.stop()
        self.extra["WORKERS"] = str(workers or self.workers_wanted)
        self.start()

    def start_constant(self, name, body, loop):
        path = self.top / f"{name}.body"
        path.write_bytes(body)
        path.chmod(0o644)
        program = self.top / "constant"
        if not program.exists():
            program.write_bytes((TOOLS / "constant").read_bytes())
            program.chmod(0o755)
        pool = self.top / "pool"
        pool.write_bytes((ROOT / "cgi-bin/pool").read_bytes())
        pool.chmod(0o755)
        self.rivals[name].start(
            self, [str(pool), self.rivals[name].socket, str(program)],
            {"CONSTANT_WORKERS": str(self.workers_wanted),
             "CONSTANT_BODY": str(path), "CONSTANT_LOOP": loop})

    def start_php(self):
        script = self.top / "api.php"
        script.write_bytes((HERE / "lamp/api.php").read_bytes())
        script.chmod(0o644)
        conf = self.top / "fpm.conf"
        conf.write_text((HERE / "lamp/fpm.conf").read_text().format(
            top=self.top, socket=self.rivals["php"].socket,
            workers=self.workers_wanted,
            database=self.conf["CODECOURIER_DATABASE"]))
        conf.chmod(0o644)
        self.rivals["php"].start(
            self, [PHP_FPM, "-F", "-y", str(conf), "-c",
                   "/etc/php/8.2/fpm/php.ini", "-d", "opcache.enable=1"], {})

    def stop(self, seconds=30):
        for rival in self.rivals.values():
            rival.stop()
        return super().stop(seconds)

    def groups(self):
        """Processes by what they are; the bench's own are left out."""
        return {"nginx": self.pids("nginx"),
                "workers": self.workers(),
                "PostgreSQL": self.pids("postgres"),
                **{n: r.pids() for n, r in self.rivals.items() if r.process}}

    def fill(self, projects, usable):
        """The data set; its usable keys are in self.keys["all"]."""
        made = subprocess.run([str(TOOLS / "make"), "keys", str(usable)],
                              check=True, capture_output=True, text=True)
        lines = [line.split("\t") for line in made.stdout.splitlines()]
        self.save_keys("all", [line[0] for line in lines])
        rows = "".join("\t".join(line[1:]) + "\n" for line in lines)
        sql = self.top / "data.sql"
        sql.write_bytes((HERE / "data.sql").read_bytes())
        sql.chmod(0o644)
        done = self.run(["psql", "-Xq", "-v", f"projects={projects}", "-d",
                         self.admin(), "-f", str(sql)], input=rows,
                        seconds=1800)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def save_keys(self, name, keys):
        path = self.top / f"keys.{name}"
        path.write_text("".join(k + "\n" for k in keys))
        self.keys[name] = path
        return path

    def read_keys(self, name):
        return self.keys[name].read_text().split()

    def make_projects(self, number):
        """Projects made by the operator's program: their data keys are real,
        so settings can be sealed. Returns a key of each."""
        keys = []
        for n in range(number):
            self.ctl("project", "create", "--name", f"Real {n}", "--slug",
                     f"real-{n}", "--owner-email", "owner@example.org")
            keys.append(self.ctl("key", "create", f"real-{n}", "--name",
                                 "bench")["key"])
        return keys
