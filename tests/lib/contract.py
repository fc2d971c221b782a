"""What every answer of the service must look like, whatever was asked.

Nothing here knows the server: it is what clients were promised, as assertions;
openapi.py is the document that they get.
"""
import functools
import json
import re
import time
from dataclasses import dataclass, field
from typing import Callable

import openapi
from api_key import (BASE62, checksum, make_key,  # for those who ask here
                     make_token)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY = re.compile(r"cc_(live|test)_[0-9A-Za-z]{46}")
TOKEN = re.compile(r"cc_inv_[0-9A-Za-z]{46}")
NOBODY = "00000000-0000-4000-8000-000000000000"

# code: the statuses it may come with; no other pair is an answer of ours
CODES = {
    "VALIDATION": {400},
    "BAD_REQUEST": {400},
    "AUTH_MISSING": {401},
    "AUTH_INVALID": {401},
    "FORBIDDEN": {403},
    "SCOPE_DENIED": {403},
    "NOT_FOUND": {404},
    "METHOD_NOT_ALLOWED": {405},
    "CONFLICT": {409},
    "IDEMPOTENCY_MISMATCH": {409},
    "IDEMPOTENCY_IN_PROGRESS": {409},
    "PRECONDITION_FAILED": {412},
    "PAYLOAD_TOO_LARGE": {413},
    "URI_TOO_LONG": {414},
    "UNSUPPORTED_MEDIA_TYPE": {415},
    "RATE_LIMITED": {429},
    "HEADERS_TOO_LARGE": {431},
    "INTERNAL": {500},
    "NOT_IMPLEMENTED": {501, 505},
    "UNAVAILABLE": {502, 503},
    "TIMEOUT": {504},
}
ERROR_KEYS = {"code", "message", "field", "details", "requestId", "retryable"}

PROJECT = {"id", "_id", "name", "slug", "githubRepoUrl", "_creationTime",
           "updatedAt", "etag"}
DELETED = {"id", "_id", "deleted", "deletedAt", "purgeAt"}
TEXTS = ["sandboxSystemPrompt", "claudeMd", "issueDiscoveryPrompt"]
LISTS = ["selectedSkills", "selectedCommands", "selectedScripts"]
MAPS = ["envVars", "deployEnvVars"]
CONVEX = ["convexDeployKey", "convexDevKey"]
SHORT = ["learningTemplateId", "learningModel", "mergingTemplateId",
         "mergingModel", "gitCommitName"]
EMPTY_SETTINGS = {
    **dict.fromkeys(TEXTS), **{n: [] for n in LISTS}, **{n: {} for n in MAPS},
    "testUserCredentials": {}, **dict.fromkeys(CONVEX),
    **dict.fromkeys(SHORT), "gitCommitEmail": None}
MEMBER = {"id", "_id", "userId", "email", "name", "role", "status",
          "invitedAt", "joinedAt", "_creationTime", "invitationExpiresAt",
          "etag"}
INVITED = {*MEMBER, "token"}
ACCEPTED = {"projectId", "projectName", "userId", "email", "role", "status"}
MEMBER_REMOVED = {"id", "_id", "userId", "removed"}
PROVIDERS = ["anthropic", "anthropic_token", "e2b", "github", "openai",
             "openrouter"]
PROVIDER_KEY = {"provider", "last4", "_creationTime", "updatedAt", "etag"}
API_KEY = {"id", "_id", "name", "prefix", "environment", "scopes",
           "disabled", "allowedIps", "rateLimit", "_creationTime", "updatedAt",
           "lastUsedAt", "expiresAt", "revoked", "revokedAt", "rotatedFrom",
           "rotatedTo", "etag"}
WHOAMI = {"keyId", "projectId", "name", "prefix", "environment", "scopes",
          "createdAt", "lastUsedAt", "expiresAt", "rateLimit", "allowedIps"}
KEPT = ["runs", "sandboxes", "workflows", "personas", "issueSessions",
        "issues", "learnings"]
COUNTERS = {*KEPT, "members", "apiKeys", "providerKeys"}

AUDIT_ROW = {"id", "at", "actor", "action", "object", "objectId", "fields",
             "requestId", "address", "number", "hash"}

