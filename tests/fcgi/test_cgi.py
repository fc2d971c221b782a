"""The worker as a CGI program: one process a request, without a web server
(tests/http/test_apache.py has one). It must do as a worker of a pool does."""
import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
import uuid
from pathlib import Path

import pytest

from contract import KEYED, NOBODY
from fixtures import make_project
from wire import answer_of, params_of
from session import as_user, until

PROJECT = "/api/v1/project"
BODY = b'{"name": "By CGI"}'
CGI = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1"}
# what suexec lets through, of what the worker reads and of ours
SUEXEC = re.compile(r"HTTP_.*|GATEWAY_INTERFACE|SERVER_PROTOCOL|REMOTE_ADDR|"
                    r"REQUEST_METHOD|REQUEST_URI|CONTENT_(TYPE|LENGTH)")


class Program:
    """One process; its standard input and output are pipes of ours."""

    def __init__(self, stack, params, arguments=(), before=(), **more):
        how = as_user(stack)
        how["env"] = {**how["env"], **CGI, **params}
        self.process = subprocess.Popen(
            [*before, str(stack.worker_path), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **{**how, **more})

    def end(self, body=b"", status=0):
        """All it wrote, and its log; it has to end by itself, and well."""
        out, err = self.process.communicate(body, timeout=25)
        self.said = err.decode()
        assert self.process.returncode == status, (out, self.said)
        return out


def ask(stack, method, target, key=None, body=b"", arguments=(), **more):
    """One request by a well-behaved server: the answer, checked."""
    program = Program(stack, params_of(method, target, key, body, **more),
                      arguments)
    answer = answer_of(program.end(body), method)
    answer.said = program.said
    return answer


def names(answer):
    return sorted(n for n, _ in answer.headers)


# the same for each; two are enough for the sanitizers
@pytest.mark.parametrize("method, path", [
    pytest.param(*call, marks=[pytest.mark.plain] * (
        call not in (KEYED[0], KEYED[-1]))) for call in KEYED], ids=[
            p[1:] for _, p in KEYED])
def test_every_call_without_a_key(stack, one, method, path):
    """As a worker of the pool answers, header by header."""
    target, rid = f"/api/v1{path}", str(uuid.uuid4())
    body = b"{}" if method == "POST" else b""
    answer = ask(stack, method, target, None, body, REQUEST_ID=rid)
    other = one.ask(method, target, None, body, REQUEST_ID=rid)
    assert answer.status == other.status == 401
    assert answer.headers == other.headers and answer.body == other.body


def test_reads_and_writes(stack, home, one):
    answer = ask(stack, "POST", f"{PROJECT}/update", home.key, BODY)
    assert answer.status == 200
    assert answer.json["data"]["name"] == "By CGI"
    for method in "GET", "HEAD":
        mine = ask(stack, method, PROJECT, home.key, REQUEST_ID=NOBODY)
        other = one.ask(method, PROJECT, home.key, REQUEST_ID=NOBODY)
        assert (mine.headers, mine.body) == (other.headers, other.body)
    row, = stack.rows(
        "select host(address) as address from codecourier.audit where "
        f"request_id = '{answer.header('X-Request-ID')}'")
    assert row == {"address": "192.0.2.7"}


def test_large_answer_and_body(stack, large):
    """More than any pipe holds, both ways."""
    text = "g" * 200_000
    body = b'{"issueDiscoveryPrompt": "%s"}' % text.encode() + b" " * 1_500_000
    answer = ask(stack, "POST", f"{PROJECT}/settings/update", large.key, body)
    assert answer.status == 200 and len(answer.body) > 1_300_000
    assert answer.json["data"]["issueDiscoveryPrompt"] == text


def test_refusals(stack, home, nothing_written):
    for code, *request in (
            (404, "GET", "/api/v1/nope", home.key),
            (404, "GET", "/api/v1/project%2Fsettings", home.key),
            (405, "PUT", PROJECT, home.key),
            (204, "OPTIONS", PROJECT),
            (400, "GET", f"{PROJECT}?limit=1", home.key),
            (400, "POST", f"{PROJECT}/update", home.key, b'{"name": '),
            (401, "GET", PROJECT, home.key[:-1] + "_")):
        assert ask(stack, *request).status == code


def test_too_large_before_a_byte_is_read(stack, home, nothing_written):
    for size in ("2097153", "9" * 17):
        program = Program(stack, params_of(
            "POST", f"{PROJECT}/update", home.key, BODY,
            CONTENT_LENGTH=size))
        assert answer_of(program.process.stdout.read()).status == 413
        program.end()


def test_one_line_and_the_end(stack, home):
    """Status 0, and its log is the line of the request."""
    rid = str(uuid.uuid4())
    ask(stack, "GET", PROJECT, home.key)
    answer = ask(stack, "GET", PROJECT, home.key, REQUEST_ID=rid)
    line, = answer.said.splitlines()
    assert f" rid={rid} " in line and " status=200 " in line
    assert home.key[16:] not in line


@pytest.mark.parametrize("query", ["-t", "-t+-w", *(
    pytest.param(q, marks=pytest.mark.plain)
    for q in ("-w", "-x", "a+b", "--"))])
def test_a_query_is_no_argument(stack, home, query):
    """A server hands over what it takes for an "indexed" query."""
    answer = ask(stack, "GET", f"{PROJECT}?{query}", home.key,
                 arguments=query.split("+"), QUERY_STRING=query)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "VALIDATION"


def test_no_header_steers_it(stack, home):
    given = {f"HTTP_{n}": v for n, v in {
        "CODECOURIER_CONF": "/nonexistent", "CODECOURIER_DATABASE": "host=x",
        "PGHOST": "/nonexistent", "PROXY": "http://127.0.0.1:1",
        "GATEWAY_INTERFACE": "", "REQUEST_METHOD": "DELETE"}.items()}
    assert ask(stack, "GET", PROJECT, home.key, **given).status == 200


def test_no_cgi_environment(stack):
    """Started by hand it says what it misses."""
    programs = [Program(stack, {"GATEWAY_INTERFACE": value})
                for value in ("", "FCGI/1.0", "cgi")]
    for program in programs:    # each takes its time, all the same one
        assert program.end(status=1) == b""
        assert "descriptor 0 is no listening socket" in program.said


def test_bad_configuration(stack):
    """Nothing for the client: the server has an answer for that."""
    program = Program(stack, {**params_of("GET", PROJECT),
                              "CODECOURIER_CONF": "/nonexistent"})
    assert program.end(status=1) == b""
    assert "/nonexistent" in program.said


@pytest.mark.parametrize("sent", [b"", BODY[:-1]], ids=len)
def test_cut_body(stack, home, nothing_written, sent):
    program = Program(stack, params_of(
        "POST", f"{PROJECT}/update", home.key, BODY))
    assert program.end(sent) == b""
    assert "client gone" in program.said


def test_body_without_a_length(stack, home, nothing_written):
    """Its end could be where the client was cut off."""
    params = params_of("POST", f"{PROJECT}/delete", home.key,
                       HTTP_TRANSFER_ENCODING="chunked")
    assert Program(stack, params).end(b"{}") == b""


def test_bytes_behind_the_body(stack, home):
    """They are nobody's: RFC 3875 4.2."""
    program = Program(stack, params_of(
        "POST", f"{PROJECT}/update", home.key, BODY))
    answer = answer_of(program.end(BODY + b"x" * 70000))
    assert answer.status == 200


def unread(pipe):
    """Bytes in a pipe that its reader has not taken yet."""
    found = fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(found, sys.byteorder)


def test_silent_client_holds_no_connection(stack, home, large,
                                           nothing_written):
    """Its body never comes: the program ends, and never asked the database.
    Beside it one whose answer nobody takes, which holds it no longer than any
    client may."""
    def sessions():     # a worker may give its own up meanwhile
        return {row["pid"] for row in stack.rows(
            "select pid from pg_stat_activity "
            "where usename = 'codecourier'")}

    before = sessions()
    program = Program(stack, params_of(
        "POST", f"{PROJECT}/update", home.key, BODY))
    program.process.stdin.write(BODY[:5])
    program.process.stdin.flush()
    until(lambda: unread(program.process.stdin) == 0, "it does not read")
    assert program.process.poll() is None
    assert sessions() <= before
    unheard = Program(stack, params_of(
        "GET", f"{PROJECT}/settings", large.key))
    assert program.process.wait(25) == 0
    assert program.process.stdout.read() == b""
    assert unheard.process.wait(25) == 0


def test_nobody_reads_the_answer(stack, home, nothing_written):
    """Gone before its write was begun: nothing is done."""
    program = Program(stack, params_of(
        "POST", f"{PROJECT}/update", home.key, BODY))
    program.process.stdout.close()
    program.process.stdin.write(BODY)
    program.process.stdin.close()
    assert program.process.wait(25) == 0
    assert b"client gone" in program.process.stderr.read()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP,
                                 signal.SIGUSR1, signal.SIGPIPE],
                         ids=lambda s: s.name)
