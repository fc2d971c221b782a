"""codecourierctl audit: each way to falsify a log by SQL is named; the hash is
what the documentation says; heads that were kept."""
import csv
import hashlib
import json
import os
from datetime import datetime, timezone

import pytest

from contract import NOBODY
from fixtures import make_project

DONE, FAILED, USAGE, ABSENT = 0, 1, 2, 3
EXPORT = ["number", "at", "projectId", "id", "actor", "actorKey", "operator",
          "action", "object", "objectId", "fields", "requestId", "address",
          "previous", "hash"]


def audit(stack, *args, code=DONE):
    """The command's data, whatever its exit status."""
    done = stack.run([stack.ctl_path, "--json", "audit", *args])
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)["data"]


def fault(project, *args):
    (row,) = audit(project.stack, "verify", project.slug, *args, code=FAILED)
    assert row["projectId"] == project.id
    return row["fault"]


def among_all(project, head=None):
    """Its faults where all are looked at; other tests have falsified some."""
    done = project.stack.run([project.stack.ctl_path, "--json", "audit",
                              "verify", *(["--head", head] if head else [])])
    return [r["fault"] for r in json.loads(done.stdout)["data"]
            if r["projectId"] == project.id]


@pytest.fixture
def logged(project):
    """Six rows."""
    for n in range(4):
        project.api.post("/project/update", {"name": f"n{n}"})
    return project


def ids(project):
    return {r["number"]: r["id"] for r in project.stack.rows(
        "select number, id from codecourier.audit where project_id = "
        f"'{project.id}'")}


def falsify(project, text):
    """As who owns the tables and knows of the triggers."""
    project.stack.sql(
        "begin; set search_path = codecourier; alter table audit disable "
        "trigger user; drop index audit_number; "
        + text.replace("WHERE", f"where project_id = '{project.id}' and")
        .replace("PROJECT", f"'{project.id}'")
        + "; create unique index audit_number on audit (project_id, number);"
        "alter table audit enable trigger user; commit")


def test_whole(logged):
    (row,) = audit(logged.stack, "verify", logged.slug)
    assert row == {"projectSlug": logged.slug, "projectId": logged.id,
                   "number": 6, "head": None, "fault": None}
    (again,) = audit(logged.stack, "verify", logged.id)
    assert again == row
    assert among_all(logged) == [None]


@pytest.mark.parametrize("change", [
    "action = 'project.delete'", "actor_key = gen_random_uuid()",
    "at = at + interval '1 us'", "object = 'x'", "object_id = 'x'",
    "fields = '{name,slug}'", "fields = '{}'", "request_id = null",
    "address = '127.0.0.2'", "address = '127.0.0.1/24'", "address = null",
    "id = gen_random_uuid()", "hash = sha256(hash)"])
def test_edited(logged, change):
    falsify(logged, f"update audit set {change} WHERE number = 4")
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was edited"


def test_edited_and_hashed_anew(logged):
    """With what the database itself has for it."""
    falsify(logged, "update audit set action = 'x' WHERE number = 4; update "
                    "audit a set hash = audit_hash(a) WHERE number = 4")
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was edited"


def test_the_function_of_the_database_is_not_asked(logged):
    """Who edits rows could have it say that all is well."""
    stack = logged.stack
    falsify(logged, "update audit set action = 'x' WHERE number = 4")
    kept = stack.sql("select pg_get_functiondef('codecourier.audit_hash'"
                     "::regproc)")
    try:
        stack.sql("create or replace function codecourier.audit_hash("
                  "a codecourier.audit) returns bytea language sql immutable "
                  "return a.hash")
        assert "row 4" in fault(logged)
    finally:
        stack.sql(kept)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_removed(logged, number):
    falsify(logged, f"delete from audit WHERE number = {number}")
    assert fault(logged) == f"row {number} is missing"


def test_several_removed(logged):
    falsify(logged, "delete from audit WHERE number in (2, 3, 4)")
    assert fault(logged) == "rows 2 to 4 are missing"


def test_removed_and_numbered_anew(logged):
    row = ids(logged)[4]
    falsify(logged, "delete from audit WHERE number = 3; update audit set "
                    "number = number - 1 WHERE number > 3")
    assert fault(logged) == f"a row before row 3 ({row}) is missing"


