"""What the package's scripts do to files, in a mount namespace: /etc, /var/log
and /run of their own, dpkg's part played by the tests. Only root can make one;
the package itself is tested on a booted Debian."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import ROOT

pytestmark = pytest.mark.plain     # scripts' work; our programs' is elsewhere

SCRIPTS = ROOT / "cgi-bin/debian"
EXAMPLES = "/usr/share/doc/codecourier-api/examples"

# nginx with the site, as the package and README's lines leave it. What the
# scripts call of the host's is a line in `calls`.
MAKE = """
set -e
mount -t tmpfs -o mode=755 none {top}/etc
mkdir {top}/etc/upper {top}/etc/work
mount -t overlay -o lowerdir=/etc,upperdir={top}/etc/upper,\
workdir={top}/etc/work none /etc
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/log
mount -t tmpfs -o mode=755 none /usr/share/doc
mkdir /run/systemd /run/systemd/system /var/log/nginx
rm -rf /etc/codecourier /etc/nginx/sites-enabled /etc/nginx/codecourier
rm -rf /etc/nginx/conf.d /etc/apache2
mkdir /etc/codecourier /etc/nginx/sites-enabled /etc/nginx/conf.d
cp -r {root}/nginx /etc/nginx/codecourier
rm -r /etc/nginx/codecourier/openapi /etc/nginx/codecourier/*.md
mv /etc/nginx/codecourier/codecourier.conf /etc/nginx/sites-available/codecourier
ln -s ../sites-available/codecourier /etc/nginx/sites-enabled/
mkdir -p /etc/systemd/system /etc/apache2/codecourier {examples}
cp -r {root}/cgi-bin/apache {root}/cgi-bin/systemd {examples}/
for name in deb-systemd-invoke systemctl adduser userdel groupdel; do
	printf '#!/bin/sh\\necho "$(basename "$0") $*" >>{top}/calls\\n' \
		>{top}/bin/$name
	chmod 755 {top}/bin/$name
done
"""


@pytest.fixture
def sh():
    """Runs lines in a namespace of the test's own; what they have printed, and
    the calls. The scripts are found by their names."""
    top = Path(tempfile.mkdtemp(prefix="cc-package-"))
    for name in "etc", "bin":
        (top / name).mkdir()
    (top / "calls").touch()
    make = MAKE.format(top=top, root=shlex.quote(str(ROOT)),
                       examples=EXAMPLES)

    def run(text, code=0):
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", make + text], cwd="/",
            capture_output=True, text=True, env={
                "PATH": f"{top}/bin:{SCRIPTS}:/usr/sbin:/usr/bin:/sbin:/bin"})
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        return said, (top / "calls").read_text()

    run.top = str(top)
    yield run
    shutil.rmtree(top)


# dpkg removes the conffiles, then asks postrm
PURGE = """
rm /etc/nginx/sites-available/codecourier
for file in /etc/nginx/codecourier/*; do
	[ ! -e {root}/nginx/"${{file##*/}}" ] || rm "$file"
