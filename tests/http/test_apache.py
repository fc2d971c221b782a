"""Apache in front of the same service: by mod_proxy_fcgi to the pool, and as
CGI program under mod_cgid and mod_cgi. Every answer goes through check()."""
import re
import socket
import time
import uuid

import pytest

from apache import WAYS, fronts
from client import Api, at_once, raw, request_bytes
from contract import (Answer, CALLS, EMPTY_SETTINGS, KEYED, check,
                      check_error, check_headers, sent, untagged)
from fixtures import make_project, written
from harness import ROOT, program
from test_before_body import AROUND
from test_log_form import KEY, PARTS, TARGETS, escaped
from test_refuse_route import UNKNOWN, allow, allowed
from test_request_id import wait_for

TARGET = "/api/v1/project"
BODY = 2 * 1024 * 1024
LINE = b"GET /api/v1/project HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def all_fronts(stack):
    yield from fronts(stack, WAYS)


# to a program, cgi is as cgid, and proxy as nginx
SANITIZED = "cgid"


def marks(way, more=False):
    return [pytest.mark.plain] if more or way != SANITIZED else []


@pytest.fixture(params=[pytest.param(w, marks=marks(w)) for w in WAYS])
def front(request, all_fronts):
    return all_fronts[request.param]


def matrix(names, values, ids=None):
    """Each of the values once by a server that passes the request on and once
    by one that starts a program, which is where ways differ; what passes
    there goes by the third way, and past the sanitizers, in one example."""
    ids = ids or [str(v) if isinstance(v, str) else None for v in values]
    return pytest.mark.parametrize(f"front, {names}", [
        pytest.param(way, *(value if "," in names else [value]),
                     id=None if name is None else f"{way}-{name}",
                     marks=marks(way, n > 0))
        for n, (value, name) in enumerate(zip(values, ids))
        for way in (WAYS if n == 0 else ["proxy", "cgid"])],
        indirect=["front"])


@pytest.fixture(scope="module")
def home(shared):
    """A project whose key has been verified on this host. None of its
    requests may write anything, and at the end of the file none has."""
    return shared


@pytest.fixture(scope="module")
def writer(stack):
    """A project for single writes."""
    return make_project(stack)


@pytest.fixture
def user(front, home):
    """The owner of that project, through Apache."""
    return Api(front.base, home.key)


def test_all_calls(front, stack):
    """Of every kind, once each, with a key that was never seen before."""
    api = Api(front.base, make_project(stack).key)
    assert api.get("/project")["name"] == "Test"
    assert api.post("/project/update", {"name": "New"})["name"] == "New"
    text = "\u00e9" * 100_000
    got = api.post("/project/settings/update",
                   {"claudeMd": text, "envVars": {"A": "b"}})
    assert untagged(got) == {**EMPTY_SETTINGS, "claudeMd": text,
                             "envVars": {"A": "b"}}
    assert api.get("/project/settings") == got
    member = api.post("/project/members/invite",
                      {"email": "m@example.com", "role": "member"})
    target = {"targetUserId": member["userId"]}
    api.post("/project/members/update-role", {**target, "role": "admin"})
    assert len(api.page("/project/members?limit=100")["data"]) == 2
    api.post("/project/members/remove", target)
    api.post("/project/provider-keys/set", {"provider": "e2b",
                                            "key": "long-enough"})
    assert len(api.get("/project/provider-keys")) == 1
    api.post("/project/provider-keys/remove", {"provider": "e2b"})
    made = api.post("/project/api-keys/generate", {"name": "Second"})
    second = Api(front.base, made["key"])
    assert second.get("/project/counters")["apiKeys"] == 2
    api.post("/project/api-keys/revoke", {"keyId": made["id"]})
    second.refused("AUTH_INVALID", "GET", "/project")
    assert [k["revoked"] for k in api.get("/project/api-keys")] == \
        [True, False]
    third = api.post("/project/api-keys/generate", {"name": "Third"})["key"]
    Api(front.base).post("/credentials/revoke", {"key": third})
    Api(front.base, third).refused("AUTH_INVALID", "GET", "/project")
    api.post("/project/delete")
    api.refused("AUTH_INVALID", "GET", "/project")


@matrix("method, path", KEYED, ids=[p[1:] for _, p in KEYED])
def test_no_key(front, method, path):
    body = sent(method, path)
    Api(front.base).refused("AUTH_MISSING", method, path, **body)
    Api(front.base, "cc_live_x").refused("AUTH_INVALID", method, path, **body)


@matrix("method, path, wrong", [
    (*call, wrong) for wrong in ["PUT", "PATCH", "DELETE", "BREW"]
    for call in [CALLS[0], CALLS[-1]]])
def test_wrong_method(user, method, path, wrong):
    answer = user.send(wrong, path)
    assert answer.status == 405, answer
    assert allow(answer) == allowed(method)


