"""No secret in the clear outside the answer that it belongs to."""
import base64
import os

import pytest

from client import Api
from contract import BASE62, make_key
from few import few
from fixtures import make_project

MARK = "Planted-Secret-Wm3k"
SETTINGS = "/project/settings"
UPDATE = "/project/settings/update"
SET = "/project/provider-keys/set"
SEALED = {
    "env_vars": ("envVars", {"FOO": f"{MARK}-env"}),
    "deploy_env_vars": ("deployEnvVars", {"FOO": f"{MARK}-deploy"}),
    "test_user_credentials": ("testUserCredentials",
                              {"password": f"{MARK}-user"}),
    "convex_deploy_key": ("convexDeployKey", f"{MARK}-convex-deploy"),
    "convex_dev_key": ("convexDevKey", f"{MARK}-convex-dev"),
}
READABLE = [n for n in SEALED if not n.startswith("convex")]


@pytest.fixture(scope="module")
def planted(stack):
    """A project whose secrets are known, with traffic about them."""
    project = make_project(stack)
    api = project.api
    api.post(UPDATE, dict(SEALED.values()))
    api.post(SET, {"provider": "github", "key": f"{MARK}-provider"})
    project.second = api.post("/project/api-keys/generate",
                              {"name": "second"})["key"]
    Api(stack.base, project.second).get(SETTINGS)
    api.refused("VALIDATION", "POST", UPDATE,
                {"envVars": {"1": f"{MARK}-refused"}})
    api.refused("VALIDATION", "POST", SET,
                {"provider": "no", "key": f"{MARK}-refused"})
    api.refused("VALIDATION", "POST", SET,
                {"provider": "e2b", "key": f"{MARK}-é-refused"})
    api.refused("VALIDATION", "POST", UPDATE,
                raw=b'{"claudeMd":"' + MARK.encode() + b'')
    stack.ctl("provider-key", "reveal", project.slug, "github")
    return project


def forms(text):
    """The ways in which bytes may be written down."""
    data = text.encode()
    cut = base64.b64encode(data + b"\0" * (-len(data) % 3))[:-4]
    return [data, data.hex().encode(), cut]


def everything(stack):
    """Every row of every table, as text; bytea shows as hex."""
    tables = stack.rows("select tablename from pg_tables "
                        "where schemaname = 'codecourier'")
    return {r["tablename"]: stack.sql(
        f"select t::text from codecourier.{r['tablename']} t").encode()
        for r in tables}


def test_the_search_finds_what_is_there(planted):
    """In case the tests below look in the wrong place. A prompt is no secret,
    and stays in the history of the settings."""
    planted.api.post(UPDATE, {"claudeMd": "a-prompt"})
    assert b"a-prompt" in everything(planted.stack)["settings"]
    planted.api.post(UPDATE, {"claudeMd": None})
    assert b"a-prompt" in everything(planted.stack)["settings_version"]


def test_no_secret_in_any_table(planted):
    secrets = [MARK, planted.key[16:], planted.second[16:],
               planted.key[16:48], planted.second[16:48]]
    for table, text in everything(planted.stack).items():
        for secret in secrets:
            for form in forms(secret):
                assert form not in text, (table, form)


@pytest.mark.parametrize("where", ["logs", "runtime", "postgresql"])
def test_no_secret_in_any_file(planted, where):
    stack = planted.stack
    if where == "logs":
        parts = [stack.logs()]
    elif where == "runtime":
        folder = stack.conf["CODECOURIER_RUNTIME_DIR"]
        parts = [p.read_bytes() for p in type(stack.run_dir)(folder).iterdir()
                 if p.is_file()]
        assert parts, "no verified-key table"
    else:
        parts = [stack.sql("select query from pg_stat_activity").encode()]
    for part in parts:
        for secret in (MARK, planted.key[16:48], planted.second[16:48]):
            assert secret.encode() not in part
            assert secret.encode().hex().encode() not in part


def any_secret():
    return "".join(BASE62[n % 62] for n in os.urandom(32))


