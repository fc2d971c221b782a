"""Invitations by mail: queued with the invitation, handed over by
`codecourierctl mail send`, each once, whatever fails."""
import os
import re
import signal
import uuid

import pytest

from client import at_once
from fixtures import make_project
from mailer import (FROM, URL, ended, invite, new_address, text_of,
                    with_mailer)
from session import Session, until

INVITE = "/project/members/invite"
RESEND = "/project/members/resend"
REMOVE = "/project/members/remove"
ACCEPT = "/invitations/accept"


@pytest.fixture(scope="module")
def mailer():
    yield from with_mailer()


@pytest.fixture
def project(mailer):
    return mailer.new_project()


# ---- what is sent ----

def test_an_invitation(mailer, project):
    made = invite(project, "Some.One+x@Example.com")
    assert mailer.queue(project) == [{
        "id": mailer.queue(project)[0]["id"], "state": "queued", "tries": 0,
        "status": None, "address": "some.one+x@example.com", "sealed": True,
        "waits": False}]
    assert mailer.send() == ended(sent=1)
    (one,) = mailer.fetch()
    assert one.args == ["-i", "-f", FROM, "--", "Some.One+x@Example.com"]
    assert one.mail.defects == []
    assert one.mail["To"] == "Some.One+x@Example.com"
    assert one.mail["From"] == FROM
    assert one.mail["Subject"] == "Invitation to Test"
    assert one.mail["Auto-Submitted"] == "auto-generated"
    assert one.mail["Message-ID"] == \
        f"<{mailer.queue(project)[0]['id']}@mail.example>"
    assert one.mail["Date"].datetime.timestamp() == pytest.approx(
        float(mailer.stack.sql("select extract(epoch from now())")), abs=300)
    for word in ("Test", "admin", URL, made["token"]):
        assert word in text_of(one)
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", text_of(one))
    assert made["token"].encode() not in b"\0".join(
        a.encode() for a in one.args) + one.environ
    (row,) = mailer.queue(project)
    assert (row["state"], row["sealed"], row["status"]) == ("sent", False, 0)
    assert mailer.send() == ended()
    assert mailer.fetch() == []
    assert project.api.post(ACCEPT, {"token": made["token"]})["email"] == \
        "Some.One+x@Example.com"


