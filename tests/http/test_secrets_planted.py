"""Secrets planted by a little traffic of every kind are then looked for where
they must not be: dump and raw files of the database, logs, processes, temporary
files, the memory of idle workers. Each search is shown to find what is there.
"""
import base64
import os
import re
import secrets
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from client import Api
from fixtures import make_project, running
from session import Session, gate

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

UPDATE = "/project/settings/update"
SET = "/project/provider-keys/set"
HOLDER = "/credentials/revoke"
PIECE = 12      # bytes of a secret that are as bad as all of it


class Secrets:
    """Markers by what they are part of."""

    def __init__(self):
        self.known = {}
        self.heads = {}     # what a form begins with: those forms

    def add(self, name, text):
        self.known[name] = text
        for form in self.forms(text):
            self.heads.setdefault(form[:8], []).append((name, form))

    def new(self, name):
        """They begin alike, to be looked for all at once."""
        self.add(name, "Planted-secret-" + secrets.token_hex(20))
        return self.known[name]

    def key(self, name, key):
        """A full API key: its prefix is no secret."""
        self.add(name, key[16:])
        return key

    def token(self, name, made):
        """The token of an invitation, which has no prefix."""
        self.add(name, made["token"][7:])
        return made["token"]

    @staticmethod
    def forms(text):
        """The bytes of all ways to write a secret down."""
        data = text.encode()
        yield data
        yield data.hex().encode()
        yield data.hex().upper().encode()
        yield text.encode("utf-16-le")
        for shift in range(3):
            # without the characters that neighbours have a part in
            code = base64.b64encode(b"\0" * shift + data)[4:-4]
            yield code
            yield code.translate(bytes.maketrans(b"+/", b"-_"))

    def pieces(self):
        for name, text in self.known.items():
            for at in [*range(0, len(text) - PIECE, PIECE),
                       len(text) - PIECE]:
                yield f"{name}[{at}:]", text[at:at + PIECE].encode()

    def within(self, data):
        """The names of all that stand in these bytes."""
        return {name for head, found in self.heads.items() if head in data
                for name, form in found if form in data}


def refusals(api, mark):
    """Requests that fail, with secrets in every place of them."""
    secret = mark("refused")
    for path, body in [
            (UPDATE, {"envVars": {"1": secret}}),
            (UPDATE, {"envVars": {"A": "é" * 40000 + secret}}),
            (UPDATE, {"convexDevKey": secret + "é"}),
            (UPDATE, {"claudeMd": secret, "noSuchField": secret}),
            (SET, {"provider": secret, "key": secret}),
            (SET, {"provider": "e2b", "key": secret + " "}),
            ("/project/members/invite", {"email": secret, "role": secret}),
            ("/project/api-keys/generate", {"name": secret * 9})]:
        api.refused("VALIDATION", "POST", path, body)
    for raw in (f'{{"claudeMd":"{secret}', f'{{"a":"\\x{secret}"}}',
                f'["{secret}"]', f'{{"key":"{secret}","key":1}}'):
        api.refused("VALIDATION", "POST", SET, raw=raw.encode())
    api.refused("UNSUPPORTED_MEDIA_TYPE", "POST", SET, raw=secret.encode(),
                headers={"Content-Type": "text/plain"})
    api.refused("NOT_FOUND", "POST", "/project/none", {"key": secret})
    api.refused("PAYLOAD_TOO_LARGE", "POST", UPDATE,
                raw=secret.encode() * 60000)


def too_much(api, mark):
    """Refused by the database: together more than 1 MiB."""
    api.post(UPDATE, {"deployEnvVars": {
        f"V{n}": mark("deploy") + "v" * 60000 for n in range(12)}})
    api.refused("VALIDATION", "POST", UPDATE, {"envVars": {
        f"V{n}": mark("env-too-much") + "v" * 60000 for n in range(12)}})


def keys(project, plant):
    """API keys made, used, wrong, revoked."""
    api, base = project.api, project.stack.base
    plant.key("first key", project.key)
    made = api.post("/project/api-keys/generate", {"name": "second"})
    second = Api(base, plant.key("generated key", made["key"]))
    second.get("/project/settings")
    Api(base, made["key"][:-1] + "!").refused("AUTH_INVALID", "GET",
                                              "/project")
    Api(base, made["key"]).refused(
        "AUTH_INVALID", "GET", "/project",
        headers={"Authorization": f"Basic {made['key']}"})
    api.post("/project/api-keys/revoke", {"keyId": made["id"]})
    second.refused("AUTH_INVALID", "GET", "/project/settings")
    found = api.post("/project/api-keys/generate", {"name": "found"})
    holder = Api(base)
    for _ in range(6):      # both workers
        holder.post(HOLDER, {"key": plant.key("found key", found["key"])})
    holder.refused("VALIDATION", "POST", HOLDER, {"key": found["key"] + " "})