# headers of every answer, whoever gives it; what has no body needs not all
OF_BODIES = {"content-type", "content-length"}
ALWAYS = openapi.ALWAYS | OF_BODIES

# ---- the calls ----

MARK = "planted7zq8x"      # in every text that a good body gives away
LATER = (int(time.time()) + 86400) * 1000   # tomorrow
LONG = MARK * 24            # more than json-c's buffers start with


@dataclass(frozen=True)
class Read:
    """A GET. Of a list that comes in pages `table` is where its rows are,
    and `by` the write whose `fill` makes one."""
    path: str               # below /api/v1
    table: str = None
    by: str = None
    scope: str = None       # that its key needs; None: any key will do
    keyed: bool = True      # needs a key
    filters: tuple = ()     # query parameters beside those of a page
    tagged: bool = False    # what it shows has a tag: takes If-None-Match
    query: str = None       # that it cannot do without
    route: str = None       # what the path is one of, if it is one of many


@dataclass(frozen=True)
class Write:
    """A POST, and all that tests of every call want to know of it.

    `bodies` (texts where the call takes text) have each of its fields, and
    each changes something, one after the other, in a project that
    fixtures.furnish() has filled, which adds by `fill`; "$…" in them is an id
    that some `gives` tells of.
    """
    path: str               # below /api/v1
    scope: str              # that its key needs; None: it needs none
    action: str             # what its audit row says
    bodies: tuple
    object: str = None      # of that row; None: the answer's id or the project
    never: dict = None      # nothing is wrong with it; is never written
    absent: dict = None     # the same, of an object that nobody has
    fill: Callable = None   # (mark, n): the body of the n-th thing
    gives: dict = field(default_factory=dict)   # "$…": member of the answer
    keyed: bool = True      # needs a key
    holder: str = None      # its actor's id, where no key is needed
    tagged: bool = True     # what it changes has a tag: takes If-Match
    query: str = None       # that it cannot do without


def full_settings():
    """Each of the settings, the values as different as may be."""
    return {
        **dict.fromkeys(TEXTS, MARK + 'é"\\\n' * 40), TEXTS[0]: LONG,
        TEXTS[-1]: None,
        **dict.fromkeys(LISTS, [MARK]), LISTS[-1]: [],
        LISTS[0]: [f"{MARK}-{n}" for n in range(30)],
        "envVars": {f"PLANTED_NAME{n}": MARK * 3 for n in range(12)},
        "deployEnvVars": {"PLANTED_NAME": LONG},
        "testUserCredentials": {MARK: [1, 2.5, True, None, {"b": LONG}]},
        **dict.fromkeys(CONVEX, MARK), CONVEX[-1]: None,
        **dict.fromkeys(SHORT, MARK), "gitCommitEmail": "root@localhost"}


def column(name):
    """What the column of a setting is called."""
    return re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name)


def filled_settings(mark, n):
    return {
        **dict.fromkeys(TEXTS + SHORT, f"{mark} {n}"), **dict.fromkeys(LISTS, [mark]),
        **dict.fromkeys([*MAPS, "testUserCredentials"], {mark: mark}),
        **{n: f"{mark}-{n}" for n in CONVEX},
        "gitCommitEmail": f"{mark}@example.com"}


