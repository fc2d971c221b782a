"""Invitations by mail, as they go out: the template, and that neither a name nor
an address is ever a header, an option or a second recipient."""
import random

import pytest

from mailer import FROM, ended, invite, text_of, with_mailer

ACCEPT = "/invitations/accept"


@pytest.fixture(scope="module")
def mailer():
    yield from with_mailer()


@pytest.fixture
def project(mailer):
    return mailer.new_project()


# ---- the configuration ----

@pytest.mark.parametrize("text, why", [
    (b"Subject: x\n\nno token", "line 3"), (b"", "line 1"),
    (b"Subject: x\nBcc: evil@x.example\n\n{{token}}", "line 2"),
    (b"Subject: x\n\n{{token}}\n{{secret}}", "line 4"),
    (b"Subject: x\n\n{{token}}\xff", "UTF-8"),
    (b"Subject: x\n\n{{token}}\0", "no text"),
    (b"Subject: x\n\n{{token}}" + b"x" * 65536, "64 KiB"),
    (None, "No such file")])
def test_a_broken_template_loses_nothing(mailer, project, text, why):
    made = invite(project)
    if text is None:
        mailer.form.unlink()
    else:
        mailer.write(text)
    error = mailer.send(code=1)
    assert error["message"].startswith(f"template {mailer.form}: ")
    assert why in error["message"]
    assert mailer.states(project) == ["queued"]
    assert mailer.queue(project)[0]["tries"] == 0
    mailer.write("Subject: \u00e4 {{project}}\n\nYours: {{token}}".encode())
    assert mailer.send() == ended(sent=1)
    (one,) = mailer.fetch()
    assert one.mail["Subject"] == "\u00e4 Test"
    assert text_of(one) == f"Yours: {made['token']}\n"


@pytest.mark.parametrize("spoil", [
    lambda p: p.chmod(0o644), lambda p: p.write_text("no program")])
def test_a_mailer_that_cannot_be_run_loses_nothing(mailer, project, spoil):
    invite(project)
    whole = mailer.program.read_text()
    try:
        spoil(mailer.program)
        assert str(mailer.program) in mailer.send(code=1)["message"]
    finally:
        mailer.program.write_text(whole)
        mailer.program.chmod(0o755)
    assert mailer.states(project) == ["queued"]
    mailer.now(project)
    assert mailer.send() == ended(sent=1)
    assert len(mailer.fetch()) == 1


# ---- headers ----

NAMES = ["=?UTF-8?Q?=0ABcc:_evil=40x.example?=", "a: b", "Bcc: evil@x.example",
         ".", "From here", "\U0001f600" * 100, "\u65e5\u672c" * 50, "x" * 100,
         "=", "=3D", '"', "\\", "{{token}}", "a,b;c<d>(e)", "\u00e4\u00f6",
         "%s%n", "`id`$(id)", "' OR 1", "</script>", "\u0627\u0644"]
ADDRESSES = ["|id@x.example", "%s@x.example", "!x!y@x.example", "&x@x.example",
             "$x@x.example", "`id`@x.example", "a'b@x.example",
             "root@localhost", "a@[192.0.2.1]", "a+b=c@x.example",
             "/etc/x@x.example", "x" * 64 + "@" + "y" * 180 + ".example"]
# none that every mailer takes for one recipient
STRANGE = ["-oQ/tmp@x.example", "-@x.example", "a,b@x.example",
           "a;b@x.example", '"a"@x.example', '"a,b"@x.example', "a<b@x.example",
           "<a@x.example>", "a(b)@x.example", "a\\b@x.example", "a:b@x.example",
           "a@x.example,", "a@b,c.example", "a@x.example>", ".a@x.example",
           "a@x..example", "$(id)@x.example", "a/../b@x.example"]


def letters(n):
    pool = ("abc XYZ019 =?_.,;:<>()[]\"'\\/@%$`|&{}!#~^-+*"
            "\u00e4\u00df\u20ac\u65e5\U0001f600\u0301")
    return "".join(random.choice(pool) for _ in range(n))


@pytest.mark.parametrize("name", NAMES + [None] * 20)
def test_no_name_is_a_header(mailer, project, name):
    name = name or "n" + letters(random.randrange(1, 98)) + "n"
    project.api.post("/project/update", {"name": name})
    made = invite(project)
    assert mailer.send() == ended(sent=1)
    (one,) = mailer.fetch()
    assert one.mail.defects == [] and one.mail["Subject"].defects == ()
    assert sorted(one.mail.keys()) == [
        "Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date",
        "From", "MIME-Version", "Message-ID", "Subject", "To"]
    assert one.mail["To"] == made["email"] and one.mail["From"] == FROM
    assert one.mail["Subject"] == f"Invitation to {name}"
    assert f"to the project {name} as admin" in text_of(one)
    assert made["token"] in text_of(one)
    assert all(len(line) <= 78 and line.isascii()
               for line in one.data.decode().split("\n")
               if not line.startswith("To: "))


@pytest.mark.parametrize("email", ADDRESSES)
def test_an_address_is_one_recipient(mailer, project, email):
    mailer.stack.sql("delete from codecourier.mail_queue")
    invite(project, email)
    assert mailer.send() == ended(sent=1)
    (one,) = mailer.fetch()
    assert one.args == ["-i", "-f", FROM, "--", email]
    assert [a.addr_spec for a in one.mail["To"].addresses] == [email]


@pytest.mark.parametrize("email", STRANGE)
def test_an_address_that_could_be_two_is_none(mailer, project, email):
    """It is told; its token is passed on by hand."""
    made = invite(project, email)
    done = mailer.stack.run([mailer.stack.ctl_path, "mail", "send"])
    assert mailer.fetch() == []
    assert mailer.states(project) == ["failed"]
    assert "its address" in done.stderr and email not in done.stderr
    assert project.api.post(ACCEPT, {"token": made["token"]})
