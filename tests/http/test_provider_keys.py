"""GET provider-keys, set, remove."""
import time

import pytest

from contract import PROVIDER_KEY, PROVIDERS
from fixtures import written
from session import tick

LIST = "/project/provider-keys"
SET = "/project/provider-keys/set"
REMOVE = "/project/provider-keys/remove"


def test_none_at_first(api):
    assert api.page(LIST) == {"data": [], "nextCursor": None,
                              "hasMore": False}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_set(api, provider):
    got = api.post(SET, {"provider": provider, "key": "sk-ant-0123-abcd"})
    assert set(got) == PROVIDER_KEY
    assert got["provider"] == provider
    assert got["last4"] == "abcd"
    assert abs(got["_creationTime"] - time.time() * 1000) < 60_000
    assert type(got["updatedAt"]) is int
    assert api.get(LIST) == [got]


def test_list_is_by_name(api):
    for provider in reversed(PROVIDERS):
        api.post(SET, {"provider": provider, "key": f"key-of-{provider}"})
    page = api.page(LIST)
    assert [r["provider"] for r in page["data"]] == sorted(PROVIDERS)
    assert page["nextCursor"] is None and page["hasMore"] is False


def test_set_again_replaces(api):
    first = api.post(SET, {"provider": "github", "key": "first-key-1111"})
    tick(first["updatedAt"])
    second = api.post(SET, {"provider": "github", "key": "second-key-2222"})
    assert second["last4"] == "2222"
    assert second["_creationTime"] == first["_creationTime"]
    assert second["updatedAt"] > first["updatedAt"]
    assert api.get(LIST) == [second]


def test_set_and_reveal(project):
    """What the runtime gets is what was set, character for character."""
    key = "".join(chr(c) for c in range(0x21, 0x7f))
    project.api.post(SET, {"provider": "e2b", "key": key})
    got = project.stack.ctl("provider-key", "reveal", project.slug, "e2b")
    assert got["key"] == key


@pytest.mark.parametrize("key", ["12345678", "x" * 1020 + "last",
                                 "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
                         ids=["8", "1024", "signs"])
def test_key_accepted(api, key):
    assert api.post(SET, {"provider": "openai", "key": key})[
        "last4"] == key[-4:]


@pytest.mark.parametrize("key", [
    "", "1234567", "x" * 1025, "1234 5678", " 12345678", "12345678 ",
    "1234567é8", "12345678\n", "1234\t5678", "1234567\u007f", "1234567\u0001",
    "\U0001f680" * 8, None, 12345678, True, [], {}, ["12345678"]],
    ids=lambda v: f"{v!r:.20}")
def test_key_refused(refusing, key):
    error = refusing.invalid(SET, {"provider": "e2b", "key": key}, "key")
    if isinstance(key, str) and key:
        assert key not in str(error), "the key stands in the refusal"


@pytest.mark.parametrize("path, rest", [
    (SET, {"key": "12345678"}), (REMOVE, {})], ids=["set", "remove"])
@pytest.mark.parametrize("provider", [
    "", "E2B", "Anthropic", "e2b ", " e2b", "aws", "anthropic-token",
    "open_router", "e2b\n", None, 1, True, [], ["e2b"], {}], ids=repr)
def test_provider_refused(refusing, path, rest, provider):
    refusing.invalid(path, {"provider": provider, **rest}, "provider")


@pytest.mark.parametrize("path, body, missing", [
    (SET, {}, ["key", "provider"]),
    (SET, {"provider": "e2b"}, ["key"]),
    (SET, {"key": "12345678"}, ["provider"]),
    (REMOVE, {}, ["provider"])])
def test_required_field(refusing, path, body, missing):
    error = refusing.refused("VALIDATION", "POST", path, body)
    assert sorted(d["field"] for d in error["details"]) == missing


@pytest.mark.parametrize("path, body", [
    (SET, {"provider": "e2b", "key": "12345678"}),
    (REMOVE, {"provider": "e2b"})], ids=["set", "remove"])
@pytest.mark.parametrize("name", ["name", "last4", "id", "Key"])
def test_unknown_field(refusing, path, body, name):
    refusing.invalid(path, {**body, name: "x"}, name)


def test_remove(api):
    for provider in "e2b", "openai":
        api.post(SET, {"provider": provider, "key": "12345678"})
    assert api.post(REMOVE, {"provider": "e2b"}) == \
        {"provider": "e2b", "removed": True}
    assert [r["provider"] for r in api.get(LIST)] == ["openai"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_remove_absent(refusing, provider):
    error = refusing.refused("NOT_FOUND", "POST", REMOVE,
                             {"provider": provider}, field="provider")
    assert error["message"] == "The project has no key of this provider."


def test_remove_twice(project):
    project.api.post(SET, {"provider": "e2b", "key": "12345678"})
    project.api.post(REMOVE, {"provider": "e2b"})
    before = written(project)
    project.api.refused("NOT_FOUND", "POST", REMOVE, {"provider": "e2b"})
    assert written(project) == before


def test_reveal_of_an_absent_one(project):
    error = project.stack.ctl("provider-key", "reveal", project.slug, "e2b",
                              code=3)
    assert error["code"] == "NOT_FOUND"


def test_set_again_after_removal_is_new(api):
    first = api.post(SET, {"provider": "e2b", "key": "12345678"})
    api.post(REMOVE, {"provider": "e2b"})
    tick(first["_creationTime"])
    again = api.post(SET, {"provider": "e2b", "key": "12345678"})
    assert again["_creationTime"] > first["_creationTime"]
