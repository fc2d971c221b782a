"""A standby holds what was: nobody is let in by it, whatever a conninfo says,
and a worker finds the primary by itself. With real streaming replication."""
import contextlib
import json
import socket
import struct
import threading
import time

import pytest

from cluster import Standby, running
from doctor import parsed
from workers import serving

pytestmark = pytest.mark.plain     # races and loads; each call is made elsewhere

PROJECT = "/api/v1/project"
# what an operator may have written into the conninfo
ATTRS = ["", "any", "read-only", "standby", "prefer-standby"]


def data(done):
    assert done.returncode == 0, done
    return json.loads(done.stdout)["data"]


def make_key(cluster):
    return data(cluster.ctl("--json", "key", "create", "shop", "--name", "x"))


def begin(cluster):
    """A project in it, with a key."""
    data(cluster.ctl("--json", "init"))
    data(cluster.ctl("--json", "project", "create", "--name", "Shop",
                     "--slug", "shop", "--owner-email", "a@b.c"))
    return make_key(cluster)


@pytest.fixture(scope="module")
def pair(stack):
    """A primary and a standby that follows up to here and no further."""
    for primary in running(stack):
        primary.good = begin(primary)
        primary.bad = make_key(primary)
        for standby in running(primary, Standby):
            standby.environ["CODECOURIER_KEYRING"] = \
                primary.environ["CODECOURIER_KEYRING"]
            standby.catch_up()
            standby.sql("select pg_wal_replay_pause()")
            data(primary.ctl("--json", "key", "revoke", primary.bad["id"]))
            assert standby.sql(
                "select count(*) from codecourier.api_key "
                "where revoked_at is null") == "2"
            yield primary, standby


def conninfo(*clusters, attrs=""):
    hosts = ",".join(str(c.top) for c in clusters)
    return (f"host={hosts} user=codecourier dbname=codecourier"
            + (f" target_session_attrs={attrs}" if attrs else ""))


@pytest.fixture
def serve(stack, pair):
    """A worker of its own for a conninfo."""
    with contextlib.ExitStack() as end:
        def start(info, cluster=pair[0]):
            return end.enter_context(serving(
                stack, cluster, {"CODECOURIER_DATABASE": info}))
        yield start


def get(site, key, target=PROJECT):
    return site.ask("GET", target, key)


def refuses(answer):
    """By its reason, and never with what the standby holds."""
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "UNAVAILABLE" and error["retryable"] is True
    assert error["message"] == \
        "The service is connected to a standby of its database."
    assert answer.header("Retry-After")


def until(site, key, status, seconds=30):
    """The same worker answers so, sooner or later."""
    pid, end = site.worker.pid, time.monotonic() + seconds
    while (answer := get(site, key)).status != status:
        assert answer.status == 503, answer
        assert time.monotonic() < end, site.worker.said()
        time.sleep(0.05)
    assert site.worker.alive() and site.worker.pid == pid


@pytest.mark.parametrize("attrs", ATTRS)
def test_only_a_standby(pair, serve, attrs):
    primary, standby = pair
    site = serve(conninfo(standby, attrs=attrs))
    for key in primary.bad["key"], primary.good["key"]:
        for target in PROJECT, PROJECT + "/settings":
            refuses(get(site, key, target))
    refuses(site.ask("POST", PROJECT + "/update", primary.good["key"],
                     b'{"name": "No"}'))
    refuses(get(site, None, "/readyz"))
    assert get(site, None, "/healthz").status == 200
    assert "database unavailable: connected to a standby" in \
        site.worker.said()


def test_the_standby_would_have_let_it_in(pair):
    """What the test above is worth: the guard's own words, asked there."""
    primary, standby = pair
    text = ("select live from codecourier.key_by_prefix("
            f"'{primary.bad['prefix']}')")
    assert standby.sql(text) == "t"
    assert primary.sql(text) == "f"


