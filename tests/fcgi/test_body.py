"""CONTENT_LENGTH and the body: the length counts, not the records."""
import socket

import pytest

from fixtures import written
from wire import (
    KEEP_CONN, PARAMS, STDIN, begin, pair, params_of, record, request, stream)

UPDATE = "/api/v1/project/update"
MAX = 2 << 20


def update(home, body, **more):
    return params_of("POST", UPDATE, home.key, body, **more)


def ask(one, params, body):
    peer = one.peer(request(params, body))
    found = peer.answer("POST")
    peer.close()
    assert one.worker.alive()
    return found


@pytest.mark.parametrize("length", [
    "-1", "-0", "+5", "1e3", "0x1A", "26 ", " 26", "26,26", "26;", "٢٦", "abc",
    "2.5", "\t26", "9" * 19, "1" + "0" * 30, "-9223372036854775808",
    "18446744073709551642"], ids=repr)
def test_not_a_length(one, home, nothing_written, length):
    """nginx sends no such thing: whoever does gets no answer."""
    params = update(home, b'{"name": "Never Written!!"}',
                    CONTENT_LENGTH=length.encode().decode("latin-1"))
    assert ask(one, params, b'{"name": "Never Written!!"}') is None


@pytest.mark.parametrize("length", [
    MAX + 1, 1 << 31, (1 << 31) - 1, (1 << 32) + 26, 1 << 40, 10 ** 18 - 1])
@pytest.mark.parametrize("sent", [0, 26])
def test_length_too_large(one, home, nothing_written, length, sent):
    """413 at once: nothing is read or reserved for it."""
    body = b'{"name": "Never Written!"}'[:sent]
    answer = ask(one, update(home, body, CONTENT_LENGTH=str(length)), body)
    assert answer.status == 413
    assert answer.json["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_body_too_large(one, home, nothing_written):
    """It is all there, and one byte more than allowed."""
    body = b'{"name": "Never Written"}'.ljust(MAX + 1)
    assert ask(one, update(home, body), body).status == 413


def test_largest_body(one, home):
    body = b'{"name": "As long as it may be"}'.ljust(MAX)
    answer = ask(one, update(home, body), body)
    assert answer.json["data"]["name"] == "As long as it may be"


@pytest.mark.parametrize("missing", [1, 10, 24])
def test_shorter_than_its_length(one, home, nothing_written, missing):
    """The stream ends properly, but early. What is there is JSON, too."""
    body = b'{"name": "Never Written"}' + b" " * missing
    assert ask(one, update(home, body), body[:-missing]) is None
    assert ask(one, update(home, body), b"") is None


def test_longer_than_its_length(one, home):
    """What stands behind it belongs to nobody."""
    body = b'{"name": "First"}'
    for more in (b" ", b"x", b'{"name": "Second"}', b"y" * 300000):
        answer = ask(one, update(home, body), body + more)
        assert answer.json["data"]["name"] == "First"


def test_length_that_cuts_the_json(one, home, nothing_written):
    body = b'{"name": "Never Written"}'
    answer = ask(one, update(home, body, CONTENT_LENGTH="24"), body)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "VALIDATION"


@pytest.mark.parametrize("length", [None, "", "0", "000"])
def test_no_length(one, home, nothing_written, length):
    """Then there is no body, whatever the stream holds."""
    body = b'{"name": "Never Written"}'
    answer = ask(one, update(home, body, CONTENT_LENGTH=length), body)
    assert answer.status == 400
    assert answer.json["error"]["code"] == "VALIDATION"


def test_leading_zeros(one, home):
    body = b'{"name": "Zeros"}'
    answer = ask(one, update(home, body, CONTENT_LENGTH="000017"), body)
    assert answer.json["data"]["name"] == "Zeros"


def test_body_of_a_get(one, home):
    """It is read and left alone."""
    body = b"whatever"
    peer = one.peer(request(params_of(
        "GET", "/api/v1/project", home.key, body), body))
    assert peer.answer().status == 200
    peer.close()


@pytest.mark.parametrize("close", [True, False], ids=["closed", "silent"])
def test_no_end_of_the_stream(site, home, nothing_written, close):
    """A request is whole when its stream has ended, also with all the bytes
    of CONTENT_LENGTH there: until then it may be one that is cut off. A worker
    each, which wait for it together."""
    body = b'{"name": "No end"}'
    pairs = b"".join(pair(n, v) for n, v in params_of(
        "GET", "/api/v1/project", home.key).items())
    workers = [site.start(), site.start()]
    for worker in workers:
        worker.says("database connected", 20)
    peers = [site.peer(request(update(home, body), body)[:-8]),
             site.peer(begin() + stream(PARAMS, pairs))]
    if close:
        for peer in peers:
            peer.sock.shutdown(socket.SHUT_WR)
    for peer, method in zip(peers, ("POST", "GET")):
        assert peer.answer(method) is None
        peer.close()
    assert all(worker.alive() for worker in workers)


def test_one_request_a_connection(one, home):
    """The peer asks to keep the connection, and sends the next request at
    once: it gets one answer and the end, the second is never begun."""
    before = written(home)
    bodies = [b'{"name": "One of two"}', b'{"name": "Two of two"}']
    data = [request(update(home, b), b, flags=KEEP_CONN) for b in bodies]
    peer = one.peer(b"".join(data))
    answer = peer.answer("POST")        # and then the connection's end
    peer.close()
    assert answer.json["data"]["name"] == "One of two"
    assert one.ask("GET", "/api/v1/project", home.key).json["data"][
        "name"] == "One of two"
    assert written(home) == before + 1


def test_kept_but_not_used(one, home):
    """KEEP_CONN, and the peer waits for the answer's end to go on."""
    peer = one.peer(request(params_of("GET", "/api/v1/project", home.key),
                            flags=KEEP_CONN))
    assert peer.answer().status == 200
    peer.send(record(STDIN))
    peer.close()
    assert one.ask("GET", "/api/v1/project", home.key).status == 200
