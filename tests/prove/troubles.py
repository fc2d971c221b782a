"""What is done to the hosts and the database while clients ask: at random, by
a seed. Only processes that the arena has started are hurt."""
import heapq
import itertools
import random
import signal
import threading
import time

from harness import PG_BIN
from hosts import kill

PSQL = [PG_BIN / "psql", "-XAtq"]


class Troubles(threading.Thread):
    """One after the other, some while others last, until it is told to stop;
    then nothing is left of them."""

    def __init__(self, arena, seed, projects, pause):
        super().__init__(daemon=True)
        self.arena, self.projects, self.pause = arena, projects, pause
        self.random = random.Random(f"{seed} troubles")
        self.over = threading.Event()
        self.later = []         # (when, n, what undoes something)
        self.count = itertools.count()
        self.done = []          # (when, what)
        self.sessions = []
        self.problem = None

    def run(self):
        try:
            while not self.over.is_set():
                until = time.monotonic() + self.random.expovariate(
                    1 / self.pause)
                while time.monotonic() < until and not self.over.is_set():
                    self.undo(time.monotonic())
                    self.over.wait(0.02)
                if not self.over.is_set():
                    self.one()
        except Exception as problem:    # told by the run
            self.problem = problem
        self.end()

    def end(self):
        """Nothing is left of them but what sleeps in PostgreSQL: a while."""
        self.undo(float("inf"))
        for session in self.sessions:
            session.kill()
            session.wait()

    def one(self):
        names = list(TROUBLES)
        name, = self.random.choices(names, [TROUBLES[n][1] for n in names])
        host = self.random.choice(self.arena.hosts)
        seconds = min(10.0, 0.1 * 10 ** (2 * self.random.betavariate(1, 2)))
        self.done.append((time.monotonic(),
                          f"{name}, host {host.number}, {seconds:.1f} s"))
        TROUBLES[name][0](self, host, seconds)

    def undo(self, now):
        while self.later and self.later[0][0] <= now:
            heapq.heappop(self.later)[2]()

    def after(self, seconds, what):
        heapq.heappush(self.later, (time.monotonic() + seconds,
                                    next(self.count), what))

    def some(self, pids, count=1):
        return self.random.sample(sorted(pids), min(count, len(pids)))

    # ---- killed ----

    def kill_worker(self, host, seconds):
        for pid in self.some(host.workers()):
            kill(pid)

    def kill_workers(self, host, seconds):
        for pid in host.workers():
            kill(pid)

    def kill_multiwatch(self, host, seconds):
        for pid in host.pids("multiwatch"):
            kill(pid)

    def kill_nginx(self, host, seconds):
        kill(host.nginx_master())

    def kill_nginx_worker(self, host, seconds):
        for pid in self.some(set(host.nginx.pids()) - {host.nginx_master()}):
            kill(pid)

    def kill_backend(self, host, seconds):
        for pid in self.some(self.arena.database.backends()):
            kill(pid)

    def kill_postmaster(self, host, seconds):
        if self.arena.database.master():
            kill(self.arena.database.master())

    def terminate_backends(self, host, seconds):
        """What pg_terminate_backend does."""
        for pid in self.some(self.arena.database.backends(), 3):
            kill(pid, signal.SIGTERM)

    def restart_at_once(self, host, seconds):
        if self.arena.database.master():
            self.arena.database.restart()

    # ---- stopped for a while ----

    def stop(self, pids, seconds):
        for pid in pids:
            kill(pid, signal.SIGSTOP)
            self.after(seconds, lambda pid=pid: kill(pid, signal.SIGCONT))

    def stop_worker(self, host, seconds):
        self.stop(self.some(host.workers(), 2), seconds)

    def stop_multiwatch(self, host, seconds):
        self.stop(host.pids("multiwatch"), seconds)

    def stop_nginx(self, host, seconds):
        self.stop(self.some(host.nginx.pids()), seconds)

    def stop_backend(self, host, seconds):
        self.stop(self.some(self.arena.database.backends(), 2), seconds)

    def stop_postmaster(self, host, seconds):
        master = self.arena.database.master()
        self.stop([master] if master else [], seconds)

    def stop_host(self, host, seconds):
        """As a hypervisor does."""
        self.stop(host.pool.pids() + host.nginx.pids(), seconds)

    # ---- ways, locks, reloads ----

    def cut(self, host, seconds):
        """The way to the database, or back, or both; then it is there again,
        or all connections are lost."""
        for word in self.random.choice([["up"], ["down"], ["up", "down"]]):
            host.tell(word)
        end = self.random.choice(["go", "go drop"])
        self.after(seconds, lambda: host.tell(end))

    def lose_answers(self, host, seconds):
        """All workers wait for one, and none comes: what was asked may be
        done."""
        host.tell("down")
        self.after(min(seconds, 1), lambda: host.tell("go drop"))

    def drop(self, host, seconds):
        host.tell("drop")

    def session(self, *texts):
        """A psql that has these statements done, one after the other."""
        conninfo = self.arena.database.local + " dbname=codecourier"
        self.sessions.append(self.arena.stack.popen(
            [*PSQL, "-d", conninfo, *(w for t in texts for w in ("-c", t))],
            stdin=-3, stdout=-3, stderr=-3))
        self.sessions = [s for s in self.sessions if s.poll() is None]

    def lock(self, host, seconds):
        """Rows that writes want, and a table that all want."""
        ids = ", ".join(f"'{p.id}'" for p in self.projects)
        seconds = min(seconds, 2)
        for what in self.random.sample([
                f"select from codecourier.project where id in ({ids}) "
                "for update",
                "select from codecourier.api_key where project_id in "
                f"({ids}) for update",
                "select from codecourier.settings where project_id in "
                f"({ids}) for update",
                "select from codecourier.member where project_id in "
                f"({ids}) for update",
                "lock table codecourier.settings in access exclusive mode",
                "lock table codecourier.audit in share mode"],
                self.random.choice([1, 1, 2])):
            self.session("begin", what, f"select pg_sleep({seconds})",
                         "commit")

    def long_transaction(self, host, seconds):
        self.session("begin isolation level repeatable read",
                     "select txid_current()", "select pg_sleep(30)")

    def reload(self, host, seconds):
        for pid in host.pids("multiwatch"):
            kill(pid, signal.SIGUSR2)

    def reload_nginx(self, host, seconds):
        kill(host.nginx_master(), signal.SIGHUP)

    def vanish(self, host, seconds):
        """All of it at once; it comes back with what its files hold."""
        host.vanish()
        self.after(seconds, host.come_back)


