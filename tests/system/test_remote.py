"""The database on another machine, over TLS with verify-full: init goes
through an administrator's conninfo and opens the unit's sandbox to that one
address."""
import subprocess

import pytest

from host import UNIT, Host
from machine import Machine

API, DB, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
NAME = "db.example.org"
ADMIN_PASSWORD = "Adm1n-of-the-tests"
API_PASSWORD = "Ap1-of-the-tests"
CA = "/etc/codecourier/database-ca.pem"

# An authority of its own and a certificate for the server's name.
CERTIFICATE = f"""
set -e
cd /root
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test CA' \
	-keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj '/CN={NAME}' \
	-keyout server.key -out server.csr
printf 'subjectAltName=DNS:{NAME}' >san
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
	-days 2 -extfile san -out server.pem
install -m 600 -o postgres -g postgres server.key server.pem \
	/var/lib/postgresql/
cat >>/etc/postgresql/15/main/postgresql.conf <<EOF
listen_addresses = '*'
ssl_cert_file = '/var/lib/postgresql/server.pem'
ssl_key_file = '/var/lib/postgresql/server.key'
EOF
echo 'hostssl all all {API}/32 scram-sha-256' \
	>>/etc/postgresql/15/main/pg_hba.conf
systemctl restart postgresql@15-main
runuser -u postgres -- psql -qc \
	"create role root_of_tests superuser login password '{ADMIN_PASSWORD}'"
"""


def wire(one, two):
    """A cable between two machines: eth0 in both."""
    subprocess.run(["ip", "link", "add", "eth0", "netns", str(one.leader),
                    "type", "veth", "peer", "name", "eth0", "netns",
                    str(two.leader)], check=True)
    for machine, *addresses in (one, API), (two, DB, OTHER):
        for address in addresses:
            machine.network("ip", "addr", "add", f"{address}/24", "dev",
                            "eth0")
        machine.network("ip", "link", "set", "eth0", "up")


@pytest.fixture(scope="module")
def database(run, empty):
    machine = run.machine(empty, "remote-database", Machine)
    try:
        machine.boot()
        machine.run("apt-get install -y postgresql", seconds=600)
        machine.run(CERTIFICATE)
        yield machine
    finally:
        run.end(machine)


@pytest.fixture(scope="module")
def api(run, empty, deb, database, installation):
    """The package without a PostgreSQL beside it; init by conninfo."""
    host = run.machine(empty, "remote", Host, installation)
    try:
        host.boot()
        wire(host, database)
        host.put(deb)
        host.run("apt-get install -y --no-install-recommends nginx curl "
                 f"/root/{deb.name}", seconds=600)
        host.run(f"echo '{DB} {NAME}' >>/etc/hosts")
        host.write(CA, database.out("cat /root/ca.pem") + "\n")
        host.run(f"chmod 644 {CA}")
        tls = f"host={NAME} sslmode=verify-full sslrootcert={CA}"
        host.write(
            "/etc/codecourier/api.conf",
            f"CODECOURIER_ADMIN_DATABASE={tls} dbname=postgres "
            f"user=root_of_tests password={ADMIN_PASSWORD}\n"
            f"CODECOURIER_DATABASE={tls} dbname=codecourier "
            f"user=codecourier password={API_PASSWORD}\n")
        host.said = host.run(
            "codecourierctl init --name Remote --slug remote "
            "--owner-email owner@example.org --out /root/key")
        host.key = host.out("cat /root/key")
        database.run("runuser -u postgres -- psql -q", input="alter role "
                     f"codecourier password '{API_PASSWORD}'")
        host.run("ln -sf ../sites-available/codecourier "
                 "/etc/nginx/sites-enabled/ && systemctl reload nginx && "
                 f"systemctl daemon-reload && systemctl restart {UNIT}")
        host.until_serving()
        yield host
    finally:
        run.end(host)


def test_it_serves(api):
    assert api.serves()["slug"] == "remote"


def test_the_database_saw_tls(api, database):
    found = database.out(
        "runuser -u postgres -- psql -XAtqc \"select distinct s.ssl, "
        "a.client_addr from pg_stat_ssl s join pg_stat_activity a using "
        "(pid) where a.usename = 'codecourier'\"")
    assert found == f"t|{API}", found


def test_init_opened_the_unit_to_that_host_only(api):
    assert api.show("IPAddressAllow") == f"{DB}/32"
    assert set(api.show("IPAddressDeny").split()) == {"0.0.0.0/0", "::/0"}
    assert set(api.show("RestrictAddressFamilies").split()) == \
        {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert "daemon-reload" in api.said.stdout + api.said.stderr


def reaches(api, address, group=None):
    """Whether a process gets through to the database's port; in the unit's
    control group if that is named."""
    join = f"echo $$ >/sys/fs/cgroup{group}/cgroup.procs; " if group else ""
    done = api.run(f"{join}exec timeout 3 bash -c "
                   f"': >/dev/tcp/{address}/5432'", code=None)
    return done.returncode == 0


def test_the_kernel_holds_it_to_that(api):
    group = api.show("ControlGroup")
    assert reaches(api, DB) and reaches(api, OTHER)
    assert reaches(api, DB, group)
    assert not reaches(api, OTHER, group)


def test_another_server_by_that_name_is_refused(api, database):
    """A certificate of another authority: no worker talks to it."""
    good = api.out(f"cat {CA}")
    since = api.cursor()
    database.run("cd /root && openssl req -x509 -newkey rsa:2048 -nodes "
                 "-days 2 -subj '/CN=Other CA' -keyout other.key "
                 "-out other.pem")
    api.write(CA, database.out("cat /root/other.pem") + "\n")
    try:
        refused = api.run(f"systemctl reload {UNIT}", code=None)
        assert refused.returncode != 0
        assert "certificate" in api.journal(since)
    finally:
        api.write(CA, good + "\n")
    api.run(f"systemctl reload {UNIT}")
    assert api.serves()