def tokens(project, plant):
    """Of invitations: told, sent anew, used, wrong, and one that waits."""
    api, nobody = project.api, Api(project.stack.base)
    accept, invite = "/invitations/accept", "/project/members/invite"
    first = api.post(invite, {"email": "a@x.example", "role": "owner"})
    first["token"] = plant.token("first token", first)
    token = plant.token("new token", api.post(
        "/project/members/resend", {"targetUserId": first["userId"]}))
    for body in ({"token": first["token"]}, {"token": token + " "},
                 {"token": token, "name": ""}, {"token": token, "x": token}):
        assert nobody.send("POST", accept, body).status in (400, 404)
    nobody.refused("NOT_FOUND", "POST", f"{accept}/{token}", {})
    nobody.refused("VALIDATION", "POST", f"{accept}?{token}", {"token": token})
    api.refused("AUTH_INVALID", "GET", "/project",
                headers={"Authorization": f"Bearer {token}"})
    for n in range(6):      # both workers
        made = api.post(invite, {"email": f"{n}@y.example", "role": "member"})
        nobody.post(accept, {"token": plant.token(f"used token {n}", made)})
    head = {"Idempotency-Key": plant.new("idempotency key of accept")}
    for _ in range(2):
        nobody.ok("POST", accept, {"token": token, "name": "x"}, headers=head)
    plant.token("waiting token", api.post(
        invite, {"email": "b@x.example", "role": "member"}))


def kept(project, plant):
    """Answers that are kept for retries, with what stands in them."""
    api, mark = project.api, plant.new
    for path, body in [
            ("/project/api-keys/generate", {"name": "kept"}),
            (UPDATE, {"envVars": {"FOO": mark("kept env")},
                      "testUserCredentials": {"a": mark("kept user")}}),
            ("/project/members/invite", {"email": "kept@x.example",
                                         "role": "member"}),
            (SET, {"provider": "openai", "key": mark("kept provider")})]:
        head = {"Idempotency-Key": mark("idempotency key of " + path)}
        first = api.ok("POST", path, body, headers=head)
        assert api.ok("POST", path, body, headers=head) == first
        if "key" in first["data"]:
            plant.key("kept key", first["data"]["key"])
        if "token" in first["data"]:
            plant.token("kept token", first["data"])
    assert project.stack.sql("select count(*) from codecourier.replay where "
                             f"project_id = '{project.id}'") == "5"


@pytest.fixture(scope="module")
def site():
    """A stack of our own: what the others plant is no business of ours."""
    yield from running(workers=2)


@pytest.fixture(scope="module")
def planted(site):
    """The project, after traffic that held each kind of secret."""
    plant = Secrets()
    plant.key("demo key", site.env["API_KEY"])
    project = make_project(site)
    project.plant, mark, api = plant, plant.new, project.api
    project.prompt = "no-secret-" + secrets.token_hex(20)
    api.post(UPDATE, {
        "claudeMd": project.prompt,
        "envVars": {"FOO": mark("env"), "BAR": "b" * 60000 + mark("long")},
        "deployEnvVars": {"FOO": mark("first deploy")},
        "testUserCredentials": {"password": mark("user"), "n": [1, 2]},
        "convexDeployKey": mark("convex deploy"),
        "convexDevKey": mark("convex dev")})
    for provider in "github", "e2b", "openai":
        api.post(SET, {"provider": provider, "key": mark(provider)})
    api.post(SET, {"provider": "github", "key": mark("second github")})
    api.post("/project/provider-keys/remove", {"provider": "e2b"})
    site.ctl("provider-key", "reveal", project.slug, "github")
    keys(project, plant)
    tokens(project, plant)
    kept(project, plant)
    refusals(api, mark)
    too_much(api, mark)
    for _ in range(6):      # both workers
        api.get("/project/settings")
    return project


def found_in_files(plant, paths):
    found = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            continue        # gone meanwhile
        found += [f"{name}: {path}" for name in plant.within(data)]
    return found


def files(folder):
    return [p for p in Path(folder).rglob("*")
            if p.is_file() and not p.is_symlink()]


