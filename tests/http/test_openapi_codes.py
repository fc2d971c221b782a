"""Each operation of the document, and each code of each, is provoked.

By this file alone, on the stack that may be hurt: what is documented can
happen. That nothing else happens is checked with every answer of every test.
"""
import json
import os
import socket
import time

import pytest

import openapi
from client import Api, at_once, raw, request_bytes
from contract import (ABSENT, CALLS, KEYED, NOBODY, OPEN, READ_CALLS, READS,
                      WRITE_CALLS, WRITES, make_key, make_token, sent)
from fixtures import make_project, running, slow_limits
from once import HEADER, name_of, number_of
from openapi import EVERY, OPERATIONS
from session import Session
from test_overload import flood

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

ALL = [*((m, p.replace("{n}", "1")) for m, p in OPERATIONS),
       ("POST", "/api/v1/nope")]
SERVED = [o for o in ALL if o[1] != "/api/v1/openapi.json"]     # by workers
MIB = 2 ** 20
# a key that is none; nginx sees only its form
FORM = [("Authorization", f"Bearer {make_key()}")]
# a worker without memory, which tests/faults has
ELSEWHERE = {(n, 500, "INTERNAL") for n in
             ("getHealth", "getReadiness", "other")}


def call(stack, method, target, head=(), body=b"", version="HTTP/1.1", **more):
    return raw(stack.port, request_bytes(method, target, head, body, version,
                                         **more), method, timeout=25)


def each(stack, status, operations=ALL, query="", **more):
    """The same request to every operation, without a key."""
    for method, path in operations:
        answer = call(stack, method, path + query, **more)
        assert answer and answer.status == status, (method, path, answer)


def examples(project):
    """Every call with the body of its example: the server takes it."""
    api = project.api
    ids = {"$token": api.post("/project/members/invite", {
        "email": "invited@x.example", "role": "member"})["token"]}
    for write in WRITE_CALLS[:-1]:      # the last one deletes
        spec = OPERATIONS["POST", "/api/v1" + write.path].spec["requestBody"]
        (kind, media), = spec["content"].items()
        made = api.post(write.path, media["example"] if kind == "text/plain"
                        else {
            **media["example"],
            **{n: ids[v] for n, v in write.bodies[0].items()
               if isinstance(v, str) and v in ids}})
        ids.update({name: made[member]
                    for name, member in write.gives.items()})
    for path, status in [*((p, 200) for p in READS),
                         ("/project/members?limit=1&cursor=", 400)]:
        for method in "HEAD", "GET":
            assert api.send(method, path).status == status
    for method, path in OPERATIONS:
        if path in ("/healthz", "/readyz", "/api/v1/openapi.json"):
            assert call(project.stack, method, path).status == 200


def refused_keys(project):
    """403 of the workers: a key for nothing here, one for nowhere here."""
    narrow = project.api.post("/project/api-keys/generate", {"name": "narrow"})
    away = project.api.post("/project/api-keys/generate", {"name": "away"})
    project.stack.sql("update codecourier.api_key set scopes = "
                      f"'{{webhooks:read}}' where id = '{narrow['id']}'")
    project.stack.sql("update codecourier.api_key set allowed_ips = "
                      f"'{{192.0.2.1}}' where id = '{away['id']}'")
    for method, path in KEYED:
        body = sent(method, path)
        Api(project.stack.base, away["key"]).refused(
            "FORBIDDEN", method, path, **body)
        if path != "/whoami":
            Api(project.stack.base, narrow["key"]).refused(
                "SCOPE_DENIED", method, path, **body)
    project.api.refused("CONFLICT", "POST", "/project/api-keys/update",
                        {"keyId": ended(project), "name": "x"})
    project.api.refused("CONFLICT", "POST", "/project/api-keys/rotate",
                        {"keyId": ended(project)})


def ended(project):
    """A key that is revoked."""
    key = project.api.post("/project/api-keys/generate", {"name": "ended"})
    return project.api.post("/project/api-keys/revoke",
                            {"keyId": key["id"]})["id"]


