"""Workers of the version before on this schema: what they send, as they send
it (previous.sql). A key that this version has narrowed is nobody's to them,
never wider; all else they do as before, and right for this version."""
import itertools
import uuid
from pathlib import Path

import pytest

from contract import NOBODY
from psql import SqlError
from session import Session
from states import migration, older

PREPARED = (Path(__file__).parent / "previous.sql").read_text()
GUARDS = ["guard_read", "guard_project", "guard_write"]
BOTH = "'{projects:read,projects:write}'"
# by column: what narrows a key, and what undoes it
NARROW = {
    "scopes": ("'{projects:write}'", BOTH),
    "disabled": ("true", "false"),
    "allowed_ips": ("'{192.0.2.0/24,2001:db8::/32}'", "'{}'"),
    "rate_limit": ("1000000", "NULL"),
    "ends_at": ("'2999-01-01'", "NULL"),
}
WAYS = [c for n in (1, 2, len(NARROW))
        for c in itertools.combinations(NARROW, n)]


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

    def write(self, name, *values):
        return self.ask(name, self.project.id, self.key_id, uuid.uuid4(),
                        "192.0.2.1", "{}", *values)

    def state(self, name, *values):
        with pytest.raises(SqlError) as got:
            self.ask(name, *values)
        return got.value.state

    def whose(self):
        return self.project.id, self.key_id, self.digest

    def live(self):
        return self.ask("key_by_prefix", self.prefix).split("|")[-1]

    def row(self, columns="*"):
        return self.project.stack.rows(
            f"select {columns} from codecourier.api_key "
            f"where id = '{self.key_id}'")[0]


@pytest.fixture
def old(project):
    return Old(project, project.key_id)


def change(old, **columns):
    """As this version's workers may."""
    old.project.stack.api_sql("update api_key set " + ", ".join(
        f"{c} = {v}" for c, v in columns.items()) +
        f" where id = '{old.key_id}'")


def is_served(old):
    for guard in GUARDS:
        assert old.ask(guard, *old.whose()).split("|")[0] in ("t", "f")
    assert old.live() == "t"


def is_nobody(old):
    for guard in GUARDS:
        assert old.state(guard, *old.whose()) == "28000", guard


def test_all_are_prepared(old):
    assert old.ask("schema_version").split("|")[1:] == ["1", ""]


def test_a_key_as_before_is_served(old):
    is_served(old)


@pytest.mark.parametrize("ways", WAYS, ids="+".join)
def test_a_narrowed_key(old, ways):
    """Refused: "come again" where it is good for this version, as it will be
    for the worker that is to come. And back."""
    change(old, **{c: NARROW[c][0] for c in ways})
    is_nobody(old)
    if "disabled" in ways:
        assert old.live() == "f"
    else:
        assert old.state("key_by_prefix", old.prefix) == "53000"
    change(old, **{c: NARROW[c][1] for c in ways})
    is_served(old)


@pytest.mark.parametrize("scopes", [
    "projects:read", "webhooks:read", "projects:read,webhooks:write"])
def test_each_scope_that_lacks_one_of_theirs(old, scopes):
    change(old, scopes=f"'{{{scopes}}}'")
    is_nobody(old)
    assert old.state("key_by_prefix", old.prefix) == "53000"


def test_a_scope_more_is_no_less(old):
    change(old, scopes="'{webhooks:read,projects:write,projects:read}'")
    is_served(old)


@pytest.mark.parametrize("how", [
    {"revoked_at": "now()"}, {"ends_at": "now()"},
    {"ends_at": "now()", "scopes": "'{projects:read}'"},
    {"rotated_to": f"'{NOBODY}'", "ends_at": "now()"}], ids=" ".join)
def test_one_that_has_ended(old, how):
    """Not "come again": that would be for ever."""
    change(old, **how)
    is_nobody(old)
    assert old.live() == "f"


def test_the_successor_of_a_rotation_is_served(old):
    """Nothing but its links and the window tell it from another key."""
    made = Old(old.project, generate(old))
    old.project.stack.sql(
        f"update codecourier.api_key set rotated_from = '{old.key_id}', "
        f"rate_window = '{old.key_id}' where id = '{made.key_id}'")
    is_served(made)


def generate(old):
    """Their row, with a secret of nobody's."""
    prefix = f"cc_live_{uuid.uuid4().hex[:8]}"
    row = old.write("api_key_create", "of before", prefix, "live",
                    f"\\x{uuid.uuid4().hex}", "\\x01020304", 1000)
    return row.split("|")[-2]


