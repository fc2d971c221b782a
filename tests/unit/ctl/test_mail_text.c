/*
 * test_mail_text.c: templates that are refused, with their line, and what no
 * value can do to a message. tests/http/test_mail.py has Python's reader of
 * messages read them.
 */
#include "unit.h"

#include "ctl/mail_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define HEAD "Subject: Join {{project}}\n\n"

static struct mail_text
invitation(void)
{
	return (struct mail_text){.from = "api@example.com",
	    .to = "a@b.example",
	    .id = "0b9f6a52-8d1e-4c37-9a60-e2c4d7f81b35",
	    .at = 1796000000,
	    .project = "Shop",
	    .role = "admin",
	    .url = "https://x.example/",
	    .expires = "2026-12-05 07:23 UTC",
	    .token = "cc_inv_T"};
}

/* The message, to be freed; fails where there is none. */
static char *
message(const char *form, const struct mail_text *t)
{
	struct printbuf *out = printbuf_new();
	char why[MAIL_WHY] = "", *text;

	if (!mail_text_make(form, t, out, why))
		fail_msg("refused: %s", why);
	text = strdup(out->buf);
	assert_non_null(text);
	assert_int_equal(strlen(text), out->bpos);
	printbuf_free(out);
	return text;
}

static void
is_a_message(void **state)
{
	struct mail_text t = invitation();
	char *text = message(HEAD "{{role}}: {{token}}\r\nat {{url}},\n"
				  "until {{expires}}",
	    &t);

	(void)state;
	assert_string_equal(text,
	    "From: api@example.com\nTo: a@b.example\n"
	    "Date: Mon, 30 Nov 2026 00:53:20 +0000\n"
	    "Message-ID: <0b9f6a52-8d1e-4c37-9a60-e2c4d7f81b35@example.com>\n"
	    "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: quoted-printable\n"
	    "Subject: Join Shop\n\n"
	    "admin: cc_inv_T\nat https://x.example/,\n"
	    "until 2026-12-05 07:23 UTC\n");
	free(text);
}

static const struct {
	const char *form, *why;
} refused[] = {
    {"", "line 1: not \"Subject: \" and more"},
    {"Subject: ", "line 1: not \"Subject: \" and more"},
    {"Subject:\n\n{{token}}", "line 1: not \"Subject: \" and more"},
    {"To: x@y\n\n{{token}}", "line 1: not \"Subject: \" and more"},
    {"\nSubject: x\n\n{{token}}", "line 1: not \"Subject: \" and more"},
    {"Subject: {{token}}\n\n{{token}}",
	"line 1: the token is only for the text"},
    {"Subject: {{name}}\n\n{{token}}", "line 1: {{"},
    {"Subject: x\nBcc: y@z\n\n{{token}}", "line 2: not empty"},
    {"Subject: x", "line 3: no {{token}}"},
    {"Subject: x\n\n", "line 3: no {{token}}"},
    {HEAD "token", "line 3: no {{token}}"},
    {HEAD "{{token}", "line 3: {{"},
    {HEAD "\n{{ token }}", "line 4: {{"},
    {HEAD "{{}}", "line 3: {{"},
    {HEAD "{{", "line 3: {{"},
    {HEAD "{{token\n}}", "line 3: {{"},
    {HEAD "{{tokens}}", "line 3: {{"},
    {HEAD "{{token}}\n\n{{TOKEN}}", "line 5: {{"},
    {HEAD "{{token}}\r\n\r{{token}}", "line 4: a control character"},
    {HEAD "{{token}}\n\t", "line 4: a control character"},
    {HEAD "{{token}}\n\xe2\x80\xa8", "line 4: a control character"},
    {"Subject: \x1b[0m\n\n{{token}}", "line 1: a control character"},
    {HEAD "{{token}}\xff", "line 1: longer than 64 KiB, or no UTF-8"},
};

static void
refuses_forms(void **state)
{
	struct mail_text t = invitation();

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct printbuf *out = printbuf_new();
		char why[MAIL_WHY] = "";

		assert_false(mail_text_make(refused[i].form, &t, out, why));
		if (strncmp(why, refused[i].why, strlen(refused[i].why)) != 0)
			fail_msg("%s: %s", refused[i].form, why);
		printbuf_free(out);
	}
}

static void
has_a_longest_form(void **state)
{
	struct mail_text t = invitation();
	struct printbuf *out = printbuf_new();
	char *form = calloc(1, MAIL_TEMPLATE_MAX + 2), why[MAIL_WHY], *text;
	int n = snprintf(form, MAIL_TEMPLATE_MAX, HEAD "{{token}}");

	(void)state;
	memset(form + n, 'x', MAIL_TEMPLATE_MAX - (size_t)n);
	text = message(form, &t);
	free(text);
	form[MAIL_TEMPLATE_MAX] = 'x';
	assert_false(mail_text_make(form, &t, out, why));
	printbuf_free(out);
	free(form);
}

/* No line is longer than mail may have it, or begins with what means something
 * on its way; nothing but ASCII; so many headers, and a text behind them. */
static void
holds_its_form(const char *text)
{
	const char *body = strstr(text, "\n\n");
	int headers = 0;

	assert_non_null(body);
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (line < body && line[0] != ' ') {
			headers++;
			assert_non_null(memchr(line, ':', len));
		}
		assert_in_range(len, 0, 76);
		assert_int_not_equal(line[0], '.');
		assert_int_not_equal(strncmp(line, "From ", 5), 0);
		for (size_t i = 0; i < len; i++)
			assert_in_range(line[i], ' ', '~');
		line += len + (line[len] == '\n');
	}
	assert_int_equal(headers, 9);
}

static const char *const values[] = {
    "",
    " ",
    ".",
    "From here",
    "a\nBcc: evil@example.com",
    "a\r\nBcc: evil@example.com\r\n\r\nb",
    "\r",
    "\xc3\xa4\xc3\xb6\xc3\xbc \xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac",
    "=?UTF-8?Q?=0ABcc:_evil=40example.com?=",
    "{{token}}",
    "a = b",
    "trailing  ",
    "\x7f\x01",
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "012345678901234567890123456789",
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
};

static void
no_value_is_a_header(void **state)
{
	static const char *const forms[] = {
	    "Subject: {{project}}\n\n{{project}}\n.{{project}}\n{{token}}",
	    "Subject:  {{project}}{{role}} \n\n{{token}}{{project}} \n\n.\n",
	};

	(void)state;
	for (size_t f = 0; f < COUNT(forms); f++)
		for (size_t i = 0; i < COUNT(values); i++) {
			struct mail_text t = invitation();
			char *text;

			t.project = t.role = values[i];
			text = message(forms[f], &t);
			holds_its_form(text);
			free(text);
		}
}

/* A value is not looked into. */
static void
fills_in_once(void **state)
{
	struct mail_text t = invitation();
	char *text;

	(void)state;
	t.project = "{{token}}";
	text = message("Subject: {{project}}\n\n{{token}}", &t);
	assert_non_null(strstr(text, "Subject: {{token}}\n\ncc_inv_T\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_a_message),
	    cmocka_unit_test(refuses_forms),
	    cmocka_unit_test(has_a_longest_form),
	    cmocka_unit_test(no_value_is_a_header),
	    cmocka_unit_test(fills_in_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