def conflicts(project, other):
    """409 and 404 of the objects."""
    api, slug = project.api, other.slug
    owner = api.get("/project/members")[0]
    target = {"targetUserId": owner["userId"]}
    api.refused("CONFLICT", "POST", "/project/update", {"slug": slug})
    api.post("/project/settings/update", {"envVars": {"A": "\n"}})
    api.refused("CONFLICT", "GET",
                "/project/settings/env?set=envVars&format=docker")
    api.refused("CONFLICT", "POST", "/project/members/invite",
                {"email": owner["email"], "role": "member"})
    api.refused("CONFLICT", "POST", "/project/members/remove", target)
    api.refused("CONFLICT", "POST", "/project/members/resend", target)
    api.refused("CONFLICT", "POST", "/project/members/update-role",
                {**target, "role": "member"})
    refused_keys(project)
    project.stack.sql(
        "insert into codecourier.api_key (project_id, name, prefix, hash, "
        f"check_value) select '{project.id}', 'x', 'cc_live_' || "
        "substr(md5('c' || random() || n), 1, 8), 'x', '1234' "
        "from generate_series(1, 1000) n")
    api.refused("CONFLICT", "POST", "/project/api-keys/generate",
                {"name": "x"})
    for path, body in ABSENT.items():
        api.refused("NOT_FOUND", "POST", path, body)
    api.refused("NOT_FOUND", "GET", "/project/settings/versions/9999")


def tags(project):
    """304 of what is as it was, 412 of what is not."""
    api = project.api
    for call in READ_CALLS:
        if call.tagged:
            assert api.send("GET", call.path, headers={
                "If-None-Match": "*"}).status == 304
    api.post("/project/provider-keys/set", {"provider": "e2b", "key": "x" * 8})
    there = {"targetUserId": api.get("/project/members")[0]["userId"],
             "keyId": project.key_id, "provider": "e2b", "version": 1}
    for call in WRITE_CALLS:
        body = WRITES[call.path]
        if isinstance(body, dict):
            body = {**body, **{n: there[n] for n in body if n in there}}
        if call.tagged:
            api.refused("PRECONDITION_FAILED", "POST", call.path, body,
                        headers={"If-Match": '"1-0"'})


def repeated(project):
    """409 of an Idempotency-Key: another request, and one that runs."""
    key = "provoked"
    made = project.api.post("/project/members/invite",
                            {"email": "kept@x.example", "role": "member"})
    for path in WRITES:
        body, api_key, who = WRITES[path], project.key, project.key_id
        if path == "/credentials/revoke":   # whose key is in the body
            body = {"key": api_key}
        if path == "/invitations/accept":
            api_key, who = made["token"], made["id"]
            body = {"token": api_key}
        name = name_of(api_key, key)
        project.stack.sql(
            "insert into codecourier.replay (project_id, key_id, name, "
            f"request, answer) values ('{project.id}', '{who}', "
            f"'\\x{name.hex()}', '\\x{bytes(32).hex()}', '') "
            "on conflict do nothing")
        project.api.refused("IDEMPOTENCY_MISMATCH", "POST", path, body,
                            headers={HEADER: key})
        holder = Session(project.stack)
        holder.run(f"select pg_advisory_lock({number_of(name)})")
        project.api.refused("IDEMPOTENCY_IN_PROGRESS", "POST", path, body,
                            headers={HEADER: key})
        holder.run("select pg_advisory_unlock_all()")
        holder.close()


def refusals(project):
    """401, 400 and 415 of the workers."""
    stack = project.stack
    for method, path in CALLS:
        body = sent(method, path)
        if path not in OPEN:
            Api(stack.base).refused("AUTH_MISSING", method, path, **body)
            Api(stack.base, make_key()).refused("AUTH_INVALID", method, path,
                                                **body)
        project.api.refused("VALIDATION", method, path + "?nope=1", **body)
        if method == "POST":
            project.api.refused("UNSUPPORTED_MEDIA_TYPE", method, path,
                                headers={"Content-Type": "text/xml"},
                                **body)
    each(stack, 404, [("GET", "/nope")])
    for _, path in ALL[:-1]:
        each(stack, 405, [("PUT", path)])
        each(stack, 204, [("OPTIONS", path)])


def bounds(stack):
    """What nginx refuses before it looks for a worker."""
    each(stack, 400, host=None)
    each(stack, 413, head=[("Content-Length", 10_000 * MIB)])
    each(stack, 414, query="?" + "x" * 40_000)
    each(stack, 431, head=[("X-Long", "x" * 40_000)])
    each(stack, 501, head=[("Transfer-Encoding", "gzip")])
    each(stack, 505, version="HTTP/2.0")
    document = [("GET", "/api/v1/openapi.json")]
    each(stack, 304, document, head=[("If-None-Match", "*")])
    each(stack, 412, document, head=[("If-Match", '"x"')])


def no_worker(stack):
    path = os.path.join(stack.conf["CODECOURIER_RUNTIME_DIR"], "api.sock")
    os.rename(path, path + ".away")
    try:
        each(stack, 502, SERVED, head=FORM)
    finally:
        os.rename(path + ".away", path)


