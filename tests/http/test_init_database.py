"""codecourierctl init: which server it means, and a database that somebody
else has made there."""
import json
import os
import re

import pytest

from cluster import BIN, Cluster, TlsCluster, running
from test_ctl import DONE, FAILED
from test_init import data, nothing_made, states

EMOJI = "\U0001f6cd\ufe0f Zoë"
FIRST = ["--name", EMOJI, "--slug", "shop", "--owner-email", "me@shop.test"]


@pytest.fixture(scope="module")
def server(stack):
    yield from running(stack)


@pytest.fixture
def empty(server):
    """The server, as it was before any init; somebody is there."""
    server.sql("create role somebody", "postgres")
    yield server
    server.forget()
    server.sql("drop role somebody", "postgres")


def fixed(cluster, message):
    """Does what the message says."""
    statement = re.search(r"with psql: (.*?)[;.]( |$)", message)
    assert statement, message
    cluster.sql(statement[1], "postgres")


def works(cluster):
    """A text that needs all of UTF-8 goes in and comes back."""
    data(cluster, *FIRST, "--out", str(cluster.top / "first.key"))
    done = cluster.ctl("--json", "project", "show", "shop")
    assert json.loads(done.stdout)["data"]["name"] == EMOJI
    assert cluster.check() == 0


@pytest.mark.parametrize("how, words, whole", [
    ("encoding 'SQL_ASCII' locale 'C'", "encoding SQL_ASCII", True),
    *(pytest.param(*row, marks=pytest.mark.plain) for row in (
        ("encoding 'LATIN1' locale 'C'", "encoding LATIN1", False),
        ("encoding 'WIN1252' locale 'C' owner postgres", "encoding WIN1252",
         False),
        ("encoding 'EUC_JP' locale 'C'", "encoding EUC_JP", False),
        ("encoding 'UTF8' locale_provider icu icu_locale 'tr' locale 'C'",
         "locale C, C (ICU)", True),
        ("encoding 'UTF8' locale 'C'", "is postgres's", True),
        ("encoding 'UTF8' locale 'C.UTF-8'", "is postgres's", True))),
    ("encoding 'UTF8' locale 'C' owner somebody", "is somebody's", True)],
    ids="ascii latin1 win1252 euc icu postgres c-utf-8 somebody".split())
def test_somebody_elses_database(empty, how, words, whole):
    """createdb codecourier, then init: refused before anything is done, with
    a way out that leads there: to what works, or, as with the encoding before
    it, to where nothing is made yet."""
    empty.sql(f"create database codecourier template template0 {how}",
              "postgres")
    rights = "select datacl from pg_database where datname = 'codecourier'"
    before = empty.sql(rights, "postgres")
    for args in ["--dry-run"], []:
        error = data(empty, *args, code=FAILED)
        assert words in error["message"], error
        assert nothing_made(empty)
    assert empty.sql(rights, "postgres") == before
    fixed(empty, error["message"])
    if whole:
        works(empty)
    else:
        assert states(data(empty, "--dry-run")) == {"would make"}


@pytest.mark.plain
@pytest.mark.parametrize("given", [
    "alter database codecourier owner to codecourier_owner",
    "grant create on database codecourier to codecourier_owner"],
    ids=["owner", "grant"])
def test_a_database_given_to_the_owner(empty, given):
    """Made by somebody else and right: by its owner, or by the grant."""
    empty.sql("create role codecourier_owner; create database codecourier "
              "template template0 encoding 'UTF8' locale 'C'; " + given,
              "postgres")
    assert "there" in [s["state"] for s in data(empty)["steps"]
                       if s["what"].startswith("database")]
    assert empty.check() == 0


def test_a_database_in_use_of_another_encoding(empty):
    """It came by a restore: everybody says so; the way out keeps the data."""
    works(empty)
    dump, local = empty.top / "dump", ["-h", empty.top, "-U", "postgres"]
    done = empty.run(BIN / "pg_dump", *local, "-Fc", "-f", dump, "codecourier")
    assert done.returncode == DONE, done
    empty.sql("drop database codecourier with (force); create database "
              "codecourier template template0 encoding 'SQL_ASCII' locale 'C' "
              "owner codecourier_owner", "postgres")
    done = empty.run(BIN / "pg_restore", *local, "-d", "codecourier", dump)
    assert done.returncode == DONE, done
    assert empty.check() == 1
    done = empty.ctl("doctor")
    assert done.returncode == FAILED
    assert "the encoding SQL_ASCII, not UTF8" in done.stdout, done
    error = data(empty, code=FAILED)
    assert "encoding SQL_ASCII" in error["message"], error
    fixed(empty, error["message"])
    data(empty)
    refill = re.search(r"pg_dump .*-d codecourier", error["message"])[0]
    done = empty.run("sh", "-c", f"PATH={BIN}:$PATH; export PGHOST={empty.top}"
                     f" PGUSER=postgres; {refill}")
    assert done.returncode == DONE, done
    assert data(empty)["changed"] is False
    assert empty.check() == 0
    done = empty.ctl("--json", "project", "show", "shop")
    assert json.loads(done.stdout)["data"]["name"] == EMOJI


