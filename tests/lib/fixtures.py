"""Fixtures of the HTTP and of the SQL tests; each conftest takes them in."""
import json
import os
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from client import Api, at_once
from contract import KEPT, WRITE_CALLS
from harness import REPORTS, ROOT, Stack, started
from session import Session, until


# links in RUN_DIR to folders that live as long as the stack
TEMPORARY = ["sockets", "spool"]


def rounds(default):
    """How often a race is run: more when the acceptance is shown."""
    return int(os.environ.get("ROUNDS", default))


def running(**options):
    """A stack for the time of a fixture; it must leave nothing behind."""
    stack = Stack(**options)
    try:
        stack.start()
        folders = [os.readlink(stack.run_dir / n) for n in TEMPORARY]
        yield stack
        left = stack.stop()
        assert left == [], f"left running: {left}"
        assert not (stack.run_dir / "env").exists(), "env outlived the stack"
        for folder in folders:
            assert not os.path.exists(folder), f"{folder} was left"
    finally:
        if stack.process and stack.process.poll() is None:
            stack.stop()
        stack.clean()


def slow_limits(folder):
    """limits.conf with one request a second in place of 1,000, so that the
    limit is met on any machine; the burst of 2,000 stays."""
    text = (ROOT / "nginx/limits.conf").read_text()
    assert text.count("rate=1000r/s") == 1
    path = folder / "limits.conf"
    path.write_text(text.replace("rate=1000r/s", "rate=1r/s"))
    return str(path)


@pytest.hookimpl(hookwrapper=True)
def no_skips(item):
    """A test that was skipped has shown nothing: it counts as failed."""
    report = (yield).get_result()
    if report.skipped or hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped or expected to fail"


@pytest.fixture(scope="session")
def stack():
    """The stack that nearly all tests share: eight workers, no limits."""
    yield from running()


@pytest.fixture(scope="session")
def spare():
    """A stack to be hurt: two workers, with the limits by address."""
    yield from running(workers=2, limits="on")


def is_whole(stack):
    """All workers are there, and none has been told to end."""
    pids = stack.workers()
    try:
        told = ["ShdPnd:\t" + "0" * 16 not in Path(
            f"/proc/{p}/status").read_text()
            for p in pids + stack.pids("multiwatch")]
    except OSError:
        return False        # one has ended just now
    return len(pids) == int(stack.extra["WORKERS"]) and not any(told)


@pytest.fixture(autouse=True)
def no_worker_ends(request):
    """A worker of the shared stack that ends has failed the test, whatever
    else was seen: but for tests marked `ends_workers`."""
    if "stack" not in request.fixturenames:
        yield
        return
    stack = request.getfixturevalue("stack")
    if not stack.pool:
        stack.pool = {p: started(p) for p in stack.workers()}
    yield
    if request.node.get_closest_marker("ends_workers"):
        until(lambda: is_whole(stack), "the pool is not whole again")
        stack.pool = None
        return
    ended = [p for p, t in stack.pool.items() if started(p) != t]
    if ended:
        stack.pool = None
    assert not ended, stack.log("pool.log")[-3000:]


def by_mark(config, items):
    """What needs a build without sanitizers is not listed with them."""
    if "ASAN_OPTIONS" in REPORTS:
        out = [i for i in items if i.get_closest_marker("plain")]
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]


def markers(config):
    for line in ("ends_workers: workers of the shared stack end in it",
                 "plain: a build with sanitizers cannot have it"):
        config.addinivalue_line("markers", line)


@pytest.fixture(scope="session")
def ctl(stack):
    return stack.ctl


@pytest.fixture(scope="session")
def sql(stack):
    return stack.sql


def make_project(stack, key=True):
    """A new project, with a key and a client of its own."""
    slug = "t-" + uuid.uuid4().hex[:20]
    email = f"owner@{slug}.example"
    made = stack.make("project", "create", "--name", "Test", "--slug", slug,
                      "--owner-email", email)
    found = SimpleNamespace(stack=stack, id=made["id"], slug=slug, made=made,
                            owner_email=email)
    if key:
        add_key(found)
    return found


def add_key(project):
    row = project.stack.make("key", "create", project.slug, "--name", "first")
    project.key, project.key_id = row["key"], row["id"]
    project.api = Api(project.stack.base, row["key"])


