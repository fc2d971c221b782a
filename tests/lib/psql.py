"""psql that stays open: not each text costs a process and a session."""
import random
import re
import subprocess
import tempfile
import threading


class SqlError(Exception):
    """What PostgreSQL refused: its SQLSTATE, constraint name and text."""

    def __init__(self, text):
        found = re.search(r"(?:ERROR|FATAL): +([0-9A-Z]{5}): ", text)
        self.state = found.group(1) if found else None
        found = re.search(r"CONSTRAINT NAME: +(\S+)", text)
        self.constraint = found.group(1) if found else None
        super().__init__(text)


class Psql:
    """Takes one text after the other, each as if it had come alone."""

    def __init__(self, stack, conninfo):
        self.errors = tempfile.TemporaryFile("w+")
        self.fresh = True       # no answer yet
        self.process = stack.popen(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-v",
             "VERBOSITY=verbose", "-d", conninfo, "-f", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, text=True)

    def run(self, text):
        """What it answers; None if it has ended, and end() says why."""
        mark = f"done {random.getrandbits(64):x}"
        try:
            self.process.stdin.write(
                f"{text}\n;\ndiscard all;\n\\echo '{mark}'\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        lines = []
        while (line := self.process.stdout.readline()) != f"{mark}\n":
            if not line:
                return None
            lines.append(line)
        self.fresh = False
        return "".join(lines).rstrip("\n")

    def end(self):
        """What it has complained of."""
        try:
            self.process.communicate("\\q\n", timeout=10)
        except (BrokenPipeError, ValueError):
            self.process.wait(10)
        self.errors.seek(0)
        with self.errors:
            return self.errors.read()


class Psqls:
    """As many as are used at a time, for each conninfo."""

    def __init__(self, stack):
        self.stack = stack
        self.idle = []          # (conninfo, Psql)
        self.lock = threading.Lock()

    def take(self, conninfo):
        with self.lock:
            for pair in self.idle:
                if pair[0] == conninfo:
                    self.idle.remove(pair)
                    return pair[1]
        return Psql(self.stack, conninfo)

    def run(self, text, conninfo):
        """What psql prints, or SqlError. (A session that has ended while
        nobody used it does not count.)"""
        while True:
            psql = self.take(conninfo)
            fresh = psql.fresh
            answer = psql.run(text)
            if answer is not None:
                with self.lock:
                    self.idle.append((conninfo, psql))
                return answer
            said = psql.end()
            if fresh or "server closed the connection" not in said:
                raise SqlError(said)

    def close(self):
        while self.idle:
            self.idle.pop()[1].end()
