"""Clients that are gone: a request that nobody waits for is not begun, and
one that has been is finished; the worker does not mind either."""
import socket

import pytest

from fixtures import written
from wire import ABORT, STDIN, begin, params_of, record, request

UPDATE = "/api/v1/project/update"
BODY = b'{"name": "Given up"}'


def update(home, body=BODY):
    return request(params_of("POST", UPDATE, home.key, body), body)


def closed(peer):
    peer.close()


def half_closed(peer):
    peer.sock.shutdown(socket.SHUT_WR)


def reset(peer):
    """Closed with something unread that the worker cannot have sent yet: on
    a unix socket the same as closed."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         b"\1\0\0\0\0\0\0\0")
    peer.close()


@pytest.mark.parametrize("leaves", [closed, half_closed, reset])
def test_before_its_write_was_begun(one, home, nothing_written, leaves):
    """The whole request stands in the queue behind a busy worker."""
    said = len(one.worker.said())
    holder = one.hold()
    peers = [one.peer(update(home)) for _ in range(5)]
    for peer in peers:
        leaves(peer)
    holder.close()
    assert one.ask("GET", "/api/v1/project", home.key).status == 200
    log = one.worker.said()[said:]
    assert log.count("client gone, request dropped") == 5, log
    assert "method=POST" not in log
    for peer in peers:
        peer.close()


def test_before_its_body_was_read(one, home, nothing_written):
    """The worker has begun to read: the rest of it comes with the end."""
    data = update(home)
    for cut in (20, data.index(BODY), len(data) - 12):
        peer = one.peer(data[:cut]).taken()
        holder = peer.sock.dup()
        peer.close()
        holder.close()
        assert one.ask("GET", "/api/v1/project", home.key).status == 200


def test_those_who_wait_are_served(one, home):
    """Of a queue in which every second one has left."""
    before = written(home)
    holder = one.hold()
    peers = [one.peer(update(home, b'{"name": "Number %d"}' % n))
             for n in range(10)]
    for peer in peers[::2]:
        peer.close()
    holder.close()
    for n in range(1, 10, 2):
        assert peers[n].answer("POST").json["data"]["name"] == f"Number {n}"
        peers[n].close()
    assert written(home) == before + 5


def test_while_its_write_is_made(one, home, session):
    """Begun is begun: it is made, once, with its audit row."""
    before = written(home)
    session.hold(home)
    peer = one.peer(update(home, b'{"name": "Left meanwhile"}'))
    session.await_waiting()
    peer.close()
    session.release()
    project = one.ask("GET", "/api/v1/project", home.key).json["data"]
    assert project["name"] == "Left meanwhile"
    assert written(home) == before + 1


@pytest.mark.parametrize("read", [0, 1, 100000])
def test_while_it_is_answered(one, large, home, read):
    """The rest of a large answer goes nowhere (no SIGPIPE)."""
    for _ in range(5):
        peer = one.peer(request(params_of(
            "GET", "/api/v1/project/settings", large.key)))
        if read:
            peer.receive(read)
        peer.close()
    assert one.ask("GET", "/api/v1/project", home.key).status == 200
    assert one.worker.alive()


def test_connections_without_a_word(one, home):
    """As a probe of the port would make them."""
    for _ in range(200):
        one.peer().close()
    for data in (b"", b"\1", begin(), begin() + record(STDIN)):
        one.peer(data).close()
    assert one.ask("GET", "/api/v1/project", home.key).status == 200


def test_descriptors_do_not_grow(one, home):
    """Whatever the way in which a connection ended."""
    data = update(home)
    before = one.worker.descriptors()
    for cut in range(0, len(data), 16):
        one.peer(data[:cut]).close()
    for bad in (b"\0" * 16, begin() + b"\0" * 16,
                data[:data.index(BODY) - 8] + record(ABORT)):
        peer = one.peer(bad)
        assert peer.answer() is None
        peer.close()
    assert one.ask("GET", "/api/v1/project", home.key).status == 200
    assert one.worker.descriptors() == before
