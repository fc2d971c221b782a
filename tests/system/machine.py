"""A Debian booted as a container: systemd is its first process, the network is
its own. Nothing outlives the process that booted it, and nothing of it is
seen by the host's systemd.

Its files are layers, lowest first: folders that are only read, and on top one
of its own that takes what it writes (overlayfs: no copy of a whole Debian).
"""
import itertools
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

# nspawn in namespaces of its own. Its Debian gets cgroup2 whatever the host has
# mounted, since IPAddressDeny needs that. It is the first process of its pid
# namespace, and dies with us: then the kernel ends all that it has started.
OWN = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation",
       "private", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
       "sh", "-c"]
START = """
mount -t overlay -o "$1" overlay "$2" || exit
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit
mkdir -p "/sys/fs/cgroup$3" || exit
echo 0 >"/sys/fs/cgroup$3/cgroup.procs" || exit
shift 3
exec "$@"
"""
# Control groups outlive processes: those of runs that have ended.
FORGET = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit
for group in /sys/fs/cgroup"$1"/codecourier-test-*; do
	case " $2 " in *" ${group##*-} "*) continue ;; esac
	find "$group" -depth -type d -exec rmdir {} ';' 2>/dev/null
done
"""
# No locale, as on the console of a Debian that nobody has given one.
ENVIRON = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           "HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"]
WORKER = b"/usr/lib/codecourier/project-api.fcgi"
REBOOT = 133    # nspawn's exit status when its machine has asked for it
numbers = itertools.count(1)


def until(condition, seconds, what):
    """Asks every 0.2 s until the condition holds; returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{seconds} s later still not: {what}"
        time.sleep(0.2)


def control_group():
    """Our own place in the cgroup2 tree, '' for its root."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line[3:].rstrip("/")
    raise RuntimeError("this kernel has no cgroup2")


def children(pid):
    """Its child processes; none if it has gone."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def forget_groups():
    alive = [p for p in os.listdir("/proc") if p.isdigit()]
    subprocess.run([*OWN, FORGET, "sh", control_group(), " ".join(alive)])


def remove(folder):
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)


class Failed(Exception):
    """A command in the machine that ended with another status than asked."""