NEW = ("insert into audit (project_id, actor, operator, action, object, "
       "object_id, number, previous, hash) select PROJECT, 'operator', 'x', "
       "'x', 'x', 'x', {number}, {previous}, '\\x00' from audit "
       "WHERE number = 3")


@pytest.mark.parametrize("previous", ["'\\x00'", "hash"])
def test_inserted(logged, previous):
    falsify(logged, "update audit set number = number + 1 WHERE number > 3; "
            + NEW.format(number=4, previous=previous))
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was inserted"


def test_inserted_and_hashed(logged):
    """It fits what is before; what follows does not fit it."""
    falsify(logged, "update audit set number = number + 1 WHERE number > 3; "
            + NEW.format(number=4, previous="hash")
            + "; update audit a set hash = audit_hash(a) WHERE number = 4")
    assert fault(logged) == f"row 4 ({ids(logged)[4]}) was inserted"


@pytest.mark.parametrize("number", [0, -7])
def test_inserted_before_the_first(logged, number):
    falsify(logged, NEW.format(number=number, previous="'\\x00'"))
    assert fault(logged) == f"row {number} ({ids(logged)[number]}) was inserted"


def test_inserted_behind_the_last(logged):
    falsify(logged, "insert into audit (project_id, actor, operator, action, "
            "object, object_id, number, previous, hash) select PROJECT, "
            "'operator', 'x', 'x', 'x', 'x', 7, hash, '\\x00' from audit "
            "WHERE number = 6; update audit a set hash = audit_hash(a) "
            "WHERE number = 7")
    assert fault(logged) == "behind the head: row 7 is inserted"


def test_moved(logged):
    row = ids(logged)[4]
    falsify(logged, "update audit set number = 7 - number WHERE number in "
                    "(3, 4)")
    assert fault(logged) == f"row 3 ({row}) was moved"


@pytest.mark.parametrize("least, words", [
    (6, "row 6 is missing"), (4, "rows 4 to 6 are missing"),
    (1, "rows 1 to 6 are missing")])
def test_the_tail_is_cut(logged, least, words):
    falsify(logged, f"delete from audit WHERE number >= {least}")
    assert fault(logged) == "the tail is cut: " + words


CUT = ("delete from audit WHERE number > 4; update audit_head h set number = "
       "a.number, hash = a.hash from audit a where a.project_id = PROJECT "
       "and h.project_id = PROJECT and a.number = 4")
ANEW = ("""update audit set action = 'x' WHERE number = 2; do $$
    declare a audit; before bytea := decode(repeat('00', 32), 'hex');
    begin for a in select * from audit WHERE true order by number loop
        a.previous := before; a.hash := audit_hash(a); before := a.hash;
        update audit set previous = a.previous, hash = a.hash
        where id = a.id; end loop;
    update audit_head set hash = before WHERE true; end $$""")


def keep(project, text):
    """A file that the command may read."""
    path = project.stack.run_dir / f"heads-{project.id}"
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


@pytest.fixture
def head(logged):
    """What an hourly journal would have of it, and of others."""
    done = logged.stack.run([logged.stack.ctl_path, "audit", "head"])
    path = keep(logged, "".join(f"Nov 28 14:00:01 host codecourier-audit[7]: {l}\n"
                                for l in done.stdout.splitlines()))
    for _ in range(2):
        logged.api.post("/project/update", {"name": "later"})
    yield path
    os.remove(path)


def test_a_head_that_was_kept(logged, head):
    """And the answer tells which one the log was held against."""
    (alone,) = audit(logged.stack, "verify", logged.slug)
    (row,) = audit(logged.stack, "verify", logged.slug, "--head", head)
    assert row == {**alone, "head": 6}
    assert among_all(logged, head) == [None]


def test_a_log_without_a_head_among_those_kept(logged, head, other):
    """It is whole, and was held against none: that is told."""
    (row,) = audit(logged.stack, "verify", other.slug, "--head", head)
    assert (row["head"], row["fault"]) == (None, None)


def test_a_cut_that_only_a_kept_head_shows(logged, head):
    falsify(logged, CUT)
    assert audit(logged.stack, "verify", logged.slug)[0]["number"] == 4
    assert fault(logged, "--head", head) == \
        "the tail is cut: rows 5 to 6 are missing, as a head that was kept says"


