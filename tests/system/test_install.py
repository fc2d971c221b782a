"""From an empty Debian to a served request, by the README's own lines."""
import json

from host import UNIT, commands

MOST = 6


def test_the_readme_needs_few_commands():
    assert 1 < len(commands()) <= MOST, commands()


def test_every_command_of_the_readme_works(installation):
    for step in installation.steps:
        print(f"# {step.command}\n{step.stdout[-2000:]}{step.stderr[-2000:]}")
        assert step.status == 0, (step.command, step.stdout[-3000:],
                                  step.stderr[-3000:])
    assert [s.command for s in installation.steps] == commands()


def test_no_more_is_there_than_they_bring(host):
    """What we must not lean on: /bin/kill, say."""
    for program in "ps", "kill", "less", "sudo", "man", "git":
        host.run(f"test ! -e /usr/bin/{program}")
    assert host.out("env | grep -E '^(LANG|LC_)'", code=None) == ""


def test_the_last_command_asks_with_the_printed_key(installation):
    last = installation.steps[-1]
    assert "curl" in last.command, last
    assert installation.key, "no key was printed"
    answer = json.loads(last.stdout)
    assert set(answer) == {"data"} and answer["data"]["slug"], last.stdout


def test_it_serves_and_nothing_failed(host):
    assert host.serves()["slug"]
    assert host.out("systemctl --failed --plain --no-legend -q") == ""
    assert host.show("ActiveState") == "active"
    assert host.out(f"systemctl is-enabled {UNIT}") == "enabled"


def test_the_key_stands_in_no_log(host):
    """Neither in the journal nor in a log, nor in a file that others read."""
    secret = host.key[16:48]
    found = host.out("exec 3<&0; journalctl -q --no-pager -o export "
                     "</dev/null | grep -acF -f /dev/fd/3", code=None,
                     input=secret)
    assert found == "0"
    found = host.out("grep -rlaF -f - /var/log /etc /run/systemd /tmp "
                     "2>/dev/null", code=None, input=secret)
    assert found == ""


def test_files_have_their_owners(host):
    wanted = {
        "/etc/codecourier/api.conf": "640 root codecourier",
        "/etc/codecourier/keyring": "600 codecourier codecourier",
        "/run/codecourier": "2750 codecourier www-data",
        "/run/codecourier/api.sock": "660 codecourier www-data",
        "/run/codecourier_body": "700 www-data root",
        "/run/codecourier_answer": "700 www-data root",
        "/var/lib/codecourier": "750 codecourier codecourier",
        "/var/log/nginx/codecourier.log": "640 www-data adm",
        "/var/log/nginx/codecourier-error.log": "640 www-data adm",
    }
    found = {path: host.out(f"stat -c '%a %U %G' {path}") for path in wanted}
    assert found == wanted


def test_init_tells_nobody_to_do_what_is_done(host, installation):
    """The package has enabled and started the service."""
    said = [s.stdout for s in installation.steps if " init " in s.command]
    said.append(host.out("codecourierctl init </dev/null"))
    for text in said:
        assert "systemctl enable" not in text, text
        assert "systemctl start" not in text, text
    host.run(f"systemctl stop {UNIT}")
    stopped = host.out("codecourierctl init </dev/null")
    host.run(f"systemctl disable {UNIT}")
    off = host.out("codecourierctl init </dev/null")
    host.run(f"systemctl enable --now {UNIT}")
    assert f"systemctl start {UNIT}\n" in stopped
    assert f"systemctl enable --now {UNIT}\n" in off
    host.until_serving()


def test_spool_has_a_size(host):
    for name, size in ("body", "256M"), ("answer", "128M"):
        assert host.out("findmnt -no FSTYPE,SIZE /run/codecourier_" + name
                        ).split() == ["tmpfs", size]


def test_doctor_finds_nothing_that_breaks(host):
    """What is left are an administrator's own decisions, said as such."""
    said, _ = host.doctor()
    print(said)
    assert "error" not in said.lower(), said


def test_init_again_changes_nothing(host):
    before = host.out("sha256sum /etc/codecourier/* && find /etc/codecourier "
                      "-printf '%p %m %u %g\n' | sort")
    said = host.run("codecourierctl init </dev/null")
    print(said.stdout, said.stderr)
    assert said.stdout.startswith("server: /var/run/postgresql, port 5432, "
                                  "as postgres\n")
    after = host.out("sha256sum /etc/codecourier/* && find /etc/codecourier "
                     "-printf '%p %m %u %g\n' | sort")
    assert after == before
    assert host.serves()
