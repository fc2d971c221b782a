"""401: who shows no key, or one that is not good."""
import pytest

from client import Api, raw, request_bytes
from contract import BASE62, KEYED, checksum, make_key, sent
from fixtures import make_project

EACH = pytest.mark.parametrize("method, path", KEYED, ids=[
    p[1:] for _, p in KEYED])
BOTH = pytest.mark.parametrize("method, path", [
    ("GET", "/project"), ("POST", "/project/update")], ids=["GET", "POST"])


@EACH
def test_no_key(nobody, method, path):
    error = nobody.refused("AUTH_MISSING", method, path,
                           **sent(method, path))
    assert "field" not in error and "details" not in error


@EACH
def test_unknown_key(stack, method, path):
    error = Api(stack.base, make_key()).refused(
        "AUTH_INVALID", method, path, **sent(method, path))
    assert "field" not in error and "details" not in error


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key(stack, path):
    answer = raw(stack.port, request_bytes("GET", path))
    assert answer.status == 200
    assert answer.json == {"data": {"status": "ok"}}


def other_secret(key, place):
    """The same key with one character changed and its checksum right."""
    char = "A" if key[place] != "A" else "B"
    text = key[:place] + char + key[place + 1:48]
    return text + checksum(text)


def typo(key, place):
    """The same key with one character changed and nothing else."""
    char = BASE62[(BASE62.index(key[place]) + 1) % 62]
    return key[:place] + char + key[place + 1:]


MALFORMED = {
    "empty": lambda k: "Bearer ",
    "scheme-only": lambda k: "Bearer",
    "no-scheme": lambda k: k,
    "basic": lambda k: f"Basic {k}",
    "token": lambda k: f"Token {k}",
    "glued": lambda k: f"Bearer{k}",
    "colon": lambda k: f"Bearer: {k}",
    "comma": lambda k: f"Bearer {k}, Bearer {k}",
    "twice": lambda k: f"Bearer {k} {k}",
    "quoted": lambda k: f'Bearer "{k}"',
    "one-short": lambda k: f"Bearer {k[:-1]}",
    "one-long": lambda k: f"Bearer {k}0",
    "prefix-only": lambda k: f"Bearer {k[:16]}",
    "no-checksum": lambda k: f"Bearer {k[:48]}",
    "secret-only": lambda k: f"Bearer {k[16:]}",
    "typo-in-id": lambda k: f"Bearer {typo(k, 10)}",
    "typo-in-secret": lambda k: f"Bearer {typo(k, 30)}",
    "typo-in-checksum": lambda k: f"Bearer {typo(k, 53)}",
    "lower-case": lambda k: f"Bearer {k.lower()}",
    "CC_LIVE": lambda k: f"Bearer CC_LIVE_{k[8:]}",
    "other-product": lambda k: f"Bearer sk_live_{k[8:]}",
    "other-kind": lambda k: "Bearer " + make_key(k[8:16], k[16:48], "test"),
    "prod-kind": lambda k: "Bearer " + make_key(k[8:16], k[16:48], "prod"),
    "minus-sign": lambda k: f"Bearer {k[:20]}-{k[21:]}",
    "blank-inside": lambda k: f"Bearer {k[:20]} {k[21:]}",
    "high-byte": lambda k: f"Bearer {k[:20]}\xe9{k[21:]}",
    "utf-8": lambda k: f"Bearer {k[:-2]}\xc3\xa9",
    "percent": lambda k: f"Bearer {k[:20]}%41{k[23:]}",
    "sql": lambda k: "Bearer ' or true --",
    "very-long": lambda k: "Bearer cc_live_" + "A" * 6000,
    "other-secret": lambda k: f"Bearer {other_secret(k, 16)}",
    "other-secret-end": lambda k: f"Bearer {other_secret(k, 47)}",
    "other-id": lambda k: f"Bearer {other_secret(k, 8)}",
    "zero-secret": lambda k: "Bearer " + make_key(k[8:16]),
}


