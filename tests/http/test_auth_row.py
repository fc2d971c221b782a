"""What a key's row says decides, in the transaction that does the work, and
whoever wrote it: a restored database, an operator's SQL, an attacker's."""
import base64
import hashlib
import os

import pytest

from client import Api, Line, at_once
from contract import BASE62, KEYED, checksum, make_key, sent
from few import few
from fixtures import everything, make_project, written
from metrics import total

UPDATE = "/project/settings/update"
# one of each way in which statements go behind the guard
WAYS = {
    "project": ("GET", "/project", None, 200),
    "read": ("GET", "/project/settings", None, 200),
    "page": ("GET", "/project/api-keys", None, 200),
    "write": ("POST", "/project/update", {"name": "Written"}, 200),
    "sealed": ("POST", UPDATE, {"envVars": {"A": "b"}}, 200),
    "generate": ("POST", "/project/api-keys/generate", {"name": "x"}, 200),
    "empty": ("POST", "/project/update", {}, 200),
    "refused": ("POST", "/project/update", {"name": ""}, 400),
}
ways = pytest.mark.parametrize("way", few(WAYS))


def any_key():
    """A well-formed key that nobody else has."""
    letters = "".join(BASE62[n % 62] for n in os.urandom(40))
    return make_key(letters[:8], letters[8:])


def scrypt(key, log2n=10, salt=None):
    """A stored hash, in the form of libscrypt."""
    salt = salt or os.urandom(16)
    made = hashlib.scrypt(key.encode(), salt=salt, n=1 << log2n, r=8, p=1,
                          dklen=64)
    return (f"$s1${log2n:02x}0801${base64.b64encode(salt).decode()}$"
            f"{base64.b64encode(made).decode()}")


def check_value(key):
    """The four bytes that stand beside the hash."""
    purpose = b"codecourier key check value v1".ljust(32, b"\0")
    return hashlib.blake2b(key.encode(), digest_size=16, key=purpose
                           ).hexdigest()[:8]


def plant(project, *rows):
    """Rows with these keys' prefixes: key, hash, and the check value if it is
    not the key's."""
    project.stack.sql(
        "insert into codecourier.api_key (project_id, name, prefix, "
        "environment, hash, check_value) values " + ", ".join(
            f"('{project.id}', 'planted', '{key[:16]}', 'live', '{stored}', "
            f"'\\x{check[0] if check else check_value(key)}')"
            for key, stored, *check in rows))


def cold_keys(project, count):
    """Good keys that no worker has seen."""
    keys = [any_key() for _ in range(count)]
    plant(project, *((key, scrypt(key)) for key in keys))
    return keys


def change(project, what):
    project.stack.sql(f"update codecourier.api_key set {what} where "
                      f"id = '{project.key_id}'")


def runs(project):
    return total(project.stack, "scrypt_runs_total")


def ask(api, way):
    method, path, body, status = WAYS[way]
    more = {} if body is None else {"body": body}
    answer = api.send(method, path, **more)
    assert answer.status == status, answer
    return answer


def refused(project, api, calls=(("GET", "/project"),
                                 ("POST", "/project/update")) * 2):
    """By several workers and for good; nothing is written."""
    before = everything(project)
    for method, path in calls:
        api.refused("AUTH_INVALID", method, path, **sent(method, path))
    api.refused("AUTH_INVALID", "POST", "/project/update", {"name": ""})
    assert everything(project) == before


def test_a_planted_row_that_is_right(project):
    """The tests below plant such rows with one thing wrong."""
    key = any_key()
    plant(project, (key, scrypt(key)))
    api = Api(project.stack.base, key)
    assert api.get("/project")["id"] == project.id
    api.post("/project/update", {"name": "By the planted key"})