READ_CALLS = [
    Read("/project", scope="projects:read", tagged=True),
    Read("/project/settings", scope="settings:read", tagged=True),
    Read("/project/settings/versions", scope="settings:read",
         table="settings_version", by="/project/settings/update"),
    Read("/project/settings/versions/1", scope="settings:read",
         route="/project/settings/versions/{n}"),
    Read("/project/settings/env", scope="settings:read", query="set=envVars"),
    Read("/project/members", table="member", scope="members:read",
         by="/project/members/invite"),
    Read("/project/provider-keys", scope="provider-keys:read"),
    Read("/project/api-keys", table="api_key", scope="api-keys:read",
         by="/project/api-keys/generate"),
    Read("/project/counters", scope="counters:read"),
    Read("/project/audit-log", scope="audit:read", filters=(
        "action", "actor", "object", "since", "until")),
    Read("/whoami"),
]
# a thing's writes in the order of its life; the project ends with the last
WRITE_CALLS = [
    Write("/project/update", "projects:write",
          "project.update",
          ({"name": f"  {MARK}  ", "slug": "$slug",
            "githubRepoUrl": f"https://example.org/o/{MARK}"},),
          never={"name": "Never Written"},
          fill=lambda mark, n: {
              "name": mark, "githubRepoUrl": f"https://example.com/{mark}/x"}),
    Write("/project/settings/update", "settings:write",
          "settings.update",
          (full_settings(),
           *({n: v} for n in CONVEX for v in (MARK + "-2", None)),
           {**dict.fromkeys(CONVEX, MARK), "claudeMd": "x",
            "envVars": {"A": MARK}},
           dict.fromkeys(EMPTY_SETTINGS)),
          never={"gitCommitName": "Never Written"}, fill=filled_settings),
    Write("/project/settings/rollback", "settings:write",
          "settings.rollback", ({"version": 2}, {"version": 1}),
          absent={"version": 2**53 - 1}),
    Write("/project/settings/env/import", "settings:write",
          "settings.import", (f"A='{MARK}'\n", f"A=1\nB={LONG}\n"),
          never="NEVER=written", query="set=deployEnvVars"),
    Write("/project/members/invite", "members:write",
          "member.invite",
          ({"email": f"0@{MARK}.example", "role": "owner"},),
          never={"email": "never@example.com", "role": "member"},
          fill=lambda mark, n: {"email": f"{n}@{mark}.example",
                                "role": "admin"},
          gives={"$user": "userId", "$member": "id"}, tagged=False),
    Write("/project/members/resend", "members:write", "member.resend",
          ({"targetUserId": "$user"},), object="$member",
          absent={"targetUserId": NOBODY}, tagged=False),
    Write("/project/members/update-role", "members:write",
          "member.update-role",
          ({"targetUserId": "$user", "role": "owner"},), object="$member",
          absent={"targetUserId": NOBODY, "role": "admin"}),
    Write("/project/members/remove", "members:write",
          "member.remove",
          ({"targetUserId": "$user"},), object="$member",
          absent={"targetUserId": NOBODY}),
    Write("/project/provider-keys/set", "provider-keys:write",
          "provider-key.set",
          tuple({"provider": p, "key": MARK} for p in PROVIDERS[::-1]),
          object="provider",
          never={"provider": "e2b", "key": "never-written"},
          fill=lambda mark, n: {"provider": PROVIDERS[n],
                                "key": f"{PROVIDERS[n]}-{mark}"}),
    Write("/project/provider-keys/remove", "provider-keys:write",
          "provider-key.remove",
          tuple({"provider": p} for p in PROVIDERS), object="provider",
          absent={"provider": "e2b"}),
    Write("/project/api-keys/generate", "api-keys:write",
          "api-key.generate",
          ({"name": f" {MARK} 0 ", "environment": "test",
            "scopes": ["settings:read", "api-keys:write"],
            "expiresAt": LATER, "allowedIps": ["::1"], "rateLimit": 9,
            "disabled": True},),
          never={"name": "Never Written"},
          fill=lambda mark, n: {"name": f"{mark} {n}"},
          gives={"$key": "id"}, tagged=False),
    Write("/project/api-keys/update", "api-keys:write", "api-key.update",
          ({"keyId": "$key", "name": MARK, "scopes": ["projects:read"],
            "expiresAt": LATER,
            "allowedIps": ["127.0.0.0/8", "::1"], "rateLimit": 1000,
            "disabled": True},
           {"keyId": "$key", "expiresAt": None, "allowedIps": None,
            "rateLimit": None, "disabled": False}),
          object="$key", absent={"keyId": NOBODY, "name": "Never Written"}),
    Write("/project/api-keys/rotate", "api-keys:write", "api-key.rotate",
          ({"keyId": "$key", "graceSeconds": 3600},),
          object="$key", absent={"keyId": NOBODY}),
    Write("/project/api-keys/revoke", "api-keys:write",
          "api-key.revoke", ({"keyId": "$key"},),
          object="$key", absent={"keyId": NOBODY}),
    Write("/credentials/revoke", None,
          "api-key.revoke", ({"key": "$found"},),
          object="$foundId", never={"key": make_key()}, keyed=False,
          tagged=False),
    Write("/invitations/accept", None, "member.accept",
          ({"token": "$token", "name": f" {MARK} "},), object="$invited",
          absent={"token": make_token()}, keyed=False, tagged=False,
          holder="$invited"),
    Write("/project/delete", "projects:write",
          "project.delete", ({},), never={}),
]
READS = [r.path for r in READ_CALLS]
PAGED = {r.path: r.table for r in READ_CALLS if r.table}
# every write with a body that nothing is wrong with
NEEDED = {r.path: r.query for r in READ_CALLS + WRITE_CALLS if r.query}
WRITES = {w.path: w.never if w.absent is None else w.absent
          for w in WRITE_CALLS}