def test_signal_in_the_middle(stack, home, session, sig):
    """A server that ends, or tidies up: the request is finished."""
    session.hold(home)
    program = Program(stack, params_of(
        "POST", f"{PROJECT}/update", home.key, BODY))
    program.process.stdin.write(BODY)
    program.process.stdin.flush()
    session.await_waiting()
    program.process.send_signal(sig)
    session.release()
    assert answer_of(program.end()).status == 200


def test_the_table_of_the_host(stack):
    """A key that a process has verified costs the next ones nothing."""
    fresh = make_project(stack)
    before = stack.status()
    for _ in range(5):
        assert ask(stack, "GET", PROJECT, fresh.key).status == 200
    after = stack.status()
    assert after["scryptRuns"] - before["scryptRuns"] == 1
    assert after["verifiedHits"] - before["verifiedHits"] == 4


def test_without_the_table(stack):
    """Out of reach for a hosting user, say: slower, and as strict."""
    fresh, other = make_project(stack), make_project(stack)
    where = {"CODECOURIER_RUNTIME_DIR": "/nonexistent"}
    before = stack.status()
    for _ in range(2):
        answer = ask(stack, "GET", PROJECT, fresh.key, **where)
        assert answer.status == 200
        assert answer.json["data"]["id"] == fresh.id
        assert "without the shared file" in answer.said
    assert stack.status()["scryptRuns"] == before["scryptRuns"]
    # one process is nobody to count
    assert "a key with a rate limit is not let in" in answer.said
    limit = ("update codecourier.api_key set rate_limit = 5 where id = "
             f"'{fresh.key_id}'")
    stack.sql(limit)
    assert ask(stack, "GET", PROJECT, fresh.key, **where).status == 503
    counted = ask(stack, "GET", PROJECT, fresh.key)
    assert counted.header("RateLimit").startswith('"key";r=4;t=')
    wrong = fresh.key[:16] + other.key[16:]
    assert ask(stack, "GET", PROJECT, wrong, **where).status == 401
    stack.ctl("key", "revoke", fresh.key_id)
    assert ask(stack, "GET", PROJECT, fresh.key, **where).status == 401


