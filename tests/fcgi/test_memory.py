"""What a body of 2 MiB costs a worker: at its most, and afterwards.

json-c makes 784 bytes of `{}`: what is bounded is what a text holds, and not
its length alone. One worker meets all of it: its peak is the most of all.
"""
import itertools
import json
import string
import time

import pytest

from contract import JSON_WRITES as WRITES
from tables import ROUTES
from wire import params_of, request
from workers import Site

pytestmark = pytest.mark.plain      # a sanitizer keeps what is freed

MAX = 2 << 20
# KiB above an idle worker; the second one where the answer is kept
PEAK, PEAK_ONCE, KEPT = 30 * 1024, 50 * 1024, 4 * 1024
UPDATE = "/project/settings/update"
PROMPTS = ["sandboxSystemPrompt", "claudeMd", "issueDiscoveryPrompt"]
CONTROL = "\\u0001"     # a character that has six bytes, as text and printed


def filled(head, unit, tail):
    """A text of almost MAX bytes."""
    return (head + unit * ((MAX - len(head) - len(tail)) // len(unit)) +
            tail).encode()


def named(form):
    """Members of different names, two mebibytes of them."""
    found, size = [], 0
    for name in itertools.product(string.ascii_letters, repeat=4):
        found.append(form.format("".join(name)))
        size += len(found[-1])
        if size > MAX - 1000:
            break
    return "".join(found)


def listed(unit):
    return lambda field: filled(f'{{"{field}":[', unit + ",", unit + "]}")


OBJECTS, NUMBERS, LONG = (named(form) for form in (
    '"{}":{{}},', '"{}":1,', '"{:x<500}":1,'))
# each a function of the name of a field that the route has
SHAPES = {
    "objects": listed("{}"),
    "objects, as many as settings may have": lambda field:
        f'{{"{field}":[{"{}," * 28000}{{}}]}}'.encode(),
    "arrays": listed("[]"),
    "objects in objects": listed('{"a":{"a":{}}}'),
    "nested": listed("[" * 28 + "]" * 28),
    "numbers": listed("1"),
    "fractions": listed("1.5"),
    "words": listed("null"),
    "strings": listed('""'),
    "members": lambda field: f'{{"{field}":{{{OBJECTS}"_":1}}}}'.encode(),
    "a long string": lambda field: filled(f'{{"{field}":"', "x", '"}'),
    "escapes": lambda field: filled(f'{{"{field}":"', CONTROL, '"}'),
    "unknown fields": lambda field: f'{{{NUMBERS}"_":1}}'.encode(),
    "long unknown fields": lambda field: f'{{{LONG}"_":1}}'.encode(),
    "one name": lambda field: filled("{", f'"{field}":{{}},', '"_":1}'),
    "no object": lambda field: filled("[", "{},", "{}]"),
    "white space": lambda field: filled("{", " ", "}"),
}
# The largest that are taken. Control characters make the answer six times as
# long as what it shows, and it shows what was stored before, too.
LEGAL = {
    "credentials of objects": {"testUserCredentials": {"a": [{}] * 21843}},
    "credentials of numbers": {"testUserCredentials": {"a": [1] * 32764}},
    "lists": {n: ["%0200d" % i for i in range(500)] for n in (
        "selectedSkills", "selectedCommands", "selectedScripts")},
    "variables": {n: {f"V{i}": "" for i in range(1000)} for n in (
        "envVars", "deployEnvVars")},
    **{n: {n: "\1" * 262144} for n in PROMPTS},
    "half a mebibyte": {"envVars": {f"V{i}": "\1" * 65000 for i in range(5)}},
    "both, and objects": {
        "deployEnvVars": {f"V{i}": "\1" * 65000 for i in range(5)},
        "testUserCredentials": {"a": [{}] * 21843}},
    "little": {"learningModel": "x"},
}


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("VmRSS:"))