def test_what_they_generate_is_right_for_us(old):
    made = Old(old.project, generate(old))
    is_served(made)
    row = made.row("scopes, disabled, allowed_ips, rate_limit, ends_at, "
                   "rotated_from, rotated_to, rate_window, updated_at, stamp")
    assert row == {
        "scopes": ["projects:read", "projects:write"], "disabled": False,
        "allowed_ips": [], "rate_limit": None, "ends_at": None,
        "rotated_from": None, "rotated_to": None, "rate_window": None,
        "updated_at": None, "stamp": row["stamp"]}
    assert row["stamp"] != 0
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
    change(old, ends_at="'2999-01-01'")
    before = old.row()
    old.ask("key_used", old.project.id, old.key_id)
    after = old.row()
    assert after.pop("last_used_at") and not before.pop("last_used_at")
    assert after == before


def test_their_lists_and_counters(old):
    """All of it is there; what they may not serve looks ended to them."""
    change(old, disabled="true")
    generate(old)
    page = old.ask("api_key_list", old.project.id, 10, None, None)
    assert page.count('"_id":') == 2
    assert page.count('"expiresAt":0,') == 1
    assert '"apiKeys":1,' in old.ask("counters_get", old.project.id)


def test_a_narrowing_waits_for_their_writes(old):
    """Their guard's lock is the one that this version's drain waits for."""
    stack = old.project.stack
    theirs = Session(stack, stack.conf["CODECOURIER_DATABASE"])
    ours = Session(stack)
    project, key, digest = old.whose()
    theirs.run(f"{PREPARED} begin; execute guard_write("
               f"'{project}', '{key}', '{digest}')")
    change(old, scopes="'{projects:read}'")
    assert ours.run("select count(*) from (select from codecourier.api_key "
                    f"where id = '{key}' for update skip locked) k") == ["0"]
    theirs.run("commit")
    assert ours.run("select count(*) from (select from codecourier.api_key "
                    f"where id = '{key}' for update skip locked) k") == ["1"]
    for session in theirs, ours:
        session.close()


# expires_at and scopes as SQL may have set them, -> ends_at, state, special
ROWS = [
    ("NULL", "projects:read,projects:write", "NULL", "live", "f"),
    ("'2999-01-01'", "projects:read,projects:write", "'2999-01-01'", "live",
     "t"),
    ("'2001-01-01'", "projects:read,projects:write", "'2001-01-01'",
     "expired", "t"),
    ("NULL", "projects:read", "NULL", "live", "t"),
    ("'2999-01-01'", "projects:write", "'2999-01-01'", "live", "t"),
    ("NULL", "old words, no scopes", "NULL", "live", "t"),
]


@pytest.fixture(scope="module")
def migrated(cluster):
    """A database whose keys were made, and changed by SQL, before."""
    older(cluster, 7)
    values = ", ".join(
        f"('{NOBODY}', 'key {n}', 'cc_live_0000000{n}', '\\x{n:02}', "
        f"'\\x00000000', {ends}, '{{{scopes}}}')"
        for n, (ends, scopes, *_) in enumerate(ROWS))
    cluster.sql(
        "set search_path = codecourier; set role codecourier_owner; "
        f"insert into project (id, name, slug) values ('{NOBODY}', 'x', 'x');"
        "insert into api_key (project_id, name, prefix, hash, check_value, "
        f"expires_at, scopes) values {values}; {migration(8)}")
    return cluster


@pytest.mark.parametrize("n", range(len(ROWS)))
def test_keys_of_before_the_migration(migrated, n):
    _, _, ends, state, special = ROWS[n]
    prefix = f"cc_live_0000000{n}"
    assert migrated.sql(
        f"select ends_at is not distinct from {ends}::timestamptz, "
        "codecourier.is_special(k), (expires_at = 'epoch') is true, stamp, "
        "updated_at is null from codecourier.api_key k "
        f"where prefix = '{prefix}'") == f"t|{special}|{special}|0|t"
    assert migrated.sql(
        f"select state from codecourier.key_row('{prefix}')") == state
    if state == "live" and special == "t":
        with pytest.raises(SqlError) as got:
            migrated.sql(f"select codecourier.key_by_prefix('{prefix}')")
        assert got.value.state == "53000"


def test_scopes_of_before_are_kept_until_they_change(migrated):
    """Not names of scopes: an update of another column passes by, as this
    version may revoke such a key and name it anew."""
    where = "where prefix = 'cc_live_00000005'"
    migrated.sql(f"update codecourier.api_key set name = 'y' {where}")
    with pytest.raises(SqlError):
        migrated.sql("update codecourier.api_key set scopes = "
                     f"'{{other words}}' {where}")
