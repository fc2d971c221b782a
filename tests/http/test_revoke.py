"""A revocation under load: nothing that begins after its answer succeeds.

ROUNDS says how often (default 10; the acceptance asks for 1000).
"""
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Api, Line
from fixtures import make_project, rounds
from race import race, rows_of
from session import gate, until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere


@pytest.mark.parametrize("number", range(rounds(10)))
def test_revoke_under_load(loaded, number):
    race(loaded, lambda made: loaded.api.post(
        "/project/api-keys/revoke", {"keyId": made["id"]}))


@pytest.mark.parametrize("number", range(rounds(2)))
def test_holders_revocation_under_load(loaded, nobody, number):
    race(loaded, lambda made: nobody.post("/credentials/revoke",
                                          {"key": made["key"]}))


@pytest.fixture(scope="module")
def loaded(stack):
    return make_project(stack)


@pytest.mark.parametrize("number", range(2))
def test_operators_revocation_under_load(loaded, number):
    race(loaded, lambda made: loaded.stack.ctl("key", "revoke", made["id"]))


@pytest.mark.parametrize("number", range(2))
def test_delete_under_load(project, number):
    race(project, lambda made: project.api.post("/project/delete"))


def end_by(project, how, made):
    if how == "operator":
        return project.stack.ctl("key", "revoke", made["id"])
    if how == "holder":
        return Api(project.stack.base).post("/credentials/revoke",
                                            {"key": made["key"]})
    if how == "delete":
        return project.api.post("/project/delete")
    return project.api.post("/project/api-keys/revoke", {"keyId": made["id"]})


@pytest.mark.parametrize("how", ["revoke", "operator", "holder", "delete"])
def test_a_write_that_is_open_is_waited_for(project, session, how):
    """The key's own write has not come to its end: no answer before it, also
    when one wait for its lock was in vain."""
    stack = project.stack
    made = project.api.post("/project/api-keys/generate", {"name": "slow"})
    line = Line(stack.port, made["key"])
    assert line.get("/project")[0] == 200
    waits = set()

    def waited(end):
        """A worker waits a second at a time, the operator as long as it
        takes."""
        waits.update(session.waiting("%FOR UPDATE"))
        return len(waits) == (1 if how == "operator" else 2) or end.done()

    with gate(project, session, "settings"), ThreadPoolExecutor(2) as pool:
        write = pool.submit(line.post, "/project/settings/update",
                            {"claudeMd": "late"})
        session.await_waiting("%UPDATE settings%")
        end = pool.submit(end_by, project, how, made)
        until(lambda: waited(end), "nobody waits for the write")
        assert not end.done(), "answered while the write was open"
        assert rows_of(stack, made["id"]) == 0
        session.release()
        assert write.result()[0] == 200
        end.result()
    assert rows_of(stack, made["id"]) == 1
    assert line.get("/project")[0] == 401
