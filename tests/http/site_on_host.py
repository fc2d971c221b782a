"""The site as it lies on a host: nginx's folders below one of the test's own.

Only paths and ports are moved, and addresses to loopback; what an admin does
by hand is done by hand. The workers are those of a stack.
"""
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import openapi
from contract import Answer, check_error, check_headers
from harness import ROOT, free_port

NGINX = os.environ.get("SITE_NGINX", "/usr/sbin/nginx")
VERSION = tuple(int(n) for n in re.search(
    r"nginx/(\d+)\.(\d+)\.(\d+)",
    subprocess.run([NGINX, "-v"], capture_output=True, text=True).stderr
    ).groups())
NEW = VERSION >= (1, 25, 1)     # "http2 on;" in place of "listen … http2;"
TLS = "tls-1.25.conf" if NEW else "tls.conf"
NAME = "api.example.org"        # as certificate.conf has it
ADDRESSES = ["127.0.0.1", "::1"]
# What Debian's nginx.conf has, and what README.md asks for. Its error log
# tells all that nginx can tell without a debugger.
MAIN = """daemon off;
worker_processes 2;
worker_rlimit_nofile 16384;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log info;
events {
	worker_connections 4096;
}
http {
	sendfile on;
	tcp_nopush on;
	types_hash_max_size 2048;
	default_type application/octet-stream;
	ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
	ssl_prefer_server_ciphers on;
	access_log /var/log/nginx/access.log;
	gzip on;
	gzip_types application/json;
	client_body_temp_path /run/body;
	fastcgi_temp_path /run/fastcgi;
	proxy_temp_path /run/proxy;
	scgi_temp_path /run/scgi;
	uwsgi_temp_path /run/uwsgi;
	include /etc/nginx/conf.d/*.conf;
	include /etc/nginx/sites-enabled/*;
}
"""
# Debian's own site, as far as it is of interest here.
DEFAULT = """server {
	listen 80 default_server;
	listen [::]:80 default_server;
	server_name _;
	server_tokens off;
	location / { return 404; }
}
"""