@BOTH
@pytest.mark.parametrize("name", MALFORMED)
def test_not_a_good_key(shared, stack, method, path, name):
    value = MALFORMED[name](shared.key)
    head, body = [("Authorization", value)], b""
    if method == "POST":
        body = b'{"name":"No"}'
        head += [("Content-Type", "application/json"),
                 ("Content-Length", len(body))]
    answer = raw(stack.port, request_bytes(method, "/api/v1" + path, head,
                                           body), method)
    assert answer.status == 401, answer
    assert answer.json["error"]["code"] == "AUTH_INVALID"


def test_two_authorization_headers_are_not_http(shared, stack):
    head = [("Authorization", f"Bearer {shared.key}")] * 2
    answer = raw(stack.port, request_bytes("GET", "/api/v1/project", head))
    assert answer.status == 400
    assert answer.json["error"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("target", [
    "/project?api_key={}", "/project?access_token={}"])
def test_a_key_in_the_query_is_no_key(shared, nobody, target):
    nobody.refused("AUTH_MISSING", "GET", target.format(shared.key))


@pytest.mark.parametrize("name", ["X-API-Key", "Cookie",
                                  "Proxy-Authorization", "X-Authorization"])
def test_a_key_in_another_header_is_no_key(shared, nobody, name):
    nobody.refused("AUTH_MISSING", "GET", "/project",
                   headers={name: f"Bearer {shared.key}"})


@pytest.fixture(scope="module")
def ended(stack):
    """Keys that were good once, by how they ended."""
    project = make_project(stack)
    made = {}
    for name in "revoked", "expired", "live":
        made[name] = project.api.post("/project/api-keys/generate",
                                      {"name": name})
        Api(stack.base, made[name]["key"]).get("/project")
    project.api.post("/project/api-keys/revoke",
                     {"keyId": made["revoked"]["id"]})
    stack.sql("update codecourier.api_key set ends_at = now() "
              f"where id = '{made['expired']['id']}'")
    Api(stack.base, made["live"]["key"]).get("/project")
    gone = make_project(stack)
    gone.api.post("/project/delete")
    return {"revoked": made["revoked"]["key"],
            "expired": made["expired"]["key"], "deleted": gone.key,
            "unknown": make_key(), "malformed": "cc_live_x",
            "wrong": other_secret(made["live"]["key"], 20)}


@BOTH
@pytest.mark.parametrize("how", ["revoked", "expired", "deleted", "wrong"])
def test_once_good(ended, stack, method, path, how):
    body = {"body": {"name": "No"}} if method == "POST" else {}
    Api(stack.base, ended[how]).refused("AUTH_INVALID", method, path, **body)


def test_one_message_for_all(ended, stack):
    """Nobody learns from a refusal which keys there are, or were."""
    answers = [Api(stack.base, key).refused("AUTH_INVALID", "GET", "/project")
               for key in ended.values()]
    assert len({a["message"] for a in answers}) == 1
    assert len({tuple(sorted(a)) for a in answers}) == 1


def test_expires_later_is_good(project):
    project.stack.sql("update codecourier.api_key set ends_at = now() + "
                      f"interval '1 h' where id = '{project.key_id}'")
    project.api.get("/project")


@BOTH
def test_a_row_that_was_changed_is_another_key(project, other, method, path):
    """A warm key is bound to the hash it was checked against."""
    project.api.get("/project")
    other.api.get("/project")
    project.stack.sql(
        "update codecourier.api_key t set hash = s.hash, check_value = "
        "s.check_value from codecourier.api_key s where t.id = "
        f"'{project.key_id}' and s.id = '{other.key_id}'")
    body = {"body": {"name": "No"}} if method == "POST" else {}
    for _ in range(10):
        project.api.refused("AUTH_INVALID", method, path, **body)
    other.api.get("/project")
