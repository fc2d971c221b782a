"""A key that 1.2.0 has narrowed, and a program that knows of no such keys (1.1.0),
on this schema: it is nobody's there, never wider (narrowed.sql)."""
import itertools
from pathlib import Path

import pytest

from contract import NOBODY
from psql import SqlError
from states import migration, older

PREPARED = (Path(__file__).parent / "narrowed.sql").read_text()
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
        given = ", ".join(f"'{v}'" for v in values)
        return self.project.stack.api_sql(
            f"SET search_path = codecourier; {PREPARED}"
            f"EXECUTE {name}({given})")

    def state(self, name, *values):
        with pytest.raises(SqlError) as got:
            self.ask(name, *values)
        return got.value.state

    def whose(self):
        return self.project.id, self.key_id, self.digest

    def live(self):
        return self.ask("key_by_prefix", self.prefix).split("|")[-1]


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
    made = old.project.api.post("/project/api-keys/rotate", {
        "keyId": old.key_id, "graceSeconds": 60})
    is_served(Old(old.project, made["id"]))


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
