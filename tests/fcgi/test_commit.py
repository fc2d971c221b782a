"""The connection to the database ends at the worst moments: a write is done
once or not at all, and who cannot know is told so."""
import json
import uuid

import pytest

from between import AFTER_COMMIT, BEFORE_COMMIT, Between
from client import at_once
from contract import KEY
from fixtures import make_project
from session import until
from workers import Site

# the statement that ends the pipeline of a write, its call, its action
WRITES = {      # "#" is another text each time
    "member_invite": ("/members/invite", {"email": "#@b.c", "role": "admin"},
                      "member.invite"),
    "settings_update": ("/settings/update", {"envVars": {"A": "#"}},
                        "settings.update"),
    "api_key_generate": ("/api-keys/generate", {"name": "#"},
                         "api-key.generate"),
    "provider_key_set": ("/provider-keys/set",
                         {"provider": "e2b", "key": "12345678#"},
                         "provider-key.set"),
    "project_update": ("/update", {"name": "#"}, "project.update"),
    "project_delete": ("/delete", {}, "project.delete"),
}
# the handlers are run elsewhere: two are enough for the sanitizers
writes = pytest.mark.parametrize("statement", [
    pytest.param(name, marks=[] if name in ("member_invite", "settings_update")
                 else pytest.mark.plain) for name in WRITES])
after_commit = pytest.mark.parametrize("how", AFTER_COMMIT)


@pytest.fixture(scope="module")
def between(stack):
    made = Between(stack)
    yield made
    made.close()


@pytest.fixture(scope="module")
def projects():
    return []


@pytest.fixture
def project(stack, projects):
    """One for all tests, until one of them has deleted it."""
    if not projects or done(projects[-1], "project.delete"):
        made = make_project(stack)
        made.api.get("/project")
        projects.append(made)
    return projects[-1]


@pytest.fixture(scope="module")
def served(stack, between):
    """One worker for all of them, whose database is on the other side."""
    site = Site(stack)
    site.start({"CODECOURIER_DATABASE": between.conninfo +
                " dbname=codecourier user=codecourier"})
    yield site
    site.close()


@pytest.fixture
def site(served, between):
    """It has a connection, and nothing is struck."""
    between.strike("", BEFORE_COMMIT, times=0)
    (worker,) = served.workers
    assert served.ask("GET", "/readyz").status == 200, worker.said()
    return served


def write(site, project, statement):
    path, body, _ = WRITES[statement]
    text = json.dumps(body).replace("#", uuid.uuid4().hex)
    return site.ask("POST", "/api/v1/project" + path, project.key,
                    text.encode())


def done(project, action, actor="key"):
    """How often an action has been done, by the audit rows."""
    return int(project.stack.sql(
        "select count(*) from codecourier.audit where project_id = "
        f"'{project.id}' and action = '{action}' and actor = '{actor}'"))


def in_doubt(answer):
    assert answer.status == 504, answer
    error = answer.json["error"]
    assert error["code"] == "TIMEOUT"
    assert error["retryable"] is False
    assert KEY.search(answer.body.decode()) is None


@pytest.fixture
def more(project):
    """How often a write has been done since the test began."""
    def count():
        return {r["action"]: r["n"] for r in project.stack.rows(
            "select action, count(*) n from codecourier.audit where "
            f"project_id = '{project.id}' and actor = 'key' group by 1")}

    def since(statement):
        action = WRITES[statement][2]
        return count().get(action, 0) - before.get(action, 0)

    before = count()
    return since


@writes
@after_commit
def test_write_that_was_committed(site, between, project, more, statement,
                                  how):
    """The answer of the commit is lost: it is not done once more."""
    between.strike(statement, AFTER_COMMIT[how])
    in_doubt(write(site, project, statement))
    assert between.struck == 1
    assert more(statement) == 1


@writes
def test_write_that_was_not(site, between, project, more, statement):
    """The connection ends as the commit is asked for."""
    between.strike(statement, BEFORE_COMMIT)
    in_doubt(write(site, project, statement))
    assert between.struck == 1
    assert more(statement) == 0
    assert write(site, project, statement).status == 200
    assert more(statement) == 1


@pytest.mark.parametrize("how", [*AFTER_COMMIT.values(), BEFORE_COMMIT],
                         ids=[*AFTER_COMMIT, "before the commit"])
def test_read(site, between, project, how):
    """Nobody notices; but when it ends again and again, it is said."""
    between.strike("settings_get", how)
    target = "/api/v1/project/settings"
    assert site.ask("GET", target, project.key).status == 200
    assert between.struck == 1
    between.strike("settings_get", how, times=99)
    answer = site.ask("GET", target, project.key)
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["retryable"] is True
    assert between.struck == 2
    between.strike("", how, times=0)
    assert site.ask("GET", target, project.key).status == 200