def test_the_other_method(user):
    assert allow(user.send("POST", "/project")) == allowed("GET")
    assert allow(user.send("HEAD", "/project/update")) == allowed("POST")


def test_head(user):
    head, get = user.send("HEAD", "/project"), user.send("GET", "/project")
    assert head.status == get.status == 200
    for name in "Content-Type", "Content-Length", "Cache-Control":
        assert head.header(name) == get.header(name)


@pytest.mark.parametrize("path", ["/project", "/project/update"])
def test_options(front, path):
    """mod_cgi answers by itself, for all paths alike."""
    answer = Api(front.base).send("OPTIONS", path)
    assert answer.status == 204
    expected = allowed("GET" if path == "/project" else "POST")
    if front.way != "proxy":
        expected = {"GET", "HEAD", "OPTIONS", "POST"}
    assert allow(answer) == expected


@matrix("target", UNKNOWN)
def test_no_such_route(front, home, target):
    """Also for who has a good key: the path counts as it was sent."""
    head = [("Authorization", f"Bearer {home.key}"),
            ("Content-Type", "application/json"), ("Content-Length", "13")]
    answer = raw(front.port, request_bytes(
        "POST", target, head, b'{"name":"No"}'), "POST")
    assert answer.status == 404, answer
    assert answer.json["error"]["code"] == "NOT_FOUND"


@matrix("query", ["-t", "-w", "a+b", "limit=1"])
def test_query(user, query):
    user.refused("VALIDATION", "GET", f"/project?{query}")


@matrix("body", [b'{"name": ', b"[]", b'{"name": 1}', b'{"nope": 1}',
                 b"\xff", b""])
def test_bad_json(user, body):
    user.refused("VALIDATION", "POST", "/project/update", raw=body)


def padded(size):
    body = b'{"name":"Padded"}'
    return body + b" " * (size - len(body))


def test_largest_body(front, writer):
    answer = Api(front.base, writer.key).send("POST", "/project/update", raw=padded(BODY))
    assert answer.status == 200


@pytest.mark.parametrize("size", [BODY + 1, 3 * BODY])
def test_body_above(front, home, size):
    """Refused by its length: nothing of it is sent."""
    head = [("Authorization", f"Bearer {home.key}"),
            ("Content-Type", "application/json"), ("Content-Length", size)]
    answer = raw(front.port, request_bytes(
        "POST", f"{TARGET}/update", head), "POST")
    assert answer.status == 413, answer


@pytest.mark.parametrize("size, status", [(200_000, 200), (BODY + 1, 413)])
def test_chunked_body(front, writer, size, status):
    """Under CGI it has no length, so it is refused."""
    before = written(writer)
    head = [("Authorization", f"Bearer {writer.key}"),
            ("Content-Type", "application/json"),
            ("Transfer-Encoding", "chunked")]
    data = padded(size)
    parts = [data[n:n + 65536] for n in range(0, size, 65536)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts)
    answer = raw(front.port, request_bytes(
        "POST", f"{TARGET}/update", head, body + b"0\r\n\r\n"), "POST",
        check=check if status == 200 and front.way == "proxy" else own)
    assert answer.status == (status if front.way == "proxy" else 501)
    assert written(writer) - before == (answer.status == 200)


# what Apache refuses by itself: bytes, status, code
OWN = {
    "words": (b"what is this\r\n\r\n", 400, "BAD_REQUEST"),
    "no-host": (LINE + b"\r\n", 400, "BAD_REQUEST"),
    "bad-percent": (b"GET /api/v1/%zz HTTP/1.1\r\n" + HOST + b"\r\n",
                    400, "BAD_REQUEST"),
    "above-root": (b"GET /../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
                   400, "BAD_REQUEST"),
    "percent-nul": (b"GET /api/v1/project%00 HTTP/1.1\r\n" + HOST + b"\r\n",
                    404, "NOT_FOUND"),
    "long-line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
                  414, "URI_TOO_LONG"),
    "long-header": (LINE + HOST + b"X: " + b"x" * 9000 + b"\r\n\r\n",
                    400, "BAD_REQUEST"),
    "expect": (LINE + HOST + b"Expect: x\r\n\r\n", 417, "BAD_REQUEST"),
    "no-version": (b"GET /api/v1/project\r\n\r\n", 400, "BAD_REQUEST"),
    "nothing-there": (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
                      404, "NOT_FOUND"),
    "trace": (b"TRACE /api/v1/project HTTP/1.1\r\n" + HOST + b"\r\n",
              405, "METHOD_NOT_ALLOWED"),
    "large-body": (b"POST /api/v1/project/update HTTP/1.1\r\n" + HOST +
                   b"Content-Length: 9999999999\r\n\r\n",
                   413, "PAYLOAD_TOO_LARGE")}


