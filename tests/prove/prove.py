"""prove.py: rounds of random operations under faults, each judged at its end.

    /usr/bin/python3 tests/prove/prove.py [--seed N] [--minutes N] [--hosts N]

Ends with 1 at the first round that breaks a promise, and says how.
"""
import argparse
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = not sys.pycache_prefix
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from caller import Key, Project  # noqa: E402
from clients import Client  # noqa: E402
from harness import Stack  # noqa: E402
from history import History, Row  # noqa: E402
from hosts import Arena  # noqa: E402
from judge import judge  # noqa: E402
from shown import PROVIDERS, shown_nothing  # noqa: E402
from troubles import Troubles  # noqa: E402

CLIENTS, PROJECTS = 8, 2
READER = 7 + 8        # a patient one
ROUND, LEAST = 15.0, 5.0    # seconds of troubles; then all is forgotten
PAUSE = 0.8         # between two troubles, about
RATE = 60
SHOWN = 3           # violations of a round that are told whole


@dataclass
class Sum:
    """What a run has seen."""
    seconds: float = 0.0
    rounds: int = 0
    ops: int = 0
    kinds: Counter = field(default_factory=Counter)
    troubles: Counter = field(default_factory=Counter)
    doubtful: int = 0
    wrong: list = field(default_factory=list)

    def add(self, history, troubles):
        self.rounds += 1
        self.ops += len(history.ops)
        self.kinds.update(f"{o.status // 100}xx" if o.status else "lost"
                          for o in history.ops)
        self.doubtful += sum(o.writes and o.doubtful for o in history.ops)
        self.troubles.update(what.split(",")[0] for _, what in troubles)

    def __str__(self):
        outcomes = ", ".join(f"{n} {v}" for n, v in sorted(
            self.kinds.items()))
        minutes = max(self.seconds, 0.1) / 60
        count = sum(self.troubles.values())
        return (f"{self.rounds} rounds, {self.ops} operations "
                f"({self.ops / minutes:.0f} a minute: {outcomes}; "
                f"{self.doubtful} writes in doubt), {count} "
                f"troubles ({count / minutes:.0f} a minute), "
                f"{len(self.wrong)} violations")


def insist(call, seconds=60):
    """What it answers at last: connections may have been lost just now."""
    end = time.monotonic() + seconds
    while not (found := call()):
        assert time.monotonic() < end, "the service does not come back"
    return found


