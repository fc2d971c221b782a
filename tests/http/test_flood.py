"""Many clients at once, slow ones, wrong ones: each gets its answer, and the
good ones go on. Address limits are off (test_overload.py has them on)."""
import asyncio
import resource

import pytest

from client import Line, request_bytes, target_of
from contract import Answer, check, make_key
from fixtures import make_project

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PATIENCE = 60       # seconds a client waits, on a machine that does much else
CROWD = 2000
SLOW = 450, 450, 99         # in the head, in the body, in a long answer
WRONG, LINES = 300, 10     # nginx ends a connection after 1,000


@pytest.fixture(autouse=True, scope="module")
def descriptors():
    """A socket for each client of the crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def get(key, path="/project", close=True):
    headers = [("Authorization", f"Bearer {key}")]
    if close:
        headers.append(("Connection", "close"))
    return request_bytes("GET", "/api/v1" + path, headers)


def answer_of(data, target):
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(n.lower(), v) for n, _, v in
             (line.partition(": ") for line in lines)]
    return check(Answer("GET", int(first.split()[1]), pairs, body, target))


async def ask(port, data):
    """One client: its answer, or what went wrong."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return answer_of(await reader.read(-1), target_of("GET", data))
    finally:
        writer.close()


async def crowd(port, data, count):
    return await asyncio.gather(
        *(asyncio.wait_for(ask(port, data), PATIENCE) for _ in range(count)),
        return_exceptions=True)


def test_two_thousand_at_once(stack, project):
    """All are let in, and served: but when other tests have asked for other
    projects within ten seconds this one may have its share of the workers
    only. Which requests find it taken is a race; how many is counted."""
    project.api.get("/project")
    before = stack.status()["shareRefusals"]
    got = asyncio.run(crowd(stack.port, get(project.key), CROWD))
    without = [a for a in got if not isinstance(a, Answer)]
    assert not without, (len(without), without[:3])
    statuses = [a.status for a in got]
    refused = stack.status()["shareRefusals"] - before
    assert statuses.count(503) == refused
    assert statuses.count(200) == CROWD - refused >= 800
    line = Line(stack.port, project.key)
    assert [line.get("/project")[0] for _ in range(100)] == [200] * 100


async def hold(port, beginnings):
    """Connections on which the beginning of something was sent."""
    held = []
    for data in beginnings:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.transport.pause_reading()
        writer.write(data)
        held.append(writer)
    return held


def beginnings(key):
    head = get(key)[:-2]
    post = request_bytes("POST", "/api/v1/project/update", [
        ("Authorization", f"Bearer {key}"),
        ("Content-Type", "application/json"), ("Content-Length", 900000)])
    return [head, post + b'{"name":', get(key, "/project/settings")]


async def beside(port, data, good):
    """Runs good() in a thread while the connections are held."""
    held = await hold(port, data)
    try:
        return await asyncio.to_thread(good)
    finally:
        for writer in held:
            writer.transport.abort()


def test_a_thousand_slow_clients(stack, project):
    """They send no more, or read nothing of a long answer."""
    project.api.post("/project/settings/update",
                     {"envVars": {f"V{n}": "v" * 60000 for n in range(14)}})

    def good():
        line = Line(stack.port, project.key)
        return [line.get("/project")[0] for _ in range(200)] + \
            [line.post("/project/update", {"name": f"Good {n}"})[0]
             for n in range(50)]

    data = [what for what, count in zip(beginnings(project.key), SLOW)
            for _ in range(count)]
    assert asyncio.run(beside(stack.port, data, good)) == [200] * 250


async def wrong(port, keys, over):
    """Requests with bad keys, one behind the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = [get(key, close=False) for key in keys]
    writer.write(b"".join(data))
    refused = 0
    while refused < len(data):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 401 " in head.split(b"\r\n")[0], head
        size = int(head.lower().split(b"content-length: ")[1].split()[0])
        await reader.readexactly(size)
        refused += 1
    writer.close()
    over.append(refused)


async def flood(port, keys, good):
    over = []
    tasks = [asyncio.create_task(wrong(port, keys, over))
             for _ in range(LINES)]
    served = 0
    while len(over) < LINES:
        statuses = await asyncio.to_thread(good)
        assert statuses == [200] * len(statuses)
        served += len(statuses)
        for task in tasks:
            if task.done():
                task.result()
    return sum(over), served


def test_bad_keys_do_not_stop_good_ones(stack, project):
    """Malformed, unknown, and with a wrong secret; scrypt is never run."""
    project.api.get("/project")
    known = make_project(stack)
    known.api.get("/project")
    keys = ["cc_live_" + "x" * 40, make_key(),
            make_key(public=known.key[8:16])] * (WRONG // 3)
    line = Line(stack.port, project.key)
    before = stack.status()["scryptRuns"]
    refused, served = asyncio.run(flood(
        stack.port, keys,
        lambda: [line.get("/project")[0] for _ in range(20)]))
    assert refused == WRONG * LINES and served >= 20
    assert stack.status()["scryptRuns"] == before