def own(answer):
    """The form of Apache's refusals, which may differ in few things: a second
    and empty Allow, also at a 501; two statuses that nginx never has; and the
    end of the connection may be the end of the answer."""
    methods = [v for n, v in answer.headers if n == "allow" and v]
    pairs = [(n, v) for n, v in answer.headers if n != "allow"]
    if answer.status == 405:
        pairs.append(("allow", ", ".join(methods)))
    if answer.header("Connection") == "close" and \
            answer.header("Content-Length") is None:
        pairs.append(("content-length", str(len(answer.body))))
    found = Answer(answer.method, answer.status, pairs, answer.body)
    check_headers(found)
    if found.status in (408, 417):
        found.status = 400
    check_error(found)
    return Answer(answer.method, answer.status, pairs, answer.body)


@pytest.mark.plain
@matrix("name", list(OWN))
def test_apaches_own_refusals(front, name):
    data, status, code = OWN[name]
    answer = raw(front.port, data, check=own)
    assert answer is not None and answer.status == status, answer
    assert answer.json["error"]["code"] == code


@pytest.mark.parametrize("target, status", [(TARGET, 401), ("/nope", 404)])
def test_request_id(front, target, status):
    """The client's own if it is one, else a new one, for everybody's
    answers."""
    given = str(uuid.uuid4())
    answer = raw(front.port, request_bytes(
        "GET", target, [("X-Request-ID", given)]))
    assert answer.status == status
    assert answer.header("X-Request-ID") == given
    seen = {raw(front.port, request_bytes(
        "GET", target, [("X-Request-ID", "x")])).header("X-Request-ID")
        for _ in range(10)}
    assert len(seen) == 10
    assert given in (front.root / "codecourier.log").read_text()
    given = given.replace("-", "").upper()
    answer = raw(front.port, request_bytes(
        "GET", target, [("X-Request-ID", given)]))
    assert answer.header("X-Request-ID") == "-".join(
        [given[:8], given[8:12], given[12:16], given[16:20], given[20:]])


def test_address_in_the_audit(front, stack, writer):
    rid = str(uuid.uuid4())
    Api(front.base, writer.key).post("/project/update", {"name": "Seen"},
                                     headers={"X-Request-ID": rid})
    row, = stack.rows("select host(address) as address from "
                      f"codecourier.audit where request_id = '{rid}'")
    assert row == {"address": "127.0.0.1"}


def test_health(front):
    for path in "/healthz", "/readyz":
        answer = raw(front.port, request_bytes("GET", path))
        assert answer.json == {"data": {"status": "ok"}}


@pytest.mark.plain
def test_openapi(front, stack):
    """The same document, without a key, and nothing else of its kind."""
    path = "/api/v1/openapi.json"
    mine = raw(front.port, request_bytes("GET", path))
    assert mine.status == 200
    assert mine.body == raw(stack.port, request_bytes("GET", path)).body
    head = raw(front.port, request_bytes("HEAD", path), "HEAD")
    assert head.header("Content-Length") == str(len(mine.body))
    tag = mine.header("ETag")
    for value in tag, "*":
        got = raw(front.port, request_bytes("GET", path,
                                            [("If-None-Match", value)]))
        assert got.status == 304 and got.header("ETag") == tag
    got = raw(front.port, request_bytes("GET", path,
                                        [("If-None-Match", '"x"')]))
    assert got.status == 200
    answer = raw(front.port, request_bytes("OPTIONS", path), "OPTIONS")
    assert answer.status == 204 and allow(answer) == allowed("GET")
    for method in "POST", "PUT", "BREW":
        answer = raw(front.port, request_bytes(method, path), method,
                     check=own)
        assert answer.status == 405 and allow(answer) == allowed("GET")
    gone = raw(front.port, request_bytes("GET", path + "/x"))
    assert gone.status == 404


def test_tags(front, home):
    """Apache judges none of it itself, and takes no header away."""
    api = Api(front.base, home.key)
    for path in "/project", "/project/settings":
        tag = api.get(path)["etag"]
        for value in tag, f'"x", W/{tag}', "*":
            for method in "GET", "HEAD":
                got = api.send(method, path, headers={"If-None-Match": value})
                assert got.status == 304 and got.header("ETag") == tag
        for value in '"x"', "x":
            got = api.send("GET", path, headers={
                "If-None-Match": value, "If-Match": value})
            assert got.status == 200
        got = api.send("POST", path + "/update", {},
                       headers={"If-Match": '"1-0"'})
        assert got.status == 412 and got.header("ETag") == tag
        for value in tag, "*", f'"1-0", {tag}':
            api.post(path + "/update", {}, headers={"If-Match": value})