def no_answer(stack):
    workers = stack.workers()
    assert workers
    try:
        for pid in workers:
            os.kill(pid, 19)    # SIGSTOP
        at_once([lambda one=one: each(stack, 504, [one], head=FORM)
                 for one in SERVED])
    finally:
        for pid in workers:
            os.kill(pid, 18)    # SIGCONT


def too_many_open(stack):
    """The limit of open requests from one address: 500. nginx ends each after
    10 s without its body, so others come as long as there is room."""
    data = request_bytes("POST", "/api/v1/nope", [("Content-Length", 1)])
    held = []

    def hold(count):
        for _ in range(count):
            held.append(socket.create_connection(("127.0.0.1", stack.port)))
            held[-1].sendall(data)
        while len(held) > 700:
            held.pop(0).close()

    try:
        hold(500)
        for method, path in ALL:
            while call(stack, method, path).status != 503:
                hold(20)
    finally:
        for conn in held:
            conn.close()


def too_many(folder):
    """The limit of requests a second, when the burst is used up."""
    for stack in running(workers=1, limits=slow_limits(folder)):
        while b"429" not in flood(stack.port, 900):
            pass
        for method, path in ALL:
            while call(stack, method, path).status != 429:
                pass        # the one of this second


def connected_anew(stack):
    """Other workers, with all prepared. One whose session an earlier test has
    ended would only notice now, and answer 503, as it cannot prepare."""
    since = stack.rows("select now()::text as now")[0]["now"]
    workers = stack.workers()
    for pid in workers:
        os.kill(pid, 15)    # SIGTERM: the pool starts others
    ready = ("select 1 from pg_stat_activity where usename = 'codecourier' "
             f"and backend_start > '{since}' and state = 'idle' "
             "and query like '%max(version)%'")
    end = time.monotonic() + 30
    while len(stack.rows(ready)) < len(workers):
        assert time.monotonic() < end, stack.rows(ready)
        time.sleep(0.1)


def broken(project):
    """500: a table is gone, a file cannot be read."""
    stack = project.stack
    connected_anew(stack)
    head = [("Authorization", f"Bearer {project.key}"),
            ("Content-Type", "application/json"), ("Content-Length", 2)]
    keyed = [(m, "/api/v1" + p) for m, p in KEYED]
    stack.sql("alter table codecourier.api_key rename to api_key_away")
    try:
        each(stack, 500, keyed, head=head, body=b"{}")
        shown = json.dumps({"key": project.key}).encode()
        each(stack, 500, [("POST", "/api/v1/credentials/revoke")],
             head=[head[1], ("Content-Length", len(shown))], body=shown)
    finally:
        stack.sql("alter table codecourier.api_key_away rename to api_key")
    stack.sql("alter function codecourier.invitation_find rename to away")
    try:
        shown = json.dumps({"token": make_token()}).encode()
        each(stack, 500, [("POST", "/api/v1/invitations/accept")],
             head=[head[1], ("Content-Length", len(shown))], body=shown)
    finally:
        stack.sql("alter function codecourier.away rename to invitation_find")
    document = stack.run_dir / "web/openapi.json"
    mode = document.stat().st_mode
    document.chmod(0)
    try:
        each(stack, 500, [("GET", "/api/v1/openapi.json")])
    finally:
        document.chmod(mode)


@pytest.fixture(scope="module")
def provoked(spare, tmp_path_factory):
    project, other = make_project(spare), make_project(spare)
    examples(project)
    conflicts(project, other)
    tags(project)
    repeated(project)
    refusals(project)
    bounds(spare)
    no_worker(spare)
    broken(project)
    no_answer(spare)
    too_many_open(spare)
    too_many(tmp_path_factory.mktemp("limits"))
    assert spare.ctl("project", "list")
    project.api.post("/project/delete", {})
    other.api.post("/project/delete")
    return openapi.SEEN


@pytest.mark.parametrize("operation", EVERY, ids=lambda o: o.name)
def test_each_code(provoked, operation):
    never = operation.documented() - provoked - ELSEWHERE
    assert not never, sorted(never, key=str)


def test_unknown_ids_are_what_their_description_says(spare, provoked):
    """An id of any other form is absent, too: the schema takes any text."""
    api = make_project(spare).api
    for text in "", "x", NOBODY, NOBODY.upper(), "x" * 100_000:
        api.refused("NOT_FOUND", "POST", "/project/api-keys/revoke",
                    {"keyId": text})
        api.refused("NOT_FOUND", "POST", "/project/members/remove",
                    {"targetUserId": text})
