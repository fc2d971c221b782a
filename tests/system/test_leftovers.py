"""Purge on a host with more of us than README's "Install": a second instance,
sites of the administrator's own, the socket variant. nginx starts after it."""
import pytest

from host import ROOT, commands, second_instance

ENABLED = "/etc/nginx/sites-enabled"
# name, what stands in it, whether it needs what purge removes
SITES = [
    ("sites-enabled/absolute",
     'include "/etc/nginx/codecourier/limits-of-mine.conf";', True),
    ("conf.d/mine.conf",
     "server { listen 127.0.0.1:8091; location / { include "
     "codecourier/fastcgi_params; fastcgi_pass codecourier; } }", True),
    ("sites-enabled/log",
     "server { listen 127.0.0.1:8092; access_log /var/log/nginx/x.log "
     "codecourier; location / { return 204; } }", True),
    ("conf.d/id.conf",
     "server { listen 127.0.0.1:8093; location / { add_header X-Id "
     "$codecourier_rid; return 204; } }", True),
    ("sites-enabled/namesake",
     "# no include codecourier/ here\n"
     "server { listen 127.0.0.1:8094; server_name codecourier.example.org; "
     "location / { return 204; } }", False),
    ("conf.d/other.conf",
     "server { listen 127.0.0.1:8095; location /codecourier/ "
     "{ return 204; } }", False),
]


@pytest.fixture(scope="module")
def purged(host):
    second_instance(host)
    host.write("/etc/nginx/codecourier/limits-of-mine.conf", "# none\n")
    for name, text, _ in SITES:
        host.write(f"/etc/nginx/{name}", text + "\n")
    host.run(f"ln -s ../codecourier/port80.conf {ENABLED}/port80")
    host.run("nginx -t && systemctl reload nginx")
    host.run("cd /usr/share/doc/codecourier-api/examples/systemd && "
             "cp codecourier-api.socket /etc/systemd/system/ && "
             "systemctl daemon-reload && systemctl stop codecourier-api && "
             "systemctl enable --now codecourier-api.socket")
    done = host.run("apt-get purge -y codecourier-api", seconds=300)
    return done.stdout + done.stderr


def test_nginx_starts(purged, host):
    host.run("nginx -t && systemctl restart nginx")
    assert host.out("systemctl is-active nginx") == "active"


def test_what_needs_us_is_out_of_the_way_and_named(purged, host):
    left = set(host.out(f"cd /etc/nginx && ls -d sites-enabled/* conf.d/*")
               .split())
    assert left == {"sites-enabled/default",
                    *(name for name, _, needs in SITES if not needs)}
    for name, _, needs in SITES:
        kept = host.run("test -e /etc/nginx/sites-available/"
                        f"{name.split('/')[1]}.off", code=None).returncode
        assert (kept == 0) == needs and (f"/etc/nginx/{name} " in purged) \
            == needs, (name, purged)
    for name in "codecourier", "codecourier-second", "port80":
        assert f"{ENABLED}/{name} " in purged, purged


def test_what_is_left_is_named(purged, host):
    """The administrator's own files beside ours."""
    for path in ("/etc/nginx/codecourier/server-second.conf",
                 "/etc/nginx/codecourier/limits-of-mine.conf",
                 "/etc/codecourier/second.conf", "/etc/codecourier/keyring",
                 "/etc/systemd/system/codecourier-api.socket"):
        host.run(f"test -f {path}")
        assert f"  {path}\n" in purged, purged
    assert host.out("find /etc /run -name '*codecourier*' -type l "
                    "-not -path '/run/systemd/*'") == ""


def test_a_boot_without_us(purged, host):
    host.reboot()
    assert host.out("systemctl --failed --plain --no-legend -q") == ""
    assert host.out("systemctl is-active nginx") == "active"


def test_it_can_be_installed_again(purged, host, deb):
    host.put(deb)
    for line in commands(ROOT / "README.md"):
        if "--out" in line:
            line = "codecourierctl init </dev/null"
        host.run(f"cd /root && {line}", code=0)
    host.until_serving()
