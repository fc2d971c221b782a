"""A key that is narrowed, switched off, rotated or at its end under load:
nothing that begins after the answer, or after the end, succeeds.

ROUNDS says how often each (default 2; the acceptance asks for 300).
"""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Line
from fixtures import make_project, rounds
from race import race, rows_of
from session import gate, until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE, ROTATE = "/project/api-keys/update", "/project/api-keys/rotate"
# what is changed, and how it refuses from then on
NARROWER = {"scopes": ({"scopes": ["audit:read"]}, 403),
            "addresses": ({"allowedIps": ["10.0.0.0/8", "::1"]}, 403),
            "disable": ({"disabled": True}, 401)}


def end_by(project, how, key_id):
    """Does it; of an end that is ahead, the moment by time.monotonic()."""
    if how in NARROWER:
        project.api.post(UPDATE, {"keyId": key_id, **NARROWER[how][0]})
        return None
    grace = 1 if how == "expire" else 0
    while True:     # all places for new keys may be taken
        answer = project.api.send("POST", ROTATE, {"keyId": key_id,
                                                   "graceSeconds": grace})
        if answer.status != 503:
            break
    assert answer.status == 200, answer
    if not grace:
        return None
    end, = project.stack.rows("select extract(epoch from ends_at) as at from "
                              f"codecourier.api_key where id = '{key_id}'")
    # the database's clock is this machine's
    return time.monotonic() + end["at"] - time.time()


@pytest.fixture(scope="module", params=[*NARROWER, "rotate", "expire"])
def loaded(stack, request):
    """One for each: a project has at most 1,000 keys that live."""
    made = make_project(stack)
    made.how = request.param
    return made


@pytest.mark.parametrize("number", range(rounds(2)))
def test_under_load(loaded, number):
    race(loaded, lambda made: end_by(loaded, loaded.how, made["id"]),
         NARROWER.get(loaded.how, (None, 401))[1])


@pytest.mark.parametrize("how", [*NARROWER, "rotate"])
def test_a_write_that_is_open_is_waited_for(project, session, how):
    """What was begun with more is over when the answer comes."""
    stack = project.stack
    made = project.api.post("/project/api-keys/generate", {"name": "slow"})
    line = Line(stack.port, made["key"])
    assert line.get("/project")[0] == 200
    with gate(project, session, "settings"), ThreadPoolExecutor(2) as pool:
        write = pool.submit(line.post, "/project/settings/update",
                            {"claudeMd": "late"})
        session.await_waiting("%UPDATE settings%")
        end = pool.submit(end_by, project, how, made["id"])
        until(lambda: end.done() or session.waiting("%FOR UPDATE"),
              "nobody waits for the write")
        assert not end.done(), "answered while the write was open"
        assert rows_of(stack, made["id"]) == 0
        session.release()
        assert write.result()[0] == 200
        end.result()
    assert rows_of(stack, made["id"]) == 1
    assert line.get("/project")[0] == NARROWER.get(how, (None, 401))[1]
