/*
 * mail_text.c: templates filled in, and the two encodings of a message.
 */
#include "ctl/mail_text.h"

#include "base/array.h"
#include "base/text.h"
#include "base/utf8.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define SUBJECT     "Subject: "
#define PLAIN_MAX   66 /* characters of a subject that goes as it is */
#define WORD_BEGIN  "=?UTF-8?Q?"
#define WORD_MAX    (75 - sizeof(WORD_BEGIN "?=") + 1) /* RFC 2047 */
#define LINE_MAX_QP 75 /* and the = of one that goes on, RFC 2045 */

struct making {
	const struct mail_text *t;
	struct printbuf *subject, *body; /* filled in */
	bool has_token, no_memory;
	char *why;
};

static void
put(struct making *m, struct printbuf *out, const char *text, size_t len)
{
	if (len > 0 && printbuf_memappend(out, text, (int)len) < 0)
		m->no_memory = true;
}

/* ---- the template ---- */

static bool
refuse_form(struct making *m, int line, const char *what)
{
	snprintf(m->why, MAIL_WHY, "line %d: %s", line, what);
	return false;
}

/* The value of a placeholder; NULL: there is none of that name. */
static const char *
value_of(struct making *m, const char *name, size_t len)
{
	const struct mail_text *t = m->t;
	const struct {
		const char *name, *value;
	} values[] = {
	    {"project", t->project},
	    {"role", t->role},
	    {"url", t->url},
	    {"expires", t->expires},
	    {"token", t->token},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strlen(values[i].name) == len &&
		    memcmp(values[i].name, name, len) == 0) {
			m->has_token = m->has_token ||
			    strcmp(values[i].name, "token") == 0;
			return values[i].value;
		}
	return NULL;
}

/* One line of the template, filled in. */
static bool
fill_line(struct making *m, struct printbuf *out, int number, const char *line,
    size_t len)
{
	const char *end = line + len, *open, *close, *value;

	if (utf8_has_control(line, len))
		return refuse_form(m, number, "a control character");
	while ((open = memmem(line, (size_t)(end - line), "{{", 2))) {
		put(m, out, line, (size_t)(open - line));
		open += 2;
		close = memmem(open, (size_t)(end - open), "}}", 2);
		value =
		    close ? value_of(m, open, (size_t)(close - open)) : NULL;
		if (!value)
			return refuse_form(m, number,
			    "{{ that begins none of {{project}} {{role}} "
			    "{{url}} {{expires}} {{token}}");
		put(m, out, value, strlen(value));
		line = close + 2;
	}
	put(m, out, line, (size_t)(end - line));
	return true;
}

/* The next line, without its end; false: there is none. */
static bool
take_line(const char **rest, const char **line, size_t *len)
{
	size_t end = strcspn(*rest, "\n");

	if (!**rest)
		return false;
	*line = *rest;
	*len = end > 0 && (*rest)[end - 1] == '\r' ? end - 1 : end;
	*rest += end + ((*rest)[end] == '\n');
	return true;
}

static bool
fill_form(struct making *m, const char *form)
{
	const char *line;
	size_t len, skip = strlen(SUBJECT);

	if (strlen(form) > MAIL_TEMPLATE_MAX || !utf8_is_valid(form))
		return refuse_form(m, 1, "longer than 64 KiB, or no UTF-8");
	if (!take_line(&form, &line, &len) || len <= skip ||
	    strncmp(line, SUBJECT, skip) != 0)
		return refuse_form(m, 1, "not \"Subject: \" and more");
	if (!fill_line(m, m->subject, 1, line + skip, len - skip))
		return false;
	if (m->has_token)
		return refuse_form(m, 1, "the token is only for the text");
	if (take_line(&form, &line, &len) && len > 0)
		return refuse_form(m, 2, "not empty");
	for (int number = 3; take_line(&form, &line, &len); number++) {
		if (!fill_line(m, m->body, number, line, len))
			return false;
		put(m, m->body, "\n", 1);
	}
	return m->has_token || refuse_form(m, 3, "no {{token}} from here on");
}

/* ---- encodings ---- */

/* As both have a byte. */
static void
put_hex(struct making *m, struct printbuf *out, unsigned char byte)
{
	char text[4];

	snprintf(text, sizeof(text), "=%02X", byte);
	put(m, out, text, 3);
}

static bool
is_letter(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

/* As it is if that means itself, else in encoded words of whole characters. */
static void
put_subject(struct making *m, struct printbuf *out, const char *s, size_t len)
{
	size_t used = strlen(SUBJECT);

	if (len <= PLAIN_MAX && text_is_printable(s, len) &&
	    !memmem(s, len, "=?", 2)) {
		put(m, out, s, len);
		return;
	}
	put(m, out, WORD_BEGIN, strlen(WORD_BEGIN));
	for (size_t i = 0, n; i < len; i += n) {
		bool plain = is_letter((unsigned char)s[i]);
		size_t size;

		n = utf8_length(s + i, len - i);
		n = n ? n : 1;
		size = plain ? 1 : 3 * n;
		if (used + size > WORD_MAX) {
			put(m, out, "?=\n " WORD_BEGIN,
			    strlen("?=\n " WORD_BEGIN));
			used = 0;
		}
		used += size;
		for (size_t k = i; k < i + n; k++)
			if (plain)
				put(m, out, s + k, 1);
			else
				put_hex(m, out, (unsigned char)s[k]);
	}
	put(m, out, "?=", 2);
}

/* Quoted-printable. Neither a dot nor "From " begins a line. */
static void
put_body(struct making *m, struct printbuf *out, const char *s, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		bool last = i + 1 == len || s[i + 1] == '\n';
		bool plain = (s[i] > ' ' && s[i] <= '~' && s[i] != '=') ||
		    (s[i] == ' ' && !last);

		if (s[i] == '\n') {
			put(m, out, s + i, 1);
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > LINE_MAX_QP) {
			put(m, out, "=\n", 2);
			column = 0;
		}
		if (column == 0 && (s[i] == '.' || s[i] == 'F'))
			plain = false;
		if (plain)
			put(m, out, s + i, 1);
		else
			put_hex(m, out, (unsigned char)s[i]);
		column += plain ? 1 : 3;
	}
}

/* ---- the message ---- */

static void
put_header(struct making *m, struct printbuf *out)
{
	const struct mail_text *t = m->t;
	time_t at = (time_t)t->at;
	char head[1024], date[40] = "";
	struct tm tm;
	int n;

	if (gmtime_r(&at, &tm)) /* the C locale's names */
		strftime(
		    date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	n = snprintf(head, sizeof(head),
	    "From: %s\nTo: %s\nDate: %s\nMessage-ID: <%s%s>\n"
	    "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: quoted-printable\n" SUBJECT,
	    t->from, t->to, date, t->id, strchr(t->from, '@'));
	put(m, out, head, (size_t)n);
}

bool
mail_text_make(const char *form, const struct mail_text *t,
    struct printbuf *out, char why[MAIL_WHY])
{
	struct making m = {
	    t, printbuf_new(), printbuf_new(), false, false, why};
	bool ok = m.subject && m.body && fill_form(&m, form);

	if (ok) {
		put_header(&m, out);
		put_subject(&m, out, m.subject->buf, (size_t)m.subject->bpos);
		put(&m, out, "\n\n", 2);
		put_body(&m, out, m.body->buf, (size_t)m.body->bpos);
		ok = !m.no_memory;
	}
	if (!m.subject || !m.body || m.no_memory)
		snprintf(why, MAIL_WHY, "out of memory");
	printbuf_free(m.subject);
	printbuf_free(m.body);
	return ok;
}
