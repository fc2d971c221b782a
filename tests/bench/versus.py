"""Ours beside the limit and beside the LAMP choice, in rounds."""
import json
import random
import re
import string
import subprocess
import urllib.request

from load import interleaved, pgbench, wrk
from stacks import TOOLS

SETTINGS = "/api/v1/project/settings"
TEXT = "Keep functions short; say why, not what; run the tests. "
PROMPTS = ["sandboxSystemPrompt", "claudeMd", "issueDiscoveryPrompt"]
WORDS = (
    "the of and to in a is that for it as was with be by on not he this are "
    "or his from at which but have an had they you were their one all we can "
    "function module test error value server request key project settings "
    "write read change review commit branch explain before never always "
    "`make check` *important* - 1. # Rules\n \n").split(" ")


def call(stack, path, key, body=None):
    request = urllib.request.Request(
        stack.base + path, data=body,
        headers={"Authorization": f"Bearer {key}",
                 "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def warm(stack, keys):
    for key in stack.read_keys(keys):
        call(stack, "/api/v1/project", key)


def settings_of(size):
    """Settings of about so many bytes: three prompts, and a quarter of it
    environment variables, which are sealed."""
    quarter, random_ = size // 4, random.Random(1)
    prompts = {name: " ".join(random_.choices(WORDS, k=quarter // 6 + 1))
               [:quarter] for name in PROMPTS}
    values, left = {}, quarter
    while left > 0:
        length = min(1000, left)
        values[f"NAME_{len(values):04}"] = "".join(
            random_.choices(string.ascii_letters, k=length))
        left -= length + 16
    return {**prompts, "envVars": values}


def filled(sql, values):
    """A statement with its parameters filled in."""
    return re.sub(r"\$(\d+)", lambda m: values[int(m.group(1))], sql)


def statement(name):
    return subprocess.run([str(TOOLS / "make"), "sql", name], check=True,
                          capture_output=True, text=True).stdout.strip()


def settings_script(path):
    """The transaction of a settings update, as the worker sends it: guard,
    update with its audit row, data keys, one pipeline. Each client has its
    own project, whose ids data.sql made from a number."""
    number = "lpad((:client_id + {})::text, 12, '0')"
    text = "('00000000-0000-4000-8000-' || " + number + ")"
    values = {1: text.format(1), 2: text.format(100000000001),
              3: "k.digest",
              4: "'127.0.0.1'", 5: "'{claudeMd}'", 7: f"'{TEXT * 4}'",
              **{n: "NULL" for n in (6, *range(8, 21))}, 21: "0", 22: "0"}
    guard = filled(statement("guard_write"), values)
    update = filled(statement("settings_update"), {
        **values, 3: "'00000000-0000-4000-8000-000000000000'"})
    keys = filled(statement("data_keys"), values)
    path.write_text("\\startpipeline\nBEGIN;\n" + "".join(
        f"{sql};\n" for sql in (guard, update, keys)) +
        "COMMIT;\n\\endpipeline\n")
    path.chmod(0o644)
    return path


def get_project(stack, rounds, seconds):
    """Warm GET /project: 1,000 keys in turn, 16 clients."""
    def run(base):
        return lambda: wrk(base, stack.keys["all"], groups=stack.groups(),
                           seconds=seconds)
    return interleaved(rounds, {
        "ours": run(stack.base),
        "constant": run(stack.rivals["constant"].base),
        "constant, our loop": run(stack.rivals["loop"].base),
        "PHP": run(stack.rivals["php"].base)})


def update_settings(stack, rounds, seconds):
    """A durable commit each: 16 clients, 16 projects."""
    some = stack.save_keys("some", stack.read_keys("all")[:16])
    body = stack.top / "update.json"
    body.write_text(json.dumps({"claudeMd": TEXT * 4}))
    script = settings_script(stack.top / "update.sql")

    def run(base):
        return lambda: wrk(base, some, path=SETTINGS + "/update", body=body,
                           groups=stack.groups(), seconds=seconds)
    return interleaved(rounds, {
        "ours": run(stack.base),
        "pgbench": lambda: pgbench(stack, [script], 16, seconds),
        "PHP": run(stack.rivals["php"].base)})


def get_settings(stack, rounds, seconds):
    """100 KiB, half of it sealed, beside the same bytes as a constant."""
    keys = stack.save_keys("demo", [stack.env["API_KEY"]])

    def run(base):
        return lambda: wrk(base, keys, path=SETTINGS, groups=stack.groups(),
                           seconds=seconds)
    return interleaved(rounds, {"ours": run(stack.base),
                                "constant": run(stack.rivals["large"].base)})


def counter_add(stack, rounds, seconds):
    """64 clients add to one counter: in slots, and in a row of its own."""
    project = stack.rows("SELECT id FROM codecourier.project LIMIT 1")[0]["id"]
    slots, row = stack.top / "slots.sql", stack.top / "row.sql"
    slots.write_text(
        f"SELECT codecourier.counter_add('{project}', 'runs', 1);\n")
    row.write_text("UPDATE bench.one_row SET value = value + 1 WHERE id = 1;\n")
    for path in (slots, row):
        path.chmod(0o644)
    return interleaved(rounds, {
        "counter_add": lambda: pgbench(stack, [slots], 64, seconds, "admin"),
        "one row": lambda: pgbench(stack, [row], 64, seconds, "admin")})


def sizes(rounds, seconds, small, large):
    """The same GET from a thousand projects and from many more."""
    def run(stack):
        return lambda: wrk(stack.base, stack.keys["all"],
                           groups=stack.groups(), seconds=seconds)
    return interleaved(rounds, {"many": run(large), "1,000": run(small)})
