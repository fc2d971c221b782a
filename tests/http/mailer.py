"""A stack whose host has a mailer: a script that puts each message, with how it
was called, into a folder, and then does what the file `then` says."""
import os
import signal
import subprocess
import uuid
from email import message_from_bytes, policy
from types import SimpleNamespace

from fixtures import make_project, running
from harness import ROOT
from session import until

FROM = "invitations@mail.example"
URL = "https://codecourier.example/invitation"
FORM = ROOT / "cgi-bin/invitation.txt"

SCRIPT = """#!/bin/sh
here=%s
name=$(mktemp "$here/taken/XXXXXXXX") || exit 75
for word; do printf '%%s\\0' "$word"; done >"$name.args"
cat /proc/$$/environ >"$name.environ"
cat >"$name"
mv "$name" "$name.text"
. "$here/then"
exit 0
"""


class Mailer:
    """The host of a stack, its workers told of the mailer."""

    def __init__(self, stack):
        self.stack, self.folder = stack, stack.top / "mailer"
        folder = self.folder
        folder.mkdir()
        self.taken = folder / "taken"
        self.taken.mkdir()
        self.program = folder / "sendmail"
        self.program.write_text(SCRIPT % folder)
        self.form = folder / "invitation.txt"
        self.then("")
        self.write(FORM.read_bytes())
        for path in (folder, self.taken, self.program):
            path.chmod(0o755)
        for path in (folder, self.taken):
            os.chown(path, stack.uid, stack.gid)

    def configure(self):
        """Workers that start anew have read it."""
        with open(self.stack.run_dir / "api.conf", "a") as conf:
            conf.write(f"CODECOURIER_SENDMAIL={self.program}\n"
                       f"CODECOURIER_MAIL_FROM={FROM}\n"
                       f"CODECOURIER_MAIL_TEMPLATE={self.form}\n"
                       f"CODECOURIER_MAIL_URL={URL}\n")
        before = self.stack.workers()
        for pid in before:
            os.kill(pid, signal.SIGTERM)
        until(lambda: len(self.stack.workers()) == len(before) and
              not set(self.stack.workers()) & set(before),
              "the workers did not start anew")

    def then(self, text):
        """What the script does when it has the message; a shell's words."""
        (self.folder / "then").write_text(text)
        (self.folder / "then").chmod(0o644)

    def write(self, form):
        """The template."""
        self.form.write_bytes(form)
        self.form.chmod(0o644)

    def new_project(self):
        """Messages of others are out of its way."""
        self.stack.sql("update codecourier.mail_queue set state = 'dropped', "
                       "sealed = null where sealed is not null")
        self.then("")
        self.write(FORM.read_bytes())
        self.fetch()
        return make_project(self.stack)

    def send(self, code=0, **more):
        """codecourierctl mail send"""
        return self.stack.ctl("mail", "send", code=code, **more)

    def start(self):
        """The same, not waited for."""
        return self.stack.popen([self.stack.ctl_path, "mail", "send"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def fetch(self):
        """What was handed over since the last time, in no order."""
        found = []
        for text in self.taken.glob("*.text"):
            args = text.with_suffix(".args")
            environ = text.with_suffix(".environ")
            data = text.read_bytes()
            found.append(SimpleNamespace(
                data=data, args=args.read_bytes().decode().split("\0")[:-1],
                environ=environ.read_bytes(),
                mail=message_from_bytes(data, policy=policy.default)))
            for path in (text, args, environ):
                path.unlink()
        assert not list(self.taken.iterdir())
        return found

    def queue(self, project):
        """Its rows, oldest first."""
        return self.stack.rows(
            "select q.id, state, tries, status, address, sealed is not null "
            "as sealed, next_at > now() as waits from codecourier.mail_queue q "
            f"where project_id = '{project.id}' order by queued_at")

    def states(self, project):
        return [row["state"] for row in self.queue(project)]

    def now(self, project):
        """What waits need not wait any longer."""
        self.stack.sql("update codecourier.mail_queue set next_at = now() "
                       f"where project_id = '{project.id}'")

    def later(self, project, interval):
        """Lets so much time pass for the project's messages."""
        self.stack.sql(
            f"update codecourier.mail_queue set queued_at = queued_at - "
            f"interval '{interval}', claimed_at = claimed_at - "
            f"interval '{interval}' where project_id = '{project.id}'")


def with_mailer():
    """For a fixture."""
    for stack in running(workers=2):
        mailer = Mailer(stack)
        mailer.configure()
        yield mailer


def new_address():
    return f"{uuid.uuid4().hex}@x.example"


def invite(project, email=None, **more):
    return project.api.post("/project/members/invite", {
        "email": email or new_address(), "role": "admin"}, **more)


def ended(sent=0, later=0, failed=0, doubt=0):
    return {"sent": sent, "later": later, "failed": failed, "inDoubt": doubt}


def text_of(one):
    return one.mail.get_content()
