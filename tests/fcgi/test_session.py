"""Settings of the API's role outlive whoever got at it and made them: the
workers set for themselves what they need."""
import contextlib
import uuid

import pytest

from cluster import running
from test_standby import begin
from session import Session, until
from workers import serving

PROJECT = "/api/v1/project"


@pytest.fixture(scope="module")
def own(stack):
    """A cluster whose role may be spoiled."""
    for cluster in running(stack):
        cluster.key = begin(cluster)
        done = cluster.ctl("project", "create", "--name", "Other", "--slug",
                           "taken", "--owner-email", "a@b.c")
        assert done.returncode == 0, done
        yield cluster


@pytest.fixture
def spoiled(own):
    """Does ALTER ROLE, as the role itself may; all is undone."""
    def spoil(settings, where=""):
        own.stack.psql(";".join(
            f"alter role codecourier {where} set {text}"
            for text in settings), own.environ["CODECOURIER_DATABASE"])
    yield spoil
    own.sql("set default_transaction_read_only = off; "
            "alter role codecourier reset all; "
            "alter role codecourier in database codecourier reset all")


@pytest.fixture
def serve(stack, own):
    with contextlib.ExitStack() as end:
        def start():
            return end.enter_context(serving(stack, own))
        yield start


def works(site, key, text="New"):
    """Reads and writes, and a refusal by a constraint."""
    assert site.ask("GET", PROJECT, key).status == 200
    answer = site.ask("POST", PROJECT + "/update", key,
                      b'{"name": "%s"}' % text.encode())
    assert answer.status == 200, (answer, site.worker.said())
    answer = site.ask("POST", PROJECT + "/update", key,
                      b'{"name": "%s", "slug": "taken"}' % text.encode())
    assert answer.status == 409, answer


def backend(own):
    return own.sql("select pid from pg_stat_activity "
                   "where usename = 'codecourier'")


SETTINGS = [
    "default_transaction_read_only = on", "search_path = 'pg_temp'",
    "exit_on_error = on", "standard_conforming_strings = off",
    "idle_session_timeout = '200ms'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on", "client_min_messages = 'error'",
    "timezone = 'Asia/Kolkata'", "datestyle = 'SQL, DMY'",
    "client_encoding = 'latin1'", "bytea_output = 'escape'",
    "row_security = off"]
each_place = pytest.mark.parametrize("where", ["", "in database codecourier"])


def another_is_ended(own):
    """Waits until a session that came later has been idle for too long."""
    watch = Session(own.stack, own.local)
    made = Session(own.stack, own.environ["CODECOURIER_DATABASE"])
    (pid,) = made.run("select pg_backend_pid()")
    until(lambda: watch.run(
        "select count(*) from pg_stat_activity where pid = " + pid) == ["0"],
        "the setting has no effect")
    made.close()
    watch.close()


@each_place
def test_it_works_all_the_same(own, spoiled, serve, where):
    """Each setting alone would break something; here they are all at once."""
    spoiled(SETTINGS, where)
    site = serve()
    works(site, own.key["key"])
    before = backend(own)
    another_is_ended(own)
    works(serve(), own.key["key"])
    assert own.check() == 0
    assert site.ask("GET", "/readyz").status == 200
    assert site.ask("GET", PROJECT, own.key["key"]).status == 200
    assert before in backend(own).split(), "the session has ended"


@each_place
def test_a_millisecond_a_statement(own, spoiled, serve, where):
    """A busy machine may need more for the first statement."""
    spoiled(["statement_timeout = '1ms'"], where)
    site = serve()
    until(lambda: site.ask("GET", PROJECT, own.key["key"]).status == 200,
          "it never connects")
    works(site, own.key["key"])
    before = backend(own)
    assert site.ask("GET", "/readyz").status == 200
    assert site.ask("GET", PROJECT, own.key["key"]).status == 200
    assert before in backend(own).split(), "the session has ended"


def test_times_are_what_they_were(own, spoiled, serve):
    key = own.key["key"]
    before = serve().ask("GET", PROJECT, key).json
    spoiled(["timezone = 'Asia/Kolkata'"])
    assert serve().ask("GET", PROJECT, key).json == before


def test_locks_are_waited_for_no_longer(own, spoiled, serve):
    """lock_timeout is the worker's: the lock is what it says failed."""
    spoiled(["lock_timeout = 0"])
    site, session = serve(), Session(own.stack, own.local + " dbname=codecourier")
    try:
        session.run("begin; select 1 from codecourier.project for update")
        answer = site.ask("POST", PROJECT + "/update", own.key["key"],
                          b'{"name": "Held"}')
        assert answer.status == 503, answer
        site.worker.says("SQLSTATE 55P03")
    finally:
        session.run("rollback")
        session.close()


def test_no_value_gets_into_the_log_of_the_server(own, spoiled, serve):
    """Neither in the plan of a statement nor beside its refusal."""
    planted = "planted" + uuid.uuid4().hex
    log = own.top / "log"
    spoiled(["debug_print_parse = on", "debug_print_rewritten = on",
             "debug_print_plan = on",
             "log_parameter_max_length_on_error = -1"])
    site = serve()
    assert site.ask("GET", "/readyz").status == 200
    before = log.stat().st_size
    works(site, own.key["key"], planted)
    with open(log, "rb") as file:
        file.seek(before)
        said = file.read()
    assert b"project_slug_live" in said     # the refusal is in it
    assert planted.encode() not in said
    assert b"{QUERY" not in said and b"{PLANNEDSTMT" not in said