def test_a_chain_made_anew(logged, head):
    falsify(logged, ANEW)
    assert audit(logged.stack, "verify", logged.slug)[0]["fault"] is None
    assert fault(logged, "--head", head) == \
        "row 6, or one before it, is another than when the head was kept: " \
        "the chain was made anew"


def test_a_purge_keeps_the_end(logged, head):
    stack = logged.stack
    stack.ctl("project", "delete", logged.slug)
    (end,) = audit(stack, "head", logged.slug)
    stack.ctl("project", "purge", logged.id)
    assert stack.rows(
        "select audit_number as number, encode(audit_hash, 'hex') as hash "
        f"from codecourier.purge where project_id = '{logged.id}'") == \
        [{"number": 9, "hash": end["hash"]}]
    assert audit(stack, "verify", logged.id, "--head", head) == []
    assert among_all(logged, head) == []
    stack.sql("update codecourier.purge set audit_number = 5 where "
              f"project_id = '{logged.id}'")
    assert fault(SimpleLog(logged), "--head", head) == \
        "the tail was cut before its purge: row 6 is missing"
    stack.sql("delete from codecourier.purge where project_id = "
              f"'{logged.id}'")
    assert fault(SimpleLog(logged), "--head", head) == \
        "it is gone, and was not purged"


class SimpleLog:
    """A project that is named by its id, as its slug is gone."""

    def __init__(self, project):
        self.stack, self.id, self.slug = project.stack, project.id, project.id


def test_the_last_row_at_its_purge(logged):
    stack = logged.stack
    stack.ctl("project", "delete", logged.slug)
    (end,) = audit(stack, "head", logged.slug)
    stack.ctl("project", "purge", logged.id)
    other = f"{(int(end['hash'][0], 16) + 1) % 16:x}" + end["hash"][1:]
    for kept, code in (end["hash"], DONE), (other, FAILED):
        path = keep(logged, json.dumps({**end, "hash": kept}))
        audit(stack, "verify", logged.id, "--head", path, code=code)
    os.remove(path)


def test_a_project_on_its_way_out(logged, head):
    """Its rows go in batches: nothing is said of it."""
    stack = logged.stack
    stack.ctl("project", "delete", logged.slug)
    stack.sql(f"select codecourier.purge_begin('{logged.id}', 'x', "
              "gen_random_uuid(), false)")
    stack.sql("delete from codecourier.audit where project_id = "
              f"'{logged.id}' and number < 4")
    assert audit(stack, "verify", logged.id, "--head", head) == []
    stack.ctl("purge")


def test_restored_ones_keep_their_chain(logged, head):
    logged.stack.ctl("project", "delete", logged.slug)
    logged.stack.ctl("project", "restore", logged.slug)
    (row,) = audit(logged.stack, "verify", logged.slug, "--head", head)
    assert (row["number"], row["fault"]) == (10, None)


def test_a_log_in_many_parts(stack):
    """More rows than a part has, and one in the last of them edited."""
    made = make_project(stack)
    stack.sql("insert into codecourier.audit (project_id, actor, operator, "
              f"action, object, object_id) select '{made.id}', 'operator', "
              "'x', 'x', 'x', n::text from generate_series(1, 20100) n")
    assert audit(stack, "verify", made.slug)[0]["number"] == 20102
    falsify(made, "update audit set action = 'y' WHERE number = 10001")
    assert fault(made) == f"row 10001 ({ids(made)[10001]}) was edited"
    falsify(made, "update audit set action = 'x' WHERE number = 10001; update "
                  "audit set action = 'y' WHERE number = 20101")
    assert fault(made) == f"row 20101 ({ids(made)[20101]}) was edited"


def test_people_are_told(logged):
    run = logged.stack.run
    falsify(logged, "delete from audit WHERE number = 6")
    done = run([logged.stack.ctl_path, "audit", "verify", logged.slug])
    assert done.returncode == FAILED
    head, line = done.stdout.splitlines()
    assert head.startswith("PROJECT SLUG ") and line.endswith(
        " the tail is cut: row 6 is missing")


@pytest.mark.parametrize("command", ["verify", "head", "export"])
def test_no_such_project(stack, command):
    for which in NOBODY, "no-such-slug":
        stack.ctl("audit", command, which, code=ABSENT)


@pytest.mark.parametrize("args, words", [
    (["verify", "--head", "/no/such"], "No such file"),
    (["verify", "--head", "/dev/null"], "holds no head"),
    (["export", "--format", "xml"], "jsonl or csv"),
    (["export", "--since", "yesterday"], "--since"),
    (["export", "--since", "1969-12-31"], "--since")])
