"""Random bytes, and good requests with random damage: a worker that meets
them goes on, or was ended by libfcgi's assert on a length (test_broken.py).

Any other end is an error. Seeded: a case that fails fails again.
"""
import random
import re
import select
import signal

import pytest

from wire import KEEP_CONN, params_of, record, request
from workers import Site

ROUNDS, EACH = 12, 50


def noise(rng, count):
    return rng.randbytes(rng.randrange(count))


def random_bytes(rng, good):
    return noise(rng, 300)


def random_records(rng, good):
    """Headers that make sense, around content that does not."""
    return b"".join(record(
        rng.choice([1, 4, 5, rng.randrange(256)]), noise(rng, 60),
        rng.choice([0, 1, 1, 1, 2, 65535]), padding=rng.choice([0, 0, 7, 255]))
        for _ in range(rng.randrange(1, 12)))


def flipped(rng, good):
    data = bytearray(rng.choice(good))
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def spliced(rng, good):
    """The head of one, the tail of another, and noise between."""
    one, two = rng.choice(good), rng.choice(good)
    return one[:rng.randrange(len(one))] + noise(rng, 20) + \
        two[rng.randrange(len(two)):]


def shuffled(rng, good):
    data = rng.choice(good)
    cuts = sorted(rng.randrange(len(data)) for _ in range(4))
    parts = [data[i:j] for i, j in zip([0, *cuts], [*cuts, len(data)])]
    rng.shuffle(parts)
    return b"".join(parts)


DAMAGE = [random_bytes, random_records, flipped, spliced, shuffled]


@pytest.fixture(scope="module")
def fuzzed(stack):
    made = Site(stack)
    made.worker = made.ready()
    made.lost = 0
    yield made
    made.close()


def replace(site):
    """The worker was lost: for the one reason that is allowed?"""
    status, said = site.worker.process.returncode, site.worker.said()
    assert status == -signal.SIGABRT, (status, said[-2000:])
    assert re.search(r"fcgiapp\.c:\d+: Malloc: Assertion|stack smashing",
                     said.splitlines()[-1])
    site.worker.expected = status
    site.lost += 1
    site.worker = site.start()


def is_served(site, data):
    """A good request gets its answer, if need be from the next worker."""
    peer = site.peer(data)
    while not select.select([peer.sock], [], [], 0.1)[0]:
        if not site.worker.alive():
            replace(site)
    answer = peer.answer()
    peer.close()
    return answer.status == 200


# sanitized workers take six times as long
@pytest.mark.parametrize("seed", [
    pytest.param(n, marks=[] if n < ROUNDS // 2 else pytest.mark.plain)
    for n in range(ROUNDS)])
def test_damaged_requests(fuzzed, home, seed):
    rng = random.Random(seed)
    body = b'{"name": "Fuzzed"}'
    good = [request(params_of("GET", "/api/v1/project", home.key)),
            request(params_of("POST", "/api/v1/project/update", home.key,
                              body), body),
            request(params_of("GET", "/healthz"), rid=258, flags=KEEP_CONN,
                    chunk=50, padding=3)]
    for _ in range(EACH):
        damage = rng.choice(DAMAGE)
        peer = fuzzed.peer(damage(rng, good))
        peer.sock.shutdown(1)
        peer.sock.settimeout(60)
        while peer.receive():
            pass
        peer.close()
        assert is_served(fuzzed, good[0]), damage.__name__


def test_few_workers_were_lost(fuzzed):
    """The damage seldom makes a length of two gigabytes."""
    assert fuzzed.lost <= ROUNDS * EACH / 50
