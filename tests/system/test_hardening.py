"""The unit's sandbox, as the running workers have it."""
import re

from host import DOCTOR, SOCKET, UNIT

MOST = 1.0      # of systemd-analyze's exposure level


def test_the_exposure_is_low(host):
    listed = host.out(f"systemd-analyze security --no-pager {UNIT}")
    print(listed)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", listed)
    host.note(level[0] if level else listed)
    assert level and float(level[1]) <= MOST, listed


def test_the_kernel_agrees(host):
    """What /proc says of every worker: no capability, a system call filter,
    no way to a new privilege, no core."""
    pids = host.workers()
    assert pids
    for pid in pids:
        text = host.out(f"cat /proc/{pid}/status")
        status = dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name], 16) == 0, (name, status[name])
        assert status["Seccomp"] == "2"
        assert status["NoNewPrivs"] == "1"
        user = host.out("id -u codecourier")
        assert set(status["Uid"].split()) == {user}
        limits = host.out(f"cat /proc/{pid}/limits")
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M), limits


def test_the_pool_has_no_more(host):
    """multiwatch, which is the unit's first process, has the same sandbox."""
    text = host.out(f"cat /proc/{host.show('MainPID')}/status")
    assert re.search(r"^CapBnd:\s+0+$", text, re.M), text
    assert re.search(r"^Seccomp:\s+2$", text, re.M), text
    assert re.search(r"^NoNewPrivs:\s+1$", text, re.M), text


def inside(host, command):
    """In the mount and network namespaces of a worker, as its user."""
    pid = host.workers()[0]
    return host.run(f"nsenter -t {pid} -m -n setpriv --reuid codecourier "
                    "--regid codecourier --clear-groups sh -c "
                    f"'{command}'", code=None)


def test_files_out_of_reach(host):
    """From inside the sandbox nothing of the system can be written, and no
    home be seen."""
    for path in ("/etc/codecourier/x", "/usr/x", "/var/log/x", "/opt/x",
                 "/etc/codecourier/keyring"):
        done = inside(host, f": >>{path}")
        assert done.returncode != 0, path
    assert inside(host, "ls /home/* /root").returncode != 0
    assert inside(host, f"test -w {SOCKET}").returncode == 0


def connects(host, user, group):
    """Whether somebody can open the workers' socket."""
    done = host.run(
        f"setpriv --reuid {user} --regid {group} --clear-groups curl -sS "
        f"-m 2 --unix-socket {SOCKET} http://x/", code=None)
    # FastCGI is not HTTP: who connects gets no answer, who may not gets 7
    return done.returncode != 7


def test_nginx_reaches_the_socket_and_no_other_does(host):
    host.run("id tester >/dev/null 2>&1 || useradd tester")
    assert connects(host, "www-data", "www-data")
    assert not connects(host, "tester", "tester")
    assert not connects(host, "nobody", "nogroup")
    assert not connects(host, "postgres", "postgres")


def test_its_address_families(host):
    """A local database needs no network: the unit allows unix sockets, and
    nothing else is spoken."""
    assert host.show("RestrictAddressFamilies") == "AF_UNIX"
    assert sorted(host.show("IPAddressDeny").split()) == ["0.0.0.0/0", "::/0"]
    assert host.show("IPAddressAllow") == ""


def test_the_daily_check_sees_what_root_sees(host):
    """Its sandbox hides nothing and adds nothing: the unit's lines in the
    journal are those of the command on a terminal."""
    assert host.out("systemctl is-enabled codecourier-doctor.timer") == \
        "enabled"
    assert host.show("ActiveState", "codecourier-doctor.timer") == "active"
    said, status = host.doctor()
    since = host.cursor()
    host.run(f"systemctl start {DOCTOR}", code=status)
    found = host.journal(since, DOCTOR).splitlines()
    wanted = said.splitlines()
    print(said)
    assert "cannot see" not in said and "checks, " in wanted[-1]
    assert [line for line in found if line in wanted] == wanted, found