# what is done, and how often beside the others
TROUBLES = {
    "worker killed": (Troubles.kill_worker, 6),
    "all workers killed": (Troubles.kill_workers, 2),
    "multiwatch killed": (Troubles.kill_multiwatch, 2),
    "nginx killed": (Troubles.kill_nginx, 2),
    "nginx's worker killed": (Troubles.kill_nginx_worker, 2),
    "backend killed": (Troubles.kill_backend, 2),
    "postmaster killed": (Troubles.kill_postmaster, 2),
    "backends terminated": (Troubles.terminate_backends, 4),
    "PostgreSQL restarted at once": (Troubles.restart_at_once, 1),
    "workers stopped": (Troubles.stop_worker, 6),
    "multiwatch stopped": (Troubles.stop_multiwatch, 1),
    "nginx stopped": (Troubles.stop_nginx, 2),
    "backends stopped": (Troubles.stop_backend, 6),
    "postmaster stopped": (Troubles.stop_postmaster, 2),
    "host stopped": (Troubles.stop_host, 2),
    "way cut": (Troubles.cut, 6),
    "answers lost": (Troubles.lose_answers, 8),
    "connections lost": (Troubles.drop, 3),
    "rows locked": (Troubles.lock, 10),
    "long transaction": (Troubles.long_transaction, 2),
    "pool reloaded": (Troubles.reload, 3),
    "nginx reloaded": (Troubles.reload_nginx, 2),
    "host vanished": (Troubles.vanish, 2),
}
