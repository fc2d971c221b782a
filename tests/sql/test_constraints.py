"""The rules that the database itself keeps, whoever writes."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import at_once
from contract import KEPT, NOBODY, PROVIDERS
from fixtures import make_project, many_projects, owners
from psql import SqlError


def refused(stack, text, state, constraint=None):
    with pytest.raises(SqlError) as got:
        stack.sql(text)
    assert got.value.state == state, got.value
    if constraint:
        assert got.value.constraint == constraint, got.value


def change(project, table, what, more="true"):
    return (f"update codecourier.{table} set {what} where "
            f"{'id' if table == 'project' else 'project_id'} = "
            f"'{project.id}' and {more}")


@pytest.mark.parametrize("table, what, constraint", [
    ("project", "name = ''", "project_name"),
    ("project", "name = repeat('x', 101)", "project_name"),
    ("project", "slug = ''", "project_slug"),
    ("project", "slug = '-a'", "project_slug"),
    ("project", "slug = 'a-'", "project_slug"),
    ("project", "slug = 'A'", "project_slug"),
    ("project", "slug = E'a\\n'", "project_slug"),
    ("project", "slug = repeat('a', 64)", "project_slug"),
    ("project", "github_repo_url = 'http://github.com/o/r'",
     "project_github_repo_url"),
    ("project", "github_repo_url = 'https://' || repeat('x', 493)",
     "project_github_repo_url"),
    ("project", "deleted_at = now()", "project_purge"),
    ("project", "purge_at = now()", "project_purge"),
    ("member", "email = 'nobody'", "member_email"),
    ("member", "email = 'a@b@c'", "member_email"),
    ("member", "email = 'a b@c'", "member_email"),
    ("member", "email = 'é@b.c'", "member_email"),
    ("member", "email = repeat('x', 250) || '@b.cd'", "member_email"),
    ("member", "role = 'viewer'", "member_role"),
    ("member", "status = 'gone', joined_at = null", "member_status"),
    ("member", "joined_at = null", "member_joined"),
    ("member", "token_hash = '\\x00'", "member_token_hash"),
    ("member", "invitation_ends_at = now()", "member_invitation"),
    ("api_key", "name = ''", "api_key_name"),
    ("api_key", "prefix = 'cc_live_short'", "api_key_prefix"),
    ("api_key", "prefix = 'cc_test_00000000'", "api_key_environment"),
    ("api_key", "prefix = 'cc_prod_00000000', environment = 'prod'",
     "api_key_prefix"),
    ("api_key", "check_value = '\\x00'", "api_key_check_value"),
    ("settings", "claude_md = repeat('x', 262145)", "settings_prompts"),
    ("settings", "sandbox_system_prompt = repeat('é', 131073)",
     "settings_prompts"),
    ("settings", "selected_skills = '{}'", "settings_selected"),
    ("settings", "selected_skills = (select jsonb_agg(i) from "
     "generate_series(1, 501) i)", "settings_selected"),
    ("settings", "git_commit_name = repeat('x', 201)", "settings_short"),
    ("settings", "convex_dev_key = '\\x00'", "settings_last4")])
def test_check(shared, table, what, constraint):
    refused(shared.stack, change(shared, table, what), "23514", constraint)


@pytest.mark.parametrize("table, what", [
    ("project", "name = null"), ("project", "slug = null"),
    ("member", "email = null"), ("member", "role = null"),
    ("api_key", "hash = null"), ("api_key", "prefix = null"),
    ("api_key", "project_id = null"), ("settings", "selected_skills = null")])
def test_not_null(shared, table, what):
    refused(shared.stack, change(shared, table, what), "23502")


@pytest.mark.parametrize("text", [
    "insert into codecourier.member (project_id, email, role) values "
    f"('{NOBODY}', 'a@b.c', 'member')",
    "insert into codecourier.provider_key (project_id, provider, sealed, "
    f"last4) values ('{NOBODY}', 'e2b', '\\x00', '1234')",
    "insert into codecourier.counter (project_id, counter, slot, value) "
    f"values ('{NOBODY}', 'runs', 0, 1)",
    "insert into codecourier.audit (project_id, actor, actor_key, action, "
    f"object, object_id) values ('{NOBODY}', 'key', '{NOBODY}', 'x', 'x', "
    "'x')"], ids=["member", "provider", "counter", "audit"])
def test_of_a_project_that_is_not(stack, text):
    refused(stack, text, "23503")


def test_a_project_with_rows_is_not_deleted(shared):
    refused(shared.stack, "delete from codecourier.project "
                           f"where id = '{shared.id}'", "23503")


def test_unknown_provider(project):
    refused(project.stack, "insert into codecourier.provider_key (project_id,"
            f" provider, sealed, last4) values ('{project.id}', 'aws', "
            "'\\x00', '1234')", "23514", "provider_key_provider")
    project.stack.sql(";".join(
        "insert into codecourier.provider_key (project_id, provider, "
        f"sealed, last4) values ('{project.id}', '{provider}', '\\x00', "
        "'1234')" for provider in PROVIDERS))


def test_slug_once_among_live_projects(project, other):
    text = change(other, "project", f"slug = '{project.slug}'")
    refused(project.stack, text, "23505", "project_slug_live")
    project.stack.sql(change(project, "project",
                             "deleted_at = now(), purge_at = now()"))
    project.stack.sql(text)
    refused(project.stack, change(project, "project",
                                  "deleted_at = null, purge_at = null"),
            "23505", "project_slug_live")


def test_email_once_without_case(shared):
    refused(shared.stack, "insert into codecourier.member (project_id, "
            f"email, role) values ('{shared.id}', upper('"
            f"{shared.owner_email}'), 'member')", "23505",
            "member_email_once")


def test_prefix_once(project, other):
    refused(project.stack, change(
        other, "api_key", f"prefix = '{project.key[:16]}'"), "23505",
        "api_key_prefix_once")


@pytest.mark.parametrize("what", [
    "update codecourier.member set role = 'admin'",
    "update codecourier.member set status = 'pending', joined_at = null",
    "delete from codecourier.member"],
    ids=["demoted", "pending", "removed"])
def test_last_owner(shared, what):
    refused(shared.stack, f"{what} where project_id = '{shared.id}'",
            "23514", "member_last_owner")
    assert len(shared.api.get("/project/members")) == 1


def test_last_owner_is_not_moved_away(project, other):
    refused(project.stack, change(project, "member",
                                  f"project_id = '{other.id}'"),
            "23514", "member_last_owner")


def test_both_owners_in_one_statement(project):
    owners(project)
    refused(project.stack, change(project, "member", "role = 'admin'"),
            "23514", "member_last_owner")


def test_owners_swapped_in_one_transaction(project):
    """One goes after another has come: that is no moment without one."""
    project.api.post("/project/members/invite",
                     {"email": "new@example.com", "role": "admin"})
    project.stack.ctl("member", "accept", project.slug, "new@example.com")
    project.stack.sql("begin; " + change(
        project, "member", "role = 'owner'", "email = 'new@example.com'")
        + "; " + change(project, "member", "role = 'member'",
                        f"email = '{project.owner_email}'") + "; commit")
    assert [m["role"] for m in project.api.get("/project/members")] == \
        ["owner", "member"]


def test_last_owner_of_two_sessions(stack):
    """Straight in SQL, three pairs: one change and one refusal each."""
    pairs = many_projects(stack, 3)
    for project in pairs:
        project.owners = owners(project)

    def demote(who):
        try:
            stack.api_sql("update codecourier.member set role = 'admin' "
                          f"where user_id = '{who}'")
            return "changed"
        except SqlError as error:
            return error.constraint or error.state

    for project in pairs:
        got = at_once([lambda w=who: demote(w) for who in project.owners])
        assert sorted(got) == ["changed", "member_last_owner"]


def test_last_owner_waits_for_an_open_change(project, session):
    """The second session decides after the first has committed."""
    first, second = owners(project)
    text = ("update codecourier.member set role = 'admin' "
            "where user_id = '{}'")
    session.run("begin; " + text.format(first))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(refused, project.stack, text.format(second),
                           "23514", "member_last_owner")
        session.await_waiting("update codecourier.member%", unless=late)
        session.release()
        late.result()


def add(project, counter, number, project_id=None):
    return ("set role codecourier_platform; select codecourier.counter_add("
            f"{project_id or repr(project.id)}, {counter}, {number})")


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "null",
                                    "9223372036854775807"])
def test_counter_add_out_of_range(shared, number):
    refused(shared.stack, add(shared, "'runs'", number), "22003")
    assert shared.api.get("/project/counters")["runs"] == 0


@pytest.mark.parametrize("name", ["nonsense", "Runs", "", "members",
                                  "apiKeys", "providerKeys"])
def test_counter_add_of_no_counter(shared, name):
    refused(shared.stack, add(shared, f"'{name}'", 1), "23514",
            "counter_name")


@pytest.mark.parametrize("which", [f"'{NOBODY}'", "null"])
def test_counter_add_to_no_project(shared, which):
    refused(shared.stack, add(shared, "'runs'", 1, which), "P0002")


def test_counter_add_to_a_deleted_project(project):
    project.api.post("/project/delete")
    refused(project.stack, add(project, "'runs'", 1), "P0002")


def test_counter_spreads_over_slots(project):
    """One session keeps to its slot, others have theirs."""
    def slots():
        (row,) = project.stack.rows(
            "select count(*) n, min(slot) low, max(slot) high, "
            "sum(value) total from codecourier.counter "
            f"where project_id = '{project.id}'")
        return row

    project.stack.sql(";".join([add(project, "'runs'", 1)] * 20))
    assert slots()["n"] == 1
    for _ in range(11):
        project.stack.psql(add(project, "'runs'", 1), project.stack.admin())
    row = slots()
    assert row["total"] == 31
    assert row["n"] > 4 and row["low"] >= 0 and row["high"] <= 63


def test_counter_add_knows(project):
    project.stack.sql(";".join(add(project, f"'{name}'", 1)
                               for name in KEPT))


@pytest.fixture(scope="module")
def audited(stack):
    """A project with a row that a key has caused."""
    made = make_project(stack)
    made.api.post("/project/update", {"name": "x"})
    return made


@pytest.mark.parametrize("what", ["actor = 'somebody'", "actor_key = null",
                                  "operator = 'root'"])
def test_audit_says_who(audited, what):
    refused(audited.stack, change(audited, "audit", what, "actor = 'key'"),
            "23514")


# ---- invitations ----

def invited(project, hash_of="sha256('x' || random()::text::bytea)"):
    """As the API's role does it."""
    return project.stack.api_sql(
        "insert into codecourier.member (project_id, email, role, token_hash) "
        f"values ('{project.id}', 'i' || random() || '@b.c', 'member', "
        f"{hash_of}) returning id")


