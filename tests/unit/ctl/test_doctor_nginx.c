/*
 * test_doctor_nginx.c: which addresses of nginx's configuration doctor asks,
 * by the dump of nginx -T.
 */
#include "ctl/doctor/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/banned.h"

#define MAIN "# configuration file /etc/nginx/nginx.conf:\n"
#define OURS "# configuration file /etc/nginx/sites-enabled/codecourier:\n"
#define PASS "fastcgi_pass unix:/run/cc/api.sock;"

static struct doctor d;

/* Doors of this dump as text: "ADDRESS NAME PATH FLAGS", a line each. */
static const char *
doors(const char *dump)
{
	static char out[4096];
	char text[8192];
	struct web *w = &d.web[WEB_NGINX];
	size_t n = 0;

	free(w->door);
	memset(&d, 0, sizeof(d));
	snprintf(d.socket, sizeof(d.socket), "/run/cc/api.sock");
	snprintf(text, sizeof(text), "%s", dump);
	assert_true(doctor_parse_nginx(&d, text));
	out[0] = '\0';
	for (size_t i = 0; i < w->doors; i++) {
		const struct door *o = &w->door[i];

		n += (size_t)snprintf(out + n, sizeof(out) - n,
		    "%s %s %s%s%s%s%s%s\n", o->listen,
		    o->name[0] ? o->name : "-", o->path[0] ? o->path : "-",
		    o->tls ? " tls" : "", o->proxied ? " proxy" : "",
		    o->guarded ? " guarded" : "", o->files ? " " : "",
		    o->files ? o->file[0] : "");
	}
	return out;
}

/* An http block with this in it. */
static const char *
http(const char *text)
{
	static char dump[8192];

	snprintf(dump, sizeof(dump), MAIN "http {\n%s\n}\n", text);
	return doors(dump);
}

static void
finds_forms_of_listen(void **state)
{
	(void)state;
	assert_string_equal(http("server { listen 8080; listen [::]:8443 ssl "
				 "http2; listen 127.0.0.1:1 proxy_protocol; "
				 "listen unix:/x; listen 9 quic; listen 8 "
				 "http2; location / { " PASS " } }"),
	    "8080 - /readyz\n[::]:8443 - /readyz tls\n"
	    "127.0.0.1:1 - /readyz proxy\n");
	assert_string_equal(
	    http("server { location / { " PASS " } }"), "*:80 - /readyz\n");
}

static void
finds_names(void **state)
{
	(void)state;
	assert_string_equal(
	    http("server { listen 1; server_name a.b \"c.d\" *.e.f .g.h _ "
		 "~^x$ www.*; " PASS " }"),
	    "1 a.b /readyz\n1 c.d /readyz\n1 doctor.e.f /readyz\n"
	    "1 g.h /readyz\n1 - /readyz\n");
}

/* Through an upstream, before or behind it, and of ours alone. */
static void
finds_the_way_to_us(void **state)
{
	(void)state;
	assert_string_equal(
	    http("server { listen 1; location = /metrics { fastcgi_pass up; } }"
		 "upstream up { server unix:/run/cc/api.sock; }"
		 "upstream other { server unix:/run/cc/api.sock2; }"
		 "server { listen 2; location / { fastcgi_pass other; } }"
		 "server { listen 3; location / { if ($x) { fastcgi_pass "
		 "unix:/run/cc/api.sock:; } } }"
		 "server { listen 4; # " PASS "\n }"
		 "server { listen 5; location /a { proxy_pass http://x; } }"),
	    "1 - /metrics\n3 - /readyz\n");
	assert_true(d.web[WEB_NGINX].site);
	assert_string_equal(doors(MAIN "http { } stream { server { listen 1; "
				       "proxy_pass unix:/run/cc/api.sock; } }"),
	    "");
	assert_false(d.web[WEB_NGINX].site);
}