def test_the_forms_find_themselves(planted):
    """In case a search below never could."""
    text = planted.plant.known["env"].encode()
    for data in (text, text.hex().encode(), text.hex().upper().encode(),
                 *(base64.b64encode(b"x" * n + text + b"more")
                   for n in range(3))):
        assert planted.plant.within(b"before" + data + b"after")
    assert planted.plant.within(b"Bearer " + planted.key.encode()) == \
        {"first key"}


def test_not_in_the_dump(planted):
    stack = planted.stack
    dump = stack.run(["pg_dump", "-d", stack.admin()])
    assert dump.returncode == 0 and planted.prompt in dump.stdout, dump.stderr
    assert planted.plant.within(dump.stdout.encode()) == set()


def test_not_in_the_files_of_the_database(planted):
    """Data, indexes and the log that is written ahead, as they lie there."""
    stack = planted.stack
    stack.sql("checkpoint")
    found = files(stack.run_dir / "pg")
    holding = [p for p in found if planted.prompt.encode() in p.read_bytes()]
    places = {p.relative_to(stack.run_dir / "pg").parts[0] for p in holding}
    assert {"base", "pg_wal"} <= places, places     # the search works
    assert found_in_files(planted.plant, found) == []


def test_not_in_any_log(planted):
    stack = planted.stack
    logs = files(stack.run_dir / "log") + [stack.output]
    names = {p.name for p in logs}
    assert {"postgresql.log", "pool.log", "nginx-access.log",
            "nginx-error.log", "ctl.log"} <= names, names
    written = stack.logs()
    assert planted.id.encode() in written, "nothing was logged"
    assert b"settings_env_size" in written, "PostgreSQL refused nothing"
    assert found_in_files(planted.plant, logs) == []


def test_not_in_any_other_file(planted):
    """All else that the stack keeps, but for the two files that are made to
    hold the demo key, for their owner only."""
    stack = planted.stack
    folders = [stack.run_dir] + [
        Path(os.readlink(stack.run_dir / n)) for n in ("sockets", "spool")]
    own = {stack.run_dir / "env", stack.run_dir / "demo.key"}
    for path in own:
        assert path.stat().st_mode & 0o777 == 0o600
        assert planted.plant.within(path.read_bytes()) == {"demo key"}
    parts = {stack.run_dir / "pg", stack.run_dir / "log"}   # see above
    paths = [p for folder in folders for p in files(folder)
             if p not in own and not parts & set(p.parents)]
    assert any(p.name == "host.v4" for p in paths)
    assert found_in_files(planted.plant, paths) == []


def test_not_in_any_command_line_or_environment(planted):
    stack = planted.stack
    pids = stack.pids()
    names = {os.path.basename(os.readlink(f"/proc/{p}/exe")) for p in pids}
    assert {"nginx", "postgres", "multiwatch", "project-api.fcgi"} <= names
    own = f"/proc/{stack.workers()[0]}/environ"
    assert b"CODECOURIER_CONF" in Path(own).read_bytes()
    assert found_in_files(planted.plant, [
        Path(f"/proc/{p}/{n}") for p in pids
        for n in ("cmdline", "environ")]) == []


# ---- what nginx spools ----

def spooled(stack):
    """(path, bytes, file system) of what nginx holds open below spool."""
    spool = os.readlink(stack.run_dir / "spool")
    found = []
    for pid in stack.pids("nginx"):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                path = os.readlink(fd)
                if path.startswith(spool):
                    found.append((path, fd.read_bytes(), fd.stat().st_dev))
            except OSError:
                pass
    return found


def await_spooled(stack, secret):
    end = time.monotonic() + 8
    while time.monotonic() < end:
        held = [s for s in spooled(stack) if secret.encode() in s[1]]
        if held:
            return held
        time.sleep(0.02)
    raise AssertionError("nothing was spooled")


def connection(stack, project, method, path, length, buffer=None, times=1):
    """The request's head has been sent, so many times one after another."""
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", stack.port))
    for left in reversed(range(times)):
        sock.sendall((f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\n"
                      f"Authorization: Bearer {project.key}\r\n"
                      "Content-Type: application/json\r\n"
                      f"Content-Length: {length}\r\n"
                      f"Connection: {'keep-alive' if left else 'close'}"
                      "\r\n\r\n").encode())
    return sock