def asked(cluster, admin, **environ):
    """What init --dry-run says of the server."""
    environ = {**cluster.environ, "CODECOURIER_ADMIN_DATABASE": admin,
               **environ}
    done = cluster.stack.run(
        [cluster.stack.ctl_path, "--json", "init", "--dry-run"], environ)
    assert done.returncode == DONE, done
    plain = cluster.stack.run(
        [cluster.stack.ctl_path, "init", "--dry-run"], environ)
    found = json.loads(done.stdout)["data"]["server"]
    assert plain.stdout.startswith(f"server: {found['host']}"), plain
    assert f", port {found['port']}, as {found['user']}" in plain.stdout
    for name in filter(None, found["by"].split(", ")):
        assert f"the service has no {found['by']}" not in plain.stdout
        assert name in plain.stdout.splitlines()[0]
    return found


@pytest.fixture(scope="module")
def over_tcp(stack):
    yield from running(stack, TlsCluster)


DB = "dbname=postgres user=postgres"


def test_a_dry_run_names_the_server(server):
    here = str(server.top)
    found = asked(server, f"host={here} {DB}")
    assert found == {"host": here, "address": "", "port": "5432",
                     "user": "postgres", "by": ""}
    assert asked(server, DB, PGHOST=here)["by"] == "PGHOST"
    assert asked(server, f"host={here} {DB}", PGHOST="192.0.2.1")["by"] == ""
    assert asked(server, f"host=/nowhere,{here} {DB}")["host"] == here
    assert asked(server, f"postgresql://postgres@/postgres?host={here}",
                 PGUSER="nobody")["by"] == ""
    found = asked(server, "dbname=postgres", PGHOST=here, PGPORT="5432",
                  PGUSER="postgres")
    assert found["by"] == "PGHOST, PGPORT, PGUSER"


def test_a_service_file_leads_there_too(server):
    here = str(server.top)
    file = server.top / "services"
    file.write_text(f"[ours]\nhost={here}\nuser=postgres\ndbname=postgres\n")
    assert asked(server, DB, PGSERVICEFILE=str(file), PGSERVICE="ours",
                 PGHOST="/nowhere")["by"] == "PGSERVICE, PGHOST"
    found = asked(server, "service=ours", PGSERVICEFILE=str(file))
    assert (found["host"], found["by"]) == (here, "")


@pytest.mark.parametrize("by", [
    *(pytest.param(name, marks=pytest.mark.plain)
      for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE")), "service="])
def test_tcp_is_seen_wherever_it_is_said(over_tcp, by):
    """Then the role gets a password, as over any TCP."""
    file = over_tcp.top / "services"
    file.write_text("[far]\nhost=127.0.0.1\n")
    environ = {"PGSERVICEFILE": str(file), "PGSSLMODE": "require"}
    if by == "service=":
        more = "service=far "
    else:
        more = ""
        environ[by] = "far" if by == "PGSERVICE" else "127.0.0.1"
    for who, name, dbname in (("ADMIN_", "admin", "postgres"),
                              ("", "codecourier", "codecourier")):
        environ[f"CODECOURIER_{who}DATABASE"] = (
            f"{more}port={over_tcp.port} user={name} dbname={dbname} "
            f"passfile={over_tcp.top}/{name}.pass")
    done = over_tcp.stack.run(
        [over_tcp.stack.ctl_path, "--json", "init", "--dry-run"],
        {**over_tcp.environ, **environ})
    answer = json.loads(done.stdout)["data"]
    assert answer["server"]["address"] == "127.0.0.1"
    assert answer["server"]["by"] == ("" if by == "service=" else by)
    assert "password" in " ".join(s["what"] for s in answer["steps"])
