"""Every call for memory, of libpq, of the ciphers, of json-c and of the system
fails in turn, on each route: what is answered is true, what was not answered
was not half done, and the next request finds a sound worker.

FAULTS=all runs every case; otherwise a sample: the first and the last call of
each place that calls (its callers, up to the handler, belong to it). What a
case before has had, too, such as the reading of the request, is shared out
between those that come after it. Sanitized builds run it, too. Two libraries
give up a process that has no memory, which no test here takes amiss: libfcgi,
and the C library in a worker's first getpwuid().
"""
import json
import os
import re
import signal

import pytest

from contract import CALLS, LONG, NEEDED, PAGED, WRITE_CALLS, make_key, named, route
from faults import CLOSED, FCGI, KINDS, case_of, where
from rows import plain
from tables import ROUTES

ALL = os.environ.get("FAULTS") == "all"
SHARE = 5               # of what cases have in common each takes a part
TRIED = set()           # (kind, place) that a case before has had
HUNG = "the worker hung"
SHOWN = 12              # failures that end a test


BAD = {"role": 1, "noSuchField": LONG, "email": ["no"], "name": "",
       "envVars": {"1": "x"}, "selectedSkills": [1, "a", "a"]}
OPEN_PATHS = ["/healthz", "/readyz", "/metrics"]
# a body that changes something
GOOD = {call.path: call.bodies[0] for call in WRITE_CALLS}


def routes():
    """(way, method, path) of each case, from the contract's table."""
    found = [("open", "GET", p) for p in OPEN_PATHS]
    for method, path in CALLS:
        found += [(way, method, path) for way in ("warm", "cold", "bad")]
    found += [("once", m, p) for m, p in CALLS if m == "POST"]
    found += [("page", "GET", p) for p in PAGED]
    found += [("next", "GET", p) for p in PAGED]
    found += [("unknown", "GET", "/project")]
    return found


def make_case(rig, project, way, method, path):
    target = path if way == "open" else "/api/v1" + path
    key = None if way == "open" else project.key
    body = None
    if way == "bad":
        body = BAD if method == "POST" else None
        target += "" if method == "POST" else "?limit=no&nothing=1"
    elif method == "POST":
        body = named(GOOD[path], project.ids) or None
    if way in ("warm", "cold", "once") and path in NEEDED:
        target += "?" + NEEDED[path]
    more = {"HTTP_IDEMPOTENCY_KEY": "the-first"} if way == "once" else {}
    if isinstance(GOOD.get(path), str) and method == "POST":
        body = body if isinstance(body, str) else "no\x01variable"
        return case_of(method, target, key, body.encode(),
                       CONTENT_TYPE="text/plain", **more)
    if way in ("page", "next"):
        target += "?limit=1"
    if way == "next":
        page = rig.ask(case_of(method, target, key)).json
        target += "&cursor=" + page["nextCursor"]
    if way == "unknown":
        key = make_key(key[8:16])
    text = b"" if body is None else json.dumps(
        body, ensure_ascii=False).encode()
    return case_of(method, target, key, text, **more)


def numbers(sites, kind, turn, fcgi=False):
    """Which calls of a kind fail: all, or of each place the first and the
    last. What cases have in common is shared out between them, unless it is
    nobody's turn."""
    found, again = [], []
    for site, calls in sites[kind].items():
        if ALL:
            found += calls
        elif fcgi or site != FCGI:
            known = turn is not None and (kind, site) in TRIED
            some = again if known else found
            some += {calls[0], calls[-1]}
            TRIED.add((kind, site))
    return sorted(found + sorted(again)[(turn or 0) % SHARE::SHARE])


def shape(answer):
    """An answer's body without what differs each time."""
    text = plain(answer.body.decode(), ())
    return re.sub(r" [0-9.]+$", "", text, flags=re.M) \
        if answer.is_metrics else text


def is_running(answer):
    """Of a second try of the worker's own: the server has not yet seen that
    the connection of the first is gone, which holds the lock."""
    return answer.status == 409 and \
        answer.json["error"]["code"] == "IDEMPOTENCY_IN_PROGRESS"