class Site:
    """nginx with the site, as the user that the workers' stack runs as."""

    def __init__(self, stack, tls=True):
        self.stack = stack
        self.top = Path(tempfile.mkdtemp(prefix="cc-site-"))
        self.top.chmod(0o711)
        self.ports = {}             # of the files → in truth
        self.process = None
        self.who = {}
        if os.geteuid() == 0:
            self.who = {"user": stack.uid, "group": stack.gid,
                        "extra_groups": []}
        self.etc = self.top / "etc/nginx"
        for name in ["conf.d", "sites-available", "sites-enabled"]:
            (self.etc / name).mkdir(parents=True)
        for name in ["run", "var/log/nginx"]:
            (self.top / name).mkdir(parents=True)
            os.chown(self.top / name, stack.uid, stack.gid)
        self.webroot = self.top / "var/www/html"
        self.webroot.mkdir(parents=True)
        self.install()
        if tls:
            self.make_certificate()
            self.name_certificate()
            self.enable(TLS)

    def install(self):
        """What the package and the main configuration put there."""
        share = self.top / "usr/share/codecourier"
        share.mkdir(parents=True)
        shutil.copy(openapi.FILE, share)
        self.write("nginx.conf", MAIN)
        for path in (ROOT / "nginx").iterdir():
            if path.is_file() and path.suffix != ".md":
                self.write(f"codecourier/{path.name}", path.read_text())
        (self.etc / "codecourier/codecourier.conf").rename(
            self.etc / "sites-available/codecourier")
        (self.etc / "sites-enabled/codecourier").symlink_to(
            "../sites-available/codecourier")

    def write(self, name, text):
        """A file below /etc/nginx, moved as all of them are."""
        def listen(found):
            start, address, port = found.groups()
            port = self.ports.setdefault(int(port), free_port())
            address = {None: "127.0.0.1:", "[::]:": "[::1]:"}.get(
                address, address)
            return f"{start}{address}{port}"

        text = text.replace(
            "unix:/run/codecourier/api.sock",
            f"unix:{self.stack.conf['CODECOURIER_RUNTIME_DIR']}/api.sock")
        text = re.sub(r"(?<=\s)/(etc|run|usr|var)/", rf"{self.top}/\1/", text)
        text = re.sub(r"(?m)^(\s*listen )(\S+:)?(\d+)(?=[ ;])", listen, text)
        path = self.etc / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def change(self, name, *pairs):
        """Replaces text that must be there in a file of codecourier/."""
        path = self.etc / "codecourier" / name
        text = path.read_text()
        for old, new in pairs:
            assert old in text, (name, old)
            text = text.replace(old, new)
        path.write_text(text)

    def make_certificate(self):
        """Self-made, where certbot would put it."""
        folder = self.top / "etc/letsencrypt/live" / NAME
        folder.mkdir(parents=True)
        self.certificate = folder / "fullchain.pem"
        key = folder / "privkey.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
             "-keyout", str(key), "-out", str(self.certificate)],
            check=True, capture_output=True)
        os.chown(key, self.stack.uid, self.stack.gid)

    def name_certificate(self):
        self.change("certificate.conf", ("#ssl_", "ssl_"))

    def enable(self, name):
        """The link that README.md names."""
        link = self.etc / "sites-enabled/codecourier-tls"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../codecourier/{name}")

    def trust(self, address):
        """trusted-proxies.conf as its comment says."""
        self.change("trusted-proxies.conf", ("192.0.2.10", address),
                    ("#set_real", "set_real"), ("#real_ip", "real_ip"))

    def argv(self, *more):
        return [NGINX, "-p", f"{self.top}/", "-c", f"{self.etc}/nginx.conf",
                "-e", f"{self.top}/var/log/nginx/error.log", *more]

    def test(self, option="-t"):
        """nginx -t: whether it is content, and all that it says."""
        done = subprocess.run(self.argv(option), capture_output=True,
                              text=True, cwd="/", **self.who)
        said = [line for line in done.stderr.splitlines()
                if not re.search(r"(syntax is ok|test is successful)$", line)]
        return done.returncode == 0, "\n".join(said), done.stdout

    def start(self):
        self.process = subprocess.Popen(
            self.argv(), stdin=subprocess.DEVNULL, cwd="/",
            stderr=subprocess.PIPE, start_new_session=True, **self.who)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(
                    ("127.0.0.1", self.ports[8080]), 5).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(self.process.stderr.read())
                time.sleep(0.05)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        if self.process:
            self.process.stderr.close()

    def clean(self):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)

    def log(self, name="codecourier.log"):
        return (self.top / "var/log/nginx" / name).read_text(errors="replace")

    def logs(self):
        return b"".join(p.read_bytes() for p in
                        (self.top / "var/log/nginx").iterdir())

    def context(self):
        """A client of TLS that knows the certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def connect(self, port=443, address="127.0.0.1", context=None,
                source=None, **more):
        """A connection to one of the installed ports, from an address."""
        conn = socket.create_connection((address, self.ports[port]), 20,
                                        source and (source, 0))
        if port != 443:
            return conn
        return (context or self.context()).wrap_socket(
            conn, server_hostname=NAME, **more)

    def ask(self, path, method="GET", headers=(), body=b"", port=443,
            address="127.0.0.1", name=NAME, source=None):
        """A request over HTTP/1.1, on a connection of its own."""
        pairs = {"Host": f"{name}:{self.ports[port]}", "Connection": "close",
                 **dict(headers)}
        if method == "POST" or body:
            pairs["Content-Length"] = len(body)
        head = "".join(f"{n}: {v}\r\n" for n, v in pairs.items())
        return answer_of(method, path, talk(
            self.connect(port, address, source=source),
            f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body))

    def curl(self, path, method="GET", headers=(), body=None, port=443,
             address="127.0.0.1", version="--http1.1"):
        """A request by curl. Keys are not named on its command line."""
        lines = [f'header = "{n}: {v}"\n' for n, v in headers]
        url = f"http{'s' if port == 443 else ''}://{NAME}:{self.ports[port]}"
        argv = ["curl", "-qsSi", "-K", "-", "--noproxy", "*", "--path-as-is",
                "--max-time", "20", version, "--resolve",
                f"{NAME}:{self.ports[port]}:{address}"]
        if port == 443:
            argv += ["--cacert", str(self.certificate)]
        argv += ["-I"] if method == "HEAD" else ["-X", method]
        if body is not None:
            (self.top / "body").write_bytes(body)
            argv += ["--data-binary", f"@{self.top}/body"]
        done = subprocess.run([*argv, url + path], input="".join(lines)
                              .encode(), capture_output=True)
        assert done.returncode == 0, done.stderr
        return answer_of(method, path, done.stdout)


def talk(conn, data):
    """Sends any bytes, reads to the end."""
    found = b""
    with conn:
        try:
            conn.sendall(data)
            while part := conn.recv(1 << 16):
                found += part
        except (BrokenPipeError, ConnectionResetError):
            pass        # refused before we were done
    return found


def answer_of(method, path, data):
    """An answer as curl -i shows it, or as it comes over the wire."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(n.lower(), v) for n, _, v in
             (line.partition(": ") for line in lines)]
    answer = Answer(method, int(first.split()[1]), pairs, body, path)
    answer.version = first.split()[0]
    return sober(answer)


def sober(answer):
    """What holds for any answer on any port."""
    assert answer.header("Location") is None, answer
    assert answer.header("Server") == "nginx", answer
    return answer


def refused(answer, status, code):
    """A refusal of nginx, in the API's form."""
    check_headers(answer)
    assert answer.status == status, answer
    if answer.method != "HEAD":
        check_error(answer)
        assert answer.json["error"]["code"] == code, answer
    return answer
