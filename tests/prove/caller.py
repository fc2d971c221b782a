"""What sends requests and writes them down, and what it knows of a project."""
import hashlib
import http.client
import json
import random
import time
import uuid
from dataclasses import dataclass, field

from shown import shown_nothing

PATIENCE = [0.5, 1, 3, 12]  # seconds for an answer, by client


@dataclass
class Key:
    id: str
    secret: str
    ended: float = None     # by this client's clock, as it was answered


NOBODY = Key(None, "")


@dataclass
class Project:
    """What the clients know of a project, right or wrong."""
    id: str
    admin: Key
    keys: list = field(default_factory=list)
    rated: Key = None
    members: dict = field(default_factory=dict)     # id → userId
    invitations: dict = field(default_factory=dict)     # id → [(name, token)]
    tags: dict = field(default_factory=dict)        # object → the last one
    version: int = 0        # of the settings, the last one seen

    def thing(self, kind, name=""):
        return kind, self.id, name


class Caller:
    """Sends requests, and writes them down."""

    def __init__(self, arena, number, seed):
        self.number, self.ops = number, []
        self.random = random.Random(f"{seed} client {number}")
        self.ports = [h.port for h in arena.hosts]
        self.lines = [None] * len(self.ports)

    def exchange(self, host, method, path, body, head):
        line = self.lines[host]
        if line is None:
            line = self.lines[host] = http.client.HTTPConnection(
                "127.0.0.1", self.ports[host],
                timeout=PATIENCE[self.number % len(PATIENCE)])
        try:
            line.request(method, "/api/v1" + path, body, head)
            got = line.getresponse()
            return got, got.read()
        except (OSError, http.client.HTTPException):
            line.close()
            self.lines[host] = None
            return None, b""

    def close(self):
        for line in self.lines:
            if line:
                line.close()

    def send(self, op, method, path, key, body=None, show=shown_nothing,
             project=None):
        """One request; the data of its answer, or None."""
        op.client, op.host = self.number, self.random.randrange(
            len(self.ports)) if op.host is None else op.host
        op.rid = str(uuid.UUID(int=self.random.getrandbits(128)))
        op.writes = method == "POST"
        head = {"X-Request-ID": op.rid}
        if key and key.secret:
            head["Authorization"] = f"Bearer {key.secret}"
            op.key = key.id
        if op.group:
            head["Idempotency-Key"] = op.group
        if op.if_match:
            head["If-Match" if op.writes else "If-None-Match"] = op.if_match
        if body is not None:
            is_text = isinstance(body, str)
            head["Content-Type"] = "text/plain" if is_text else \
                "application/json"
            body = body if is_text else json.dumps(body)
        self.ops.append(op)
        op.begin, wall = time.monotonic(), time.time()
        got, text = self.exchange(op.host, method, path, body, head)
        if not got:
            op.wall = wall, op.wall[1]
            time.sleep(0.05)
            return None
        op.wall, op.end = (wall, time.time()), time.monotonic()
        op.status, op.etag = got.status, got.getheader("ETag")
        return self.read(op, got, text, show, project)

    def read(self, op, got, text, show, project):
        op.replayed = got.getheader("Idempotency-Replayed") == "true"
        if op.status == 304:
            op.seen = [(op.object, {}, op.etag)]
            return None
        answer = json.loads(text)
        if "error" in answer:
            op.code = answer["error"]["code"]
            op.retryable = bool(answer["error"].get("retryable"))
            if op.status >= 500 or op.code == "IDEMPOTENCY_IN_PROGRESS":
                time.sleep(0.05)
            return None
        if op.group:
            op.digest = hashlib.blake2b(text, digest_size=8).digest()
        data = answer.get("data", answer)
        op.seen = show(project, data)
        for thing, state, tag in op.seen:
            if tag:
                project.tags[thing] = tag
            if thing[0] == "settings" and "version" in state:
                project.version = max(project.version, state["version"])
        return data
