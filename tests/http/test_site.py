"""The site as installed: what it listens on, TLS, port 80."""
import re
import socket
import ssl
import uuid

import pytest

from client import request_bytes
from contract import check, make_key
from fixtures import make_project
from harness import ROOT
from openapi import DOCUMENT, Response
from site_on_host import (ADDRESSES, DEFAULT, NAME, NEW, TLS, Site, answer_of,
                          refused, talk)
from test_nginx_errors import BAD_REQUESTS
from test_request_id import wait_for

FORBIDDEN = Response(DOCUMENT["x-plain-http"]["responses"]["403"])
HSTS = "max-age=31536000"
VERSIONS = ["--http1.1", "--http2"]
# CONNECT is a refused method to later versions of nginx
NO_HTTP = [n for n in BAD_REQUESTS if n != "connect"]
CHALLENGE = "/.well-known/acme-challenge/"
BOTH = pytest.mark.parametrize("address", ADDRESSES)

pytestmark = pytest.mark.plain     # nginx's work; our programs' is elsewhere


@pytest.fixture
def fresh(stack):
    """An installed site that is not started, without a certificate."""
    made = Site(stack, tls=False)
    yield made
    made.clean()


@pytest.fixture(scope="module")
def site(stack):
    """A site with TLS, up."""
    made = Site(stack)
    try:
        yield made.start()
    finally:
        made.clean()


@pytest.fixture(scope="module")
def writer(stack):
    return make_project(stack)


# What nginx says to it

def loads(site):
    good, said, _ = site.test()
    assert good and said == "", said


def test_without_a_certificate_on_this_host_only(fresh):
    loads(fresh)
    _, _, text = fresh.test("-T")
    names = re.findall(r"# configuration file .*/(sites-enabled/codecourier|"
                       r"codecourier/[^/\n]+):\n", text)
    assert "sites-enabled/codecourier" in names
    assert "codecourier/server.conf" in names
    found = set()
    for name in names:
        name = "codecourier.conf" if "/codecourier" in name else name
        path = ROOT / "nginx" / name.removeprefix("codecourier/")
        found |= set(re.findall(r"(?m)^\s*listen (.*?);", path.read_text()))
    assert "127.0.0.1:8080 default_server" in found
    assert all(one.startswith("127.0.0.1:") for one in found), found


def test_port_80_before_there_is_a_certificate(fresh):
    """For certbot; and the sites of others stay as they were."""
    fresh.enable("port80.conf")
    fresh.write("sites-available/default", DEFAULT)
    (fresh.etc / "sites-enabled/default").symlink_to(
        "../sites-available/default")
    loads(fresh)
    fresh.start()
    (fresh.webroot / CHALLENGE[1:]).mkdir(parents=True)
    (fresh.webroot / CHALLENGE[1:] / "token").write_text("proof")
    answer = fresh.ask(CHALLENGE + "token", port=80)
    assert (answer.status, answer.body) == (200, b"proof")
    refused(fresh.ask("/", port=80), 403, "FORBIDDEN")
    other = fresh.ask("/", port=80, name="www.example.org")
    assert (other.status, other.header("Content-Type")) == (404, "text/html")


@pytest.mark.parametrize("change", ["", "\tserver_tokens off;\n",
                                    "\tssl_session_cache shared:SSL:1m;\n"])
def test_with_a_certificate(fresh, change):
    """Also where nginx.conf says what we say ourselves."""
    fresh.make_certificate()
    fresh.name_certificate()
    fresh.enable(TLS)
    (fresh.etc / "conf.d/own.conf").write_text(change)
    loads(fresh)


def test_tls_without_a_certificate_says_so(fresh):
    fresh.enable(TLS)
    good, said, _ = fresh.test()
    assert not good and 'no "ssl_certificate" is defined' in said


@pytest.mark.parametrize("name", ["tls.conf", "tls-1.25.conf"])
def test_http2_form(fresh, name):
    """Of the two exactly the one for this nginx loads without a word."""
    fresh.make_certificate()
    fresh.name_certificate()
    fresh.enable(name)
    good, said, _ = fresh.test()
    if name == TLS:
        assert good and said == "", said
    elif NEW:
        assert good and "[warn]" in said and "deprecated" in said, said
    else:
        assert not good and 'unknown directive "http2"' in said, said
        fresh.change(name, ("\thttp2 on;\n", ""))
        loads(fresh)


def test_http2_forms_say_the_same():
    old, new = ((ROOT / "nginx" / name).read_text().split("server {")[1]
                for name in ("tls.conf", "tls-1.25.conf"))
    assert old.replace(" http2;", ";") == new.replace("\thttp2 on;\n", "")


# TLS

