"""How many keys and members a project may have: to the last one, also when
many come at the same moment."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import at_once
from fixtures import make_project
from workers import Site

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PROJECT = "/api/v1/project"
KEYS, MEMBERS = 4, 3


@pytest.fixture(scope="module")
def site(stack):
    """Four workers that know small bounds."""
    made = Site(stack)
    for _ in range(4):
        made.start({"CODECOURIER_MAX_KEYS": str(KEYS),
                    "CODECOURIER_MAX_MEMBERS": str(MEMBERS),
                    "CODECOURIER_KEPT_MIB": "1",
                    "CODECOURIER_HISTORY_MIB": "5",
                    "CODECOURIER_HISTORY_VERSIONS": "110"})
    yield made
    made.close()


@pytest.fixture
def project(stack):
    made = make_project(stack)
    made.api.get("/project")
    return made


def post(site, project, path, body):
    """Again while all places for new keys are taken: nothing was done."""
    while True:
        answer = site.ask("POST", PROJECT + path, project.key,
                          json.dumps(body).encode())
        if answer.status != 503:
            return answer


def generate(site, project, name="x"):
    return post(site, project, "/api-keys/generate", {"name": name})


def invite(site, project, who):
    return post(site, project, "/members/invite",
                {"email": f"{who}@example.com", "role": "member"})


def refused(answer, message):
    assert answer.status == 409, answer
    error = answer.json["error"]
    assert error["code"] == "CONFLICT" and error["message"] == message
    assert "field" not in error


TOO_MANY_KEYS = f"A project has at most {KEYS} live API keys. Revoke one first."
TOO_MANY_MEMBERS = f"A project has at most {MEMBERS} members."


def rows(project, table):
    return project.stack.rows(f"select * from codecourier.{table} where "
                              f"project_id = '{project.id}'")


def audited(project):
    return len(rows(project, "audit"))


def test_keys(site, project):
    """Those that live count, and only those."""
    made = [generate(site, project).json["data"] for _ in range(KEYS - 1)]
    before = audited(project)
    refused(generate(site, project), TOO_MANY_KEYS)
    assert len(rows(project, "api_key")) == KEYS
    assert audited(project) == before
    # one that is revoked makes room, one that has expired, too
    site.ask("POST", PROJECT + "/api-keys/revoke", project.key,
             json.dumps({"keyId": made[0]["id"]}).encode())
    assert generate(site, project).status == 200
    refused(generate(site, project), TOO_MANY_KEYS)
    project.stack.sql("update codecourier.api_key set ends_at = now() "
                      f"where id = '{made[1]['id']}'")
    assert generate(site, project).status == 200
    refused(generate(site, project), TOO_MANY_KEYS)
    # one that will expire lives
    project.stack.sql("update codecourier.api_key set ends_at = now() + "
                      f"interval '1 day' where id = '{made[2]['id']}'")
    refused(generate(site, project), TOO_MANY_KEYS)


def test_members(site, project):
    """Active and pending ones; who is removed makes room."""
    first = invite(site, project, "a").json["data"]
    assert invite(site, project, "b").status == 200
    before = audited(project)
    refused(invite(site, project, "c"), TOO_MANY_MEMBERS)
    assert len(rows(project, "member")) == MEMBERS
    assert audited(project) == before
    removed = post(site, project, "/members/remove",
                   {"targetUserId": first["userId"]})
    assert removed.status == 200
    assert invite(site, project, "c").status == 200
    refused(invite(site, project, "a"), TOO_MANY_MEMBERS)


def test_another_project_s_do_not_count(site, project, stack):
    other = make_project(stack)
    for n in range(KEYS - 1):
        assert generate(site, other).status == 200
    for n in range(MEMBERS - 1):
        assert invite(site, other, n).status == 200
    assert generate(site, project).status == 200
    assert invite(site, project, "a").status == 200


def meanwhile(site, session, project, insert, call):
    """The answer to a call while another one, which holds the project's lock
    as each does, has inserted the last row and not yet committed."""
    session.run("begin; select 1 from codecourier.project where id = "
                f"'{project.id}' for no key update; insert into codecourier."
                + insert)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        session.await_waiting("%FOR NO KEY UPDATE%", unless=answer)
        session.run("commit")
        return answer.result()


def test_a_key_that_is_being_made_counts(site, project, session):
    for _ in range(KEYS - 2):
        assert generate(site, project).status == 200
    refused(meanwhile(site, session, project, (
        "api_key (project_id, name, prefix, hash, check_value) values ("
        f"'{project.id}', 'x', 'cc_live_' || substr(md5('{project.id}'), 1, "
        "8), 'x', '1234')"), lambda: generate(site, project)), TOO_MANY_KEYS)
    assert len(rows(project, "api_key")) == KEYS


def test_a_member_who_is_being_invited_counts(site, project, session):
    assert invite(site, project, "a").status == 200
    refused(meanwhile(site, session, project, (
        f"member (project_id, email, role) values ('{project.id}', "
        "'b@example.com', 'member')"),
        lambda: invite(site, project, "c")), TOO_MANY_MEMBERS)
    assert len(rows(project, "member")) == MEMBERS


def rotate(site, project, key_id, grace=0):
    return post(site, project, "/api-keys/rotate",
                {"keyId": key_id, "graceSeconds": grace})


def fill(site, project, count):
    return [generate(site, project).json["data"]["id"] for _ in range(count)]


def test_rotation_where_all_keys_are_made(site, project):
    """Without a grace one goes as one comes; with it there would be one too
    many for a while. What is disabled counts, what is over does not."""
    made = fill(site, project, KEYS - 1)
    before = rows(project, "api_key"), audited(project)
    refused(rotate(site, project, made[0], 60), TOO_MANY_KEYS)
    assert (rows(project, "api_key"), audited(project)) == before
    assert post(site, project, "/api-keys/update", {
        "keyId": made[1], "disabled": True}).status == 200
    refused(rotate(site, project, made[0], 60), TOO_MANY_KEYS)
    new = rotate(site, project, made[0])
    assert new.status == 200
    refused(generate(site, project), TOO_MANY_KEYS)
    assert len(rows(project, "api_key")) == KEYS + 1
    assert rotate(site, project, project.key_id).status == 200


def test_rotation_beyond_the_bound(site, project):
    """A project that has more keys than it may can still replace them."""
    made = fill(site, project, KEYS - 1)
    project.stack.make("key", "create", project.slug, "--name", "x")
    refused(rotate(site, project, made[0], 1), TOO_MANY_KEYS)
    assert rotate(site, project, made[0]).status == 200
    refused(generate(site, project), TOO_MANY_KEYS)


def test_a_key_that_is_being_made_counts_for_a_rotation(site, project,
                                                        session):
    made = fill(site, project, KEYS - 2)
    refused(meanwhile(site, session, project, (
        "api_key (project_id, name, prefix, hash, check_value) values ("
        f"'{project.id}', 'x', 'cc_live_' || substr(md5('{project.id}'), 1, "
        "8), 'x', '1234')"), lambda: rotate(site, project, made[0], 60)),
        TOO_MANY_KEYS)
    assert len(rows(project, "api_key")) == KEYS


def test_the_last_place_for_rotations_at_once(site, project):
    made = fill(site, project, KEYS - 2)
    # not the caller's own: once it has an end it may rotate no key without
    found = at_once([lambda k=k: rotate(site, project, k, 60).status
                     for k in made])
    assert sorted(found) == [200] + [409] * (len(made) - 1)
    assert len(rows(project, "api_key")) == KEYS


def test_the_last_key_at_once(site, project):
    for _ in range(KEYS - 2):
        assert generate(site, project).status == 200
    found = at_once([lambda: generate(site, project).status] * 4)
    assert sorted(found) == [200, 409, 409, 409]
    assert len(rows(project, "api_key")) == KEYS


def test_the_last_member_at_once(site, project):
    assert invite(site, project, "a").status == 200
    found = at_once([lambda w=w: invite(site, project, w).status
                     for w in "bcde"])
    assert sorted(found) == [200, 409, 409, 409]
    assert len(rows(project, "member")) == MEMBERS


def test_operator_s_keys_are_bound_as_well(stack, project):
    small = {"CODECOURIER_MAX_KEYS": "2"}
    args = ("key", "create", project.slug, "--name", "x")
    stack.ctl(*args, environ=small)
    before = audited(project)
    error = stack.ctl(*args, environ=small, code=4)
    assert error["code"] == "CONFLICT"
    assert error["message"] == ("the project has CODECOURIER_MAX_KEYS=2 live "
                                "keys: revoke one, or raise it")
    assert len(rows(project, "api_key")) == 2 and audited(project) == before
    stack.ctl(*args)


def test_the_bounds_as_shipped(stack, project):
    """1,000 live keys and 10,000 members."""
    project.stack.sql(
        "insert into codecourier.api_key (project_id, name, prefix, hash, "
        f"check_value) select '{project.id}', 'x', 'cc_live_' || "
        "substr(md5('k' || random() || n), 1, 8), 'x', '1234' "
        "from generate_series(1, 998) n")
    project.stack.sql(
        "insert into codecourier.member (project_id, email, role) select "
        f"'{project.id}', 'm' || n || '@example.com', 'member' "
        "from generate_series(1, 9998) n")
    project.api.post("/project/api-keys/generate", {"name": "the last"})
    error = project.api.refused("CONFLICT", "POST",
                                "/project/api-keys/generate", {"name": "x"})
    assert error["message"] == \
        "A project has at most 1000 live API keys. Revoke one first."
    member = {"email": "last@example.com", "role": "member"}
    project.api.post("/project/members/invite", member)
    error = project.api.refused("CONFLICT", "POST", "/project/members/invite",
                                {**member, "email": "x@example.com"})
    assert error["message"] == "A project has at most 10000 members."
    counters = project.api.get("/project/counters")
    assert counters["apiKeys"] == 1000 and counters["members"] == 1


def test_kept_answers(site, project):
    """A project keeps as many bytes of them as it may: 1 MiB here."""
    def send(n):
        return site.ask("POST", PROJECT + "/settings/update", project.key,
                        b'{"claudeMd": "%s"}' % (b"c" * 200_000),
                        HTTP_IDEMPOTENCY_KEY=f"key-{n}")

    assert [send(n).status for n in range(6)] == [200] * 5 + [429]
    assert send(0).header("Idempotency-Replayed") == "true"


def history(site, project, count, text):
    """How many versions there are when settings were changed so often."""
    for n in range(count):
        answer = post(site, project, "/settings/update",
                      {"claudeMd": f"{n}{text}"})
        assert answer.status == 200, answer
    return len(rows(project, "settings_version"))


def test_versions(site, project):
    """As many as the configuration says, of every worker."""
    assert history(site, project, 115, "") == 110


def test_bytes_of_versions(site, project):
    """Variables do not become smaller by being stored."""
    for n in range(8):
        answer = post(site, project, "/settings/update", {"envVars": {
            f"V{i}": f"{n}" * 65000 for i in range(15)}})
        assert answer.status == 200, answer
    found = rows(project, "settings_version")
    assert len(found) == 5 and found[-1]["version"] == 9