def test_refused(stack, args, words):
    assert words in stack.ctl("audit", *args, code=USAGE)["message"]


def test_heads(logged):
    (row,) = audit(logged.stack, "head", logged.slug)
    newest = logged.api.get("/project/audit-log?limit=1")[0]
    assert row == {"projectSlug": logged.slug, "projectId": logged.id,
                   "number": 6, "hash": newest["hash"]}
    assert row in audit(logged.stack, "head")


# ---- export ----

def export(project, *args):
    done = project.stack.run([project.stack.ctl_path, "audit", "export",
                              project.slug, *args])
    assert (done.returncode, done.stderr) == (DONE, "")
    return done.stdout.splitlines()


def micros(text):
    since = datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc) - \
        datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86400 + since.seconds) * 10**6 + since.microseconds


def chained(row):
    """The hash of an exported row, by migrations/README.md."""
    values = [row["previous"], row["projectId"], row["number"], row["id"],
              micros(row["at"]), row["actor"], row["actorKey"],
              row["operator"], row["action"], row["object"], row["objectId"],
              "{" + ",".join(row["fields"]) + "}", row["requestId"],
              row["address"]]
    text = "".join("-" if v is None else f"{len(str(v).encode())}:{v}"
                   for v in values)
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_without_the_database(logged):
    rows = [json.loads(line) for line in export(logged)]
    assert [list(r) for r in rows] == [EXPORT] * 6
    before = "0" * 64
    for number, row in enumerate(rows, 1):
        assert row["number"] == number and row["previous"] == before
        before = row["hash"]
        assert chained(row) == before


def test_csv(logged):
    lines = export(logged, "--format", "csv")
    head, *rows = csv.reader(lines)
    want = [json.loads(line) for line in export(logged, "--format", "jsonl")]
    assert head == EXPORT
    assert [dict(zip(head, r)) for r in rows] == [
        {n: " ".join(v) if isinstance(v, list) else str(v or "")
         for n, v in w.items()} for w in want]


def test_since(logged):
    rows = [json.loads(line) for line in export(logged)]
    logged.stack.sql("update codecourier.audit set at = '2020-01-01' where "
                     f"project_id = '{logged.id}' and number < 3")
    assert [json.loads(line)["number"] for line in
            export(logged, "--since", "2020-01-02")] == [3, 4, 5, 6]
    assert len(export(logged, "--since", "2020-01-01")) == len(rows)
    assert export(logged, "--since", "2999-01-01") == []


def test_all_projects_in_parts(logged):
    """A log longer than a part, among others."""
    logged.stack.sql(
        "insert into codecourier.audit (project_id, actor, operator, action, "
        f"object, object_id) select '{logged.id}', 'operator', 'x', 'x', 'x', "
        "n::text from generate_series(1, 2100) n")
    assert [json.loads(line)["number"] for line in export(logged)] == \
        list(range(1, 2107))
    done = logged.stack.run([logged.stack.ctl_path, "audit", "export"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len([r for r in rows if r["projectId"] == logged.id]) == 2106
    assert len({r["projectId"] for r in rows}) > 1


def test_nothing_acts_on_a_terminal(logged):
    """Whatever a row of before the guards may hold."""
    logged.stack.sql(
        "alter table codecourier.audit drop constraint audit_one_line; insert "
        "into codecourier.audit (project_id, actor, operator, action, object, "
        f"object_id) values ('{logged.id}', 'operator', E'\\x1b[2J', "
        "E'a\\nb', '=1+1', 'a\"b')")
    try:
        for form in "jsonl", "csv":
            *_, line = lines = export(logged, "--format", form)
            assert len(lines) == 7 + (form == "csv")
            assert "\x1b" not in line and "\\n" in line
        assert "\"'=1+1\",\"a\"\"b\"" in line
    finally:
        logged.stack.sql(
            "delete from codecourier.audit where object = '=1+1'; alter table "
            "codecourier.audit add constraint audit_one_line check ("
            "codecourier.one_line(action) and codecourier.one_line(object) "
            "and codecourier.one_line(object_id) and codecourier.one_line("
            "operator) and codecourier.one_line(array_to_string(fields, ' '))"
            ") not valid")