# of those that take JSON
JSON_WRITES = {p: b for p, b in WRITES.items() if not isinstance(b, str)}
ABSENT = {w.path: w.absent for w in WRITE_CALLS if w.absent}
# method and path of them all, and of those that need a key
CALLS = [("GET", p) for p in READS] + [("POST", p) for p in WRITES]
CALL_IDS = [p[1:] for _, p in CALLS]
OPEN = {c.path for c in READ_CALLS + WRITE_CALLS if not c.keyed}
KEYED = [(m, p) for m, p in CALLS if p not in OPEN]


def route(path):
    """What the server's tables and the document call a call's path."""
    return next((r.route for r in READ_CALLS if r.path == path and r.route),
                path)


def named(body, ids):
    """A body with the ids that its "$…" stand for; a text has none."""
    if isinstance(body, str):
        return body
    return {n: ids.get(v, v) if isinstance(v, str) else v
            for n, v in body.items()}


def fields(call, body):
    """The names that a write with this body gives."""
    return [call.query.split("=")[1]] if call.query else sorted(body)


def target(path):
    """A path, with the query that the call cannot do without if it has none."""
    return f"{path}?{NEEDED[path]}" if path in NEEDED else path


def sent(method, path):
    """What Api.send() needs beside them, for a call that is refused."""
    return {"body": WRITES[path]} if method == "POST" else {}


# of answers that are no JSON
TEXT_TYPE = "text/plain; charset=utf-8"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METRICS_LINE = re.compile(r"# (HELP|TYPE) \S+ \S.*|\w+(\{.*\})? [0-9.]+")


class Answer:
    """One HTTP answer, the same whoever fetched it."""

    def __init__(self, method, status, headers, body, target=None):
        self.method = method
        self.status = status
        self.headers = headers      # (lower-case name, value) pairs
        self.body = body
        self.target = target        # path and query as sent, if known

    def header(self, name):
        """A header's value, or None; twice the same one is an error."""
        found = [v for n, v in self.headers if n == name.lower()]
        assert len(found) < 2, (name, found)
        return found[0] if found else None

    @property
    def is_metrics(self):
        """GET /metrics, which only the operator's port has."""
        return self.status == 200 and self.target in (None, "/metrics") and \
            self.header("Content-Type") == METRICS_TYPE

    @property
    def is_text(self):
        """Variables in a form that is no JSON."""
        return self.status == 200 and \
            self.header("Content-Type") == TEXT_TYPE and (
                self.target is None or openapi.is_variables(self))

    @functools.cached_property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.method} {self.status} {self.body[:600]!r}>"


def check_headers(answer):
    """The headers that no answer may lack."""
    names = {n for n, _ in answer.headers}
    some = answer.method == "HEAD" or answer.status in (204, 304)
    assert ALWAYS - (OF_BODIES if some else set()) <= names, answer
    assert UUID.fullmatch(answer.header("X-Request-ID").lower()), answer
    assert answer.header("Cache-Control") == "no-store", answer
    assert answer.header("X-Content-Type-Options") == "nosniff", answer
    foreign = [h for h in answer.headers if h[0].startswith("access-control")]
    anybodys = openapi.is_document(answer) and answer.status in (200, 304)
    assert foreign == ([("access-control-allow-origin", "*")] if anybodys
                       else []), foreign
    if answer.status in (204, 304):
        assert answer.body == b"", answer
        assert bool(answer.header("Allow")) == (answer.status == 204), answer
        return
    assert answer.header("Content-Type") == "application/json" or \
        answer.is_metrics or answer.is_text, answer
    if answer.method != "HEAD":
        length = answer.header("Content-Length")
        assert length == str(len(answer.body)), (length, answer)