class Machine:
    """below: the layers that are only read. folder: a new one for its own.
    logs: a folder for its console and journal, as NAME.console and
    NAME.journal."""

    def __init__(self, below, folder, logs, name):
        self.below, self.folder = list(below), Path(folder)
        self.logs, self.name = Path(logs), name
        for part in ("written", "work", "tree"):
            (self.folder / part).mkdir(parents=True)
        self.nspawn = None
        self.leader = None      # its process 1, as the host counts
        self.group = (f"{control_group()}/codecourier-test-{next(numbers)}-"
                      f"{os.getpid()}")
        self.console = self.logs / f"{name}.console"
        self.console.unlink(missing_ok=True)

    def layers(self):
        """What another machine needs to go on from here."""
        return [*self.below, self.folder / "written"]

    def boot(self, seconds=120):
        """Starts it and waits until nothing is left to be started."""
        tree = self.folder / "tree"
        options = (f"lowerdir={':'.join(map(str, reversed(self.below)))},"
                   f"upperdir={self.folder}/written,"
                   f"workdir={self.folder}/work")
        with open(self.console, "ab") as out:
            self.nspawn = subprocess.Popen(
                [*OWN, START, "sh", options, tree, self.group,
                 "systemd-nspawn", "--quiet", "--boot", f"--directory={tree}",
                 f"--machine=cc-{self.name}", "--register=no", "--keep-unit",
                 "--private-network", "--resolv-conf=off", "--timezone=off",
                 "--link-journal=no", "--capability=CAP_BPF",
                 "--system-call-filter=bpf"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)
        self.leader = until(self.find_leader, seconds, "process 1")
        until(lambda: self.run("systemctl is-system-running", code=None)
              .stdout.strip() in ("running", "degraded"), seconds,
              f"booted (see {self.console})")
        return self

    def find_leader(self):
        """The systemd below nspawn, which is below unshare."""
        if self.nspawn.poll() is not None:
            raise Failed(f"nspawn: {self.nspawn.returncode}\n"
                         + self.console.read_text(errors="replace")[-2000:])
        for child in children(self.nspawn.pid):
            for leader in children(child):
                try:
                    name = Path(f"/proc/{leader}/comm").read_text().strip()
                    status = Path(f"/proc/{leader}/status").read_text()
                except OSError:
                    continue
                if name == "systemd" and "\t1\n" in status.split("NSpid:")[1]:
                    return leader
        return None

    def enter(self):
        """What stands in front of a command that runs inside, as root."""
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n",
                "-p", "-C", "-r", "-w", "env", "-i", *ENVIRON]

    def run(self, command, code=0, seconds=300, **more):
        """A line of shell inside. code: the status it must end with, or
        None for any. Its stdout and stderr come back as text."""
        done = subprocess.run([*self.enter(), "sh", "-c", command],
                              stdin=None if "input" in more
                              else subprocess.DEVNULL,
                              capture_output=True, text=True,
                              errors="replace", timeout=seconds, **more)
        if code is not None and done.returncode != code:
            raise Failed(f"{command}\nstatus {done.returncode}, not {code}\n"
                         f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def out(self, command, **more):
        """The same, for what it prints on stdout."""
        return self.run(command, **more).stdout.strip()

    def write(self, path, text):
        self.run(f"cat >{path}", input=text)

    def put(self, file, folder="/root"):
        """Copies a file of the host into the machine."""
        with open(file, "rb") as source:
            subprocess.run([*self.enter(), "sh", "-c",
                            f"cat >{folder}/{Path(file).name}"],
                           stdin=source, check=True)

    def show(self, name, unit="codecourier-api.service"):
        """One property of a unit."""
        return self.out(f"systemctl show -P {name} {unit}")

    def cursor(self):
        """The end of the journal as it is now, for journal()."""
        return self.out("journalctl --sync; "
                        "journalctl -n 0 --show-cursor -q").split(": ")[1]

    def journal(self, since, unit="codecourier-api.service"):
        """The unit's lines after that point, systemd's about it included."""
        return self.out("journalctl --sync; journalctl -q -o cat --no-pager "
                        f"-u {unit} --after-cursor='{since}'")

    def note(self, text):
        """A figure that people want to read, in the folder of the logs."""
        print(text)
        with open(self.logs / "figures", "a") as file:
            file.write(f"{self.name}: {text}\n")

    def workers(self):
        """The workers of all pools."""
        return self.processes(lambda line: line == WORKER + b"\0")

    def nginx_workers(self):
        return self.processes(
            lambda line: line.startswith(b"nginx: worker process"))

    def processes(self, wanted):
        """Those with such a command line, as the machine counts them. (It may
        have no pgrep.)"""
        ours, found = os.readlink(f"/proc/{self.leader}/ns/pid"), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted((folder / "cmdline").read_bytes()) and \
                        os.readlink(folder / "ns/pid") == ours:
                    status = (folder / "status").read_text()
                    found.append(int(status.split("NSpid:")[1]
                                     .splitlines()[0].split()[-1]))
            except OSError:
                continue
        return sorted(found)

    def network(self, *argv):
        """A program of the host's (ip, ss), in the machine's network."""
        return subprocess.run(
            ["nsenter", "-t", str(self.leader), "-n", *argv], check=True,
            capture_output=True, text=True).stdout

    def reboot(self):
        """Its own `systemctl reboot`; comes back when it is up again."""
        self.run("systemctl reboot", code=None)
        status = self.nspawn.wait(120)
        assert status == REBOOT, f"the reboot ended nspawn with {status}"
        return self.boot()

    def stop(self):
        """Shuts it down as an administrator would; its journal stays with
        us. What does not end by itself is killed."""
        if not self.nspawn or self.nspawn.poll() is not None:
            return
        try:
            journal = self.run("journalctl -q --no-pager -o short-precise",
                               code=None, seconds=30).stdout
            (self.logs / f"{self.name}.journal").write_text(journal)
            for nspawn in children(self.nspawn.pid):
                os.kill(nspawn, signal.SIGTERM)
            self.nspawn.wait(60)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self.nspawn.poll() is None:
                self.nspawn.kill()
                self.nspawn.wait()


class Run:
    """The folder of one run: what its machines write, gone at its end."""

    def __init__(self, cache):
        self.top = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
        self.logs = Path(cache) / "log"
        self.logs.mkdir(exist_ok=True)
        (self.logs / "figures").write_text("")
        forget_groups()
        self.machines = []

    def machine(self, layers, name, kind=Machine, *more):
        """A machine of its own on these layers."""
        folder = self.top / f"{name}-{next(numbers)}"
        made = kind(layers, folder, self.logs, name, *more)
        self.machines.append(made)
        return made

    def end(self, machine):
        machine.stop()
        self.machines.remove(machine)
        remove(machine.folder)

    def clean(self):
        for machine in self.machines:
            machine.stop()
        remove(self.top)
