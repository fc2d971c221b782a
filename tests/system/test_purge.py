"""Remove and purge: the host is as it was before the installation."""
import subprocess

import pytest

from host import commands

# Nobody's business: what any package leaves, and what time writes.
NOT = ("/proc /sys /dev /tmp /var/tmp /run/systemd /run/log /run/udev "
       "/run/dbus /run/user /run/lock /run/initctl /var/cache /var/log/journal "
       "/var/lib/systemd /var/lib/dpkg /var/lib/apt /var/lib/ucf "
       "/var/log/apt /root /run/postgresql").split()
LISTING = (
    "find / /run -xdev \\( "
    + " -o ".join(f"-path {path}" for path in NOT)
    + " \\) -prune -o -printf '%p %y %m %u %g\\n' | sort -u")
# What may stay, and the screen must say so: without the keyring nothing in
# the database can be read again.
STAYS = {"/etc/codecourier", "/etc/codecourier/keyring"}
ACCOUNTS = ("(cat /etc/passwd /etc/group; cut -d: -f1 /etc/shadow; "
            "cut -d: -f1,3,4 /etc/gshadow; systemctl list-unit-files "
            "--no-legend --no-pager) | sort")


def look(machine):
    files = dict(line.split(" ", 1)
                 for line in machine.out(LISTING).splitlines()
                 if " " not in line.split(" ", 1)[0])
    # PostgreSQL's data is the administrator's
    files = {path: rest for path, rest in files.items()
             if not path.startswith("/var/lib/postgresql")}
    return files, set(machine.out(ACCOUNTS).splitlines())


@pytest.fixture(scope="module")
def told(bare, deb):
    """Before, what each step has printed, after."""
    wants = [subprocess.run(["dpkg-deb", "-f", deb, field], check=True,
                            capture_output=True, text=True).stdout.strip()
             for field in ("Depends", "Recommends")]
    bare.put(deb)
    bare.run(f"apt-get satisfy -y '{', '.join(wants)}' && "
             "apt-get install -y curl", seconds=600)
    before = look(bare)
    early = None
    for command in commands():
        bare.run(f"cd /root && {command}", seconds=600)
        early = early or bare.run("codecourierctl status", code=None)
    verified = bare.run("dpkg -V codecourier-api", code=None)
    removed = bare.run("apt-get remove -y codecourier-api", seconds=300)
    kept = look(bare)
    purged = bare.run("apt-get purge -y codecourier-api", seconds=300)
    return {"early": early, "before": before, "after": look(bare), "kept": kept,
            "verified": verified, "removed": removed, "purged": purged}


def test_before_init_the_missing_database_is_named(told):
    """Not root's own failure to be postgres."""
    said = told["early"].stdout + told["early"].stderr
    assert 'database "codecourier" does not exist' in said, said
    assert "Peer" not in said, said


def test_dpkg_verifies_what_was_installed(told):
    """Nothing that dpkg has put there was changed behind its back."""
    assert told["verified"].stdout == ""
    assert told["verified"].returncode == 0


def test_remove_keeps_what_is_the_administrators(told):
    files, _ = told["kept"]
    assert {"/etc/codecourier/keyring", "/etc/codecourier/api.conf"} <= \
        set(files)
    assert "/run/codecourier/api.sock" not in files


def test_purge_leaves_no_file(told):
    before, after = told["before"][0], told["after"][0]
    new = {path for path in after if path not in before}
    assert new <= STAYS, sorted(new - STAYS)
    gone = {path for path in before if path not in after}
    assert gone == set(), sorted(gone)
    changed = {path: (before[path], after[path]) for path in before
               if before[path] != after[path]}
    assert changed == {}


def test_purge_leaves_no_account_and_no_unit(told):
    before, after = told["before"][1], told["after"][1]
    assert after == before, sorted(after ^ before)


def test_purge_names_what_it_leaves(told):
    """The database, and the keyring if it is there."""
    said = told["purged"].stdout + told["purged"].stderr
    print(said)
    assert "database" in said.lower(), said
    if "/etc/codecourier/keyring" in told["after"][0]:
        assert "/etc/codecourier/keyring" in said, said


def test_the_site_is_gone_from_nginx(told, bare):
    bare.run("nginx -t")
