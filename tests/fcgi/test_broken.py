"""Broken records, straight at a worker. A request that did not arrive whole
is not carried out and gets no answer; the worker goes on to the next one.

All cases but those of libfcgi's own asserts meet the same worker.
"""
import signal
import struct

import pytest

from wire import (
    ABORT, BEGIN, END, GET_VALUES, GET_VALUES_RESULT, KEEP_CONN, PARAMS, STDIN,
    STDOUT, UNKNOWN_TYPE, begin, pair, params_of, record, request, size,
    stream)

BODY = b'{"name": "Never Written"}'


def pairs_of(home):
    """The parameters of a write that nothing is wrong with, one by one."""
    found = params_of("POST", "/api/v1/project/update", home.key, BODY)
    return [pair(n, v) for n, v in found.items()]


def is_fine(site, home):
    assert site.ask("GET", "/api/v1/project", home.key).status == 200
    assert site.worker.alive()


def refused(site, home, data):
    """The worker ends the connection by itself, without any answer."""
    peer = site.peer(data)
    peer.sock.settimeout(5)
    kinds = [kind for kind, _, _ in peer.records()]
    peer.close()
    assert STDOUT not in kinds[:-2], kinds
    assert kinds in ([], [STDOUT, END]), kinds      # the latter: an empty one
    is_fine(site, home)


# Each takes the parameters of a good write and the rest of it behind them.
BROKEN = {
    "version 0": lambda pairs, rest: record(
        BEGIN, b"\0\1\0\0\0\0\0\0", version=0) + stream(PARAMS, pairs) + rest,
    "version 2": lambda pairs, rest: record(
        BEGIN, b"\0\1\0\0\0\0\0\0", version=2) + stream(PARAMS, pairs) + rest,
    "version 255 for the parameters": lambda pairs, rest: begin() + record(
        PARAMS, pairs, version=255) + record(PARAMS) + rest,
    "version 0 for their end": lambda pairs, rest: begin() + record(
        PARAMS, pairs) + record(PARAMS, version=0) + rest,
    "parameters first": lambda pairs, rest: stream(
        PARAMS, pairs) + begin() + rest,
    "body first": lambda pairs, rest: record(
        STDIN, BODY) + begin() + stream(PARAMS, pairs) + rest,
    "an end first": lambda pairs, rest: record(
        END, b"\0" * 8) + begin() + stream(PARAMS, pairs) + rest,
    "begin too short": lambda pairs, rest: record(
        BEGIN, b"\0\1\0\0\0\0\0") + stream(PARAMS, pairs) + rest,
    "begin too long": lambda pairs, rest: record(
        BEGIN, b"\0\1\0\0\0\0\0\0\0") + stream(PARAMS, pairs) + rest,
    "begin empty": lambda pairs, rest: record(
        BEGIN) + stream(PARAMS, pairs) + rest,
    "begin of request 0": lambda pairs, rest: begin(
        0) + stream(PARAMS, pairs, 0) + rest,
    "role 0": lambda pairs, rest: begin(
        role=0) + stream(PARAMS, pairs) + rest,
    "role 4": lambda pairs, rest: begin(
        role=4) + stream(PARAMS, pairs) + rest,
    "role 65535": lambda pairs, rest: begin(
        role=65535, flags=KEEP_CONN) + stream(PARAMS, pairs) + rest,
    "aborted at once": lambda pairs, rest: begin() + record(
        ABORT) + stream(PARAMS, pairs) + rest,
    "aborted behind the parameters' end": lambda pairs, rest: begin() + stream(
        PARAMS, pairs) + record(ABORT) + rest,
    "type 12": lambda pairs, rest: begin() + record(
        12, b"abc") + stream(PARAMS, pairs) + rest,
    "type 0 among the parameters": lambda pairs, rest: begin() + record(
        PARAMS, pairs) + record(0) + record(PARAMS) + rest,
    "type 255 in front of the body": lambda pairs, rest: begin() + stream(
        PARAMS, pairs) + record(255) + rest,
    "body before the parameters' end": lambda pairs, rest: begin() + record(
        PARAMS, pairs) + rest,
    "more parameters in front of the body": lambda pairs, rest: begin() +
    stream(PARAMS, pairs) + record(PARAMS, pair("A", "B")) + rest,
    "an answer from the peer": lambda pairs, rest: begin() + stream(
        PARAMS, pairs) + record(STDOUT, b"Status: 200 OK\r\n\r\n") + rest,
}

