"""A PostgreSQL of a test's own, empty, run by the stack's user."""
import os
import shutil
import tempfile
import time
from pathlib import Path

from harness import PG_BIN as BIN, copy_cluster, free_port
from psql import Psqls


EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Cluster:
    """Reached over a socket in a folder of its own, by peer."""

    options = "-c listen_addresses=''"

    def __init__(self, stack):
        self.stack = stack
        self.psqls = Psqls(stack)
        self.top = Path(tempfile.mkdtemp(prefix="cc-sql-"))
        os.chown(self.top, stack.uid, stack.gid)
        self.local = f"host={self.top} user=postgres dbname=postgres"
        self.environ = {
            "CODECOURIER_ADMIN_DATABASE": self.local,
            "CODECOURIER_DATABASE":
                f"host={self.top} user=codecourier dbname=codecourier",
            "CODECOURIER_KEYRING": str(self.top / "keyring")}

    def run(self, *argv, **more):
        return self.stack.run(argv, self.environ, **more)

    def configure(self, data):
        """Who may be whom: as in the stack."""
        running = self.stack.run_dir / "pg"
        for name in "pg_hba.conf", "pg_ident.conf":
            shutil.copyfile(running / name, data / name)
        with open(data / "pg_hba.conf", "a") as hba:
            hba.write("local replication all peer map=stack\n")

    def make(self, data):
        copy_cluster(data, self.stack.drop)
        self.configure(data)

    def pg_ctl(self, *args):
        done = self.run(BIN / "pg_ctl", "-D", self.top / "data", "-w", *args)
        assert done.returncode == 0, done

    def up(self):
        self.pg_ctl("-l", self.top / "log", "-o", self.options +
                    f" -c unix_socket_directories='{self.top}' "
                    "-c fsync=off", "start")

    def start(self):
        self.make(self.top / "data")
        self.up()

    def stop(self):
        self.psqls.close()
        self.run(BIN / "pg_ctl", "-D", self.top / "data", "-w", "-m",
                 "immediate", "stop")
        shutil.rmtree(self.top)

    def forget(self):
        """As it was before any init."""
        self.sql("; ".join(
            [f"drop database if exists {name} with (force)"
             for name in ("codecourier", "codecourier_before")] +
            [f"drop role if exists {name}" for name in (
                "codecourier", "codecourier_platform", "codecourier_owner")]),
            "postgres")
        for name in "keyring", "codecourier.pass", "first.key":
            (self.top / name).unlink(missing_ok=True)

    def ctl(self, *args):
        return self.run(self.stack.ctl_path, *args)

    def check(self, dbname="codecourier"):
        """What the worker says of a database by project-api.fcgi -t."""
        environ = {**self.environ, "CODECOURIER_DATABASE":
                   self.environ["CODECOURIER_DATABASE"] + f" dbname={dbname}"}
        return self.stack.run([self.stack.worker_path, "-t"],
                              environ).returncode

    def sql(self, text, dbname="codecourier"):
        return self.psqls.run(text, self.local + f" dbname={dbname}")


class Standby(Cluster):
    """A streaming standby of another one."""

    def __init__(self, primary):
        super().__init__(primary.stack)
        self.primary = primary

    def make(self, data):
        done = self.run(BIN / "pg_basebackup", "-D", data, "-R", "-X",
                        "stream", "-c", "fast", "--no-sync", "-d",
                        f"host={self.primary.top} user=postgres")
        assert done.returncode == 0, done

    def catch_up(self, seconds=30):
        """Until it has all that is committed on the primary now."""
        lsn = self.primary.sql("select pg_current_wal_lsn()")
        end = time.monotonic() + seconds
        while self.sql(f"select pg_last_wal_replay_lsn() >= '{lsn}'") != "t":
            assert time.monotonic() < end, "the standby does not follow"
            time.sleep(0.05)


class TlsCluster(Cluster):
    """One on "another host": TCP with TLS, a certificate of its own CA, roles
    by password; the administrator is no superuser."""

    password = "s3cret of the administrator"

    def __init__(self, stack):
        super().__init__(stack)
        self.port = free_port()
        self.options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} "
                        "-c ssl=on")
        self.local += f" port={self.port}"
        self.where(f"host=localhost hostaddr=127.0.0.1 sslmode=verify-full "
                   f"sslrootcert={self.top}/ca.crt")

    def where(self, server):
        """Both conninfos, each with a password file."""
        for who, name, dbname in (("ADMIN_", "admin", "postgres"),
                                  ("", "codecourier", "codecourier")):
            self.environ[f"CODECOURIER_{who}DATABASE"] = (
                f"{server} port={self.port} user={name} dbname={dbname} "
                f"passfile={self.top}/{name}.pass")

    def openssl(self, *args):
        done = self.run("openssl", *args)
        assert done.returncode == 0, done

    def certificates(self, data):
        """A CA, another CA, and the server's, which is for localhost."""
        for name in "ca", "other":
            self.openssl("req", "-x509", *EC, "-nodes", "-days", "30", "-subj", f"/CN=test {name}",
                         "-keyout", self.top / f"{name}.key",
                         "-out", self.top / f"{name}.crt")
        self.openssl("req", *EC, "-nodes", "-subj", "/CN=localhost", "-keyout", data / "server.key",
                     "-out", self.top / "server.csr")
        self.openssl("x509", "-req", "-days", "30", "-in",
                     self.top / "server.csr", "-CA", self.top / "ca.crt",
                     "-CAkey", self.top / "ca.key", "-CAcreateserial",
                     "-out", data / "server.crt")
        (data / "server.key").chmod(0o600)

    def configure(self, data):
        super().configure(data)
        self.certificates(data)
        with open(data / "pg_hba.conf", "a") as hba:
            hba.write("hostssl all all 127.0.0.1/32 scram-sha-256\n")

    def start(self):
        super().start()
        self.sql("create role admin login createrole createdb "
                 f"password '{self.password}'", "postgres")
        path = self.top / "admin.pass"
        path.write_text(f"*:*:*:admin:{self.password}\n")
        path.chmod(0o600)
        os.chown(path, self.stack.uid, self.stack.gid)


def running(of, kind=Cluster):
    """One of a stack, or a standby of another cluster."""
    cluster = kind(of)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
