"""What commits between a call's guard and its work is not written over: the
statement that waited for a row looks at the row that it then gets."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Line
from fixtures import everything, make_project
from session import until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

REFUSED, BUSY = 401, 503


def while_held(session, hold, like, ask):
    """Asks while a transaction with `hold` is open, and commits it as soon
    as somebody waits; None: it did not wait, or too long."""
    session.run("begin; " + hold)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        session.await_waiting(like, unless=asked)
        late = asked.done()
        session.release()
        answer = asked.result()
    return None if late else answer


def deleted_meanwhile(stack, session, path, body):
    """A call that a delete overtakes; the project, its rows right after the
    delete, and the answer. Once more when the machine was so busy that the
    wait for the lock ran out."""
    for _ in range(5):
        project = make_project(stack)
        project.api.get("/project")
        line = Line(stack.port, project.key)
        answer = while_held(
            session, "update codecourier.project set deleted_at = "
            "'2026-01-02', purge_at = '2026-02-03' where id = "
            f"'{project.id}'", "%UPDATE project%",
            lambda: line.post(path, body))
        if answer and answer[0] != BUSY:
            return project, answer
    raise AssertionError("never came to wait")


@pytest.mark.parametrize("path, body", [
    ("/project/update", {"name": "Written over"}),
    ("/project/update", {"slug": "written-over", "githubRepoUrl": None}),
    ("/project/delete", {})], ids=["name", "slug", "delete"])
def test_a_delete_that_committed_after_the_guard(stack, session, path, body):
    project, answer = deleted_meanwhile(stack, session, path, body)
    assert answer[0] == REFUSED, answer
    rows = {r["name"]: r["row"] for r in everything(project)}
    assert rows["project"]["name"] == "Test"
    assert rows["project"]["slug"] == project.slug
    assert rows["project"]["deleted_at"].startswith("2026-01-02")
    assert rows["project"]["purge_at"].startswith("2026-02-03")
    assert rows["audit"]["actor"] == "operator"
    assert stack.sql("select count(*) from codecourier.audit where project_id "
                     f"= '{project.id}' and actor = 'key'") == "0"


def test_a_slug_that_was_taken_meanwhile(stack, session):
    """The second one waits for the first to commit, and is told."""
    first, second = make_project(stack), make_project(stack)
    slug = first.slug + "-new"
    second.api.get("/project")
    answer = while_held(
        session, f"update codecourier.project set slug = '{slug}' where id "
        f"= '{first.id}'", "%UPDATE project%",
        lambda: second.api.send("POST", "/project/update", {"slug": slug}))
    assert answer.status == 409 and answer.json["error"]["field"] == "slug"


def counters(project):
    return project.api.get("/project/counters")["runs"]


@pytest.mark.parametrize("before", [0, 7], ids=["new", "there"])
def test_two_increments_of_one_slot(project, session, before):
    """The second adds to what the first has left: nothing is lost."""
    add = ("insert into codecourier.counter as c values "
           f"('{project.id}', 'runs', {{}}, {{}}) on conflict on constraint "
           "counter_pkey do update set value = c.value + excluded.value")
    other = type(session)(project.stack)
    (pid,) = other.run("select pg_backend_pid()")
    slot = int(pid) % 64
    if before:
        session.run(add.format(slot, before))
    session.run("begin; " + add.format(slot, 5))
    other.begin("set role codecourier_platform; select codecourier."
                f"counter_add('{project.id}', 'runs', 3)")
    session.await_waiting("%counter_add%")
    session.release()
    other.finish()
    other.close()
    assert counters(project) == before + 5 + 3


def test_two_operators_take_the_same(project, session):
    """One after the other: the sum that the second looks at has the first
    one's part in it."""
    project.stack.ctl("counter", "add", project.slug, "runs", "9")
    session.run(
        "begin; select 1 from codecourier.project where id = "
        f"'{project.id}' for no key update; update codecourier.counter set "
        f"value = value - 6 where project_id = '{project.id}'")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(project.stack.run, [
            project.stack.ctl_path, "counter", "add", project.slug, "runs",
            "-6"])
        session.await_waiting(unless=late)
        assert not late.done()
        session.release()
        assert late.result().returncode == 4, late.result()
    assert counters(project) == 3


def test_an_operator_and_the_platform(project, session):
    """Who takes away is not stopped by who adds, whichever session that is, and
    loses nothing of it."""
    project.stack.ctl("counter", "add", project.slug, "runs", "5")
    session.run("begin; insert into codecourier.counter as c (project_id, "
                f"counter, slot, value) select '{project.id}', 'runs', n, 1 "
                "from generate_series(0, 63) n on conflict on constraint "
                "counter_pkey do update set value = c.value + 1")
    assert project.stack.ctl("counter", "add", project.slug, "runs",
                             "-5")["value"] == 0
    session.release()
    assert counters(project) == 64


def test_a_counter_is_read_whole_while_it_is_added_to(project, session):
    """What has not been committed is not seen."""
    session.run("begin; set local role codecourier_platform; select "
                f"codecourier.counter_add('{project.id}', 'runs', 4)")
    assert counters(project) == 0
    session.release()
    until(lambda: counters(project) == 4, "committed and not seen")