def ends(project, member):
    """Days until the invitation ends, and whether it is there at all."""
    return project.stack.sql(
        "select coalesce(round(extract(epoch from invitation_ends_at - now()) "
        "/ 86400)::text, 'never'), status from codecourier.member where id = "
        f"'{member}'")


def test_a_token_is_of_one_member(project, other):
    hash_of = f"sha256('{project.id}')"
    invited(project, hash_of)
    with pytest.raises(SqlError) as got:
        invited(other, hash_of)
    assert got.value.constraint == "member_token_once", got.value


def test_an_invitation_has_seven_days(project):
    """From the last token on, whoever gives it, and not a change of another
    kind."""
    stack, member = project.stack, invited(project)
    assert ends(project, member) == "7|pending"
    stack.sql("update codecourier.member set invitation_ends_at = now() + "
              f"interval '2 days' where id = '{member}'")
    stack.api_sql("update codecourier.member set role = 'admin' "
                  f"where id = '{member}'")
    assert ends(project, member) == "2|pending"
    stack.api_sql("update codecourier.member set token_hash = sha256("
                  f"'{member}') where id = '{member}'")
    assert ends(project, member) == "7|pending"


def test_an_active_member_has_none(project):
    """Also where a program of before has made it one; and no token counts."""
    stack, member = project.stack, invited(project)
    stack.sql("update codecourier.member set status = 'active', joined_at = "
              f"now() where id = '{member}'")
    assert ends(project, member) == "never|active"
    stack.sql("update codecourier.member set status = 'pending', joined_at = "
              f"null where id = '{member}'")      # what is used stays used
    assert ends(project, member) == "never|pending"
    stack.sql("update codecourier.member set status = 'active', joined_at = "
              f"now() where id = '{member}'")
    stack.api_sql("update codecourier.member set token_hash = sha256("
                  f"'{member}') where id = '{member}'")
    assert ends(project, member) == "never|active"


@pytest.mark.parametrize("what", ["another hash", "another member",
                                  "another project", "nothing"])
def test_the_api_makes_a_member_by_its_token_only(project, other, what):
    stack, member = project.stack, invited(project, f"sha256('{project.id}')")
    hash_of = f"sha256('{project.id}')" if what != "another hash" else \
        "sha256('x')"
    args = (f"'{other.id if what == 'another project' else project.id}', "
            f"'{invited(project) if what == 'another member' else member}', "
            f"{'null' if what == 'nothing' else hash_of}")
    assert stack.api_sql("select * from codecourier.invitation_accept("
                         f"{args}, null)") == ""
    assert ends(project, member) == "7|pending"


def test_a_holders_row_names_no_operator(project):
    for who in "actor_key, operator", "operator":
        values = f"'{NOBODY}', 'root'" if "," in who else "'root'"
        refused(project.stack,
                f"insert into codecourier.audit (project_id, actor, {who}, "
                "action, object, object_id) values "
                f"('{project.id}', 'holder', {values}, 'x', 'x', 'x')",
                "23514", "audit_who")
