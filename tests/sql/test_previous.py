"""Workers of the version before on this schema: what they send, as they send
it (previous.sql). All that they do is right for this version."""
import uuid
from pathlib import Path

import pytest

from psql import SqlError
from session import Session

PREPARED = (Path(__file__).parent / "previous.sql").read_text()
GUARDS = ["guard_read", "guard_project", "guard_write"]
BOTH = "{projects:read,projects:write}"


class Old:
    """A session of such a worker, and one key."""

    def __init__(self, project, key_id):
        self.project, self.key_id = project, key_id
        self.prefix, self.digest = project.stack.sql(
            "select prefix, digest from codecourier.api_key "
            f"where id = '{key_id}'").split("|")

    def ask(self, name, *values):
        """One statement's rows; SqlError if it is refused."""
        given = ", ".join("NULL" if v is None else f"'{v}'" for v in values)
        return self.project.stack.api_sql(
            f"SET search_path = codecourier; {PREPARED}"
            f"EXECUTE {name}{f'({given})' if values else ''}")

    def write(self, name, *values, fields="{}", key=None):
        """What it answers; it changes something."""
        row = self.ask(name, self.project.id, key or self.key_id,
                       uuid.uuid4(), "192.0.2.1", fields, *values)
        assert row or name == "api_key_revoke_held"
        return row

    def state(self, name, *values):
        with pytest.raises(SqlError) as got:
            self.ask(name, *values)
        return got.value.state

    def whose(self):
        """What a worker remembers of the key, as it is now."""
        return self.project.id, self.key_id, self.digest, self.row()["stamp"]

    def live(self):
        return self.ask("key_row", self.prefix).split("|")[-1]

    def row(self, columns="*"):
        return self.project.stack.rows(
            f"select {columns} from codecourier.api_key "
            f"where id = '{self.key_id}'")[0]


@pytest.fixture
def old(project):
    return Old(project, project.key_id)


def is_served(old):
    for guard in GUARDS:
        assert old.ask(guard, *old.whose()).split("|")[0] in ("t", "f")
    assert old.live() == "live"


def generate(old):
    """Their row, with a secret of nobody's."""
    row = old.write("api_key_generate", "of before",
                    f"cc_live_{uuid.uuid4().hex[:8]}", "live",
                    f"\\x{uuid.uuid4().hex}", "\\x01020304", 1000, BOTH, None,
                    "{}", None, "f")
    return row.split("|")[0]


def writes(old):
    """Each of their statements that leaves an audit row; yields its name, and
    whose tag it has changed: table and row."""
    project, ask = old.project, old.ask

    def did(name, *values, changed=(None, None), **more):
        old.write(name, *values, **more)
        return name, changed

    yield did("project_update", "of before", None, None, fields="{name}",
              changed=("project", project.id))
    ask("settings_deploy_key", project.id, "\\x00", "abcd")
    ask("settings_dev_key", project.id, "\\x00", "abcd")
    yield did("settings_update", *[None] * 15, 0, 0,
              changed=("settings", project.id))
    yield did("member_invite", "new@example.com", "admin", 1000)
    user = project.stack.rows("select id, user_id from codecourier.member "
                              "where email = 'new@example.com'")[-1]
    yield did("member_update_role", user["user_id"], "member",
              changed=("member", user["id"]))
    yield did("member_remove", user["user_id"])
    yield did("provider_key_set", "e2b", "\\x00", "abcd")
    yield did("provider_key_set", "e2b", "\\x01", "abcd",
              changed=("provider_key", "e2b"))
    yield did("provider_key_remove", "e2b")
    made = Old(project, generate(old))
    yield "api_key_generate", (None, None)
    key = "api_key", made.key_id
    yield did("api_key_update", made.key_id, made.row()["stamp"], "y", None,
              None, None, None, None, fields="{name}", changed=key)
    yield did("api_key_rotate", made.key_id, made.row()["stamp"],
              f"cc_live_{uuid.uuid4().hex[:8]}", f"\\x{uuid.uuid4().hex}",
              "\\x01020304", 1000, 60, changed=key)
    yield did("api_key_revoke", made.key_id, changed=key)
    held = Old(project, generate(old))
    yield "api_key_generate", (None, None)
    yield did("api_key_revoke_held", held.digest, key=held.key_id,
              changed=("api_key", held.key_id))
    yield did("project_delete", 30)


