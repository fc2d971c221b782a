"""A worker and its keyring: without one it is not ready, and a key that it
does not know is looked for in the file again."""
import base64
import json
import os

import pytest

from client import Api
from fixtures import add_key, make_project

SETTINGS = "/api/v1/project/settings"


def line(name, state):
    return f"{name} {state} {base64.b64encode(os.urandom(32)).decode()}\n"


class Ring:
    """A keyring's file of a test's own."""

    def __init__(self, stack):
        self.stack = stack
        self.path = stack.top / f"keyring{os.urandom(4).hex()}"
        self.environ = {"CODECOURIER_KEYRING": str(self.path)}
        self.made = []
        with open(stack.conf["CODECOURIER_KEYRING"]) as file:
            self.first = next(li for li in file if li.startswith("k1"))

    def write(self, *lines):
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(lines))
        fresh.chmod(0o600)
        os.chown(fresh, self.stack.uid, self.stack.gid)
        fresh.rename(self.path)

    def project(self):
        """A new project, its data key wrapped by what seals now."""
        slug = "k-" + os.urandom(8).hex()
        made = self.stack.ctl("project", "create", "--name", "x", "--slug",
                              slug, "--owner-email", "a@b.c",
                              environ=self.environ)
        self.made.append(made["id"])
        row = self.stack.ctl("key", "create", slug, "--name", "x")
        return made["id"], row["key"]


    def close(self):
        """No project stays that the stack's own keyring does not open."""
        for project in self.made:
            self.stack.ctl("project", "delete", project)
            self.stack.ctl("project", "purge", project)


@pytest.fixture
def ring(stack):
    made = Ring(stack)
    yield made
    made.close()


def ask(site, key, variables=None):
    """Reads the settings, or writes what is sealed in them."""
    if variables is None:
        return site.ask("GET", SETTINGS, key)
    return site.ask("POST", SETTINGS + "/update", key,
                    json.dumps({"envVars": variables}).encode())


def not_ready(answer, what):
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "UNAVAILABLE"
    assert error["retryable"] is True
    assert error["message"] == what


@pytest.mark.parametrize("content", [None, "", "k1 open x\n", "two",
                                     "others may read"])
def test_not_ready_without_a_keyring(site, ring, content):
    """It lives and answers; it is ready once the file is."""
    if content == "two":
        ring.write(line("k1", "seal"), line("k2", "seal"))
    elif content is not None:
        ring.write(content if " open" in content else ring.first)
    if content == "others may read":
        ring.path.chmod(0o644)
    site.start(ring.environ)
    if content == "":
        ring.path.write_text("")
    for _ in range(2):
        not_ready(site.ask("GET", "/readyz"), "The keyring is not ready.")
        assert site.ask("GET", "/healthz").status == 200
    ring.write(ring.first)
    assert site.ask("GET", "/readyz").status == 200


def test_a_new_master_key_is_found(site, ring):
    """Put into the file while the worker runs, as README has it: no reload
    is needed, and what the old one has wrapped opens as before."""
    ring.write(ring.first)
    worker = site.start(ring.environ)
    _, old = ring.project()
    assert ask(site, old, {"A": "old"}).status == 200
    assert worker.said().count("keyring read") == 1
    ring.write(ring.first.replace(" seal ", " open "), line("k2", "seal"))
    _, new = ring.project()
    assert ask(site, new, {"A": "new"}).status == 200
    assert worker.said().count("keyring read") == 2
    for key, value in (old, "old"), (new, "new"):
        answer = ask(site, key)
        assert answer.json["data"]["envVars"] == {"A": value}
    assert worker.said().count("keyring read") == 2


def test_a_master_key_that_comes_later(site, ring):
    """Until then: try again. What is not sealed by it is served."""
    second = line("k2", "seal")
    opened = ring.first.replace(" seal ", " open ")
    ring.write(opened, second)
    _, key = ring.project()
    assert ask(site_with(site, ring, ring.first), key, {"A": "b"}
               ).status == 503
    assert site.ask("GET", "/api/v1/project", key).status == 200
    assert ask(site, key).json["data"]["envVars"] == {}
    ring.path.unlink()
    assert ask(site, key, {"A": "b"}).status == 503
    ring.write(opened, second)
    assert ask(site, key, {"A": "b"}).status == 200
    assert ask(site, key).json["data"]["envVars"] == {"A": "b"}


def site_with(site, ring, *lines):
    """The site with a worker that has read such a file."""
    ring.write(*lines)
    site.start(ring.environ)
    assert site.ask("GET", "/readyz").status == 200
    return site


def test_the_same_name_for_another_key(site, ring, stack):
    """It does not open: our fault, whoever asks, and no endless reading."""
    project = make_project(stack, key=False)
    add_key(project)
    Api(stack.base, project.key).post("/project/settings/update",
                                      {"envVars": {"A": "b"}})
    site_with(site, ring, line("k1", "seal"))
    worker = site.workers[0]
    for _ in range(3):
        answer = ask(site, project.key)
        assert answer.status == 500, answer
    assert worker.said().count("keyring read") == 1
    assert "does not open with master key k1" in worker.said()
