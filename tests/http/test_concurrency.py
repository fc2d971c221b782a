"""Two users at the same moment: one rule, one winner, nothing lost."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Line, at_once
from contract import EMPTY_SETTINGS, SHORT, TEXTS, untagged
from fixtures import many_projects, written
from session import gate, until

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE = "/project/settings/update"
KIB = 1024


def at_once_posts(project, calls):
    """Each call on a connection of its own, with a key that is warm."""
    project.api.get("/project")
    lines = [Line(project.stack.port, project.key) for _ in calls]
    return at_once([lambda li=li, c=c: li.post(*c)
                    for li, c in zip(lines, calls)])


def statuses(answers):
    return sorted(status for status, _ in answers)


@pytest.mark.parametrize("again", range(3))
def test_invite_of_one_address(project, again):
    """Eight at once, in different case: one member."""
    emails = ["Race@Example.com", "race@example.com", "RACE@EXAMPLE.COM",
              "race@Example.COM"] * 2
    got = at_once_posts(project, [("/project/members/invite", {
        "email": e, "role": "member"}) for e in emails])
    assert statuses(got) == [200] + [409] * 7
    assert len(project.api.get("/project/members")) == 2
    assert written(project) == 1


@pytest.fixture(scope="module")
def racers(stack):
    found = many_projects(stack, 6)
    for racer in found:
        racer.api.get("/project")       # warm: a cold key may get a 503
    return found


@pytest.mark.parametrize("again", range(3))
def test_race_for_a_slug(stack, racers, again):
    slug = f"{racers[0].slug}-{again}"
    lines = [Line(stack.port, p.key) for p in racers]
    got = at_once([lambda li=li: li.post("/project/update", {"slug": slug})
                   for li in lines])
    assert statuses(got) == [200] + [409] * 5
    assert [p.api.get("/project")["slug"] for p in racers].count(slug) == 1


def test_different_settings_at_once(project):
    """Each keeps what the others write."""
    want = {n: f"value of {n}" for n in TEXTS + SHORT}
    got = at_once_posts(project, [(UPDATE, {n: v}) for n, v in want.items()])
    assert statuses(got) == [200] * len(want)
    assert untagged(project.api.get("/project/settings")) == \
        {**EMPTY_SETTINGS, **want}


@pytest.mark.parametrize("again", range(3))
def test_variables_at_once_keep_their_common_limit(project, again):
    """Either map alone would fit: together they may not get in."""
    size = {f"V{n}": "x" * (60 * KIB) for n in range(12)}
    got = at_once_posts(project, [(UPDATE, {"envVars": size}),
                                  (UPDATE, {"deployEnvVars": size})])
    assert statuses(got) == [200, 400]
    settings = project.api.get("/project/settings")
    assert len(settings["envVars"]) + len(settings["deployEnvVars"]) == 12


def test_one_provider_set_at_once(project):
    calls = [("/project/provider-keys/set",
              {"provider": "e2b", "key": f"key-number-{n:04}"})
             for n in range(8)]
    assert statuses(at_once_posts(project, calls)) == [200] * 8
    (row,) = project.api.get("/project/provider-keys")
    key = project.stack.ctl("provider-key", "reveal", project.slug,
                            "e2b")["key"]
    assert key in [body["key"] for _, body in calls]
    assert row["last4"] == key[-4:]


def test_one_provider_removed_at_once(project):
    project.api.post("/project/provider-keys/set",
                     {"provider": "e2b", "key": "12345678"})
    got = at_once_posts(project, [("/project/provider-keys/remove",
                                   {"provider": "e2b"})] * 8)
    assert statuses(got) == [200] + [404] * 7
    assert written(project) == 2


def test_one_member_removed_at_once(project):
    who = project.api.post("/project/members/invite", {
        "email": "x@example.com", "role": "admin"})["userId"]
    got = at_once_posts(project, [("/project/members/remove",
                                   {"targetUserId": who})] * 8)
    assert statuses(got) == [200] + [404] * 7
    assert written(project) == 2


def test_one_key_revoked_at_once(project):
    made = project.api.post("/project/api-keys/generate", {"name": "x"})
    got = at_once_posts(project, [("/project/api-keys/revoke",
                                   {"keyId": made["id"]})] * 8)
    assert statuses(got) == [200] * 8
    assert len({body for _, body in got}) == 1      # one revokedAt for all


def test_deleted_at_once(project):
    """Who comes second is told that his key has ended."""
    got = at_once_posts(project, [("/project/delete", {})] * 8)
    assert statuses(got) == [200] + [401] * 7


@pytest.fixture
def two_keys(project):
    """Each of which would revoke the other one; both have been used."""
    made = project.api.post("/project/api-keys/generate", {"name": "2nd"})
    calls = [(Line(project.stack.port, key), key_id) for key, key_id in
             ((project.key, made["id"]), (made["key"], project.key_id))]
    assert [line.get("/project")[0] for line, _ in calls] == [200] * 2
    until(lambda: all(k["lastUsedAt"] for k in
                      project.api.get("/project/api-keys")), "no use noted")
    return [lambda li=line, k=key_id: li.post(
        "/project/api-keys/revoke", {"keyId": k}) for line, key_id in calls]


def revoked(project):
    return project.stack.sql(
        "select count(*) from codecourier.api_key where project_id = "
        f"'{project.id}' and revoked_at is not null")


def test_two_keys_revoke_each_other(project, session, two_keys):
    """Both are good until the first one commits: what was let in goes
    through, and no request hangs."""
    with gate(project, session, "api_key"), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(call) for call in two_keys]
        session.await_waiting("%UPDATE api_key%", 2)
        session.release()
        assert [one.result()[0] for one in asked] == [200, 200]
    assert revoked(project) == "2"


def test_a_revoked_key_revokes_nothing(project, two_keys):
    first, second = two_keys
    assert [first()[0], second()[0]] == [200, 401]
    assert revoked(project) == "1"


def test_keys_generated_at_once(project):
    """Few workers hash at a time: who is told so comes again. Which ones are
    is a race; how many is counted."""
    left, end = list(range(16)), time.monotonic() + 60
    while left and time.monotonic() < end:
        before = project.stack.status()["coldRefusals"]
        got = at_once_posts(project, [("/project/api-keys/generate",
                                       {"name": f"k{n}"}) for n in left])
        refused = project.stack.status()["coldRefusals"] - before
        assert statuses(got) == [200] * (len(left) - refused) + \
            [503] * refused
        left = [n for n, (status, _) in zip(left, got) if status == 503]
    assert left == []
    rows = project.api.get("/project/api-keys")
    assert len({r["prefix"] for r in rows}) == 17
    assert project.api.get("/project/counters")["apiKeys"] == 17


def test_counter_and_reads_at_once(project):
    """Increments while the sum is read: it only ever grows, to the end."""
    line = Line(project.stack.port, project.key)

    def read():
        return [line.send("GET", "/project/counters", None)[1]
                for _ in range(100)]

    def add():
        project.stack.sql(
            "set role codecourier_platform;\n"
            + "select codecourier.counter_add("
              f"'{project.id}', 'runs', 1);\n" * 100)

    got = at_once([read, add, add, add, add])[0]
    seen = [json.loads(b)["data"]["runs"] for b in got]
    assert seen == sorted(seen)
    assert project.api.get("/project/counters")["runs"] == 400


@pytest.mark.parametrize("path, body", [
    ("/project/update", {"name": "Waited"}), ("/project/delete", {})],
    ids=["update", "delete"])
def test_a_row_that_somebody_holds(project, session, path, body):
    """The wait is bounded, says that nothing was written, and it was not;
    reads go on meanwhile."""
    project.api.get("/project")
    session.hold(project)
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(project.api.refused, "UNAVAILABLE", "POST", path,
                            body)
        session.await_waiting()
        for _ in range(5):
            project.api.get("/project")
        assert write.result()["retryable"] is True
    session.release()
    assert project.api.get("/project")["name"] == "Test"
    assert written(project) == 0