@pytest.mark.plain
def test_more_at_once_than_are_served(front, home):
    """Than there are workers, or programs let in: each waits for its turn."""
    answers = at_once([lambda: Api(front.base, home.key).send(
        "GET", "/project", timeout=60)] * 40)
    assert {a.status for a in answers} == {200}


def test_log_holds_no_key(front, user, home):
    user.get("/project")
    user.refused("VALIDATION", "POST", "/project/update", {"slug": home.key})
    text = front.said() + (front.root / "codecourier.log").read_text()
    assert home.key[16:] not in text


def logged(front, rid):
    """The request line in Apache's log."""
    def read():
        return (front.root / "codecourier.log").read_text()
    (line,) = wait_for(read, rid)
    return re.search(r' request="((?:[^"\\]|\\.)*)" status=', line)[1]


@pytest.mark.plain
@pytest.mark.parametrize("name", TARGETS)
def test_a_key_in_the_request_line(front, name):
    target, ends = TARGETS[name]
    rid = str(uuid.uuid4())
    raw(front.port, request_bytes("GET", target, [
        ("X-Request-ID", rid), ("Referer", f"http://x/{KEY}")]), check=own)
    line = logged(front, rid)
    assert line.endswith(ends) and len(line) <= 203, line
    text = front.said() + (front.root / "codecourier.log").read_text()
    for part in PARTS:
        assert part not in text and escaped(part) not in text.upper()


@pytest.mark.plain
@pytest.mark.parametrize("target", ["/x?" + "a" * 6000, "/x?" + '"' * 6000,
                                    "/x?" + "\\" * 6000,
                                    "/x?" + "%ff" * 2000],
                         ids=lambda t: t[:6])
def test_a_long_request_line(front, target):
    rid = str(uuid.uuid4())
    raw(front.port, request_bytes("GET", target, [("X-Request-ID", rid)]),
        check=own)
    line = logged(front, rid)
    assert line.endswith("...") and len(line) <= 203, line


@pytest.mark.plain
@pytest.mark.parametrize("value", AROUND)
def test_blanks_around_a_key(front, home, value):
    for method, target in ("GET", TARGET), ("POST", TARGET + "/update"):
        head = [("Authorization", value.format(home.key)),
                ("Content-Type", "application/json")]
        body = b'{"name":""}' if method == "POST" else b""
        answer = raw(front.port, request_bytes(
            method, target, [*head, ("Content-Length", len(body))], body),
            method)
        assert answer.status == (200 if method == "GET" else 400), answer


@pytest.mark.plain
def test_connections_are_kept(all_fronts):
    """Longer than the 60 s of balancers; so nginx, too."""
    answer = raw(all_fronts["proxy"].port, request_bytes(
        "GET", "/healthz", [("Connection", "keep-alive")]))
    assert "timeout=75" in answer.header("Keep-Alive")
    conf = (ROOT / "nginx/server.conf").read_text()
    assert "\nkeepalive_timeout 75s;\n" in conf


def half(front, home, body=b"x" * 100_000):
    """A client that has sent a half of its body."""
    conn = socket.create_connection(("127.0.0.1", front.port), 20)
    conn.sendall(request_bytes("POST", f"{TARGET}/update", [
        ("Authorization", f"Bearer {home.key}"),
        ("Content-Type", "application/json"),
        ("Content-Length", 2 * len(body))], body))
    return conn


@pytest.mark.plain
def test_slow_bodies_hold_no_worker(all_fronts, home, stack):
    """More of them than workers: the others are served meanwhile."""
    front = all_fronts["proxy"]
    slow = [half(front, home) for _ in range(20)]
    for _ in range(20):
        Api(front.base, home.key).get("/project")
    for conn in slow:
        conn.close()


@pytest.mark.plain
def test_killed_clients(front, home):
    """Gone in the middle of a body: nothing is done, and nothing is left."""
    for conn in [half(front, home) for _ in range(4)]:
        conn.close()
    end = time.monotonic() + 15
    while programs(front):
        assert time.monotonic() < end, front.said()[-2000:]
        time.sleep(0.1)
    Api(front.base, home.key).get("/project")


def programs(front):
    """CGI programs of this Apache that run."""
    return [p for p in front.pids() if program(p) == "project-api.fcgi"]


@pytest.mark.plain
@pytest.mark.parametrize("way", ["cgid", "cgi"])
def test_one_process_a_request(all_fronts, home, stack, way):
    """None is left over, and each has said its line."""
    front = all_fronts[way]
    ids = [str(uuid.uuid4()) for _ in range(8)]
    for rid in ids:
        answer = Api(front.base, home.key).send(
            "GET", "/project", headers={"X-Request-ID": rid})
        assert answer.status == 200
    end = time.monotonic() + 10
    while programs(front):
        assert time.monotonic() < end
        time.sleep(0.05)
    found = re.findall(r" rid=(\S+) .* status=200 ", front.said())
    assert [rid for rid in found if rid in ids] == ids