done
sh {scripts}/postrm purge
echo left: $(cd /etc/nginx && find sites-enabled/ conf.d/ ! -type d | sort)
nginx -t 2>&1
""".format(root=shlex.quote(str(ROOT)), scripts=shlex.quote(str(SCRIPTS)))


def second_instance():
    """The lines of nginx/README.md."""
    found = [b for b in re.findall(r"(?:^    .*\n)+",
                                   (ROOT / "nginx/README.md").read_text(),
                                   re.M) if "codecourier_second" in b]
    assert len(found) == 1
    return re.sub(r"^    ", "", found[0], flags=re.M)


# what somebody has made, and its name if it needs what goes
SITES = {
    "second": (second_instance(), "sites-enabled/codecourier-second"),
    "tls": ("ln -s ../codecourier/port80.conf "
            "/etc/nginx/sites-enabled/codecourier-tls",
            "sites-enabled/codecourier-tls"),
    "other-link": ("ln -s /etc/nginx/sites-available/codecourier "
                   "/etc/nginx/sites-enabled/10-api; "
                   "rm /etc/nginx/sites-enabled/codecourier",
                   "sites-enabled/10-api"),
    "absolute": ("echo 'map_hash_bucket_size 128; include "
                 "\"/etc/nginx/codecourier/mine.conf\";' "
                 ">/etc/nginx/conf.d/a.conf; echo 'include "
                 "codecourier/limits.conf;' >/etc/nginx/codecourier/mine.conf;"
                 "sed -i /limits.conf/d /etc/nginx/sites-available/codecourier",
                 "conf.d/a.conf"),
    "pass": ("echo 'server { listen 8099; location / { fastcgi_pass  "
             "codecourier ; } }' >/etc/nginx/conf.d/p.conf",
             "conf.d/p.conf"),
    "log": ("echo 'server { listen 8099; access_log /dev/null codecourier; "
            "}' >/etc/nginx/sites-enabled/log", "sites-enabled/log"),
    "variable": ("echo 'server { listen 8099; return 200 "
                 "$codecourier_rid; }' >/etc/nginx/sites-enabled/v",
                 "sites-enabled/v"),
    "zone": ("echo 'server { listen 8099; limit_conn codecourier_address 1; "
             "}' >/etc/nginx/sites-enabled/zone", "sites-enabled/zone"),
    "rate": ("echo 'server { listen 8099; limit_req "
             "zone=codecourier_address_rate; }' "
             ">/etc/nginx/sites-enabled/rate", "sites-enabled/rate"),
    "namesake": ("echo 'server { listen 8099; server_name "
                 "codecourier.example.org; root /srv/codecourier/; } "
                 "# include codecourier/x' >/etc/nginx/conf.d/n.conf", None),
    "comment": ("printf '#include codecourier/x;\\n' "
                ">/etc/nginx/sites-enabled/c", None),
    "elsewhere": ("echo 'server { listen 8099; include "
                  "mycodecourier/*.conf; }' >/etc/nginx/sites-enabled/e",
                  None),
}


@pytest.mark.parametrize("made, needs", SITES.values(), ids=SITES)
def test_nginx_starts_after_a_purge(sh, made, needs):
    """What needs us is gone from nginx's sight, and named; nothing else is."""
    said, calls = sh(f"{made}\nnginx -t 2>&1\n{PURGE}")
    assert said.count("test is successful") == 2, said
    left = re.search(r"^left:(.*)$", said, re.M)[1].split()
    mine = set(re.findall(r"(?:sites-enabled|conf\.d)/[\w.-]+", made))
    mine -= {"sites-enabled/codecourier"}
    assert set(left) == mine - {needs}, said
    if needs:
        assert f"/etc/nginx/{needs} " in said, said
    assert calls.count("reload nginx.service") == 1


def test_a_file_that_is_moved_away_is_kept(sh):
    said, _ = sh("echo 'include codecourier/limits.conf; # mine' "
                 ">/etc/nginx/conf.d/x.conf\n"
                 "sed -i /limits.conf/d /etc/nginx/sites-available/codecourier"
                 + PURGE + "cat /etc/nginx/sites-available/x.conf.off")
    assert "limits.conf; # mine" in said, said


def test_purge_names_what_is_left(sh):
    said, _ = sh("echo >/etc/codecourier/second.conf\n"
                 "echo >/etc/systemd/system/codecourier-api.socket\n"
                 "mkdir /etc/systemd/system/sockets.target.wants\n"
                 "ln -s ../codecourier-api.socket "
                 "/etc/systemd/system/sockets.target.wants/\n"
                 + second_instance() + PURGE +
                 "ls /etc/systemd/system/sockets.target.wants")
    for path in ("/etc/codecourier/second.conf",
                 "/etc/nginx/codecourier/server-second.conf",
                 "/etc/systemd/system/codecourier-api.socket"):
        assert f"  {path}\n" in said, said
    assert said.endswith("successful\n"), said