def test_first_trip_of_a_write(site, between, project, more):
    """The data keys are read before anything is written: done again."""
    between.strike("data_keys", BEFORE_COMMIT)
    assert write(site, project, "provider_key_set").status == 200
    assert between.struck == 1
    assert more("provider_key_set") == 1


@writes
def test_backend_that_is_ended_before(site, session, project, more,
                                      statement):
    """The server says so, and rolled back: the write is done once."""
    session.hold(project)

    def end():
        session.await_waiting("%FOR KEY SHARE OF k, t%")
        assert session.run(
            "select pg_stat_clear_snapshot(); select pg_terminate_backend("
            "pid) from pg_stat_activity where wait_event_type = 'Lock'")[1:] \
            == ["t"]
        session.release()

    answer, _ = at_once([lambda: write(site, project, statement), end])
    assert answer.status == 200, answer
    assert more(statement) == 1


@writes
def test_connection_that_was_cut_while_idle(site, between, project, more,
                                            statement):
    """It is looked at before a write is sent: nothing is in doubt."""
    between.cut()
    assert write(site, project, statement).status == 200
    assert more(statement) == 1


# the statement at which the connection ends, how, and what is told
MOMENTS = {
    "its answer is lost": ("replay_keep", AFTER_COMMIT["without a word"], 504),
    "the server shuts down": ("replay_keep",
                              AFTER_COMMIT["as it shuts down"], 504),
    "before the commit": ("replay_keep", BEFORE_COMMIT, 504),
    "it is done, not committed": (
        "replay_look", AFTER_COMMIT["without a word"], 200),
}


@writes
@pytest.mark.parametrize("moment", MOMENTS)
def test_idempotency_key_settles_it(site, between, project, more, statement,
                                    moment):
    """Whatever was in doubt, the retry with the same key is the same write."""
    path, body, _ = WRITES[statement]
    text = json.dumps(body).replace("#", uuid.uuid4().hex).encode()
    key = uuid.uuid4().hex

    def send():
        return site.ask("POST", "/api/v1/project" + path, project.key, text,
                        HTTP_IDEMPOTENCY_KEY=key)

    at, how, status = MOMENTS[moment]
    between.strike(at, how)
    first = send()
    assert between.struck == 1
    running = first.status == 409       # the session that is gone has the lock
    assert running or first.status == status, first
    if first.status == 504:
        in_doubt(first)
        assert "same Idempotency-Key" in first.json["error"]["message"]
    again = send()
    until(lambda: send().status != 409, "the lock stays")
    if statement == "project_delete":
        assert send().status == 401
    else:
        last = send()
        assert last.status == 200 and again.status in (200, 409)
        assert last.header("Idempotency-Replayed") == "true"
    assert more(statement) == 1


def command(project, between, *args, code=5):
    return project.stack.ctl(*args, code=code, environ={
        "CODECOURIER_ADMIN_DATABASE": between.conninfo +
        " dbname=postgres user=postgres"})


@after_commit
@pytest.mark.parametrize("action, args", {
    "api-key.generate": ["key", "create", "{}", "--name", "x"],
    "api-key.update": ["key", "update", "@", "--rate", "9000"],
    "api-key.rotate": ["key", "rotate", "@", "--grace", "1h"],
    "project.update": ["project", "update", "{}", "--name", "New"],
    "member.update-role": ["member", "role", "{}", "#", "member"],
    "member.remove": ["member", "remove", "{}", "#"],
    "counter.add": ["counter", "add", "{}", "runs", "5"],
    "provider-key.reveal": ["provider-key", "reveal", "{}", "e2b"],
    "member.accept": ["member", "accept", "{}", "#", "--name",
                      "New"]}.items(),
    ids=lambda v: v if isinstance(v, str) else "")
def test_command(between, project, action, args, how):
    """An operator's is done once, too, and says that nobody knows."""
    project.api.post("/project/provider-keys/set",
                     {"provider": "e2b", "key": "secret-of-e2b"})
    email = f"{uuid.uuid4().hex}@x.example"
    project.api.post("/project/members/invite",
                     {"email": email, "role": "admin"})
    key = project.api.post("/project/api-keys/generate", {"name": "x"})["id"]
    before = done(project, action, "operator")
    runs = project.api.get("/project/counters")["runs"]
    between.strike(f"'{action}'", AFTER_COMMIT[how])
    error = command(project, between, *(
        {"{}": project.slug, "#": email, "@": key}.get(a, a)
        for a in args))
    assert between.struck == 1
    assert "secret-of-e2b" not in str(error) and not KEY.search(str(error))
    assert done(project, action, "operator") == before + 1
    assert project.api.get("/project/counters")["runs"] == \
        runs + (5 if action == "counter.add" else 0)
