"""Twenty projects with two owners each; both go at the same moment.

ROUNDS says how often (default 3; the acceptance asks for 100).
"""
import pytest

from client import Line, at_once
from fixtures import make_project, many_projects, owners, rounds

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

ROLE = "/project/members/update-role"
REMOVE = "/project/members/remove"
PAIRS = 20


@pytest.fixture(scope="module")
def pairs(stack):
    found = many_projects(stack, PAIRS)
    for project in found:
        project.owners = owners(project)
        assert len(project.owners) == 2
        project.lines = [Line(stack.port, project.key) for _ in range(2)]
    return found


def demote(line, who, role):
    return lambda: line.post(ROLE, {"targetUserId": who, "role": role})


@pytest.mark.parametrize("number", range(rounds(3)))
def test_both_demotions_at_once(pairs, number):
    """Of each pair exactly one goes, and one owner is left."""
    role = ("admin", "member")[number % 2]
    got = at_once([demote(line, who, role) for project in pairs
                   for line, who in zip(project.lines, project.owners)])
    for index, project in enumerate(pairs):
        both = [status for status, _ in got[index * 2:index * 2 + 2]]
        assert sorted(both) == [200, 409], got[index * 2:index * 2 + 2]
        loser = project.owners[both.index(200)]
        people = {m["userId"]: m["role"]
                  for m in project.api.get("/project/members")}
        assert sorted(people.values()) == sorted(["owner", role])
        assert people[loser] == role
        project.api.post(ROLE, {"targetUserId": loser, "role": "owner"})


@pytest.mark.parametrize("calls", [
    [(REMOVE, {}), (REMOVE, {})],
    [(REMOVE, {}), (ROLE, {"role": "member"})]],
    ids=["both-removed", "one-removed-one-demoted"])
def test_other_ways_to_go(stack, calls):
    for _ in range(rounds(3)):
        project = make_project(stack)
        people = owners(project)
        got = at_once([
            lambda w=who, p=path, m=more: Line(stack.port, project.key).post(
                p, {"targetUserId": w, **m})[0]
            for who, (path, more) in zip(people, calls)])
        assert sorted(got) == [200, 409]
        roles = [m["role"] for m in project.api.get("/project/members")]
        assert roles.count("owner") == 1


def test_three_owners_leave_one(stack):
    project = make_project(stack)
    people = owners(project, 3)
    got = at_once([lambda w=who: Line(stack.port, project.key).post(
        ROLE, {"targetUserId": w, "role": "member"})[0] for who in people])
    assert sorted(got) == [200, 200, 409]
