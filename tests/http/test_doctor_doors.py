"""doctor asks at each address of the site, over plain HTTP and TLS, behind
nginx and behind Apache. On an installed host, see installed.py; root only."""
import contextlib
import os
from shlex import quote

import pytest

from doctor import FAKETIME, parsed, told
from harness import ROOT
from installed import (MACHINE, host, later, nothing, ready, reload_nginx,
                       stop_workers, undone)

__all__ = ["host", "ready"]

SITE = "/etc/nginx/sites-available/codecourier"
NAMES = "/etc/nginx/codecourier/certificate.conf"
NAME = "api.example.org"


@contextlib.contextmanager
def site(host, do, undo, reload=True):
    """nginx's configuration, changed and, unless it is to be older than the
    disk, taken up."""
    host.sh(do)
    if reload:
        reload_nginx(host)
    try:
        yield
    finally:
        host.sh(undo)
        reload_nginx(host)
        nothing(host)


def test_nginx_is_stopped(ready):
    ready.end(ready.web)
    try:
        fix = ready.found("front-doors", "nginx does not run: nobody answers "
                          "on 127.0.0.1:8080, 127.0.0.1:8081")
        assert fix.startswith("systemctl restart nginx")
        assert set(ready.here) - MACHINE == {"front-doors"}
    finally:
        ready.nginx()
    nothing(ready)


@pytest.mark.plain
def test_one_of_two_doors_is_dead(ready):
    """Only that one is named; the reason, too: nginx has not read it yet."""
    with site(ready, "sed -i 's/^.listen 127.0.0.1:8080/"
              f"listen 127.0.0.1:8099;&/' {SITE}",
              f"sed -i 's/listen 127.0.0.1:8099;//' {SITE}", reload=False):
        fix = ready.found("front-doors", "nobody answers http on "
                          "127.0.0.1:8099: Connection refused")
        assert fix.startswith("systemctl reload nginx")
        fix = told(ready.here, "web-server",
                   "was changed since nginx has read it", "warning")
        assert fix == "systemctl reload nginx"


@pytest.mark.plain
def test_another_site_has_the_door(ready):
    """The same address and name, first in order: nginx only warns."""
    other = "/etc/nginx/conf.d/other.conf"
    with site(ready, "echo 'server { listen 127.0.0.1:8080 default_server; "
              f"return 404; }}' >{other}; sed -i 's/:8080 default_server/"
              f":8080/' {SITE}", f"rm {other}; sed -i 's/:8080;/:8080 "
              f"default_server;/' {SITE}"):
        fix = later(ready, "front-doors", "GET /readyz is answered 404, not "
                    "200 by our site")
        assert "nginx -T" in fix


def test_nginx_is_somebody_who_may_not(ready):
    """We may connect as www-data; the nginx that runs is another user."""
    conf = "/etc/nginx/nginx.conf"
    with site(ready, f"sed -i 's/^user www-data/user daemon/' {conf}",
              "true"):
        fix = later(ready, "socket", "nginx (daemon) may not connect")
        assert "that of daemon" in fix
        ready.sh(f"sed -i 's/^user daemon/user www-data/' {conf}")
        fix = ready.found("front-doors", "http on 127.0.0.1:8080 answers 502, "
                          "though the workers answer")
        assert "AppArmor or SELinux" in fix
        pid = ready.path("/run/nginx.pid").read_text().strip()
        with undone(ready, "echo 'nginx (enforce)' >/run/label; mount --bind "
                    f"/run/label /proc/{pid}/attr/current",
                    f"umount /proc/{pid}/attr/current"):
            fix = ready.found("front-doors", "nginx, confined by nginx "
                              "(enforce) does not reach")
            assert fix.startswith("let that profile have the socket")


# TLS

def certificate(host, stem, names, days=365, shift=None):
    """A self-made one, in force since `shift`."""
    names = ",".join(f"DNS:{name}" for name in names)
    host.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj",
             "/CN=x", "-addext", f"subjectAltName={names}", "-keyout",
             f"{stem}.key", "-out", f"{stem}.pem", environ={
                 "LD_PRELOAD": FAKETIME, "FAKETIME": shift} if shift else {})