@pytest.mark.parametrize("attrs", ["", "any", "read-write", "primary"])
@pytest.mark.parametrize("first", [0, 1], ids=["primary", "standby"])
def test_several_hosts(pair, serve, first, attrs):
    primary, standby = pair
    hosts = [pair[first], pair[1 - first]]
    site = serve(conninfo(*hosts, attrs=attrs))
    if attrs == "any" and first == 1:
        refuses(get(site, primary.bad["key"]))
        refuses(get(site, primary.good["key"]))
        return
    assert get(site, primary.good["key"]).status == 200
    assert get(site, primary.bad["key"]).status == 401
    answer = site.ask("POST", PROJECT + "/update", primary.good["key"],
                      b'{"name": "Shop"}')
    assert answer.status == 200
    assert get(site, None, "/readyz").status == 200


def test_a_host_that_is_away(pair, serve, stack):
    """Down, standby, primary: in this order."""
    primary, standby = pair
    info = conninfo(primary).replace(
        "host=", f"host={stack.top}/none,{standby.top},")
    site = serve(info)
    assert get(site, primary.good["key"]).status == 200
    assert get(site, primary.bad["key"]).status == 401


def test_operators_program(pair):
    """It changes nothing there and says where it is."""
    primary, standby = pair
    for args in ["project", "list"], ["key", "create", "shop", "--name", "x"]:
        done = standby.ctl("--json", *args)
        assert done.returncode == 5, done
        assert "connected to a standby" in done.stdout
    done = standby.ctl("--json", "status")
    assert done.returncode == 5
    told = json.loads(done.stdout)["data"]
    assert "connected to a standby" in told["database"]
    assert standby.check() == 1
    # the operator's is right, the workers' is not
    environ = {**primary.environ, "CODECOURIER_DATABASE": conninfo(standby)}
    done = primary.stack.run(
        [primary.stack.ctl_path, "--json", "status"], environ)
    assert done.returncode == 5, done
    told = json.loads(done.stdout)["data"]
    assert told["database"] == "ok"
    assert told["workersDatabase"].startswith("connected to a standby")
    done = primary.stack.run(
        [primary.stack.ctl_path, "--json", "doctor"], environ)
    one, = parsed(done)[0]["database-login"]
    assert one["severity"] == "error"
    assert "connected to a standby" in one["what"]
    assert "host=" in one["fix"] and "primary" in one["fix"]


# ---- a pooler that goes from one server to the other behind our back ----

class Proxy:
    """Between a worker and a server; says what the server is."""

    def __init__(self, stack, cluster):
        self.folder = stack.top / f"proxy{time.monotonic_ns()}"
        self.folder.mkdir(0o755)
        self.server = str(cluster.top / ".s.PGSQL.5432")
        self.standby = False
        self.opened = 0
        self.clients = []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.folder / ".s.PGSQL.5432"))
        (self.folder / ".s.PGSQL.5432").chmod(0o777)
        self.sock.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    @staticmethod
    def status(value):
        text = b"in_hot_standby\0" + value + b"\0"
        return b"S" + struct.pack(">I", len(text) + 4) + text

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.sock.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.server)
                self.opened += 1
                self.clients.append(client)
                for pair in (client, server), (server, client):
                    threading.Thread(target=self.pass_on, args=pair,
                                     daemon=True).start()

    def pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while got := source.recv(65536):
                if self.standby:
                    got = got.replace(self.status(b"off"), self.status(b"on"))
                target.sendall(got)
            target.shutdown(socket.SHUT_RDWR)

    def becomes(self, standby):
        """The servers behind have changed; open sessions are told."""
        self.standby = standby
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.sendall(self.status(b"on" if standby else b"off"))


def test_a_session_that_becomes_one_on_a_standby(pair, serve, stack):
    primary, _ = pair
    proxy = Proxy(stack, primary)
    trust(primary)
    try:
        site = serve(conninfo(primary).replace(
            str(primary.top), str(proxy.folder)))
        assert get(site, primary.good["key"]).status == 200
        opened = proxy.opened
        proxy.becomes(True)
        refuses(get(site, primary.good["key"]))
        refuses(get(site, None, "/readyz"))
        assert proxy.opened > opened
        proxy.becomes(False)
        until(site, primary.good["key"], 200)
    finally:
        proxy.sock.close()
        trust(primary, False)