LOGS = "/var/log/nginx/codecourier.log /var/log/nginx/codecourier-error.log"
STAT = f"stat -c '%a %U %G %F' {LOGS} 2>&1"
POSTINST = f"sh {shlex.quote(str(SCRIPTS))}/postinst"


@pytest.mark.parametrize("before, mode", [
    ("true", "640 www-data adm regular"),
    (f"umask 022; touch {LOGS}", "640 www-data adm regular"),
    (f"umask 077; touch {LOGS}", "600 root root regular"),
    (f"install -o www-data -g adm -m 644 /dev/null {LOGS.split()[0]}; "
     f"cp -p {LOGS}", "644 www-data adm regular"),
    (f"for l in {LOGS}; do ln -s /dev/null $l; done", "777 root root symb"),
    ("rm -r /var/log/nginx", "stat: cannot")],
    ids=["none", "by-nginx", "roots", "chosen", "link", "no-nginx"])
def test_logs_are_not_for_everybody(sh, before, mode):
    """Made before nginx makes them; those it has made are mended; what
    somebody has chosen stays: however the script is called."""
    lines = ["touch /etc/codecourier/api.conf; chown() { :; }",
             "groupadd() { :; }", "getent group codecourier >/dev/null || "
             "echo codecourier:x:64997: >>/etc/group"]
    for how in ("configure ''", "configure 1.0.1",
                "triggered /usr/sbin/nginx"):
        lines += ["rm -rf /var/log/nginx; mkdir /var/log/nginx",
                  f"({before})", f"{POSTINST} {how}", f"{STAT} || :"]
    said, _ = sh("\n".join(lines))
    found = [line for line in said.splitlines() if line.startswith(
        mode.split()[0])]
    assert len(found) == 6 and all(x.startswith(mode) for x in found), said


UPGRADE = f"""
sh {shlex.quote(str(SCRIPTS))}/preinst upgrade 1.0.1
{{}}
{POSTINST} configure 1.0.1
ls /run/codecourier-api.* 2>&1 || :
"""
CHANGES = {
    "nothing": ("true", False),
    "site": ("echo '# x' >>/etc/nginx/sites-available/codecourier", True),
    "part": ("echo '# x' >>/etc/nginx/codecourier/limits.conf", True),
    "parameters": ("echo '# x' >>/etc/nginx/codecourier/fastcgi_params", True),
    "new-part": ("echo '# x' >/etc/nginx/codecourier/new.conf", True),
    "kept": ("echo '# x' >/etc/nginx/codecourier/limits.conf.dpkg-dist",
             False),
    "other-site": ("echo '# x' >/etc/nginx/sites-enabled/other", False),
}


@pytest.mark.parametrize("change, reloaded", CHANGES.values(), ids=CHANGES)
def test_an_upgrade_reloads_nginx_with_its_site(sh, change, reloaded):
    said, calls = sh(UPGRADE.format(change))
    assert ("nginx was reloaded" in said) == reloaded, said
    assert ("deb-systemd-invoke reload nginx.service" in calls) == reloaded
    assert "No such file" in said   # no note of ours stays


def test_an_upgrade_does_not_load_a_fault(sh):
    said, calls = sh(UPGRADE.format(
        "echo '# x' >>/etc/nginx/codecourier/limits.conf; "
        "echo nonsense >/etc/nginx/conf.d/x.conf"))
    assert "nginx was not reloaded" in said and "nginx -t" in said, said
    assert "reload nginx" not in calls


