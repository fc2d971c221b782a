"""The audit row cannot be written: then nothing was done and nothing is said,
by no call and no command; also when that shows at the commit only."""
import os
import uuid

import pytest

from client import Api
from contract import KEY, PROVIDERS, WRITE_CALLS, named
from few import few
from fixtures import everything, furnish, make_project
from psql import SqlError

FILLED = "filled7qx"
SECRET = f"{PROVIDERS[0]}-{FILLED}"     # as furnish() has set it


@pytest.fixture(scope="module")
def furnished(stack):
    """A project in which each write would go through."""
    project = furnish(make_project(stack), FILLED, 2)
    project.second = project.ids["$key"]
    return project


@pytest.fixture(params=["at once", "at the commit"])
def failing(request, furnished):
    """No audit row of the project can be written any more; deferred, the
    trigger is the last that fails in a transaction."""
    sql = furnished.stack.sql
    late = "deferrable initially deferred" if "commit" in request.param else ""
    sql("create or replace function codecourier.test_no_audit() returns "
        "trigger language plpgsql as "
        "'begin raise exception ''no audit'' using errcode = ''XX001''; end'; "
        f"create constraint trigger test_no_audit after insert on "
        f"codecourier.audit {late} for each row when "
        f"(new.project_id = '{furnished.id}' or new.action = "
        "'project.create') execute function codecourier.test_no_audit()")
    before = everything(furnished)
    yield furnished
    sql("drop trigger test_no_audit on codecourier.audit; "
        "drop function codecourier.test_no_audit()")
    assert everything(furnished) == before


@pytest.mark.parametrize("call", few(WRITE_CALLS, 2), ids=lambda c: c.path)
def test_a_call(failing, call):
    error = failing.api.refused("INTERNAL", "POST", call.path,
                                named(call.bodies[0], failing.ids))
    assert KEY.search(str(error)) is None
    failing.api.get("/project")     # and the key is as good as before


def command(project, *args, code=1):
    """A command that fails; all it has said."""
    found = ""
    for more in [], ["--json"]:
        done = project.stack.run([project.stack.ctl_path, *more, *args])
        assert done.returncode == code, done
        found += done.stdout + done.stderr
    return found


def test_reveal(failing):
    """Printed is what was audited."""
    said = command(failing, "provider-key", "reveal", failing.slug, PROVIDERS[0])
    assert SECRET not in said and SECRET[-8:] not in said


def test_key_create(failing):
    said = command(failing, "key", "create", failing.slug, "--name", "x")
    assert KEY.search(said) is None, said


@pytest.mark.parametrize("where", few(["new", "taken"]))
def test_key_create_to_a_file(failing, where):
    """No file stays that holds no key; one that was there is left alone."""
    folder = failing.stack.top / uuid.uuid4().hex
    folder.mkdir()
    os.chown(folder, failing.stack.uid, failing.stack.gid)
    if where == "taken":
        (folder / "key").write_text("mine")
    said = command(failing, "key", "create", failing.slug, "--name", "x",
                   "--out", str(folder / "key"))
    assert KEY.search(said) is None, said
    left = [(p.name, p.read_text()) for p in folder.iterdir()]
    assert left == ([("key", "mine")] if where == "taken" else [])


@pytest.mark.parametrize("args", [
    ["counter", "add", "{slug}", "runs", "1"],
    ["member", "accept", "{slug}", f"0@{FILLED}.example", "--name", "X"],
    ["key", "revoke", "{second}"],
    ["project", "create", "--name", "X", "--slug", "{slug}-x",
     "--owner-email", "a@b.c"]], ids=lambda a: "-".join(a[:2]))
def test_another_command(failing, args):
    command(failing, *(a.format(**vars(failing)) for a in args))
    assert failing.stack.sql("select count(*) from codecourier.project where "
                             f"slug = '{failing.slug}-x'") == "0"


def test_what_needs_no_audit_row(failing):
    """Reads go on; they would be in doubt of nothing."""
    for path in "/project", "/project/settings", "/project/api-keys":
        failing.api.get(path)
    assert failing.api.post("/project/update", {})["id"] == failing.id


def test_the_trigger_fails_what_it_should(failing):
    with pytest.raises(SqlError) as got:
        failing.stack.sql(
            "insert into codecourier.audit (project_id, actor, operator, "
            f"action, object, object_id) values ('{failing.id}', 'operator', "
            "'x', 'x', 'x', 'x')")
    assert got.value.state == "XX001"
    assert Api(failing.stack.base, failing.key).get("/project")