@pytest.fixture(scope="module")
def with_tls(ready):
    """The site on 443 and 80, with a certificate that this host trusts."""
    certificate(ready, "/etc/ssl/good", [NAME])
    ready.sh(f"cp {NAMES} {NAMES}.good; sed -i 's,^#ssl,ssl,; "
             "s,/etc/letsencrypt/live/.*/fullchain,/etc/ssl/site,; "
             f"s,/etc/letsencrypt/live/.*/privkey.pem,/etc/ssl/site.key,' "
             f"{NAMES}; cp -a /etc/ssl/certs/ca-certificates.crt /etc/ssl/all;"
             "cat /etc/ssl/good.pem >>/etc/ssl/certs/ca-certificates.crt;"
             f"cp {NAMES} {NAMES}.tls;"
             "ln -s ../codecourier/tls.conf "
             "/etc/nginx/sites-enabled/codecourier-tls")
    put(ready, "/etc/ssl/good")
    reload_nginx(ready)
    nothing(ready)
    assert ready.listens(443)
    yield ready
    ready.sh(f"mv {NAMES}.good {NAMES}; "
             "mv /etc/ssl/all /etc/ssl/certs/ca-certificates.crt; "
             "rm /etc/nginx/sites-enabled/codecourier-tls")
    reload_nginx(ready)
    nothing(ready)


@pytest.fixture
def tls(with_tls):
    yield with_tls
    with_tls.sh(f"cp {NAMES}.tls {NAMES}")
    put(with_tls, "/etc/ssl/good")
    reload_nginx(with_tls)


def put(host, stem):
    host.sh(f"cp {stem}.pem /etc/ssl/site.pem; "
            f"cp {stem}.key /etc/ssl/site.key")


def one_each(host, check):
    """That several doors show it makes no second finding."""
    texts = [f["what"].split(": ")[-1] for f in host.here.get(check, [])]
    assert len(set(texts)) == len(texts), texts


def test_a_certificate_for_another_name(tls):
    certificate(tls, "/etc/ssl/other", ["www.example.org", "b.example.org"])
    put(tls, "/etc/ssl/other")
    reload_nginx(tls)
    fix = later(tls, "certificate", f"https on 443 as {NAME}: the certificate "
                "is for www.example.org, b.example.org")
    assert "server_name" in fix
    one_each(tls, "certificate")


@pytest.mark.plain
def test_a_wrong_server_name(tls):
    """The certificate is right; the site claims another name than it."""
    tls.sh(f"sed -i 's/^server_name .*/server_name api.exmaple.org;/' {NAMES}")
    reload_nginx(tls)
    fix = later(tls, "certificate", "https on 443 as api.exmaple.org: the "
                f"certificate is for {NAME}")
    assert "server_name" in fix


def test_a_name_of_a_wildcard(tls):
    certificate(tls, "/etc/ssl/wild", ["*.example.org"])
    tls.sh("cat /etc/ssl/wild.pem >>/etc/ssl/certs/ca-certificates.crt; "
           f"sed -i 's/^server_name .*/server_name *.example.org;/' {NAMES}")
    put(tls, "/etc/ssl/wild")
    reload_nginx(tls)
    nothing(tls)


@pytest.mark.plain
def test_a_renewed_certificate_that_is_not_served(tls):
    """The file is good; what clients get has expired."""
    certificate(tls, "/etc/ssl/old", [NAME], 30, "-60d")
    put(tls, "/etc/ssl/old")
    reload_nginx(tls)
    fix = later(tls, "certificate", "/etc/ssl/site.pem has expired")
    assert "renew" in fix
    if len(tls.here["certificate"]) < 2:
        tls.until(lambda: len(tls.look()["certificate"]) == 2, "it is served")
    put(tls, "/etc/ssl/good")
    fix = tls.found("certificate", "another certificate is served than "
                    "/etc/ssl/site.pem holds; it has expired")
    assert fix == "systemctl reload nginx"


def test_a_good_certificate_and_a_bad_file(tls):
    """The next reload of nginx would bring the expired one."""
    certificate(tls, "/etc/ssl/old", [NAME], 30, "-60d")
    put(tls, "/etc/ssl/old")
    tls.found("certificate", "/etc/ssl/site.pem has expired")
    assert told(tls.here, "certificate", "another certificate is served than",
                "warning") == "systemctl reload nginx"


