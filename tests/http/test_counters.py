"""GET counters: seven kept ones, three counted from the tables."""
import pytest

from client import at_once
from contract import COUNTERS, KEPT

GET = "/project/counters"


def add(project, name, *numbers):
    project.stack.sql("set role codecourier_platform; " + "; ".join(
        f"select codecourier.counter_add('{project.id}', '{name}', {number})"
        for number in numbers))


def test_new_project(api):
    got = api.get(GET)
    assert set(got) == COUNTERS
    assert got == {**dict.fromkeys(KEPT, 0), "members": 1, "apiKeys": 1,
                   "providerKeys": 0}
    assert all(type(n) is int for n in got.values())


def test_added_by_the_platform(project):
    want = project.api.get(GET)
    for count, name in enumerate(KEPT):
        add(project, name, 1, 2, 39 + count)
        want[name] = 42 + count
        assert project.api.get(GET) == want


def test_largest_step_twice(project):
    """The sum leaves 32 bits behind."""
    add(project, "runs", 2**31 - 1, 2**31 - 1)
    assert project.api.get(GET)["runs"] == 2**32 - 2


def test_operator_may_take_away(project):
    project.stack.ctl("counter", "add", project.slug, "issues", "10")
    project.stack.ctl("counter", "add", project.slug, "issues", "-3")
    assert project.api.get(GET)["issues"] == 7


def test_other_projects_stay(project, other):
    add(project, "runs", 5)
    assert other.api.get(GET)["runs"] == 0


def test_only_active_members_count(project):
    for email in "a@example.com", "b@example.com":
        project.api.post("/project/members/invite",
                         {"email": email, "role": "member"})
    assert project.api.get(GET)["members"] == 1
    project.stack.ctl("member", "accept", project.slug, "a@example.com")
    assert project.api.get(GET)["members"] == 2


def test_only_live_keys_count(project):
    made = project.api.post("/project/api-keys/generate", {"name": "x"})
    assert project.api.get(GET)["apiKeys"] == 2
    project.api.post("/project/api-keys/revoke", {"keyId": made["id"]})
    assert project.api.get(GET)["apiKeys"] == 1


def test_provider_keys_count(project):
    for provider in "e2b", "github", "e2b":
        project.api.post("/project/provider-keys/set",
                         {"provider": provider, "key": "12345678"})
    assert project.api.get(GET)["providerKeys"] == 2
    project.api.post("/project/provider-keys/remove", {"provider": "e2b"})
    assert project.api.get(GET)["providerKeys"] == 1


@pytest.mark.plain     # the database's work
def test_nothing_is_lost_in_parallel(project):
    """Eight sessions, a hundred transactions each."""
    step = f"select codecourier.counter_add('{project.id}', 'runs', 1);\n"
    script = "set role codecourier_platform;\n" + step * 100
    at_once([lambda: project.stack.sql(script)] * 8)
    assert project.api.get(GET)["runs"] == 800