def swapped(text, at):
    """The same text with another letter there."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]


WRONG = {
    "another key's": lambda key: scrypt(any_key()),
    "of no key": lambda key: scrypt(""),
    "of the prefix": lambda key: scrypt(key[:16]),
    "of all but the last letter": lambda key: scrypt(key[:-1]),
    "another salt": lambda key: swapped(scrypt(key), 11),
    "another cost": lambda key: scrypt(key).replace("$0a", "$0b"),
    "first letter": lambda key: swapped(scrypt(key), 36),
    "a letter of the middle": lambda key: swapped(scrypt(key), 80),
}


@pytest.mark.parametrize("how", few(WRONG))
def test_the_check_value_alone_opens_nothing(wronged, how):
    """Its four bytes only save the work of scrypt, whose verdict counts."""
    key = any_key()
    plant(wronged, (key, WRONG[how](key)))
    before = runs(wronged)
    refused(wronged, Api(wronged.stack.base, key))
    assert runs(wronged) == before + 5


@pytest.fixture(scope="module")
def wronged(stack):
    """A project with keys that open nothing."""
    return make_project(stack)


@pytest.mark.parametrize("check", few(["another key's", "zeros", "a bit"]))
def test_the_hash_alone_opens_nothing(wronged, check):
    key = any_key()
    value = check_value(key)
    plant(wronged, (key, scrypt(key), {
        "another key's": check_value(any_key()), "zeros": "00000000",
        "a bit": f"{int(value, 16) ^ 1:08x}"}[check]))
    before = runs(wronged)
    refused(wronged, Api(wronged.stack.base, key))
    assert runs(wronged) == before


@pytest.mark.parametrize("stored", ["", "$s1$", "x" * 124, "$s1$ff0801$"],
                         ids=["empty", "cut", "no-hash", "cost"])
def test_a_damaged_hash_is_our_fault(wronged, stored):
    """Nobody can say that the key is wrong: it is no 401."""
    key = any_key()
    plant(wronged, (key, stored))
    for _ in range(3):
        assert Api(wronged.stack.base, key).refused(
            "INTERNAL", "GET", "/project")["retryable"]


@pytest.fixture(scope="module")
def kept(stack):
    """A project whose key is always good in the end."""
    return make_project(stack)


@ways
def test_a_warm_key_whose_hash_was_made_anew(kept, way):
    """Of the same key, at another cost: it is verified once more, and what
    was asked for is done once."""
    project = kept
    project.api.get("/project")
    change(project, f"hash = '{scrypt(project.key)}'")
    before, rows = runs(project), written(project)
    ask(project.api, way)
    assert written(project) == rows + (way in ("write", "sealed", "generate"))
    for _ in range(16):     # whichever worker: they have it from the table
        ask(project.api, "project")
    assert runs(project) == before + 1


def test_a_warm_key_whose_hash_is_anothers(project):
    """It is refused while that stands there, and good again afterwards."""
    project.api.get("/project")
    (row,) = project.stack.rows(
        "select convert_from(hash, 'UTF8') h from codecourier.api_key "
        f"where id = '{project.key_id}'")
    change(project, f"hash = '{scrypt(any_key())}'")
    refused(project, project.api, KEYED)
    change(project, f"hash = '{row['h']}'")
    for way in WAYS:
        ask(project.api, way)


GONE = {
    "revoked": ("api_key set revoked_at = now() where id = '{key_id}'", None),
    "expired": ("api_key set ends_at = now() where id = '{key_id}'",
                "api_key set ends_at = null where id = '{key_id}'"),
    "expired long ago": (
        "api_key set ends_at = '2001-01-01' where id = '{key_id}'",
        "api_key set ends_at = now() + interval '1 day' "
        "where id = '{key_id}'"),
    "project deleted": (
        "project set deleted_at = now(), purge_at = now() where id = '{id}'",
        None),
}


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize("how", few(GONE))
def test_a_key_that_is_no_longer_good(project, how, warm):
    """Whether a worker knows it or not."""
    if warm:
        project.api.get("/project")
    end, again = GONE[how]
    project.stack.sql("update codecourier." + end.format(**vars(project)))
    before = runs(project)
    refused(project, project.api, KEYED)
    assert runs(project) == before
    if again:
        project.stack.sql("update codecourier." +
                          again.format(**vars(project)))
        for way in WAYS:
            ask(project.api, way)


@pytest.mark.parametrize("how", few(["revoked", "expired", "project deleted"]))
@pytest.mark.parametrize("way", few(["project", "read", "write", "refused"]))
def test_the_first_call_of_a_warm_key_that_is_gone(project, how, way):
    """Later ones find it out of the table; the guard alone sees this one."""
    project.api.get("/project")
    project.stack.sql("update codecourier." +
                      GONE[how][0].format(**vars(project)))
    before = everything(project)
    method, path, body, _ = WAYS[way]
    project.api.refused("AUTH_INVALID", method, path,
                        **({"body": body} if body else {}))
    assert everything(project) == before


def test_a_key_whose_row_is_gone(project):
    project.api.get("/project")
    project.stack.sql("delete from codecourier.api_key "
                      f"where id = '{project.key_id}'")
    refused(project, project.api, KEYED)


@ways
def test_a_key_that_was_given_to_another_project(kept, theirs, way):
    """The next request is that project's, and nothing is done to the one
    that it belonged to."""
    project, other = kept, theirs
    project.api.get("/project")
    before, wrote = everything(project), written(other)
    change(project, f"project_id = '{other.id}'")
    left = [r for r in before if r["row"].get("id") != project.key_id]
    ask(project.api, way)
    assert everything(project) == left
    assert written(other) == wrote + (way in ("write", "sealed", "generate"))
    assert project.api.get("/project")["id"] == other.id
    change(project, f"project_id = '{project.id}'")
    assert project.api.get("/project")["id"] == project.id


@pytest.mark.plain     # a race
def test_a_row_that_changes_while_requests_come(project):
    """Eight lines, and the hash is made anew again and again: at no time is
    the key refused. A cold one may have to come back when others take the
    places: a race, and counted."""
    project.api.get("/project")
    before = total(project.stack, "cold_refusals_total")
    lines = [Line(project.stack.port, project.key) for _ in range(8)]
    hashes = [scrypt(project.key) for _ in range(2)]
    left = [40] * len(lines)

    def asks(number):
        got = []
        while left[number]:
            got.append(lines[number].get("/project")[0])
            left[number] -= 1
        return got

    def changes():
        while any(left):
            change(project, f"hash = '{hashes[0]}'")
            change(project, f"hash = '{hashes[1]}'")
        return []

    got = at_once([lambda n=n: asks(n) for n in range(8)] + [changes])
    statuses = [status for statuses in got for status in statuses]
    refused = total(project.stack, "cold_refusals_total") - before
    assert sorted(statuses) == [200] * (320 - refused) + [503] * refused
    project.api.get("/project")


@pytest.fixture(scope="module")
def theirs(stack):
    return make_project(stack)


def test_two_rows_of_keys_that_differ_in_the_secret_only(project, theirs):
    """The prefix finds one row, and the other secret does not open it."""
    other = make_key(project.key[8:16], "0" * 32)
    assert checksum(other[:48]) == other[48:]
    for key in other, make_key(theirs.key[8:16], project.key[16:48]):
        refused(project, Api(project.stack.base, key))
