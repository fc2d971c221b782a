"""A machine with the package on it, and how it gets there: by the lines of
README's section "Install", as they stand there."""
import json
import os
import re
import select
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from machine import Machine, until

ROOT = Path(__file__).resolve().parents[2]
UNIT = "codecourier-api.service"
DOCTOR = "codecourier-doctor.service"
TIMERS = sorted(p.name for p in (ROOT / "cgi-bin/systemd").glob("*.timer"))
WORKER = "/usr/lib/codecourier/project-api.fcgi"
SOCKET = "/run/codecourier/api.sock"
LOAD = ROOT / "tests/system/load.py"
CLIENTS = 16


def package(folder=None):
    """The one package that `make deb` has left in a folder."""
    folder = Path(folder or ROOT / "build/deb")
    found = list(folder.glob("codecourier-api_*.deb"))
    assert len(found) == 1, f"not one package in {folder}: {found}"
    return found[0].resolve()


def commands(readme=ROOT / "README.md", section="Install"):
    """The lines of the first block below a heading of a README, joined where
    they go on, without comments."""
    found = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)",
                      Path(readme).read_text(), re.M | re.S)
    assert found, f'{readme} has no section "{section}"'
    block = re.search(r"(?:^    .*\n|^\n)*(?:^    .*\n)", found[1], re.M)
    assert block, f'"{section}" of {readme} shows no commands'
    lines = re.sub(r"\\\n\s*", "", block[0]).splitlines()
    lines = [re.sub(r"\s+# .*", "", line).strip() for line in lines]
    return [line for line in lines if line and not line.startswith("#")]


def block(readme, word):
    """The one block of commands of a README that has this word in it."""
    found = [b for b in re.findall(r"(?:^    .*\n)+", readme.read_text(), re.M)
             if word in b]
    assert len(found) == 1, found
    return re.sub(r"\\\n\s*", "", re.sub(r"^    ", "", found[0], flags=re.M))


def second_instance(machine, root=ROOT):
    """By the lines of README and nginx/README.md."""
    machine.run("set -e\n" + block(root / "README.md",
                                   "codecourier-api@second"))
    machine.run("set -e\n" + block(root / "nginx/README.md",
                                   "codecourier_second") +
                "nginx -t\nsystemctl reload nginx")


def install(machine, deb, typed):
    """Carries out these commands in root's home, where the package lies.
    Returns what each has printed, the key that was shown and the layers."""
    machine.put(deb)
    steps = []
    for command in typed:
        before = set(machine.nginx_workers())
        done = machine.run(f"cd /root && {command}", code=None, seconds=600)
        steps.append(SimpleNamespace(command=command, status=done.returncode,
                                     stdout=done.stdout, stderr=done.stderr))
        if done.returncode:
            break
        if re.search(r"\breload\b.*\bnginx\b", command):
            # it comes back before nginx has opened a new address
            until(lambda: (now := set(machine.nginx_workers()))
                  and not before & now, 30, "new workers of nginx")
    machine.run(f"rm /root/{deb.name}")
    return SimpleNamespace(steps=steps, layers=machine.layers(),
                           key=find_key(machine, steps))


def find_key(machine, steps):
    """The API key: printed, or in the file that --out names."""
    texts = [step.stdout for step in steps]
    for step in steps:
        named = re.search(r"--out[ =](\S+)", step.command)
        if named:
            texts.append(machine.out(f"cd /root && cat {named[1]}",
                                     code=None))
    found = re.search(r"\bcc_(?:live|test)_\w{46}\b", "\n".join(texts))
    return found[0] if found else None


class Host(Machine):
    """installation: what install() has returned, for the layers below this
    one."""

    base = "http://127.0.0.1:8080"

    def __init__(self, below, folder, logs, name, installation):
        super().__init__(below, folder, logs, name)
        self.key = installation.key

    def curl(self, path, *options, base=None, key=None):
        """(status, body) of a request with the key; 0 for no answer."""
        done = self.run(
            "curl -sS -m 20 -w '\n%{http_code}' -H @- "
            f"{' '.join(options)} '{base or self.base}{path}'", code=None,
            input=f"Authorization: Bearer {key or self.key}\n")
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def until_serving(self, seconds=60):
        until(lambda: self.curl("/api/v1/project")[0] == 200, seconds,
              "a request answered with 200")

    def sql(self, text):
        return self.out("runuser -u postgres -- psql -XAtq -d codecourier -c "
                        f'"{text}"')

    def serves(self):
        status, body = self.curl("/api/v1/project")
        assert status == 200, (status, body)
        return json.loads(body)["data"]

    def doctor(self):
        """All that codecourierctl doctor says, and its exit status."""
        done = self.run("codecourierctl doctor", code=None)
        return done.stdout + done.stderr, done.returncode

    def reload(self):
        """Comes back when every worker is another one."""
        before = set(self.workers())
        self.run(f"systemctl reload {UNIT}")
        until(lambda: self.workers() and not before & set(self.workers()),
              20, "every worker another one")

    def load(self, count=CLIENTS):
        return Load(self, count)

    def worker_builds(self):
        """The builds of the running workers, by their content."""
        paths = " ".join(f"/proc/{p}/exe" for p in self.workers())
        found = self.out(f"sha256sum {paths}")
        return {line.split()[0] for line in found.splitlines()}


def serving(run, installation, name):
    """A host on these layers, booted and serving; for a fixture."""
    made = run.machine(installation.layers, name, Host, installation)
    try:
        made.boot()
        made.until_serving()
        yield made
    finally:
        run.end(made)


class Load:
    """Clients at work while the block runs; what they saw is in it then:
    requests, written (answered with 200), failures (texts), longest (ms)."""

    def __init__(self, host, count):
        self.process = subprocess.Popen(
            ["nsenter", "-t", str(host.leader), "-n", "setpriv",
             "--pdeathsig", "KILL", "/usr/bin/python3", str(LOAD), host.base,
             str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={"PATH": os.environ["PATH"]})
        self.process.stdin.write(f"{host.key}\n")
        self.process.stdin.flush()

    def __enter__(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        assert ready and self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, kind, value, trace):
        try:
            out, _ = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        found = json.loads(out)
        self.requests, self.longest = found["requests"], found["longest"]
        self.written = found["written"]
        self.failures, self.reopened = found["failures"], found["reopened"]

    def says(self):
        kinds = Counter(text.split()[0] for text in self.failures)
        text = self.failures[0] if self.failures else ""
        return (f"{self.requests} requests, {self.reopened} connections "
                f"opened again, {len(self.failures)} failed "
                f"{dict(kinds) or ''}, longest {self.longest} ms {text[:90]}")


def doctor_says(host, *patterns):
    """doctor finds it: a line that fits them all; exit status 1 if any is an
    error."""
    said, status = host.doctor()
    assert status == ("\nerror: " in "\n" + said), said
    found = [line for line in said.splitlines()
             if all(re.search(p, line, re.I) for p in patterns)]
    assert found, (patterns, said)
    return found[0]


def timer_says(host, *patterns):
    """The daily check leaves that line in the journal and fails, which is
    seen in `systemctl --failed`."""
    since = host.cursor()
    host.run(f"systemctl start {DOCTOR}", code=1)
    found = [line for line in host.journal(since, DOCTOR).splitlines()
             if all(re.search(p, line, re.I) for p in patterns)]
    assert len(found) == 1, (patterns, found)
    assert DOCTOR in host.out("systemctl --failed --plain --no-legend -q")
    host.run(f"systemctl reset-failed {DOCTOR}")
