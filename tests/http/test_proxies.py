"""Whose address counts: the peer's, or what a named proxy says of its own; for
limits, logs, audit and the addresses that a key is bound to."""
import re
import socket
import uuid

import pytest

from apache import Apache
from client import Api
from contract import check
from fixtures import make_project, slow_limits
from site_on_host import ADDRESSES, NAME, Site, answer_of, sober, talk
from test_request_id import wait_for

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere

FORWARDED = "X-Forwarded-For"
# whatever servers and frameworks have believed
CLAIMS = {name: "198.51.100.7" for name in (
    FORWARDED, "X-Real-IP", "Client-IP", "X-Client-IP", "True-Client-IP",
    "CF-Connecting-IP", "X-Cluster-Client-IP", "X-Originating-IP",
    "X-Remote-Addr", "Remote-Addr", "REMOTE_ADDR", "HTTP_REMOTE_ADDR",
    "Via", "X-Host")} | {"Forwarded": "for=198.51.100.7"}
MAPPED = 8091           # listens for IPv4 on a socket of IPv6
UNIX = "run/front.sock"


def fronts(site):
    """Servers of the admin's own, beside ours."""
    site.write("sites-enabled/fronts", "".join(
        f"server {{\nlisten {listen};\ninclude codecourier/server.conf;\n}}\n"
        for listen in (f"[::ffff:127.0.0.1]:{MAPPED} ipv6only=off",
                       f"unix:{site.top / UNIX}")))


@pytest.fixture(scope="module")
def site(stack):
    """As it is installed."""
    made = Site(stack)
    try:
        fronts(made)
        loads(made)
        yield made.start()
    finally:
        made.clean()


@pytest.fixture(scope="module")
def proxied(stack, tmp_path_factory):
    """127.0.0.1 is a proxy of ours, with the slow limits of test_overload."""
    made = Site(stack)
    limits = slow_limits(tmp_path_factory.mktemp("limits"))
    try:
        made.trust("127.0.0.1")
        with open(limits, encoding="utf-8") as text:
            made.write("codecourier/limits.conf", text.read())
        fronts(made)
        loads(made)
        yield made.start()
    finally:
        made.clean()


@pytest.fixture(scope="module")
def writer(stack):
    return make_project(stack)


def loads(site):
    good, said, _ = site.test()
    assert good and said == "", said


def line_and_row(project, rid, log):
    """A write's address in the access log and in its audit row."""
    (line,) = wait_for(log, rid)
    (row,) = project.stack.rows("select host(address) as a from "
                                "codecourier.audit where request_id = "
                                f"'{rid}'")
    return re.search(r"addr=(\S+) ", line).group(1), row["a"]


def written_by(site, project, headers, address, port=443):
    """A write's address in nginx's log and in its audit row."""
    rid = str(uuid.uuid4())
    pairs = {"Authorization": f"Bearer {project.key}", "X-Request-ID": rid,
             "Content-Type": "application/json", **headers}
    body = b'{"name":"%b"}' % rid[:8].encode()
    path = "/api/v1/project/update"
    if address is None:
        head = "".join(f"{n}: {v}\r\n" for n, v in {
            "Host": NAME, "Connection": "close", "Content-Length": len(body),
            **pairs}.items())
        conn = socket.socket(socket.AF_UNIX)
        conn.settimeout(20)
        conn.connect(str(site.top / UNIX))
        answer = answer_of("POST", path, talk(
            conn, f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body))
    else:
        answer = site.ask(path, "POST", pairs, body, port, address)
    assert check(answer).status == 200, answer
    return line_and_row(project, rid, site.log)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_proxy_is_trusted_by_default(site, writer, address):
    assert written_by(site, writer, CLAIMS, address) == (address, address)
    for name, value in CLAIMS.items():
        seen = written_by(site, writer, {name: value}, address)
        assert seen == (address, address), name


def test_ipv4_at_a_socket_of_ipv6(site, writer):
    """Mapped addresses arrive as such: what reads them knows both forms."""
    mapped = "::ffff:127.0.0.1"
    for headers in {}, CLAIMS:
        assert written_by(site, writer, headers, "127.0.0.1", MAPPED) == (
            mapped, mapped)


def test_a_unix_socket_has_no_address(site, writer):
    for headers in {}, CLAIMS:
        assert written_by(site, writer, headers, None) == ("unix:", None)