@BOTH
@pytest.mark.parametrize("version", VERSIONS)
def test_api_over_tls(site, writer, version, address):
    """All kinds of answers: a worker's, nginx's own, the document."""
    key = [("Authorization", f"Bearer {writer.key}"),
           ("Accept-Encoding", "gzip")]
    json = [*key, ("Content-Type", "application/json")]
    for method, path, head, body, status in [
            ("GET", "/api/v1/project", key, None, 200),
            ("HEAD", "/api/v1/project", key, None, 200),
            ("POST", "/api/v1/project/update", json, b'{"name":"TLS"}', 200),
            ("POST", "/api/v1/project/update", json, b"{", 400),
            ("POST", "/api/v1/project/update", json, b" " * 3 * 2**20, 413),
            ("GET", "/api/v1/project", [], None, 401),
            ("GET", "/api/v1/nope", key, None, 404),
            ("GET", "/nope", key, None, 404),
            ("TRACE", "/nope", key, None, 405),
            ("OPTIONS", "/api/v1/openapi.json", [], None, 204),
            ("GET", "/api/v1/openapi.json", [], None, 200),
            ("GET", "/healthz", [], None, 200)]:
        answer = check(site.curl(path, method, head, body, version=version,
                                 address=address))
        assert answer.status == status, (method, path, answer)
        assert answer.version == ("HTTP/2" if version == "--http2"
                                  else "HTTP/1.1")
        assert answer.header("Strict-Transport-Security") == HSTS, answer
        assert answer.header("Content-Encoding") is None


def test_beside_tls_on_this_host(site, writer):
    """Port 8080 goes on as it was; HSTS belongs to TLS."""
    answer = check(site.ask("/api/v1/project", port=8080, headers=[
        ("Authorization", f"Bearer {writer.key}")]))
    assert answer.status == 200
    assert answer.header("Strict-Transport-Security") is None


@pytest.mark.parametrize("name", [n for n in NO_HTTP if n != "tls"])
def test_not_http_over_tls(site, name):
    """The same refusals: these come before nginx looks at a server."""
    data = talk(site.connect(), BAD_REQUESTS[name])
    refused(answer_of("GET", None, data), 400, "BAD_REQUEST")


def test_absolute_target_over_tls(site):
    """The host in it chooses no other server, the path is compared."""
    line = "GET https://{}/healthz HTTP/1.1\r\nHost: {}\r\n" \
        "Connection: close\r\n\r\n"
    plain = talk(site.connect(8080), line.format(NAME, NAME).encode())
    for names in (NAME, NAME), ("evil.example", NAME), (NAME, "evil.example"):
        data = talk(site.connect(), line.format(*names).encode())
        assert data.split()[1] == plain.split()[1]


def test_plain_http_on_the_port_of_tls(site):
    with socket.create_connection(("127.0.0.1", site.ports[443]), 20) as conn:
        data = talk(conn, b"GET /healthz HTTP/1.1\r\nHost: " +
                    NAME.encode() + b"\r\n\r\n")
    refused(answer_of("GET", None, data), 400, "BAD_REQUEST")


def client(site, least, most, ciphers="DEFAULT"):
    """A client that would take old ciphers, too."""
    context = site.context()
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    context.minimum_version, context.maximum_version = least, most
    return context


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_versions_of_tls(site, version):
    version = ssl.TLSVersion[version]
    with site.connect(context=client(site, version, version)) as conn:
        assert conn.version().replace(".", "_") == version.name


@pytest.mark.filterwarnings("ignore:.*TLSv1:DeprecationWarning",
                            "ignore:.*TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize("version, ciphers", [
    ("TLSv1", "ALL"), ("TLSv1_1", "ALL"),
    ("TLSv1_2", "ECDHE-ECDSA-AES128-SHA"),
    ("TLSv1_2", "ECDHE-ECDSA-AES256-SHA384")])
def test_old_versions_and_ciphers(site, version, ciphers):
    version = ssl.TLSVersion[version]
    context = client(site, version, version, ciphers)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        site.connect(context=context).close()


def test_sessions_without_tickets(site):
    """Resumed from the server's memory; nothing is given to clients."""
    context = client(site, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    with site.connect(context=context) as conn:
        session = conn.session
        assert session.id and not session.has_ticket
        # an answer comes when the handshake is over for nginx, too
        conn.sendall(request_bytes("GET", "/healthz"))
        assert conn.recv(12) == b"HTTP/1.1 200"
    with site.connect(context=context, session=session) as conn:
        assert conn.session_reused


# Port 80

@BOTH
@pytest.mark.parametrize("method, path, body", [
    *((m, "/api/v1/project", None) for m in
      ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "BREW"]),
    *(("GET", p, None) for p in
      ["/", "/nope", "/api/v1", "/healthz", "/api/v1/openapi.json", CHALLENGE,
       CHALLENGE[:-1], CHALLENGE + "none", CHALLENGE + "folder",
       CHALLENGE + "folder/", CHALLENGE + "../../secret", "/secret", "//x",
       CHALLENGE + "%2e%2e/../secret", "/codecourier-error"]),
    *(("POST", p, b) for p in ["/api/v1/project/update", "/", CHALLENGE + "x"]
      for b in [b'{"name":"Clear"}', b"", b"x" * 3 * 2**20])],
    ids=lambda v: f"{v!r:.20}")