# What stands behind a good pair, and ends the parameters in the middle.
CUT_PAIRS = {
    "no value's length": b"\x05",
    "name's length cut": b"\x80\x00\x00",
    "value's length cut": b"\x04\xff\xff",
    "name cut": b"\x0e\x04REQUEST_ME",
    "value cut": b"\x0e\x04REQUEST_METHODPO",
    "name longer than all": b"\x80\x10\x00\x00\x01" + b"A" * 1000,
    "value longer than all": b"\x01\x80\x10\x00\x00" + b"A" * 1000,
    "name of 64 MiB": size(1 << 26) + size(1) + b"A" * 1000,
    "value of 64 MiB": size(1) + size(1 << 26) + b"A" * 1000,
    "both of 64 MiB": size(1 << 26) + size(1 << 26) + b"A" * 1000,
    "name of 2^31-1": b"\xff\xff\xff\xff\x01" + b"A" * 1000,
    "value of 2^31-1": b"\x01\xff\xff\xff\xff" + b"A" * 1000,
    "both of 2^31-1": b"\xff" * 8 + b"A" * 1000,
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_records(one, home, nothing_written, how):
    pairs = b"".join(pairs_of(home))
    refused(one, home, BROKEN[how](pairs, stream(STDIN, BODY)))


@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize("how", CUT_PAIRS)
def test_cut_pairs(one, home, nothing_written, how, where):
    """The parameters end, as a stream, within a pair."""
    pairs = b"".join(pairs_of(home)) if where == "last" else b""
    refused(one, home, begin() + stream(PARAMS, pairs + CUT_PAIRS[how]) +
            stream(STDIN, BODY))


def test_a_length_costs_no_memory(site, home):
    """Only what has come takes room, not what a length has promised."""
    site.worker = site.ready()
    before = site.worker.peak()
    for lengths in (size(1 << 28) + size(1), size(1) + size(1 << 28)):
        refused(site, home, begin() + stream(PARAMS, lengths + b"A" * 1000) +
                stream(STDIN, BODY))
    assert site.worker.peak() - before < 64 << 10


def test_broken_between_pairs(one, home, nothing_written):
    """libfcgi reports what came before an error as if it were all: without
    its last parameters a request would be another one."""
    pairs = pairs_of(home)
    for count in range(len(pairs) + 1):
        data = begin()
        if count:       # an empty record would be the parameters' end
            data += record(PARAMS, b"".join(pairs[:count]))
        refused(one, home, data + record(PARAMS, version=7))
        refused(one, home, data + record(ABORT) + stream(STDIN, BODY))
        # the same by a peer that ends the connection there
        peer = one.peer(data)
        peer.sock.shutdown(1)
        assert peer.answer() is None
        peer.close()
    is_fine(one, home)


def test_cut_at_every_byte(one, home, nothing_written):
    """The connection ends early, before the worker comes to it: whole but
    for the body's end, it is still the request of a client that is gone."""
    data = request(params_of("POST", "/api/v1/project/update", home.key, BODY),
                   BODY)
    for cut in range(len(data)):
        holder = one.hold()
        peer = one.peer(data[:cut])
        peer.sock.shutdown(1)
        holder.close()
        assert peer.answer() is None, cut
        peer.close()
    is_fine(one, home)


def test_body_cut_by_a_broken_record(one, home, nothing_written):
    head = begin() + stream(PARAMS, b"".join(pairs_of(home)))
    for middle in (record(STDIN, version=9), record(PARAMS), record(ABORT),
                   record(STDIN), record(99, b"x"), record(BEGIN, b"x")):
        refused(one, home, head + record(STDIN, BODY[:-1]) + middle +
                record(STDIN, BODY[-1:]) + record(STDIN))


# in the place of the record that ends the body, which is all there
ENDS = {"another version": record(STDIN, version=9),
        "version 0": record(STDIN, version=0),
        "more parameters": record(PARAMS, pair("A", "B")),
        "an end of parameters": record(PARAMS), "aborted": record(ABORT),
        "unknown": record(99, b"x"), "an answer": record(STDOUT),
        "another request, cut": record(BEGIN, b"x")}


@pytest.mark.parametrize("how", ENDS)
def test_end_of_the_body_that_is_broken(one, home, nothing_written, how):
    """Every byte of the body has come, and yet it did not end: not carried
    out, as a GET without a body is not."""
    refused(one, home, begin() + stream(PARAMS, b"".join(pairs_of(home))) +
            record(STDIN, BODY) + ENDS[how] + record(STDIN))
    refused(one, home, begin() + stream(PARAMS, b"".join(
        pair(n, v) for n, v in params_of("GET", "/api/v1/project",
                                         home.key).items())) + ENDS[how] +
            record(STDIN))


def test_second_request_on_the_connection(one, home):
    """It is told that this cannot be; the first one goes on."""
    first = stream(PARAMS, b"".join(pair(n, v) for n, v in params_of(
        "GET", "/api/v1/project", home.key).items()))
    peer = one.peer(begin(1) + begin(2) + first + record(STDIN))
    kind, rid, content = next(peer.records())
    assert (kind, rid, content) == (END, 2, b"\0\0\0\0\1\0\0\0")
    assert peer.answer().status == 200
    peer.close()


@pytest.mark.parametrize("rid", [1, 2, 255, 256, 65535])
@pytest.mark.parametrize("framing", [
    {}, {"chunk": 1}, {"chunk": 7, "padding": 1}, {"padding": 255},
    {"chunk": 3, "padding": 255}], ids=str)
def test_odd_but_whole(one, home, framing, rid):
    """Nothing of this is wrong."""
    body = b'{"name": "Odd but whole"}'
    params = params_of("POST", "/api/v1/project/update", home.key, body)
    peer = one.peer(request(params, body, rid, **framing))
    assert peer.answer("POST", rid).status == 200
    peer.close()


def test_byte_by_byte(one, home):
    """Each byte is a packet of its own to the worker."""
    data = request(params_of("GET", "/api/v1/project", home.key))
    peer = one.peer()
    for at in range(len(data)):
        peer.send(data[at:at + 1]).taken()
    assert peer.answer().status == 200
    peer.close()


def test_values_of_the_application(one, home):
    """FCGI_GET_VALUES, then a request on the same connection."""
    names = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "FCGI_X"]
    asked = b"".join(pair(n, "") for n in names)
    peer = one.peer(record(GET_VALUES, asked, rid=0) + request(params_of(
        "GET", "/api/v1/project", home.key)))
    kind, rid, content = next(peer.records())
    assert (kind, rid) == (GET_VALUES_RESULT, 0)
    assert content == b"".join(pair(n, v) for n, v in zip(names, "110"))
    assert peer.answer().status == 200
    peer.close()