WRONG = {
    "unknown": lambda p, secret: make_key("Zz0Zz0Zz", secret),
    "another secret": lambda p, secret: make_key(p.key[8:16], secret),
    "of test": lambda p, secret: make_key(p.key[8:16], secret, "test"),
    "checksum": lambda p, secret: make_key("Zz0Zz0Zz", secret)[:-1] + "_",
    "cut": lambda p, secret: make_key("Zz0Zz0Zz", secret)[:-2],
    "longer": lambda p, secret: make_key("Zz0Zz0Zz", secret) + "0",
    "no prefix": lambda p, secret: secret,
}


def test_no_wrong_key_in_any_log(stack):
    """A key with a slip in it is still nearly a key; so is one that is no
    longer good, or that stands in the wrong place."""
    project = make_project(stack)
    secrets = []

    def ask(key, scheme="Bearer", status=401, secret=None, **more):
        secrets.append(secret or key[16:48])
        head = {"Authorization": f"{scheme} {key}".strip(), **more}
        answer = Api(stack.base).send("GET", "/project", headers=head)
        assert answer.status == status, answer

    for make in WRONG.values():
        secret = any_secret()
        for scheme in "Bearer", "bearer", "Basic", "":
            ask(make(project, secret), scheme, secret=secret)
    ask(project.key, status=200, Cookie=f"key={project.key}", **{
        "X-Api-Key": project.key, "X-Request-ID": project.key,
        "User-Agent": "tests"})
    project.api.refused("NOT_FOUND", "POST", "/project/api-keys/revoke",
                        {"keyId": project.key})
    project.api.refused("VALIDATION", "POST", "/project/update",
                        {project.key: project.key})
    for what in ("ends_at = now()", "hash = ''", "revoked_at = now()"):
        made = make_project(stack)
        made.api.get("/project")
        stack.sql(f"update codecourier.api_key set {what} "
                  f"where id = '{made.key_id}'")
        ask(made.key, status=500 if "hash" in what else 401)
    logged = stack.logs()
    assert project.key_id.encode() in logged, "the search works"
    assert [s for s in secrets if s.encode() in logged] == []


@pytest.mark.parametrize("name", ["keyring", "table", "env"])
def test_files_are_for_their_owner_only(stack, name):
    path = {"keyring": stack.conf["CODECOURIER_KEYRING"],
            "table": stack.conf["CODECOURIER_RUNTIME_DIR"] + "/host.v4",
            "env": stack.run_dir / "env"}[name]
    info = type(stack.run_dir)(path).stat()
    assert info.st_mode & 0o7777 == 0o600
    assert info.st_uid == stack.uid


def test_no_secret_on_a_command_line(stack):
    for pid in stack.pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                assert b"cc_live_" not in file.read()
        except OSError:
            pass        # ended meanwhile


def test_stored_key_is_a_scrypt_hash(planted):
    (row,) = planted.stack.rows(
        "select convert_from(hash, 'UTF8') h, length(check_value) c, prefix "
        f"from codecourier.api_key where id = '{planted.key_id}'")
    assert row["h"].startswith("$s1$0c0801$")      # 2^12, r 8, p 1
    assert row["c"] == 4
    assert row["prefix"] == planted.key[:16]


def test_same_value_is_sealed_differently_each_time(project):
    seen = set()
    for _ in range(5):
        project.api.post(UPDATE, {"envVars": {"A": "same"}})
        seen.add(project.stack.sql(
            "select env_vars from codecourier.settings "
            f"where project_id = '{project.id}'"))
    assert len(seen) == 5


def copy(stack, source, target, project_from, project_to):
    stack.sql(f"update codecourier.settings t set {target} = s.{source} "
              f"from codecourier.settings s where s.project_id = "
              f"'{project_from}' and t.project_id = '{project_to}'")


@pytest.mark.parametrize("column", few(READABLE))
def test_moved_to_another_project(planted, project, column):
    """Not even with the data key moved along."""
    name, value = SEALED[column]
    project.api.post(UPDATE, {name: {"OWN": "own"}})
    copy(planted.stack, column, column, planted.id, project.id)
    project.api.refused("INTERNAL", "GET", SETTINGS)
    planted.api.get(SETTINGS)
    project.api.post(UPDATE, {name: value})
    assert project.api.get(SETTINGS)[name] == value


@pytest.fixture(scope="module")
def moved(stack):
    """A project whose values are moved about; each test seals them anew."""
    return make_project(stack)


