"""A psql that stays open: it holds locks, and sees who waits for them."""
import contextlib
import os
import subprocess
import time

from harness import PATH, REPORTS


def as_user(stack):
    """What Popen needs to start something as the stack's user."""
    who = {}
    if os.geteuid() == 0:
        who = {"user": stack.uid, "group": stack.gid, "extra_groups": []}
    env = {"PATH": PATH, **REPORTS,
           "CODECOURIER_CONF": stack.env["CODECOURIER_CONF"]}
    return {"env": env, "cwd": "/", **who}


class Session:
    """A psql of the administrator, or of another role: answers within
    milliseconds, however long a new process may take to start."""

    def __init__(self, stack, conninfo=None):
        self.process = stack.popen(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
             conninfo or stack.admin()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, text):
        """Sends statements whose answer finish() waits for."""
        self.process.stdin.write(f"{text};\n\\echo done\n")
        self.process.stdin.flush()
        self.text = text

    def finish(self):
        lines = []
        while (line := self.process.stdout.readline()) != "done\n":
            assert line, f"psql has ended after: {self.text}"
            lines.append(line.rstrip("\n"))
        return lines

    def run(self, text):
        """Runs statements; the lines they answer."""
        self.begin(text)
        return self.finish()

    def hold(self, project):
        """Locks the project's row until release()."""
        assert self.run("begin; select 1 from codecourier.project where id = "
                        f"'{project.id}' for update") == ["1"]

    def waiting(self, like="%"):
        """When the statements like this began that wait for a lock."""
        return self.run(    # within a transaction it is seen once else
            "select pg_stat_clear_snapshot(); "
            "select query_start from pg_stat_activity where "
            f"wait_event_type = 'Lock' and query like '{like}'")[1:]

    def await_waiting(self, like="%", count=1, seconds=30, unless=None):
        """Returns when so many wait for a lock, or the future `unless` is
        over; from then on it is a second until the workers' lock_timeout."""
        until(lambda: unless and unless.done() or
              len(self.waiting(like)) >= count,
              f"nobody waits for the lock: {like}", seconds)

    def release(self):
        self.run("commit")

    def close(self):
        self.process.communicate("\\q\n", timeout=10)


@contextlib.contextmanager
def gate(project, session, table):
    """Keeps a write of the project to the table open, longer than any lock
    is waited for, until session.release(). It has its key's and its object's
    row, not yet the head of the audit log, for which other writes wait."""
    project.stack.sql(
        "create function codecourier.test_gate() returns trigger language "
        "plpgsql set lock_timeout = 0 as 'begin perform "
        "pg_advisory_xact_lock(4711); return new; end'; "
        "create trigger test_gate before insert or update on "
        f"codecourier.{table} for each row when "
        f"(new.project_id = '{project.id}') "
        "execute function codecourier.test_gate(); "
        "grant execute on function codecourier.test_gate() to public")
    session.run("begin; select pg_advisory_xact_lock(4711)")
    yield session
    session.run(f"rollback; drop trigger test_gate on codecourier.{table}; "
                "drop function codecourier.test_gate()")


def tick(since):
    """Waits until the clock shows a later millisecond than this."""
    until(lambda: time.time() * 1000 >= since + 1, "the clock stands still")


def until(true, what, seconds=30):
    """Waits for a state, as nothing can tell us of it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.005)
    return found