def test_an_upgrade_names_copies_of_changed_examples(sh):
    """Not those that are as before, nor those that are new already."""
    said, _ = sh(f"""
cp {EXAMPLES}/apache/*.conf /etc/apache2/codecourier/
cp {EXAMPLES}/systemd/codecourier-api.socket /etc/systemd/system/
mkdir -p /etc/systemd/system/codecourier-api.service.d
cp {EXAMPLES}/systemd/socket-activation.conf \
	/etc/systemd/system/codecourier-api.service.d/
""" + UPGRADE.format(f"""
cd {EXAMPLES}
for name in apache/common.conf systemd/codecourier-api.socket \
	systemd/socket-activation.conf apache/errors.conf; do
	echo '# new' >>$name
done
cp apache/errors.conf /etc/apache2/codecourier/
"""))
    named = re.findall(r"has changed, (\S+) has not", said)
    assert sorted(named) == [
        "/etc/apache2/codecourier/common.conf",
        "/etc/systemd/system/codecourier-api.service.d/socket-activation.conf",
        "/etc/systemd/system/codecourier-api.socket"], said


OLDEST = int(re.search(r"define DB_OLDEST_SCHEMA .*: (\d+)\)",
                       (ROOT / "src/db/db.h").read_text())[1])
# what `codecourierctl --json status` of before says, by configuration
STATUS = """
cat >{top}/bin/codecourierctl <<'END'
#!/bin/sh
cat "$CODECOURIER_CONF"
exit 5
END
chmod 755 {top}/bin/codecourierctl
""" + f"sh {shlex.quote(str(SCRIPTS))}/preinst"


def schema(text):
    """Such a configuration's line, between what else is told."""
    return f'{{"data":{{"oldestSchema":1,"schemaVersion":{text},"x":"ok"}}}}'


def preinst(sh, how, code=0, **versions):
    lines = [f"echo {shlex.quote(schema(v))} >/etc/codecourier/{n}.conf"
             for n, v in versions.items()]
    return sh("\n".join(lines) + STATUS.replace("{top}", sh.top) + f" {how}",
              code)[0]


@pytest.mark.parametrize("versions", [
    {"api": OLDEST}, {"api": OLDEST + 1, "second": OLDEST}, {"api": "null"},
    {"api": 0}, {}], ids=str)
def test_an_upgrade_where_the_schema_will_do(sh, versions):
    """Or is not known, or not there: no reason to stand in the way."""
    assert preinst(sh, "upgrade 1.1.0", **versions) == ""


@pytest.mark.parametrize("versions, named", [
    ({"api": OLDEST - 1}, "api"), ({"api": 1}, "api"),
    ({"api": OLDEST, "second": OLDEST - 1}, "second")], ids=str)
def test_an_upgrade_that_the_schema_is_too_old_for(sh, versions, named):
    """Refused before anything is replaced; what to do is told."""
    said = preinst(sh, "upgrade 1.1.0 || { ls /run/codecourier-api.* 2>&1 "
                   "|| exit 1; }", code=1, **versions)
    assert f"/etc/codecourier/{named}.conf has schema version\n" \
        f"{versions[named]}, this version needs {OLDEST}." in said
    assert "next/usr/sbin/codecourierctl migrate\n" in said
    assert "cannot access" in said      # nothing was noted


@pytest.mark.parametrize("before, versions, told", [
    (7, {"api": 9, "second": 9}, False), (7, {"api": 8}, True),
    (7, {"api": 9, "second": "null"}, True), (9, {"api": 8}, False)], ids=str)
def test_migrations_are_told_where_they_are_to_come(sh, before, versions,
                                                    told):
    """Not to who has migrated already, nor again and again."""
    lines = [f"echo {shlex.quote(schema(v))} >/etc/codecourier/{n}.conf"
             for n, v in versions.items()]
    said, _ = sh("\n".join(lines + [
        STATUS.replace("{top}", sh.top).rpartition("sh ")[0],
        "mount -t tmpfs none /usr/share; mkdir /usr/share/codecourier",
        "echo 0009_new >/usr/share/codecourier/schema-version",
        f"echo 000{before}_new >/run/codecourier-api.schema",
        f"{POSTINST} configure 1.1.0"]))
    assert ("codecourierctl migrate --plan" in said) == told, said


def test_a_first_installation_asks_nobody(sh):
    assert preinst(sh, "install", api=1) == ""


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