class Meter:
    """One worker, and its memory beside an idle one's."""

    def __init__(self, site, key):
        self.site, self.key = site, key
        self.worker = site.ready()
        for _ in range(20):
            self.post(UPDATE, b'{"learningModel":"idle"}')
            assert self.ask("GET", "/project/settings").status == 200
        self.idle = resident(self.worker.pid)

    def ask(self, method, path, body=b"", **more):
        peer = self.site.peer(request(params_of(
            method, "/api/v1" + path, self.key, body, **more), body))
        found = peer.answer(method)
        peer.close()
        return found

    def post(self, path, body):
        assert len(body) <= MAX
        return self.ask("POST", path, body)

    def check(self, what, most=PEAK):
        """Both bounds, when a request has been answered."""
        pid, end = self.worker.pid, time.monotonic() + 20
        peak = self.worker.peak() - self.idle
        assert peak <= most, f"{what}: {peak} KiB"
        while (kept := resident(pid) - self.idle) > KEPT:
            assert time.monotonic() < end, f"{what}: keeps {kept} KiB"
            time.sleep(0.01)


@pytest.fixture(scope="module")
def meter(stack, home):
    site = Site(stack)
    yield Meter(site, home.key)
    site.close()


def status_of(path, shape):
    """An empty update is fine, and an id of any form is not found."""
    fields = ROUTES["POST", "/api/v1" + path].fields.values()
    needed = [f for f in fields if f.required]
    if shape == "white space" and not needed:
        return 200
    if shape in ("a long string", "escapes") and \
            [f.is_id for f in needed] == [1]:
        return 404
    return 400


@pytest.mark.parametrize("path", sorted(WRITES, key=lambda p: p == UPDATE))
def test_any_body(meter, path):
    """All shapes on one route, and each on a third of the others."""
    field = next(iter(WRITES[path]), "x")
    shapes = list(SHAPES.items())[sorted(WRITES).index(path) % 3::3]
    if path == UPDATE:
        field, shapes = "testUserCredentials", SHAPES.items()
    for name, make in shapes:
        if not WRITES[path] and name == "white space":
            continue        # "{}", which is no empty update
        answer = meter.post(path, make(field))
        assert answer.status == status_of(path, name), (name, answer)
        meter.check(f"{name} on {path}")


TEXTS = {
    "one name": (b"A=\n", 200), "names": (b"A%d=\n", 400),
    "no lines": (b"x\n", 400), "escapes": (b"\\n", 400),
    "quotes": (b"A='b\n'\n", 200), "empty lines": (b"\r", 200),
    "two-byte values": (b"A%d=\xc3\xa9\n", 400)}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_any_text(meter, name, mode):
    """An import of 2 MiB."""
    line, status = TEXTS[name]
    lines = MAX // (len(line) + 5)
    body = line * (MAX // len(line)) if b"%" not in line else b"".join(
        line % n for n in range(lines))[:MAX]
    if name == "escapes":
        body = b'A="' + body[:MAX - 4] + b'"'
    answer = meter.ask(
        "POST", f"/project/settings/env/import?set=envVars&mode={mode}", body,
        CONTENT_TYPE="text/plain")
    assert answer.status == status, answer
    meter.check(f"{name}, {mode}")


def test_any_legal_body(meter):
    for name, body in LEGAL.items():
        raw = json.dumps(body, separators=(",", ":")).encode()
        assert meter.post(UPDATE, raw).status == 200, name
        meter.check(name)
    answer = meter.ask("GET", "/project/settings")
    assert len(answer.body) > 8_000_000
    meter.check("reading it")
    empty = {n: None for body in LEGAL.values() for n in body}
    assert meter.post(UPDATE, json.dumps(empty).encode()).status == 200


def test_answers_that_are_kept(meter):
    """Of nine megabytes, sealed and sent to the database, too. The last one
    here: the peak stays what it was."""
    for name, body in LEGAL.items():
        raw = json.dumps(body, separators=(",", ":")).encode()
        for replayed in None, "true":
            answer = meter.ask("POST", UPDATE, raw, HTTP_IDEMPOTENCY_KEY=name
                               .replace(" ", "-"))
            assert answer.status == 200, name
            assert answer.header("Idempotency-Replayed") == replayed
            meter.check(f"{name}, {replayed}", PEAK_ONCE)
