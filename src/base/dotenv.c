/*
 * dotenv.c: reads variables. dotenv_form.c writes them.
 */
#include "base/dotenv.h"

#include "base/utf8.h"

#include <string.h>

#include "base/banned.h"

#define BOM "\xef\xbb\xbf" /* some editors begin a file with it */

struct text {
	const char *at, *end;
	size_t line;
	char *room;
	const struct dotenv_reader *reader;
};

static bool
is_line_end(const char *p, const char *end)
{
	return p == end || *p == '\n' || *p == '\r';
}

/* Unicode's White_Space but CR and LF: what Go, which docker is written in,
 * cuts off in front, and both dotenv do at both ends. */
static bool
is_blank(int code)
{
	return code == ' ' || code == '\t' || code == 0xb || code == 0xc ||
	    code == 0x85 || code == 0xa0 || code == 0x1680 ||
	    (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
	    code == 0x2029 || code == 0x202f || code == 0x205f ||
	    code == 0x3000;
}

/* Bytes of the blank character at `p`, or 0. */
static size_t
blank_length(const char *p, const char *end)
{
	size_t n;

	if (p < end && (unsigned char)*p < 0x80)
		return is_blank(*p) ? 1 : 0;
	n = p < end ? utf8_length(p, (size_t)(end - p)) : 0;
	return n > 0 && is_blank(utf8_get(p, n)) ? n : 0;
}

static const char *
skip_blanks(const char *p, const char *end)
{
	size_t n;

	while ((n = blank_length(p, end)) > 0)
		p += n;
	return p;
}

/* LF, CRLF, and CR alone. */
static const char *
next_line(const char *p, const char *end)
{
	while (!is_line_end(p, end))
		p++;
	if (p < end && *p == '\r')
		p++;
	else if (p < end)
		return p + 1;
	return p < end && p[-1] == '\r' && *p == '\n' ? p + 1 : p;
}

static size_t
lines_in(const char *p, const char *end)
{
	size_t n = 0;

	for (; p < end; p++)
		n += *p == '\n' ||
		    (*p == '\r' && (p + 1 == end || p[1] != '\n'));
	return n;
}

static void
complain(const struct text *t, const char *message)
{
	t->reader->complain(t->reader->arg, t->line, message);
}

/* Into the room, with a NUL behind it. */
static char *
keep(struct text *t, const char *from, size_t len)
{
	char *kept = t->room;

	memcpy(kept, from, len);
	kept[len] = '\0';
	t->room += len + 1;
	return kept;
}

/* ---- dotenv ---- */

static const char *
end_of_word(const char *p, const char *end)
{
	while (!is_line_end(p, end) && *p != '=' && *p != '#' &&
	    blank_length(p, end) == 0)
		p++;
	return p;
}

/* The end of the value in front of a comment and blanks. `p` is right behind
 * the =: a # there, with nothing between, is part of the value. */
static const char *
end_of_plain(const char *p, const char *end)
{
	const char *kept = p;
	bool blank = false;

	while (!is_line_end(p, end) && !(blank && *p == '#')) {
		size_t n = blank_length(p, end);

		blank = n > 0;
		p += blank ? n : 1;
		if (!blank)
			kept = p;
	}
	return kept;
}

/* The closing quote, or NULL. Where none is left, an escaped one was meant for
 * it: "C:\\" as people write it, and as both dotenv read it. */
static const char *
end_of_quoted(const char *p, const char *end, char quote)
{
	const char *meant = NULL;

	for (; p < end && *p != quote; p++) {
		if (quote != '"' || *p != '\\' || p + 1 == end)
			continue;
		p++;
		if (*p == quote)
			meant = p;
	}
	return p < end ? p : meant;
}

/* What "\x" stands for; 0: for itself, the backslash included. */
static char
escaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '\\':
	case '"':
	case '$':
		return c;
	default:
		return 0;
	}
}

/* In place; the new length. */
static size_t
unescape(char *s, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i] == '\\' && i + 1 < len ? escaped(s[i + 1]) : 0;

		s[out++] = c ? c : s[i];
		i += c != 0;
	}
	s[out] = '\0';
	return out;
}