@pytest.mark.parametrize("address, forwarded, seen", [
    ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
    ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
    ("127.0.0.1", "203.0.113.1, 198.51.100.7", "198.51.100.7"),
    ("127.0.0.1", "203.0.113.1, 198.51.100.7, 127.0.0.1", "198.51.100.7"),
    ("127.0.0.1", "nonsense", "127.0.0.1"),
    ("::1", "198.51.100.7", "::1"),
    ("::1", "198.51.100.7, 127.0.0.1", "::1")])
def test_address_behind_a_proxy(proxied, writer, address, forwarded, seen):
    """What a client claims in front of the proxy's own word is not heard,
    nor is any peer that was not named."""
    found = written_by(proxied, writer, {FORWARDED: forwarded}, address)
    assert found == (seen, seen)


def test_other_headers_of_a_proxy(proxied, writer):
    """They may be the client's own, that the proxy passes on."""
    others = {n: v for n, v in CLAIMS.items() if n != FORWARDED}
    for headers, seen in (others, "127.0.0.1"), (
            {**others, FORWARDED: "192.0.2.1"}, "192.0.2.1"):
        assert written_by(proxied, writer, headers, "127.0.0.1") == (
            seen, seen)


def test_a_proxy_at_a_socket_of_ipv6(proxied, writer):
    """It is named by its IPv4 address."""
    assert written_by(proxied, writer, {FORWARDED: "198.51.100.7"},
                      "127.0.0.1", MAPPED) == ("198.51.100.7", "198.51.100.7")
    assert written_by(proxied, writer, CLAIMS, None) == ("unix:", None)


def flood(site, source, forwarded, count):
    """Statuses of so many requests in one go, from one loopback address."""
    data = f"HEAD /api/v1/openapi.json HTTP/1.1\r\nHost: {NAME}\r\n" \
        f"{FORWARDED}: {forwarded}\r\n"
    data = (data + "\r\n") * (count - 1) + data + "Connection: close\r\n\r\n"
    conn = socket.create_connection(("127.0.0.1", site.ports[8080]), 20,
                                    (source, 0))
    return re.findall(rb"HTTP/1\.1 (\d+) ", talk(conn, data.encode()))


@pytest.mark.parametrize("first, same, other", [
    ("198.51.100.1", "198.51.100.1", "198.51.100.2"),
    ("2001:db8:1::1", "2001:db8:1:0:2::9", "2001:db8:2::1")])
def test_limits_behind_a_proxy(proxied, first, same, other):
    """Each client has a limit of its own; an IPv6 client by its /64."""
    for _ in range(3):
        seen = flood(proxied, "127.0.0.1", first, 900)
    assert b"429" in seen
    assert b"429" in flood(proxied, "127.0.0.1", same, 50)
    assert set(flood(proxied, "127.0.0.1", other, 50)) == {b"200"}


def test_limits_are_not_escaped_by_a_header(proxied):
    """127.0.0.2 was not named: it is one client, whatever it says."""
    seen = [flood(proxied, "127.0.0.2", f"192.0.2.{n}", 900)
            for n in range(3)]
    assert b"429" in seen[2]
    assert sober(proxied.ask("/healthz", port=8080, headers=[
        (FORWARDED, "192.0.2.0")])).status == 200


# Apache

def written_through(apache, project, headers):
    rid = str(uuid.uuid4())
    Api(apache.base, project.key).post(
        "/project/update", {"name": rid[:8]},
        headers={"X-Request-ID": rid, **headers})
    return line_and_row(project, rid, (
        apache.root / "codecourier.log").read_text)


@pytest.mark.parametrize("way", ["proxy", "cgid"])
@pytest.mark.parametrize("named", [None, "192.0.2.10", "127.0.0.1"])
def test_apache(stack, writer, way, named):
    """By default nobody is believed; with mod_remoteip who was named."""
    apache = Apache(stack, way, proxy=named)
    apache.start()
    try:
        for claims in CLAIMS, {FORWARDED: "203.0.113.1, 198.51.100.7"}, {}:
            believed = named == "127.0.0.1" and claims
            seen = "198.51.100.7" if believed else "127.0.0.1"
            assert written_through(apache, writer, claims) == (seen, seen)
    finally:
        apache.stop()