@pytest.fixture
def project(stack):
    return make_project(stack)


@pytest.fixture
def api(project):
    return project.api


@pytest.fixture
def other(stack):
    """A second project, of somebody else."""
    return make_project(stack)


def furnish(project, mark, count):
    """Fills a project: every table, every column, all of it marked; so many
    of each thing. `made` is what came of each write, and `ids` what the
    "$…" of good bodies stand for: of the first thing, "$…1" of the second."""
    api, stack = project.api, project.stack
    project.made, project.ids = {}, {"$slug": project.slug + "-x"}
    for call in (c for c in WRITE_CALLS if c.fill):
        project.made[call.path] = made = [
            api.post(call.path, call.fill(mark, n)) for n in range(count)]
        project.ids.update({f"{name}{n or ''}": one[member]
                            for name, member in call.gives.items()
                            for n, one in enumerate(made)})
    api.post("/project/update", {}, headers={"Idempotency-Key": mark})
    found = api.post("/project/api-keys/generate", {"name": mark})
    project.ids.update({"$found": found["key"], "$foundId": found["id"]})
    invited = api.post("/project/members/invite", {
        "email": f"invited@{mark}.example", "role": "member"})
    project.ids.update({"$token": invited["token"], "$invited": invited["id"]})
    for member in project.made["/project/members/invite"][1:]:
        stack.make("member", "accept", project.slug, member["email"])
    stack.sql("set role codecourier_platform; select " + ", ".join(
        f"codecourier.counter_add('{project.id}', '{name}', {100 * count + n})"
        for n, name in enumerate(KEPT)))
    # of a host with a mailer; test_mail.py
    stack.sql("insert into codecourier.mail_queue (project_id, member_id, "
              "address, state) select project_id, id, email, 'sent' from "
              f"codecourier.member where project_id = '{project.id}' limit 1")
    project.counters = {
        **{name: 100 * count + n for n, name in enumerate(KEPT)},
        "members": count, "apiKeys": count + 2, "providerKeys": count}
    return project


def written(project):
    """How many writes of its keys a project has seen."""
    return int(project.stack.sql(
        "select count(*) from codecourier.audit "
        f"where project_id = '{project.id}' and actor = 'key'"))


@pytest.fixture
def session(stack):
    """To hold a lock, and to see who waits for it."""
    made = Session(stack)
    yield made
    made.close()


def everything(project):
    """All rows of a project in every table, but for when its keys were last
    used, and refused: what no stranger's request may change."""
    tables = [line.split("|") for line in project.stack.sql(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'codecourier' and (column_name = "
        "'project_id' or (table_name, column_name) = ('project', 'id'))"
    ).splitlines()]
    # what a worker writes when it has time; test_refusals.py
    tables = [t for t in tables if t[0] != "refused"]
    assert len(tables) >= 8, tables
    lines = project.stack.sql(" union all ".join(
        f"select '{name}' as name, to_jsonb(x) - 'last_used_at' as row "
        f"from codecourier.{name} x where {owner} = '{project.id}'"
        for name, owner in tables) + " order by 1, 2").splitlines()
    return [{"name": n, "row": json.loads(row)} for n, _, row in
            (line.partition("|") for line in lines)]


@pytest.fixture(scope="module")
def shared(stack):
    """One project for all refusals of a file: none may write anything."""
    made = make_project(stack)
    made.api.get("/project")
    before = everything(made)
    yield made
    assert everything(made) == before, "a refused request wrote something"


@pytest.fixture(scope="module")
def refusing(shared):
    return shared.api


@pytest.fixture
def nobody(stack):
    """A caller without any key."""
    return Api(stack.base)


def owners(project, count=2):
    """Invites and accepts more owners; all active owners' userIds."""
    for number in range(1, count):
        email = f"owner{number}@{project.slug}.example"
        project.api.post("/project/members/invite",
                         {"email": email, "role": "owner"})
        project.stack.make("member", "accept", project.slug, email)
    return [m["userId"] for m in project.api.get("/project/members")]


def many_projects(stack, count):
    """Several projects, made two at a time: two cores, many processes."""
    found = []
    while len(found) < count:
        found += at_once([lambda: make_project(stack)] * 2)
    return found[:count]