def test_a_certificate_that_nobody_trusts(tls):
    certificate(tls, "/etc/ssl/own", [NAME])
    put(tls, "/etc/ssl/own")
    reload_nginx(tls)
    fix = later(tls, "certificate", "refuse the certificate: self-signed",
                "warning")
    assert "fullchain.pem" in fix and "update-ca-certificates" in fix
    one_each(tls, "certificate")


@pytest.mark.plain
def test_another_site_on_port_80(tls):
    """A key in the clear would not be refused there."""
    other = "/etc/nginx/conf.d/other.conf"
    tls.sh(f"echo 'server {{ listen 80; server_name {NAME}; return 301 "
           f"https://$host$request_uri; }}' >{other}")
    reload_nginx(tls)
    try:
        later(tls, "front-doors", f"http on 80 as {NAME}: GET /readyz is "
              "answered 301, not 403 by our site")
    finally:
        tls.sh(f"rm {other}")


# Apache

APACHE = """
ServerRoot /etc/apache2
PidFile /run/apache2/apache2.pid
ErrorLog /run/apache2/error.log
ServerName localhost
User www-data
Group www-data
{modules}
IncludeOptional sites-enabled/*.conf
"""
CONTROL = """#!/bin/sh
exec apache2 -f /etc/apache2/apache2.conf -t
"""


@pytest.fixture(scope="module")
def apache(ready):
    """In nginx's place, by the lines of its README; nginx's site stays."""
    ready.end(ready.web)
    ready.sh("install -d /etc/apache2/sites-enabled /etc/apache2/codecourier "
             "/run/apache2 /run/over/upper /run/over/work "
             "/var/log/apache2; "
             f"cp {quote(str(ROOT))}/cgi-bin/apache/*.conf /etc/apache2/codecourier; "
             f"cp {quote(str(ROOT))}/cgi-bin/apache/codecourier-proxy.conf "
             "/etc/apache2/sites-enabled; "
             "mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/over/upper,"
             "workdir=/run/over/work none /usr/sbin")
    modules = ["alias", "authz_core", "env", "headers", "reqtimeout",
               "setenvif", "mpm_event", "buffer", "proxy", "proxy_fcgi"]
    ready.write("/etc/apache2/apache2.conf", APACHE.format(modules="\n".join(
        f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
        for m in modules)))
    ready.write("/usr/sbin/apache2ctl", CONTROL)
    ready.sh("chmod 755 /usr/sbin/apache2ctl")
    start_apache(ready)
    yield ready
    ready.end(ready.web)
    ready.sh("umount /usr/sbin; rm -r /etc/apache2/sites-enabled")
    ready.nginx()
    nothing(ready)


def start_apache(host):
    host.web = host.spawn("apache2", "-f", "/etc/apache2/apache2.conf", "-D",
                          "FOREGROUND", user=None)
    host.until(lambda: host.listens(8080), "Apache listens")


def test_behind_apache_there_is_nothing(apache):
    done = apache.ctl("--json", "doctor", code=None)
    found, unseen = parsed(done)
    assert set(found) <= MACHINE and unseen <= {"service", "timers"}, done


@pytest.mark.plain
def test_apache_is_stopped(apache):
    apache.end(apache.web)
    try:
        fix = apache.found("front-doors", "Apache does not run: nobody answers"
                           " on 127.0.0.1:8080")
        assert fix.startswith("systemctl restart apache2")
    finally:
        start_apache(apache)


def test_apache_refuses_its_configuration(apache):
    site = "/etc/apache2/sites-enabled/codecourier-proxy.conf"
    # later than any child that Apache, just started, is still to have
    with undone(apache, f"cp -a {site} /run/site; echo Nonsense >>{site}; "
                f"touch -d 'now + 1 minute' {site}", f"mv /run/site {site}"):
        fix = apache.found("apache", "Syntax error")
        assert "apache2ctl configtest" in fix
        assert told(apache.here, "web-server",
                    "was changed since Apache has read",
                    "warning") == "systemctl reload apache2"


@pytest.mark.plain
def test_workers_behind_apache(apache):
    stop_workers(apache)
    try:
        apache.found("socket", "nobody listens")
        assert "front-doors" not in apache.here
    finally:
        apache.pool()


if os.geteuid() != 0:
    for name in [n for n in globals() if n.startswith("test_")]:
        del globals()[name]
