"""A key's rateLimit under 32 clients and 8 workers, of which one after the
other is killed: at no moment more than the limit, and hardly less.

RATE_SECONDS=180 RATE_LIMIT=600 is the long form; both print what they saw.
"""
import bisect
import collections
import http.client
import os
import random
import threading
import time

import pytest

from fixtures import make_project, running
from test_kills import kill
from test_rates import add

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

CLIENTS = 32
LIMIT = int(os.environ.get("RATE_LIMIT", 300))
SECONDS = int(os.environ.get("RATE_SECONDS", 0))    # 0: until it is spent
KILLS = 30              # at least
WINDOW = 60
PAUSE = 0.03            # of a client: others want the processor, too


class Asker(threading.Thread):
    """Asks again and again; `log` has of each request when it began, when it
    was over, and its status; None: there was no answer."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.port, self.key = port, key
        self.log = []
        self.over = False
        self.line = None

    def ask(self):
        if not self.line:
            self.line = http.client.HTTPConnection("127.0.0.1", self.port,
                                                   timeout=20)
        try:
            self.line.request("GET", "/api/v1/project", headers={
                "Authorization": f"Bearer {self.key}"})
            answer = self.line.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self.line.close()
            self.line = None
            return None

    def run(self):
        while not self.over:
            begun = time.monotonic()
            status = self.ask()
            self.log.append((begun, time.monotonic(), status))
            time.sleep(PAUSE)


def most_in_a_window(log):
    """Of those let in, how many must have been so within a minute, wherever
    between its beginning and its end each was."""
    begun = sorted(b for b, _, status in log if status == 200)
    over = sorted((b, e) for b, e, status in log if status == 200)
    most = 0
    for start in begun:
        first = bisect.bisect_left(over, (start, 0))
        last = bisect.bisect_right(over, (start + WINDOW, 0))
        most = max(most, sum(e <= start + WINDOW for _, e in over[first:last]))
    return most


def a_list_would_let_in(log, limit):
    """Of the same requests at the same times, by a list of all times."""
    seen, count = collections.deque(), 0
    for _, at, status in sorted(log, key=lambda one: one[1]):
        while seen and seen[0] <= at - WINDOW:
            seen.popleft()
        if status in (200, 429) and len(seen) < limit:
            seen.append(at)
            count += 1
    return count


@pytest.fixture(scope="module")
def eight():
    yield from running(workers=8)


def test_never_more_and_hardly_less(eight):
    key = add(make_project(eight), LIMIT).key
    askers = [Asker(eight.port, key) for _ in range(CLIENTS)]
    killed, end = 0, time.monotonic() + (SECONDS or 180)
    for one in askers:
        one.start()

    def is_enough():
        if SECONDS:
            return time.monotonic() > end
        spent = all(a.log and a.log[-1][2] == 429 for a in askers)
        return spent and killed >= KILLS or time.monotonic() > end

    while not is_enough():
        workers = eight.workers()
        if workers:
            kill(random.choice(workers))
            killed += 1
        time.sleep(0.2)
    for one in askers:
        one.over = True
    for one in askers:
        one.join(30)
    log = [entry for one in askers for entry in one.log]
    found = collections.Counter(status for _, _, status in log)
    lost = sum(n for status, n in found.items() if status not in (200, 429))
    most, ideal = most_in_a_window(log), a_list_would_let_in(log, LIMIT)
    print(f"limit {LIMIT}: {dict(found)}, {killed} killed; most in a minute "
          f"{most}, let in {found[200]}, by a list {ideal}")
    assert set(found) <= {200, 429, 502, 503, None} and found[429]
    assert killed >= KILLS or SECONDS
    assert LIMIT * 0.99 - lost <= most <= LIMIT
    assert found[200] + lost >= ideal * 0.99