def trust(cluster, on=True):
    """Behind the proxy the server sees root, or whoever runs the tests."""
    path = cluster.top / "data/pg_hba.conf"
    text = path.read_text().removeprefix("local all codecourier trust\n")
    path.write_text(("local all codecourier trust\n" if on else "") + text)
    cluster.sql("select pg_reload_conf()", "postgres")


# ---- promotion and its like; these have clusters of their own ----

def test_promotion(stack, serve):
    """The worker waits at the standby until it is one no more."""
    for primary in running(stack):
        good = begin(primary)
        bad = make_key(primary)
        for standby in running(primary, Standby):
            site = serve(conninfo(standby, attrs="any"), primary)
            data(primary.ctl("--json", "key", "revoke", bad["id"]))
            standby.catch_up()
            refuses(get(site, good["key"]))
            standby.pg_ctl("promote")
            until(site, good["key"], 200)
            assert get(site, bad["key"]).status == 401
            answer = site.ask("POST", PROJECT + "/update", good["key"],
                              b'{"name": "After"}')
            assert answer.status == 200, answer


def test_failover_and_the_old_primary_as_a_standby(stack, serve):
    """Both hosts in the conninfo; then the old one alone."""
    for old in running(stack):
        good = begin(old)
        for new in running(old, Standby):
            both = serve(conninfo(old, new), old)
            alone = serve(conninfo(old), old)
            assert get(both, good["key"]).status == 200
            assert get(alone, good["key"]).status == 200
            new.catch_up()
            old.pg_ctl("-m", "immediate", "stop")
            new.pg_ctl("promote")
            until(both, good["key"], 200)
            assert get(alone, good["key"]).status == 503
            # demoted: it comes back as a standby
            old.run("touch", old.top / "data/standby.signal")
            old.up()
            end = time.monotonic() + 30
            while "standby" not in (answer := get(alone, good["key"])).json[
                    "error"]["message"]:
                assert time.monotonic() < end, answer
                time.sleep(0.05)
            refuses(answer)
            assert get(both, good["key"]).status == 200
            old.pg_ctl("promote")
            until(alone, good["key"], 200)


def test_a_server_that_was_made_read_only(pair, serve):
    """By its administrator: the service says so and comes back."""
    primary, _ = pair
    site = serve(conninfo(primary))
    assert get(site, None, "/readyz").status == 200
    primary.sql("alter system set default_transaction_read_only = on",
                "postgres")
    primary.sql("select pg_reload_conf()", "postgres")
    try:
        end = time.monotonic() + 30
        while (answer := get(site, None, "/readyz")).status != 503:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert answer.json["error"]["message"] == "The database is read-only."
        answer = site.ask("POST", PROJECT + "/update", primary.good["key"],
                          b'{"name": "No"}')
        assert answer.status == 503, answer
        assert answer.json["error"]["message"] == "The database is read-only."
        assert "database unavailable: the server is read-only" in \
            site.worker.said()
    finally:
        primary.sql("set default_transaction_read_only = off; alter system "
                    "reset default_transaction_read_only", "postgres")
        primary.sql("select pg_reload_conf()", "postgres")
    until(site, primary.good["key"], 200)


def test_it_looks_again_soon(stack, serve):
    """A server that is away is asked twice a second or so, not every three:
    it hears of us more often than that."""
    asked = []
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        sock.settimeout(25)
        serve(f"hostaddr=127.0.0.1 port={sock.getsockname()[1]} sslmode="
              "disable gssencmode=disable user=codecourier dbname=x")
        while len(asked) < 20:
            sock.accept()[0].close()
            asked.append(time.monotonic())
    assert asked[-1] - asked[0] < 25