class Sweep:
    """One case, and how it looks without any fault."""

    def __init__(self, rig, rows, project, case, cold):
        self.rig, self.rows, self.case, self.cold = rig, rows, case, cold
        self.check = case_of("GET", "/api/v1/project", project.key)
        self.bad = []
        if rig.process.poll() is not None:
            rig.start()         # the test before this one went wrong
        # these keys are known now, also the one that is shown to be revoked
        for key in project.ids["$found"], project.key:
            rig.ask(case_of("GET", "/api/v1/project", key))
        self.before = rows.read()
        self.prepare()
        self.usual = rig.look(case)
        self.sites = rig.sites()
        assert self.usual.answer, (self.usual.cut, rig.said())
        self.body = shape(self.usual.answer)
        self.after = self.settled()
        if self.after != self.before:
            self.put_back()
        self.runs = self.missed = 0
        self.grown = []     # cases that left the heap larger than before
        self.starts = rig.starts
        self.heap = rig.heaps.get(rig.starts) or self.steady()

    def prepare(self):
        if self.cold:
            self.rows.forget_use()
            self.rig.forget_keys()

    def settled(self):
        """The rows when nobody works on them any more."""
        self.sound = self.rig.ask(self.check)
        self.rows.settle()
        return self.rows.read()

    def put_back(self):
        self.rows.put_back()
        self.sound = self.rig.ask(self.check)

    def one(self, kind, nth, sticky=False):
        """Lets one call fail; what is wrong with the outcome, or None."""
        self.prepare()
        got = self.rig.fail(self.case, kind, nth, sticky)
        wrong = self.died(got) if not got.alive else self.judge(got)
        state = self.settled()
        wrong = wrong or self.truth(got, state)
        if state != self.before:
            self.put_back()
        if self.sound is None or self.sound.status != 200:
            wrong = wrong or f"the next request gets {self.sound}"
        return got, wrong

    def died(self, got):
        """Only libfcgi may give up, before anything was done."""
        status = self.rig.process.wait()
        said = self.rig.said()
        self.rig.start()
        if status == -signal.SIGABRT and "libfcgi" in got.stack and \
                got.answer is None:
            return None
        if status == -signal.SIGKILL:
            return HUNG
        return f"the worker ended with {status}: {said[-600:]}"

    def judge(self, got):
        """The answer by itself."""
        if got.answer is None:
            return None if got.peer else f"no answer: {got.cut}"
        status = got.answer.status
        if status >= 500 or is_running(got.answer):
            return None
        if status != self.usual.answer.status:
            return f"a fault of ours is answered {got.answer}"
        if shape(got.answer) != self.body:
            return f"another answer: {got.answer}"
        return None

    def truth(self, got, state):
        """The answer against what was done."""
        if state not in (self.before, self.after):
            return f"half done: {diff(self.before, state)}"
        if got.answer is None:
            return None
        if is_running(got.answer):
            return None if state == self.before else "refused, and done"
        if got.answer.status < 500:
            return None if state == self.after else "success, not done"
        if state != self.before and got.answer.json["error"]["retryable"]:
            return f"done, and told to try again: {got.answer}"
        return None

    def leaks(self, kind, nth, sticky):
        """Whether each further time takes more of the heap."""
        self.one(kind, nth, sticky)
        last = self.rig.page.heap
        for _ in range(4):
            self.got, _ = self.one(kind, nth, sticky)
            if self.rig.page.heap <= last:
                return False
            last = self.rig.page.heap
        return True

    def run(self, kind, nth, sticky=False):
        page, starts = self.rig.page, self.rig.starts
        heap, fds = page.heap, page.descriptors
        got, wrong = self.one(kind, nth, sticky)
        self.runs += 1
        if not got.fired:
            self.missed += 1
        elif not wrong and self.rig.starts == starts:
            if page.descriptors > fds:
                wrong = "leaks a descriptor"
            elif page.heap > heap:
                self.grown.append((kind, nth, sticky))
        if wrong:
            self.blame(got, kind, nth, sticky, wrong)

    def blame(self, got, kind, nth, sticky, wrong):
        self.bad.append(f"{kind} {nth}{'+' if sticky else ''} "
                        f"{got.name}: {wrong}\n    {where(got.stack)}")
        if len(self.bad) == SHOWN or wrong == HUNG:
            report(self.bad)

    def steady(self):
        """The heap of a worker with a new connection."""
        self.rig.fail(self.check, "database", 1)
        self.rig.ask(self.check)
        return self.rig.page.heap

    def look_for_leaks(self):
        """Buffers come and go with the connection, whose numbers are longer
        or shorter texts. So only a heap that has grown from the first case
        to the last, with some connections more, is looked into (or that
        of a worker that was started between)."""
        if self.rig.sanitized:
            if self.rig.end() != 0:
                self.bad.append(f"at its end: {self.rig.said()}")
            self.rig.start()
            return
        if self.rig.starts != self.starts or all(
                self.steady() > self.heap for _ in range(6)):
            for case in self.grown:
                if self.leaks(*case):
                    self.blame(self.got, *case, "leaks memory")
        self.rig.heaps = {self.starts: self.heap}

    def report(self):
        """How often it polls and reads may vary; not so the most of it."""
        if self.missed > self.runs // 20 or not self.runs:
            self.bad.append(f"{self.missed} of {self.runs} not reached")
        report(self.bad)