class Round:
    """Two projects of their own, what is done to them, and the verdict."""

    def __init__(self, arena, seed):
        self.arena, self.seed = arena, seed
        self.database = arena.database
        self.random = random.Random(seed)
        self.reader = Client(arena, READER, seed, [])
        self.projects = [self.make_project(n) for n in range(PROJECTS)]
        self.initial, self.first = {}, {}
        for project in self.projects:
            self.begin(project)
        self.clients = [Client(arena, n, seed, self.projects)
                        for n in range(CLIENTS)]
        self.troubles = Troubles(arena, seed, self.projects, PAUSE)

    def make_project(self, number):
        slug = f"prove-{self.random.getrandbits(64):x}"
        made = self.database.data(
            "project", "create", "--name", "Prove", "--slug", slug,
            "--owner-email", f"0@{slug}.example")
        row = self.database.data("key", "create", slug, "--name", "admin")
        project = Project(made["id"], Key(row["id"], row["key"]))
        for n in range(1, 4):
            email = f"{n}@{slug}.example"
            insist(lambda: self.invite(project, email))
            self.database.data("member", "accept", slug, email)
        project.keys = [insist(lambda: self.reader.make_key(project))
                        for _ in range(3)]
        project.rated = insist(lambda: self.reader.make_key(
            project, ("projects:read", "projects:write"), RATE))
        return project

    def invite(self, project, email):
        op, _ = self.reader.post(
            "member.invite", project, "/project/members/invite", None,
            {"email": email, "role": "owner"}, None, {}, shown_nothing,
            project.admin, matched=False)
        return op.done or op.code == "CONFLICT"     # in doubt, and done

    def begin(self, project):
        """What is there before anybody asks; no answer of before counts."""
        self.reader.over.set()      # one try each
        self.reader.ops.clear()
        self.read_all(project)
        for op in self.reader.ops:
            for thing, state, _ in op.seen:
                if thing[0] == "key":
                    state = {**state, "ends": None, "rotated": False}
                self.initial[thing] = {
                    **self.initial.get(thing, {}), **state} \
                    if state is not None else None
        settings = self.initial[project.thing("settings")]
        if "version" in settings:
            self.initial[project.thing("version", settings["version"])] = \
                settings
        for name in PROVIDERS:
            self.initial.setdefault(project.thing("provider", name))
        self.reader.ops.clear()
        self.first[project.id] = int(self.database.sql(
            "select max(number) from codecourier.audit where project_id = "
            f"'{project.id}'", "codecourier"))

    def read_all(self, project):
        """By the key that nobody changes, on each host."""
        keys, project.keys = project.keys, []
        rated, project.rated = project.rated, project.admin
        for host in range(len(self.arena.hosts)):
            for read in (self.reader.read_settings, self.reader.read_project,
                         self.reader.read_members, self.reader.read_providers,
                         self.reader.read_keys):
                insist(lambda: read(project, host).status in (200, 304))
        project.keys, project.rated = keys, rated

    def run(self, seconds):
        for client in self.clients:
            client.start()
        self.troubles.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.problems():
            time.sleep(0.1)
        self.troubles.over.set()
        self.troubles.join()
        self.arena.go_on()
        self.arena.await_ready()
        for client in self.clients:
            client.over.set()
        for client in self.clients:
            client.join(60)
        assert not self.problems(), self.problems()
        self.arena.await_ready()
        return self.judge()

    def problems(self):
        return [p.problem for p in (*self.clients, self.troubles)
                if p.problem]

    def judge(self):
        for project in self.projects:
            self.read_all(project)
            self.delete(project)
        history = self.history()
        found = judge(history)
        for project in self.projects:
            self.database.data("audit", "verify", project.id)
        return history, found

    def lines(self, text):
        return [line.split("|") for line in
                self.database.sql(text, "codecourier").splitlines()]

    def delete(self, project):
        """With it all of its keys end, at once and everywhere."""
        def gone():
            op, _ = self.reader.post(
                "project.delete", project, "/project/delete",
                "projects:write", {}, project.thing("project"), None,
                shown_nothing, project.admin, matched=False)
            return op.done or op.status == 401

        insist(gone)
        for key in (project.admin, project.rated, *project.keys):
            for host in range(len(self.arena.hosts)):
                self.reader.get("project", project, "/project",
                                "projects:read", shown_nothing, key, host)

    def history(self):
        ids = ", ".join(f"'{p.id}'" for p in self.projects)
        rows = [Row(p, int(number), rid, thing, float(at))
                for p, number, rid, thing, at in self.lines(
                    "select project_id, number, request_id, object_id, "
                    "extract(epoch from at) from codecourier.audit "
                    f"where project_id in ({ids}) order by number")]
        successors = self.lines(
            "select rotated_from, id from codecourier.api_key where "
            f"project_id in ({ids}) and rotated_from is not null")
        ops = [o for c in (*self.clients, self.reader) for o in c.ops]
        return History(self.initial, ops, [
            r for r in rows if r.number > self.first[r.project]],
            dict(successors))


def tell(arena, number, history, found, troubles):
    """What was broken, the requests that show it, what was being done to the
    hosts, and what their logs say."""
    print(f"round {number}: {len(found)} violations, {len(history.ops)} "
          "operations")
    for violation in found[:SHOWN]:
        print(violation)
        begin = min((o.begin for o in violation.ops if o), default=0)
        for when, what in troubles:
            if begin - 12 < when:
                print(f"\t{when:.6f}  {what}")
        for op in {o.rid: o for o in violation.ops if o}.values():
            for host in arena.hosts:
                for line in host.lines(op.rid):
                    print("\t" + line)
    print(*(f"{v.promise}: {v.text[:300]}" for v in found[SHOWN:20]),
          sep="\n", flush=True)


def prove(seed, minutes, hosts=2):
    """Runs rounds for so long, one at least, or until one is wrong; the Sum
    of it."""
    done = Sum()
    print(f"seed {seed}, {minutes} minutes, {hosts} hosts", flush=True)
    stack = Stack(workers=1)
    stack.start()
    arena = None
    try:
        arena = Arena(stack, hosts)
        begin = time.monotonic()
        while not done.wrong and done.seconds < max(minutes * 60, 0.1):
            number = done.rounds
            one = Round(arena, f"{seed}/{number}")
            left = minutes * 60 - (time.monotonic() - begin)
            history, done.wrong = one.run(max(LEAST, min(ROUND, left)))
            done.add(history, one.troubles.done)
            done.seconds = time.monotonic() - begin
            print(f"{done.seconds:6.0f} s: seed {seed}, {done}", flush=True)
            if not done.wrong:
                for host in arena.hosts:
                    host.forget()
            else:
                tell(arena, number, history, done.wrong, one.troubles.done)
    finally:
        if arena:
            arena.close()
        stack.stop()
        stack.clean()
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", default=str(random.getrandbits(32)))
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--hosts", type=int, default=2)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    done = prove(args.seed, args.minutes, args.hosts)
    print(f"seed {args.seed}: {done}")
    print(dict(done.troubles.most_common()))
    return 1 if done.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