def check_rate(answer):
    """Both headers or none; none where no key was judged, or a bad one."""
    told = answer.header("RateLimit-Policy"), answer.header("RateLimit")
    assert (told[0] is None) == (told[1] is None), answer
    assert told[0] is None or answer.status not in (204, 401, 405), answer
    if told[0] and answer.status == 429 and "API key" in answer.json[
            "error"]["message"]:
        assert told[1].startswith('"key";r=0;t='), answer
        assert int(answer.header("Retry-After")) <= 60, answer


def check_tag(answer):
    """ETag and the `etag` of the one object in the answer are the same."""
    data = answer.json.get("data")
    tag = data.get("etag") if isinstance(data, dict) else None
    assert answer.header("ETag") == tag, answer


def untagged(thing):
    """What an object shows beside its tag, and what of it counts changes."""
    return {n: v for n, v in thing.items() if n not in ("etag", "version")}


def check_details(error):
    """Complaints about a body: the first one's field leads the error.

    A complaint about the body as a whole has the empty field, which the
    error then leaves out.
    """
    if "details" not in error:
        return
    details = error["details"]
    assert 1 <= len(details) <= 100, error
    for one in details:
        assert set(one) == {"field", "message"}, error
        assert isinstance(one["field"], str) and one["message"], error
    assert error.get("field", "") == details[0]["field"], error


def check_error(answer):
    """The form of a refusal: members, code with status, its own headers."""
    assert list(answer.json) == ["error"], answer
    error = answer.json["error"]
    assert {"code", "message", "requestId"} <= set(error) <= ERROR_KEYS, error
    assert answer.status in CODES[error["code"]], answer
    assert error["message"] and isinstance(error["message"], str), error
    assert error["requestId"] == answer.header("X-Request-ID"), answer
    check_details(error)
    challenge = answer.header("WWW-Authenticate")
    assert challenge == ("Bearer" if answer.status == 401 else None), answer
    assert bool(answer.header("Allow")) == (answer.status == 405), answer
    waits = answer.header("Retry-After")
    running = error["code"] == "IDEMPOTENCY_IN_PROGRESS"
    if answer.status in (429, 502, 503) or running:
        assert waits and int(waits) >= 1, answer
    if answer.status == 429 or running:
        assert error["retryable"] is True, error
    elif answer.status < 500:
        assert error.get("retryable", False) is False, error
    else:
        assert isinstance(error["retryable"], bool), error


def check(answer):
    """Every rule that holds for any answer at all; gives it back."""
    check_headers(answer)
    check_rate(answer)
    if answer.method == "HEAD" or answer.status in (204, 304):
        assert answer.body == b"", answer
    elif answer.is_metrics:
        for line in answer.body.decode().rstrip("\n").split("\n"):
            assert METRICS_LINE.fullmatch(line), line
        return answer
    elif answer.is_text or answer.status == 200 and \
            openapi.is_variables(answer):
        pass
    elif answer.status == 200:
        assert answer.header("Idempotency-Replayed") in (None, "true"), answer
        keys = set(answer.json)
        if isinstance(answer.json.get("data"), list):
            assert keys == {"data", "nextCursor", "hasMore"}, answer
            more = answer.json["hasMore"]
            assert more is (answer.json["nextCursor"] is not None), answer
        elif not openapi.is_document(answer):
            assert keys == {"data"}, answer
        if not openapi.is_document(answer):
            check_tag(answer)
    else:
        check_error(answer)
    openapi.check(answer)
    return answer


def same_id(obj):
    """id and _id are one lower-case UUID."""
    assert obj["id"] == obj["_id"], obj
    assert UUID.fullmatch(obj["id"]), obj
    return obj["id"]