def test_without_a_mailer_nothing_is_queued(stack):
    """The token is passed on by hand; the command says so and is content."""
    made = make_project(stack)
    assert "token" in invite(made)
    assert stack.sql("select count(*) from codecourier.mail_queue "
                     f"where project_id = '{made.id}'") == "0"
    assert stack.ctl("mail", "send") == ended()
    done = stack.run([stack.ctl_path, "mail", "send"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "CODECOURIER_SENDMAIL is not set" in done.stdout


def test_a_resent_one_alone_is_sent(mailer, project):
    first = invite(project)
    again = project.api.post(RESEND, {"targetUserId": first["userId"]})
    assert mailer.states(project) == ["dropped", "queued"]
    assert mailer.send() == ended(sent=1)
    (one,) = mailer.fetch()
    assert again["token"] in text_of(one) and first["token"] not in text_of(one)


@pytest.mark.parametrize("how", ["removed", "accepted", "by the operator"])
def test_what_is_of_no_use_is_not_sent(mailer, project, how):
    made = invite(project)
    if how == "removed":
        project.api.post(REMOVE, {"targetUserId": made["userId"]})
    elif how == "accepted":
        project.api.post(ACCEPT, {"token": made["token"]})
    else:
        mailer.stack.make("member", "accept", project.slug, made["email"])
    (row,) = mailer.queue(project)
    assert (row["state"], row["sealed"]) == ("dropped", False)
    assert mailer.send() == ended()
    assert mailer.fetch() == []


def test_another_role_is_told_as_it_is_then(mailer, project):
    made = invite(project)
    project.api.post("/project/members/update-role",
                     {"targetUserId": made["userId"], "role": "owner"})
    assert mailer.send() == ended(sent=1)
    assert "as owner" in text_of(mailer.fetch()[0])


def test_a_deleted_project_sends_when_it_is_back(mailer, project):
    invite(project)
    project.api.post("/project/delete")
    assert mailer.send() == ended()
    mailer.stack.make("project", "restore", project.slug)
    assert mailer.send() == ended(sent=1)
    assert len(mailer.fetch()) == 1


def test_one_that_has_ended_is_told_once(mailer, project):
    invite(project)
    mailer.stack.sql(
        "alter table codecourier.member disable trigger user; update "
        "codecourier.member set invitation_ends_at = now() where project_id = "
        f"'{project.id}' and status = 'pending'; "
        "alter table codecourier.member enable trigger user")
    done = mailer.stack.run([mailer.stack.ctl_path, "mail", "send"])
    assert "has ended before it was sent" in done.stderr
    assert mailer.states(project) == ["dropped"]
    assert mailer.stack.run([mailer.stack.ctl_path, "mail", "send"]
                            ).stderr == ""
    assert mailer.fetch() == []


def test_a_retry_queues_nothing_again(mailer, project):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    email = new_address()
    first = invite(project, email, headers=key)
    assert invite(project, email, headers=key) == first
    body = {"targetUserId": first["userId"]}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    again = project.api.post(RESEND, body, headers=key)
    assert project.api.post(RESEND, body, headers=key) == again
    assert mailer.states(project) == ["dropped", "queued"]
    assert mailer.send() == ended(sent=1)
    assert again["token"] in text_of(mailer.fetch()[0])


@pytest.mark.parametrize("call, body", [
    (INVITE, {"email": "owner", "role": "admin"}),
    (RESEND, {"targetUserId": "owner"}), (RESEND, {"targetUserId": "nobody"})])
def test_a_refused_one_queues_nothing(mailer, project, call, body):
    (owner,) = project.api.get("/project/members")
    ids = {"owner": owner["email" if call == INVITE else "userId"],
           "nobody": str(uuid.uuid4())}
    answer = project.api.send("POST", call, {
        n: ids.get(v, v) for n, v in body.items()})
    assert answer.status in (404, 409)
    assert mailer.queue(project) == []


# ---- too much ----

def test_five_an_address_and_day(mailer, project):
    """In any case, whatever the project, and whether they were sent."""
    email, upper = "a" + new_address(), None
    upper = email.upper()
    made = invite(project, email)
    for _ in range(2):
        project.api.post(RESEND, {"targetUserId": made["userId"]})
    mailer.send()
    second = make_project(mailer.stack)
    for one in (email, upper):
        there = invite(second, one)
        assert len(there["token"]) == 53
        second.api.post(REMOVE, {"targetUserId": there["userId"]})
    assert mailer.states(second) == ["dropped", "dropped"]
    there = invite(second, upper)
    assert len(there["token"]) == 53
    assert len(mailer.queue(second)) == 2       # nothing more
    mailer.later(project, "23 hours 59 minutes")
    project.api.post(RESEND, {"targetUserId": made["userId"]})
    assert len(mailer.queue(project)) == 3
    mailer.later(project, "1 minute")
    project.api.post(RESEND, {"targetUserId": made["userId"]})
    assert mailer.states(project) == ["dropped", "dropped", "sent", "queued"]


def test_five_an_address_at_once(mailer, project):
    email = new_address()
    several = [make_project(mailer.stack) for _ in range(8)]
    for one in several:
        one.api.get("/project")     # verified, one after the other
    made = at_once([lambda p=p: invite(p, email) for p in several])
    assert all(len(m["token"]) == 53 for m in made)
    assert sum(len(mailer.queue(p)) for p in several) == 5


def test_fifty_a_project_and_hour(mailer, project):
    mailer.stack.sql(
        "insert into codecourier.mail_queue (project_id, member_id, address, "
        f"state) select '{project.id}', gen_random_uuid(), n || '@x', 'sent' "
        "from generate_series(1, 46) n")
    made = at_once([lambda: invite(project) for _ in range(8)])
    assert all(len(m["token"]) == 53 for m in made)
    assert mailer.states(project).count("queued") == 4
    mailer.later(project, "1 hour")
    invite(project)
    assert mailer.states(project).count("queued") == 5


def test_what_counts_no_longer_goes(mailer, project):
    for _ in range(3):
        invite(project)
    mailer.send()
    mailer.fetch()
    waiting = invite(project)
    gone = invite(project)
    mailer.stack.ctl("purge")
    assert len(mailer.queue(project)) == 5
    mailer.later(project, "25 hours")
    project.api.post(REMOVE, {"targetUserId": gone["userId"]})
    mailer.stack.ctl("purge")
    assert mailer.states(project) == ["queued"]     # sent a day late, if it is
    assert mailer.send() == ended(sent=1)
    assert waiting["token"] in text_of(mailer.fetch()[0])


# ---- what the mailer says ----

@pytest.mark.parametrize("status", [70, 71, 72, 73, 74, 75, 77, 78])
def test_not_now(mailer, project, status):
    invite(project)
    mailer.then(f"exit {status}")
    assert mailer.send() == ended(later=1)
    (row,) = mailer.queue(project)
    assert row == {**row, "state": "queued", "tries": 1, "status": status,
                   "waits": True, "sealed": True}
    mailer.then("")
    assert mailer.send() == ended()
    assert len(mailer.fetch()) == 1
    mailer.now(project)
    assert mailer.send() == ended(sent=1)
    assert len(mailer.fetch()) == 1


def test_it_waits_longer_each_time(mailer, project):
    """1, 2, 4, … minutes, then 4 hours."""
    invite(project)
    mailer.then("exit 75")
    waits = []
    for _ in range(10):
        assert mailer.send() == ended(later=1)
        before = mailer.stack.sql(
            "select round(extract(epoch from next_at - claimed_at)::numeric "
            "/ 60) from codecourier.mail_queue where project_id = "
            f"'{project.id}'")
        waits.append(int(before))
        mailer.now(project)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]
    assert len({one.mail["Message-ID"] for one in mailer.fetch()}) == 1


@pytest.mark.parametrize("status", [1, 64, 65, 67, 68, 69, 76, 127, 255])
def test_not_ever(mailer, project, status):
    """Said once, by ids alone, and kept until the operator says so."""
    made = invite(project)
    mailer.then(f"exit {status}")
    done = mailer.stack.run([mailer.stack.ctl_path, "mail", "send"])
    (row,) = mailer.queue(project)
    assert row == {**row, "state": "failed", "status": status, "sealed": True}
    assert done.stderr.count("\n") == 1
    assert row["id"] in done.stderr and f"status {status})" in done.stderr
    assert made["email"] not in done.stderr + done.stdout
    assert made["token"] not in done.stderr + done.stdout
    mailer.fetch()
    mailer.then("")
    mailer.now(project)
    again = mailer.stack.run([mailer.stack.ctl_path, "mail", "send"])
    assert again.stderr == "" and mailer.fetch() == []
    (listed,) = mailer.stack.ctl("mail", "list", project.slug)
    assert listed["state"] == "failed" and listed["status"] == status
    assert mailer.stack.ctl("mail", "retry", row["id"])["state"] == "queued"
    assert mailer.send() == ended(sent=1)
    assert made["token"] in text_of(mailer.fetch()[0])
    assert mailer.stack.ctl("mail", "list", project.slug) == []
    assert "no message" in mailer.stack.ctl(
        "mail", "retry", row["id"], code=3)["message"]


def test_retry_of_nothing(mailer):
    for what in ("", "x", str(uuid.uuid4()), "'; drop table member"):
        assert "no message" in mailer.stack.ctl(
            "mail", "retry", what, code=3)["message"]


def test_a_failed_one_that_is_resent_is_dropped(mailer, project):
    made = invite(project)
    mailer.then("exit 67")
    mailer.send()
    project.api.post(RESEND, {"targetUserId": made["userId"]})
    assert mailer.states(project) == ["dropped", "queued"]


# ---- nothing is lost, nothing is sent twice ----

def test_a_mailer_that_is_killed_leaves_a_doubt(mailer, project):
    made = invite(project)
    mailer.then("kill -9 $$")
    assert mailer.send() == ended(doubt=1)
    mailer.then("")
    assert mailer.states(project) == ["doubt"]
    assert mailer.send() == ended()
    assert len(mailer.fetch()) == 1
    (row,) = mailer.stack.ctl("mail", "list")
    assert row["projectSlug"] == project.slug and row["state"] == "doubt"
    mailer.stack.ctl("mail", "retry", row["id"])
    assert mailer.send() == ended(sent=1)
    assert made["token"] in text_of(mailer.fetch()[0])


def in_doubt(mailer, project, handed):
    """A sender died: nothing is sent again by itself, and it is told once."""
    assert mailer.states(project) == ["sending"]
    assert mailer.send() == ended()
    assert len(mailer.fetch()) == handed
    mailer.later(project, "9 minutes")
    assert mailer.send() == ended()
    mailer.later(project, "1 minute")
    done = mailer.stack.run([mailer.stack.ctl_path, "mail", "send"])
    (row,) = mailer.queue(project)
    assert row["id"] in done.stderr and "its sender died" in done.stderr
    assert (row["state"], row["sealed"]) == ("doubt", True)
    assert mailer.stack.run([mailer.stack.ctl_path, "mail", "send"]
                            ).stderr == ""
    assert mailer.fetch() == []
    mailer.stack.ctl("mail", "retry", row["id"])
    assert mailer.send() == ended(sent=1)
    assert len(mailer.fetch()) == 1


def test_killed_before_the_mailer_has_it(mailer, project):
    invite(project)
    session = Session(mailer.stack)
    session.run("begin; lock codecourier.data_key")
    sender = mailer.start()
    session.await_waiting("%data_key%")
    os.kill(sender.pid, signal.SIGKILL)
    sender.communicate()
    session.release()
    session.close()
    in_doubt(mailer, project, 0)


def test_killed_while_the_mailer_has_it(mailer, project):
    """The mailer has all of it: not half a message goes out."""
    made = invite(project)
    mailer.then(f"kill -9 $PPID\n: >{mailer.folder}/killed")
    sender = mailer.start()
    sender.communicate()
    assert sender.returncode == -signal.SIGKILL
    until((mailer.folder / "killed").exists, "the mailer did not go on")
    mailer.then("")
    (text,) = mailer.taken.glob("*.text")
    assert made["token"].encode() in text.read_bytes()
    in_doubt(mailer, project, 1)


def test_killed_before_it_is_noted(mailer, project):
    invite(project)
    here = mailer.folder
    mailer.then(f"until [ -e {here}/go ]; do sleep 0.05; done\n: >{here}/over")
    sender = mailer.start()
    until(lambda: list(mailer.taken.glob("*.text")), "nothing was handed over")
    os.kill(sender.pid, signal.SIGSTOP)
    (here / "go").touch()
    until((here / "over").exists, "the mailer does not end")
    os.kill(sender.pid, signal.SIGKILL)
    sender.communicate()
    (here / "go").unlink()
    mailer.then("")
    in_doubt(mailer, project, 1)


def test_a_signal_to_stop_waits_for_the_message(mailer, project):
    invite(project)
    invite(project)
    mailer.then(f"until [ -e {mailer.folder}/go ]; do sleep 0.05; done")
    sender = mailer.start()
    until(lambda: list(mailer.taken.glob("*.text")), "nothing was handed over")
    os.kill(sender.pid, signal.SIGTERM)
    (mailer.folder / "go").touch()
    sender.communicate()
    (mailer.folder / "go").unlink()
    assert sender.returncode == -signal.SIGTERM
    assert sorted(mailer.states(project)) == ["queued", "sent"]
    assert len(mailer.fetch()) == 1


def test_two_senders_at_once(mailer, project):
    made = [invite(project) for _ in range(20)]
    two = at_once([mailer.send, mailer.send])
    assert sum(one["sent"] for one in two) == 20, two
    found = mailer.fetch()
    assert sorted(m["email"] for m in made) == \
        sorted(one.mail["To"] for one in found)
    tokens = {m["email"]: m["token"] for m in made}
    assert all(tokens[one.mail["To"]] in text_of(one) for one in found)


def test_withdrawn_while_it_is_handed_over(mailer, project):
    """No longer in the queue, whatever the mailer says of it."""
    made = invite(project)
    mailer.then(f"until [ -e {mailer.folder}/go ]; do sleep 0.05; done\n"
                "exit 75")
    sender = mailer.start()
    until(lambda: list(mailer.taken.glob("*.text")), "nothing was handed over")
    project.api.post(REMOVE, {"targetUserId": made["userId"]})
    (mailer.folder / "go").touch()
    sender.communicate()
    (mailer.folder / "go").unlink()
    (row,) = mailer.queue(project)
    assert (row["state"], row["sealed"]) == ("dropped", False)


def test_a_token_of_somebody_else_is_not_sent(mailer, project):
    """Rows mixed up by the owner of the database."""
    one, two = invite(project), invite(project)
    mailer.stack.sql(
        "update codecourier.mail_queue q set sealed = (select sealed from "
        "codecourier.mail_queue o where o.project_id = q.project_id and o.id "
        f"<> q.id) where project_id = '{project.id}'")
    assert mailer.send() == ended(later=2)
    assert mailer.fetch() == []
    assert one["token"] != two["token"]


# ---- secrets ----

def test_no_token_lies_about(mailer, project):
    """Queued, failed, in doubt and sent: neither in the database nor in a log."""
    tokens = []
    for then in ("exit 67", "kill -9 $$", "", None):
        tokens.append(invite(project)["token"])
        if then is not None:
            mailer.then(then)
            mailer.send()
    assert mailer.states(project) == ["failed", "doubt", "sent", "queued"]
    done = mailer.stack.run(["pg_dump", "-d", mailer.stack.admin()])
    assert done.returncode == 0 and "mail_queue" in done.stdout
    places = done.stdout.encode() + mailer.stack.logs()
    for token in tokens:
        for piece in (token[7:], token[7:27], token[27:47]):
            assert piece.encode() not in places
            assert piece.encode().hex().encode() not in places