def test_port_80(site, writer, method, path, body, address):
    (site.webroot / CHALLENGE[1:] / "folder").mkdir(parents=True,
                                                    exist_ok=True)
    (site.webroot / "secret").write_text("none of yours")
    rid = str(uuid.uuid4())
    # curl reads the refusal of a large body while it sends
    ask = site.curl if body and len(body) > 1000 else site.ask
    answer = refused(ask(path, method, [
        ("Authorization", f"Bearer {writer.key}"), ("X-Request-ID", rid),
        ("Content-Type", "application/json"), ("Connection", "keep-alive")],
        body or b"", 80, address), 403, "FORBIDDEN")
    assert FORBIDDEN.complaint(answer) is None
    if method != "HEAD":
        message = answer.json["error"]["message"]
        assert "https" in message and "revoke" in message
    assert answer.header("Connection") == "close"
    assert answer.header("Strict-Transport-Security") is None
    (line,) = wait_for(site.log, rid)
    assert f"addr={address} " in line and " status=403 " in line
    assert rid not in site.stack.log("pool.log")


@pytest.mark.parametrize("name", NO_HTTP)
def test_not_http_on_port_80(site, name):
    data = talk(site.connect(80), BAD_REQUESTS[name])
    refused(answer_of("GET", None, data), 400, "BAD_REQUEST")


@pytest.mark.parametrize("data, status, code", [
    (b"GET / HTTP/1.0\r\n\r\n", 403, "FORBIDDEN"),
    (b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 40000), 414, "URI_TOO_LONG"),
    (b"GET / HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 40000), 431,
     "HEADERS_TOO_LARGE"),
    (b"GET / HTTP/9.9\r\n\r\n", 505, "NOT_IMPLEMENTED")],
    ids=lambda v: f"{v!r:.20}")
def test_odd_http_on_port_80(site, data, status, code):
    refused(answer_of("GET", None, talk(site.connect(80), data)), status,
            code)


def test_port_80_does_not_ask_for_the_body(site):
    """To `Expect: 100-continue` the refusal is the first thing said."""
    head = f"POST /api/v1/project/update HTTP/1.1\r\nHost: {NAME}\r\n" \
        "Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
    refused(answer_of("POST", None, talk(site.connect(80), head.encode())),
            403, "FORBIDDEN")


def test_challenge(site):
    """Only files, only of their folder, over plain HTTP only."""
    folder = site.webroot / CHALLENGE[1:]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tok-en_1").write_bytes(b"tok-en_1.thumb")
    for address in ADDRESSES:
        answer = site.ask(CHALLENGE + "tok-en_1", port=80, address=address)
        assert (answer.status, answer.body) == (200, b"tok-en_1.thumb")
        assert answer.header("Content-Type") == "text/plain"
    refused(site.ask(CHALLENGE + "tok-en_1", "POST", body=b"{}", port=80),
            403, "FORBIDDEN")
    assert check(site.ask(CHALLENGE + "tok-en_1")).status == 404


# Logs

def test_no_key_in_any_log(site):
    """However it came; the site's log does not follow nginx.conf to "info",
    where nginx writes headers that it does not like."""
    key = make_key()
    rid = str(uuid.uuid4())
    line = f"Authorization: Bearer {key}\r\n"
    host = f"Host: {NAME}\r\nX-Request-ID: {rid}\r\nConnection: close\r\n"
    for port in 80, 443, 8080:
        for head in (line, line * 2, line.replace(":", " :"), "\x01" + line,
                     line.replace("Bearer", "\0"), line + "Host: x\r\n",
                     line + "Content-Length: z\r\n", line + "no colon\r\n",
                     line.replace(key, key * 900)):
            for first in "GET /api/v1/project HTTP/1.1", "nonsense", "GET /":
                data = f"{first}\r\n{host}{head}\r\n".encode()
                talk(site.connect(port), data)
    for port in 80, 443, 8080:
        for version in VERSIONS[:1 if port != 443 else 2]:
            site.curl("/api/v1/project", port=port, version=version,
                      headers=[("Authorization", f"Bearer {key}"),
                               ("X-Request-ID", rid)])
    assert len(wait_for(site.log, rid)) > 4
    assert key.encode() not in site.logs()
    assert key.encode() not in site.stack.logs()