/* The value at `p`, which is its opening quote. Returns where to go on. */
static const char *
take_quoted(struct text *t, const char *name, const char *p)
{
	const char *close = end_of_quoted(p + 1, t->end, *p), *rest;
	size_t len;
	char *value;

	if (!close) {
		complain(t, "The quote has no end.");
		return t->end;
	}
	rest = skip_blanks(close + 1, t->end);
	if (!is_line_end(rest, t->end) && *rest != '#') {
		complain(t, "Nothing but a comment may follow the quote.");
		return rest;
	}
	len = (size_t)(close - p - 1);
	value = keep(t, p + 1, len);
	if (*p == '"')
		len = unescape(value, len);
	t->reader->take(t->reader->arg, t->line, name, value, len);
	return rest;
}

static const char *
take_value(struct text *t, const char *name, const char *p)
{
	const char *start = skip_blanks(p, t->end), *end;
	size_t len;

	if (start < t->end && (*start == '"' || *start == '\''))
		return take_quoted(t, name, start);
	end = end_of_plain(p, t->end);
	len = end > start ? (size_t)(end - start) : 0;
	t->reader->take(
	    t->reader->arg, t->line, name, keep(t, start, len), len);
	return end;
}

/* The line that does not begin with a comment at `p`. */
static const char *
take_variable(struct text *t, const char *p)
{
	const char *word = p, *end = end_of_word(p, t->end);
	size_t len;

	p = skip_blanks(end, t->end);
	if (end - word == 6 && memcmp(word, "export", 6) == 0 && p > end &&
	    p < t->end && *p != '=') {
		word = p;
		end = end_of_word(p, t->end);
		p = skip_blanks(end, t->end);
	}
	len = (size_t)(end - word);
	if (len == 0 || p == t->end || *p != '=') {
		complain(t, "Must be NAME=VALUE, or a comment behind a #.");
		return p;
	}
	return take_value(t, keep(t, word, len), p + 1);
}

static void
read_plain(struct text *t)
{
	while (t->at < t->end) {
		const char *p = skip_blanks(t->at, t->end);

		if (!is_line_end(p, t->end) && *p != '#')
			p = take_variable(t, p);
		p = next_line(p, t->end);
		t->line += lines_in(t->at, p);
		t->at = p;
	}
}

/* ---- docker ---- */

/* docker/cli, pkg/kvfile: blanks in front of a name are cut off, everything
 * behind the = is the value. */
static void
take_literal(struct text *t, const char *p, const char *end)
{
	const char *equals, *name;

	while (p < end && (*p == '\r' || blank_length(p, end) > 0))
		p += *p == '\r' ? 1 : blank_length(p, end);
	if (p == end || *p == '#')
		return;
	equals = memchr(p, '=', (size_t)(end - p));
	if (!equals || equals == p) {
		complain(t, "Must be NAME=VALUE, or a comment behind a #.");
		return;
	}
	name = keep(t, p, (size_t)(equals - p));
	p = equals + 1;
	t->reader->take(t->reader->arg, t->line, name,
	    keep(t, p, (size_t)(end - p)), (size_t)(end - p));
}

static void
read_docker(struct text *t)
{
	for (; t->at < t->end; t->line++) {
		const char *feed =
		    memchr(t->at, '\n', (size_t)(t->end - t->at));
		const char *end = feed ? feed : t->end;

		if (end > t->at && end[-1] == '\r')
			take_literal(t, t->at, end - 1);
		else
			take_literal(t, t->at, end);
		t->at = feed ? feed + 1 : t->end;
	}
}

/* ---- both ---- */

/* Complains of the first byte that is no text. */
static bool
is_text(struct text *t)
{
	const char *p = t->at;

	while (p < t->end && *p != '\0') {
		size_t n = utf8_length(p, (size_t)(t->end - p));

		if (n == 0)
			break;
		p += n;
	}
	if (p == t->end)
		return true;
	t->line += lines_in(t->at, p);
	complain(t, "Must be UTF-8 without NUL.");
	return false;
}

void
dotenv_read(enum dotenv_form form, const char *text, size_t len, char *room,
    const struct dotenv_reader *reader)
{
	struct text t = {text, text + len, 1, room, reader};

	if (!is_text(&t))
		return;
	if (len >= 3 && memcmp(text, BOM, 3) == 0)
		t.at += 3;
	if (form == DOTENV_DOCKER)
		read_docker(&t);
	else
		read_plain(&t);
}