def test_behind_suexec(stack, home, tmp_path):
    """It passes few variables; a script of two lines names the file."""
    script = stack.top / "api.cgi"
    script.write_text("#!/bin/sh\n"
                      f"CODECOURIER_CONF={stack.env['CODECOURIER_CONF']} "
                      f"exec {stack.worker_path}\n")
    script.chmod(0o755)
    params = {**CGI, **params_of("POST", f"{PROJECT}/update", home.key, BODY)}
    params = {n: v for n, v in params.items() if SUEXEC.fullmatch(n)}
    how = {**as_user(stack), "env": params}
    done = subprocess.run([str(script)], input=BODY, capture_output=True,
                          timeout=25, **how)
    assert done.returncode == 0, done.stderr
    assert answer_of(done.stdout).status == 200


def memory_of(pid):
    """All that a process has in memory that it may write."""
    found = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            area, rights = line.split()[:2]
            start, end = (int(a, 16) for a in area.split("-"))
            if not rights.startswith("rw") or "[v" in line:
                continue
            memory.seek(start)
            try:
                found += memory.read(end - start)
            except OSError:
                pass
    return found


@pytest.mark.plain
def test_memory_at_the_end(stack, home):
    """Held at its last call by strace: neither key nor secrets are left."""
    secret = "Planted" + uuid.uuid4().hex
    body = b'{"provider": "e2b", "key": "%s"}' % secret.encode()
    rid = "0000face-0000-4000-8000-000000000000"
    program = Program(
        stack, params_of("POST", f"{PROJECT}/provider-keys/set", home.key,
                         body, HTTP_X_REQUEST_ID=rid),
        before=["strace", "-qq", "-o", "/dev/null", "-e",
                "trace=exit_group", "-e",
                "inject=exit_group:delay_enter=20000000"])
    program.process.stdin.write(body)
    program.process.stdin.close()
    end = time.monotonic() + 15
    while b"status=" not in (line := program.process.stderr.readline()):
        assert line and time.monotonic() < end
    assert b"status=200" in line
    children = Path(f"/proc/{program.process.pid}/task/"
                    f"{program.process.pid}/children")
    pid = int(children.read_text())
    while Path(f"/proc/{pid}/syscall").read_text().split()[0] != "231":
        assert time.monotonic() < end, "it does not come to its end"
        time.sleep(0.05)
    found = memory_of(pid)
    os.kill(pid, signal.SIGKILL)
    program.process.kill()
    program.process.wait(10)
    assert rid.encode() in found            # the search finds what is there
    assert secret.encode() not in found
    assert home.key[16:].encode() not in found