def is_private(stack, held):
    """Only memory holds it, and only the stack's own user gets there."""
    spool = Path(os.readlink(stack.run_dir / "spool"))
    kind = subprocess.run(["stat", "-f", "-c", "%T", spool],
                          capture_output=True, text=True).stdout.strip()
    assert kind == "tmpfs", f"secrets would reach the disk: {spool} {kind}"
    for folder in [spool, *(p for p in spool.rglob("*") if p.is_dir())]:
        info = folder.stat()
        assert stat.S_IMODE(info.st_mode) == 0o700, folder
        assert info.st_uid == stack.uid, folder
    for path, _, device in held:
        assert device == spool.stat().st_dev, path
    if os.geteuid() == 0:       # else we have nobody to try with
        done = subprocess.run(["ls", str(spool)], user=65534, group=65534,
                              extra_groups=[], capture_output=True)
        assert done.returncode != 0 and not done.stdout, done


def test_slow_upload_is_held_in_memory_for_its_owner_only(planted):
    stack, secret = planted.stack, planted.plant.new("slow upload")
    body = (f'{{"envVars":{{"A":"{secret}"}},"claudeMd":"'
            + "c" * 200000 + '"}').encode()
    sock = connection(stack, planted, "POST", UPDATE, len(body))
    sock.sendall(body[:150000])
    is_private(stack, await_spooled(stack, secret))
    sock.sendall(body[150000:])
    assert b" 200 " in sock.recv(20)
    sock.close()
    for folder in stack.run_dir, Path(os.readlink(stack.run_dir / "spool")):
        assert [p for p in files(folder) if secret.encode()
                in p.read_bytes()] == []


def test_slow_download_is_held_in_memory_for_its_owner_only(planted):
    stack, secret = planted.stack, planted.plant.new("slow download")
    planted.api.post(UPDATE, {"envVars": None, "deployEnvVars": {
        f"V{n}": "v" * 60000 + secret for n in range(12)}})
    # the kernel's buffers, up to 10 MiB, take the first ones
    sock = connection(stack, planted, "GET", "/project/settings", 0, 4096, 20)
    is_private(stack, await_spooled(stack, secret))
    got = []
    while more := sock.recv(1 << 16):
        got.append(more)
    sock.close()
    got = b"".join(got)
    assert got.count(secret.encode()) == 12 * 20
    end = time.monotonic() + 5
    while any(secret.encode() in s[1] for s in spooled(stack)):
        assert time.monotonic() < end, "kept after the answer"
        time.sleep(0.02)


# ---- memory ----

def memory(pid):
    """(name, bytes) of all that a process can have written to."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            match = re.match(r"(\w+)-(\w+) .w.. \S+ \S+ \S+ *(.*)", line)
            if not match:
                continue
            start, end = (int(match[n], 16) for n in (1, 2))
            mem.seek(start)
            try:
                found.append((match[3] or "anonymous", mem.read(end - start)))
            except OSError:
                pass        # a guard page
    assert sum(len(m) for _, m in found) > 200_000, "not a process's memory"
    return found


def remembered(plant, pid):
    """What of the secrets stands in a process, and where. Most of its pages
    are empty."""
    pieces = [*plant.pieces()]
    return sorted({f"{name} in {where}+{data.find(piece):#x}"
                   for where, data, full in
                   ((w, d, d.replace(bytes(256), b"")) for w, d in memory(pid))
                   for name, piece in pieces
                   if piece in full and piece in data})


@pytest.mark.plain   # whose freed memory is kept, and not wiped
def test_a_working_worker_would_be_caught(planted):
    """The search below sees what a worker holds while it works."""
    stack, secret = planted.stack, planted.plant.new("in work")
    session = Session(stack)
    with gate(planted, session, "provider_key"), ThreadPoolExecutor(1) as pool:
        ask = pool.submit(planted.api.send, "POST", SET,
                          {"provider": "openai", "key": secret})
        session.await_waiting("%provider_key%")
        seen = [s for pid in stack.workers()
                for s in remembered(planted.plant, pid)
                if s.startswith("in work")]
        session.release()
        ask.result()    # 503 if the search has taken longer than it waits
    session.close()
    assert seen, "a worker that holds a secret was not seen to"


@pytest.mark.plain
def test_not_in_the_memory_of_an_idle_worker(planted):
    stack = planted.stack
    pids = stack.workers()
    assert len(pids) == 2
    for pid in pids:
        assert remembered(planted.plant, pid) == []


def test_an_idle_worker_leaves_no_core(planted):
    for pid in planted.stack.workers():
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), limits