@pytest.mark.parametrize("source, target", few([
    (a, b) for a in SEALED for b in READABLE if a != b]))
def test_moved_to_another_column(moved, source, target):
    moved.api.post(UPDATE, dict(SEALED.values()))
    moved.api.get(SETTINGS)
    copy(moved.stack, source, target, moved.id, moved.id)
    moved.api.refused("INTERNAL", "GET", SETTINGS)


@pytest.mark.parametrize("change", few([
    "''::bytea", "substr({0}, 1, 10)",
    "set_byte({0}, 0, get_byte({0}, 0) # 1)",
    "set_byte({0}, 1, get_byte({0}, 1) # 1)",
    "set_byte({0}, 20, get_byte({0}, 20) # 1)",
    "set_byte({0}, length({0}) - 1, get_byte({0}, length({0}) - 1) # 1)",
    "substr({0}, 1, length({0}) - 1)", "{0} || '\\x00'"], 3),
    ids=["empty", "head-only", "format", "key-id", "nonce", "last", "cut",
         "longer"])
def test_changed_value_does_not_open(moved, change):
    moved.api.post(UPDATE, dict(SEALED.values()))
    moved.api.get(SETTINGS)
    moved.stack.sql("update codecourier.settings set env_vars = "
                    + change.format("env_vars")
                    + f" where project_id = '{moved.id}'")
    error = moved.api.refused("INTERNAL", "GET", SETTINGS)
    assert MARK not in str(error)


def reveal_fails(project, provider):
    done = project.stack.run([project.stack.ctl_path, "provider-key",
                              "reveal", project.slug, provider])
    assert done.returncode == 5, done
    assert MARK not in done.stdout + done.stderr


def test_provider_key_moved_to_another_provider(project):
    for provider in "github", "e2b":
        project.api.post(SET, {"provider": provider, "key": MARK + provider})
    project.stack.sql(
        "update codecourier.provider_key t set sealed = s.sealed from "
        "codecourier.provider_key s where s.project_id = t.project_id and "
        f"s.provider = 'github' and t.provider = 'e2b' and "
        f"t.project_id = '{project.id}'")
    reveal_fails(project, "e2b")
    assert project.stack.ctl("provider-key", "reveal", project.slug,
                             "github")["key"] == MARK + "github"


def test_provider_key_moved_to_another_project(planted, project):
    project.api.post(SET, {"provider": "github", "key": "12345678"})
    project.stack.sql(
        "update codecourier.provider_key t set sealed = s.sealed from "
        f"codecourier.provider_key s where s.project_id = '{planted.id}' "
        f"and s.provider = 'github' and t.project_id = '{project.id}'")
    reveal_fails(project, "github")


def test_data_key_moved_to_another_project(project, other):
    """A wrapped data key opens under its own project only."""
    for one in project, other:
        one.api.post(UPDATE, {"envVars": {"A": MARK}})
    project.stack.sql(
        "update codecourier.data_key t set wrapped = s.wrapped from "
        f"codecourier.data_key s where s.project_id = '{other.id}' "
        f"and t.project_id = '{project.id}'")
    error = project.api.refused("INTERNAL", "GET", SETTINGS)
    assert MARK not in str(error)
    assert other.api.get(SETTINGS)["envVars"] == {"A": MARK}


def test_a_key_that_the_keyring_lacks(project):
    """A fault of ours that passes: 503, and what is not sealed is served."""
    project.api.post(UPDATE, {"envVars": {"A": MARK}})
    text = ("update codecourier.data_key set master_key = {} "
            f"where project_id = '{project.id}'")
    (row,) = project.stack.rows("select master_key from codecourier.data_key "
                                f"where project_id = '{project.id}'")
    project.stack.sql(text.format("'not-there'"))
    for _ in range(3):
        project.api.refused("UNAVAILABLE", "GET", SETTINGS)
        project.api.refused("UNAVAILABLE", "POST", SET,
                            {"provider": "e2b", "key": "12345678"})
        project.api.get("/project")
    project.stack.sql(text.format(f"'{row['master_key']}'"))
    assert project.api.get(SETTINGS)["envVars"] == {"A": MARK}