static void
follows_includes(void **state)
{
	(void)state;
	assert_string_equal(
	    doors(MAIN
		"user daemon; pid '/run/n pid';\nevents { worker_connections "
		"77; }\nhttp { include sites-enabled/*; ssl_certificate "
		"all.pem; client_body_temp_path /run/b; }\n" OURS
		"server { listen 1; include codecourier/s.conf; }\n"
		"server { listen 2 ssl; include codecourier/s.conf; "
		"ssl_certificate $n; ssl_certificate /own.pem; }\n"
		"server { listen 80; }\n"
		"# configuration file /etc/nginx/sites-enabled/.hidden:\n"
		"server { listen 3; include codecourier/s.conf; }\n"
		"# configuration file /etc/nginx/sites-enabled/other:\n"
		"server { listen 4; }\n"
		"# configuration file /etc/nginx/codecourier/s.conf:\n"
		"location / { " PASS " }"),
	    "1 - /readyz /etc/nginx/all.pem\n2 - /readyz tls /own.pem\n"
	    "80 - - /etc/nginx/all.pem\n");
	assert_string_equal(d.web[WEB_NGINX].user, "daemon");
	assert_string_equal(d.nginx.pid, "/run/n pid");
	assert_string_equal(d.nginx.body, "/run/b");
	assert_int_equal(d.nginx.worker_connections, 77);
	/* one that includes itself comes to an end */
	assert_string_equal(doors(MAIN "http { include nginx.conf; }"), "");
}

static void
sees_who_is_kept_out(void **state)
{
	(void)state;
	assert_string_equal(
	    http("server { listen 1; allow 192.0.2.1; deny all; " PASS " }"
		 "server { listen 2 ssl; ssl_verify_client on; " PASS " }"
		 "server { listen 3 ssl; ssl_verify_client off; " PASS " }"),
	    "1 - /readyz guarded\n2 - /readyz tls guarded\n3 - /readyz tls\n");
}

/* What a server has of its own stands in place of what all have. */
static void
sees_who_is_believed(void **state)
{
#define FROM "set_real_ip_from "
	static const struct {
		const char *all, *own;
		bool believing;
	} cases[] = {
	    {"", "", false},
	    {"", FROM "0.0.0.0/0;", true},
	    {"", FROM "10.0.0.1;" FROM "::/0;", true},
	    {"", "location / { " FROM "0.0.0.0/0; }", true},
	    {FROM "0.0.0.0/0;", "", true},
	    {FROM "0.0.0.0/0;", FROM "10.0.0.1;", false},
	    {FROM "10.0.0.1;", FROM "0.0.0.0/0;", true},
	    {FROM "10.0.0.0/8;", FROM "2001:db8::/32;", false},
	    {FROM "0.0.0.0; " FROM "::;", FROM "unix:;", false},
	    {FROM "proxy.example.org;", "", false},
	    {"server { listen 2; " FROM "::/0; }", "", false},
	};
#undef FROM
	char text[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "%s server { listen 1; %s %s }",
		    cases[i].all, cases[i].own, PASS);
		assert_string_equal(http(text), "1 - /readyz\n");
		assert_int_equal(d.nginx.believing, cases[i].believing);
	}
}

/* Nothing of it is ours; nothing falls. */
static void
survives_odd_text(void **state)
{
	static const char *const odd[] = {"", "}}}};;;{{{", "\"", "'{'; \"};",
	    "a ${b} ${", "server { listen", "\\", "a\\", "# x", "server {{{{",
	    "log_format x '\\'; server {';", "map $a $b { \"~^{x;\" 1; }"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_string_equal(http(odd[i]), "");
	assert_string_equal(doors(""), "");
	assert_string_equal(doors("# configuration file "), "");
	assert_string_equal(
	    http("map $a $b { \"~^(?<c>.{8});\" \"x;{\"; } server { listen 1; "
		 "set $x ${y}z; " PASS " }"),
	    "1 - /readyz\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_forms_of_listen),
	    cmocka_unit_test(finds_names),
	    cmocka_unit_test(finds_the_way_to_us),
	    cmocka_unit_test(follows_includes),
	    cmocka_unit_test(sees_who_is_kept_out),
	    cmocka_unit_test(sees_who_is_believed),
	    cmocka_unit_test(survives_odd_text),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(d.web[WEB_NGINX].door);
	return rc;
}