def test_these_are_all_that_they_write(old):
    wanted = {text.split()[0] for text in PREPARED.split("PREPARE ")[1:]
              if "INSERT INTO audit" in " ".join(text.split())}
    assert {name for name, _ in writes(old)} == wanted


def test_all_are_prepared(old):
    assert old.ask("schema_version").split("|")[1:] == ["1", ""]


def test_a_key_is_served(old):
    """Also one that this version has changed meanwhile, and made."""
    is_served(old)
    before = old.whose()
    old.project.api.post("/project/api-keys/update", {
        "keyId": old.key_id, "rateLimit": 1000})
    for guard in GUARDS:
        assert old.state(guard, *before) == "28000"
    is_served(old)
    made = old.project.api.post("/project/api-keys/generate", {"name": "x"})
    is_served(Old(old.project, made["id"]))


def test_what_they_generate_is_right_for_us(old):
    made = Old(old.project, generate(old))
    is_served(made)
    row = made.row("scopes, disabled, allowed_ips, rate_limit, ends_at, "
                   "rotated_from, rotated_to, rate_window, updated_at, stamp")
    assert row.pop("stamp") != 0
    assert row == {
        "scopes": ["projects:read", "projects:write"], "disabled": False,
        "allowed_ips": [], "rate_limit": None, "ends_at": None,
        "rotated_from": None, "rotated_to": None, "rate_window": None,
        "updated_at": None}
    found = old.project.stack.api_sql(
        "select id, state, rate_window = id, key_room ~ '^[0-9A-Za-z]{2}$' "
        f"from key_row('{made.prefix}')")
    assert found == f"{made.key_id}|live|t|t"


def test_what_they_revoke_is_gone_here(old):
    assert old.project.api.get("/project")
    before = old.row("stamp, updated_at")
    old.write("api_key_revoke", old.key_id)
    old.ask("api_key_drain", old.project.id, old.key_id)
    old.project.api.refused("AUTH_INVALID", "GET", "/project")
    after = old.row("stamp, updated_at, revoked_at")
    assert after["stamp"] != before["stamp"]
    assert after["updated_at"] == after["revoked_at"]


def test_their_last_use_costs_us_nothing(old):
    """What a worker of ours remembers of the key stays true."""
    before = old.row()
    old.ask("key_used", old.project.id, old.key_id)
    after = old.row()
    assert after.pop("last_used_at") and not before.pop("last_used_at")
    assert after == before


def test_their_lists_and_counters(old):
    generate(old)
    page = old.ask("api_key_list", old.project.id, 10, None, None)
    assert page.count('"_id":') == 2
    assert '"apiKeys":2,' in old.ask("counters_get", old.project.id)


def test_a_narrowing_waits_for_their_writes(old):
    """Their guard's lock is the one that this version's drain waits for."""
    stack, key = old.project.stack, old.key_id
    theirs = Session(stack, stack.conf["CODECOURIER_DATABASE"])
    ours = Session(stack)
    given = ", ".join(f"'{v}'" for v in old.whose())
    theirs.run(f"{PREPARED} begin; execute guard_write({given})")
    stack.api_sql("update api_key set scopes = '{projects:read}' "
                  f"where id = '{key}'")
    assert ours.run("select count(*) from (select from codecourier.api_key "
                    f"where id = '{key}' for update skip locked) k") == ["0"]
    theirs.run("commit")
    assert ours.run("select count(*) from (select from codecourier.api_key "
                    f"where id = '{key}' for update skip locked) k") == ["1"]
    for session in theirs, ours:
        session.close()
