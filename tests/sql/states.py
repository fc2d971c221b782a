"""The one cluster that all tests of migrations share, and how each of them
gets the state it begins with, whatever the one before has left."""
from harness import ROOT


def cleared(cluster):
    """As initdb has made it: no database, role or keyring of ours."""
    cluster.forget()
    cluster.good = False
    return cluster


def good(cluster):
    """As init makes it."""
    if not cluster.good:
        done = cleared(cluster).ctl("init")
        assert done.returncode == 0, done
        cluster.good = True
    return cluster


def migration(number):
    """A migration as `migrate` applies it."""
    (path,) = (ROOT / "migrations").glob(f"{number:04}_*.sql")
    return (f"begin; {path.read_text()}; insert into "
            f"codecourier.schema_version values ({number}, 1); commit;")


def older(cluster, newest):
    """With the first migrations only, and no rows."""
    good(cluster).good = False
    cluster.sql("drop schema codecourier cascade; "
                "set role codecourier_owner; "
                + "".join(migration(n) for n in range(1, newest + 1)))
    return cluster
