"""Debian's Apache in front of the package's pool, and without a pool: by the
lines of its README, as they stand there."""
import json
import re

import pytest

from host import ROOT, UNIT, commands, doctor_says

README = ROOT / "cgi-bin/apache/README.md"
EXAMPLES = "/usr/share/doc/codecourier-api/examples/apache"
SITES = "/etc/apache2/sites-available"


@pytest.fixture(scope="module")
def apache(host):
    """In nginx's place."""
    for line in commands(README, "On a host"):
        host.run(f"cd {EXAMPLES} && {line}", seconds=600)
    # reload comes back before Apache has opened a new address
    host.until_serving(20)
    return host


def test_it_serves(apache):
    assert apache.serves()["slug"]
    status, body = apache.curl("/api/v1/nothing")
    assert status == 404 and json.loads(body)["error"]["requestId"], body
    assert apache.curl("/api/v1/openapi.json")[0] == 200
    listens = [line.split()[3] for line in
               apache.network("ss", "-Hltn").splitlines()]
    assert "127.0.0.1:8080" in listens
    assert "*:8080" not in listens and "0.0.0.0:8080" not in listens


def test_a_reload_of_the_pool_loses_nothing(apache):
    with apache.load() as load:
        for _ in range(5):
            apache.reload()
    apache.note(f"5 reloads behind Apache: {load.says()}")
    assert load.requests > 200
    assert load.failures == [], load.says()


def test_without_the_pool_it_says_so(apache):
    apache.run(f"systemctl stop {UNIT}")
    try:
        status, body = apache.curl("/api/v1/project")
        assert status == 503, body
        assert json.loads(body)["error"]["code"] == "UNAVAILABLE"
    finally:
        apache.run(f"systemctl start {UNIT}")
    apache.until_serving()


def test_its_logs_are_not_for_everybody(apache):
    """Apache makes them 0644, in a folder that is root's and adm's."""
    for name in "codecourier.log", "codecourier-error.log":
        apache.run(f"test -e /var/log/apache2/{name}")
        apache.run("setpriv --reuid nobody --regid nogroup --clear-groups "
                   f"cat /var/log/apache2/{name}", code=1)


def test_doctor_has_nothing_against_it(apache):
    said, _ = apache.doctor()
    assert not re.search("^(error|cannot see): ", said, re.M), said


def test_doctor_sees_apache_stopped(apache):
    apache.run("systemctl stop apache2")
    line = doctor_says(apache, "^error: front-doors: Apache does not run")
    assert ". Fix: systemctl restart apache2" in line
    apache.run("systemctl restart apache2")
    apache.until_serving(20)


@pytest.fixture
def with_tls(apache):
    """The lines that the site's file has as a comment, for a certificate."""
    apache.run("openssl req -x509 -newkey rsa:2048 -nodes -days 30 "
               "-subj /CN=api.example.org -addext "
               "subjectAltName=DNS:api.example.org "
               "-keyout /etc/ssl/private/example.org.key "
               "-out /etc/ssl/example.org.pem")
    site = apache.out(f"cat {SITES}/codecourier-proxy.conf") + "\n"
    changed = site.replace("Listen 127.0.0.1:8080\n", "")
    changed = changed.replace("<VirtualHost 127.0.0.1:8080>\n", "")
    changed = re.sub(r"^\t#(<VirtualHost|Server|SSL)", r"\1", changed,
                     flags=re.M)
    assert changed.count("<VirtualHost") == 1
    apache.write(f"{SITES}/codecourier-proxy.conf", changed)
    apache.run("a2enmod ssl http2 && a2dissite 000-default && "
               "apachectl configtest && systemctl restart apache2")
    yield apache
    apache.write(f"{SITES}/codecourier-proxy.conf", site)
    apache.run("a2dismod ssl http2 && systemctl restart apache2")


def test_tls_and_http_2(with_tls):
    done = with_tls.run(
        "curl -sS -m 20 --http2 --cacert /etc/ssl/example.org.pem "
        "--resolve api.example.org:443:127.0.0.1 -H @- "
        "-w '\n%{http_code} %{http_version}' "
        "https://api.example.org/api/v1/project",
        input=f"Authorization: Bearer {with_tls.key}\n")
    body, _, end = done.stdout.rpartition("\n")
    assert end == "200 2" and json.loads(body)["data"]["slug"], done.stdout


def test_without_a_pool_by_suexec(apache):
    """As CGI program of its own user: nothing of ours runs in between."""
    apache.run("apt-get install -y apache2-suexec-pristine && "
               "a2enmod cgid headers")
    for line in commands(README, "Without a pool"):
        apache.run(line)
    site = apache.out(f"cat {EXAMPLES}/codecourier-cgi.conf") + "\n"
    program = '"/usr/lib/codecourier/project-api.fcgi"'
    assert program in site
    site = site.replace(program, '"/var/www/codecourier/api.cgi"').replace(
        "</VirtualHost>", "\tSuexecUserGroup codecourier codecourier\n"
        "</VirtualHost>")
    apache.write(f"{SITES}/codecourier-cgi.conf", site)
    apache.run(f"systemctl stop {UNIT} && a2dissite codecourier-proxy && "
               "a2ensite codecourier-cgi && apachectl configtest && "
               "systemctl restart apache2")
    apache.until_serving(20)
    assert apache.workers() == []
    status, body = apache.curl(
        "/api/v1/project/update",
        "-H 'Content-Type: application/json' -d '{\"name\": \"By CGI\"}'")
    assert status == 200, body
    assert apache.serves()["name"] == "By CGI"
    assert apache.curl("/healthz")[0] == 200
    said = apache.out("cat /var/log/apache2/codecourier-error.log")
    assert "level=error" not in said, said[-2000:]