@pytest.mark.parametrize("kind", [0, 4, 8, 10, 77, 255])
def test_unknown_management_record(one, home, kind):
    peer = one.peer(record(kind, rid=0) + request(params_of(
        "GET", "/api/v1/project", home.key)))
    assert next(peer.records()) == (UNKNOWN_TYPE, 0,
                                    struct.pack(">B7x", kind))
    assert peer.answer().status == 200
    peer.close()


# libfcgi 2.4.2 aborts the process: a sum of two lengths becomes negative, and
# names that are asked for twice outgrow an array. Both need a peer that can
# open the socket (0660) and cost it one worker.
FATAL = {
    "name of 2^31-2": begin() + stream(
        PARAMS, b"\xff\xff\xff\xfe\x00" + b"A" * 100),
    "value of 2^31-2": begin() + stream(
        PARAMS, b"\x00\xff\xff\xff\xfe" + b"A" * 100),
    "both of 2^31-2": begin() + stream(
        PARAMS, b"\xff\xff\xff\xfe" * 2 + b"A" * 100),
    "both of 2^30": begin() + stream(
        PARAMS, b"\xc0\x00\x00\x00" * 2 + b"A" * 100),
    "values asked for twice": record(
        GET_VALUES, pair("FCGI_MPXS_CONNS", "") * 40, rid=0) + begin(),
}
FATAL_NAMES = [*list(FATAL)[:-1], pytest.param(
    "values asked for twice", marks=pytest.mark.plain)]     # it is an overflow


@pytest.mark.parametrize("how", FATAL_NAMES)
def test_at_worst_an_abort(site, home, nothing_written, how):
    """The worker answers the next request, or has ended by SIGABRT: never by
    a signal that tells of memory overwritten unnoticed."""
    site.worker = site.ready()
    peer = site.peer(FATAL[how])
    peer.sock.shutdown(1)
    while peer.receive():
        pass
    assert b"Status:" not in peer.got
    peer.close()
    status = site.worker.ended(0.3)
    if status is None:
        is_fine(site, home)
    else:
        assert status == -signal.SIGABRT, site.worker.said()
        site.worker.expected = status