def report(bad):
    if bad:
        pytest.fail("\n".join(bad), pytrace=False)


def diff(before, after):
    a, b = set(before.splitlines()), set(after.splitlines())
    return "".join(f"\n      -{x[:300]}" for x in sorted(a - b)) + \
        "".join(f"\n      +{x[:300]}" for x in sorted(b - a))


def test_every_route_of_the_server_is_here():
    assert {*ROUTES, ("GET", "/metrics")} == {
        *(("GET", p) for p in OPEN_PATHS),
        *((m, "/api/v1" + route(p)) for m, p in CALLS)}


@pytest.mark.parametrize("way, method, path", routes())
def test_route(rig, rows, project, way, method, path):
    case = make_case(rig, project, way, method, path)
    sweep = Sweep(rig, rows, project, case, way == "cold")
    expected = {"bad": 400, "unknown": 401}.get(way, 200)
    assert sweep.usual.answer.status == expected, sweep.usual.answer
    turn = routes().index((way, method, path))
    for kind in KINDS:
        # whether a write is done, and is told so, is each route's own
        anew = way == "warm" and kind == "database"
        calls = numbers(sweep.sites, kind, None if anew else turn,
                        path == OPEN_PATHS[0])
        for nth in calls:
            sweep.run(kind, nth)
        if kind == "memory":
            for nth in calls[::7]:
                sweep.run(kind, nth, sticky=True)
    sweep.look_for_leaks()
    sweep.report()


def test_start(rig, project):
    """A start ends with a reason, or in a worker that is fine later."""
    assert rig.end() == 0, rig.said()
    check = case_of("GET", "/api/v1/project/settings", project.key)
    assert rig.start_failing(None, 0, look=1), rig.said()
    sites, bad = rig.sites(), []
    try:
        for kind in KINDS:
            for nth in numbers(sites, kind, 0):
                rig.end()
                wrong = start(rig, check, kind, nth)
                if wrong:
                    bad.append(f"{kind} {nth} {rig.page.name.decode()}: "
                               f"{wrong}\n    "
                               f"{where(rig.page.stack.decode())}")
    finally:
        rig.end()
        (rig.folder / "host.v4").unlink(missing_ok=True)
        rig.start()
    report(bad)


def in_libc(stack):
    """Deep inside of the C library: its first getpwuid() (libpq's, for the
    home folder) gives up the process without memory."""
    names = [f.partition("+")[0] for f in stack.split()]
    names = [n for n in names if n not in ("shim.so", "project-api.fcgi")]
    return names[:3] == ["libc.so.6"] * 3


def start(rig, check, kind, nth):
    """One such start; what is wrong with it, or None."""
    serves = rig.start_failing(kind, nth)
    rig.page.window = CLOSED
    if not rig.page.fired:
        return "was not reached"
    if not serves:
        status, said = rig.end(), rig.said()
        if status == 1 and " level=error " in said.splitlines()[-1]:
            return None
        if kind == "memory" and in_libc(rig.page.stack.decode()):
            return None
        return f"ended with {status}: {said[-600:]}"
    answer = rig.ask(check)
    if answer is None or answer.status != 200:
        return f"then answers {answer}"
    status = rig.end()
    return None if status == 0 else f"ended with {status}: {rig.said()}"
