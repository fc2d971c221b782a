/*
 * query.c: query parameters (WHATWG form encoding: %xx and + are decoded) and
 * cursors.
 */
#include "http/query.h"

#include "base/text.h"
#include "http/route.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define CURSOR_MAX 300

/* Decodes in[0..len) into memory of the request; NULL: not decodable, or no
 * memory, which is noted. */
static char *
decode(struct req *r, const char *in, size_t len)
{
	char *out = req_alloc(r, len + 1);
	size_t at = 0;

	if (!out)
		r->no_memory = true;
	for (size_t i = 0; out && i < len; i++) {
		if (in[i] == '+') {
			out[at++] = ' ';
		} else if (in[i] != '%') {
			out[at++] = in[i];
		} else {
			int byte = text_escape(in + i, len - i);

			if (byte <= 0)
				return NULL;
			out[at++] = (char)byte;
			i += 2;
		}
	}
	if (out)
		out[at] = '\0';
	return out;
}

static void
take_limit(struct req *r, const char *value)
{
	size_t len = strlen(value);
	int n = 0;

	if (len >= 1 && len <= 3 && strspn(value, "0123456789") == len &&
	    value[0] != '0')
		for (size_t i = 0; i < len; i++)
			n = n * 10 + (value[i] - '0');
	if (n < 1 || n > QUERY_LIMIT_MAX)
		req_complain(r, "limit", "Must be a number from 1 to 100.");
	else
		r->limit = n;
}

static void
take(struct req *r, const char *name, const char *value, bool seen[2])
{
	int which = strcmp(name, "limit") == 0 ? 0
	    : strcmp(name, "cursor") == 0      ? 1
					       : -1;

	if (which < 0 || !r->route->list) {
		req_complain(r, name, "Unknown query parameter.");
	} else if (seen[which]) {
		req_complain(r, name, "Must not be given twice.");
	} else {
		seen[which] = true;
		if (which == 0)
			take_limit(r, value);
		else
			r->cursor = value;
	}
}

void
query_parse(struct req *r, const char *query)
{
	bool seen[2] = {false, false};

	r->limit = QUERY_LIMIT_DEFAULT;
	while (query && *query) {
		size_t len = strcspn(query, "&");
		const char *eq = memchr(query, '=', len);
		size_t name_len = eq ? (size_t)(eq - query) : len;
		char *name = decode(r, query, name_len);
		char *value = eq ? decode(r, eq + 1, len - name_len - 1)
				 : decode(r, "", 0);

		if (len > 0 && (!name || !value))
			req_complain(r, name ? name : "",
			    "Is not correctly percent-encoded.");
		else if (len > 0)
			take(r, name, value, seen);
		query += len;
		query += *query == '&';
	}
}

/* Digits of a number that PostgreSQL takes as int or bigint. */
static bool
is_number(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 17 && strspn(s, "0123456789") == len;
}

enum err
cursor_read(struct req *r, const char *list, const char *value[], size_t n)
{
	char *text, *part;
	size_t len, i = 0;
	bool ok = true;

	for (i = 0; i < n; i++)
		value[i] = NULL;
	if (!r->cursor)
		return ERR_OK;
	text = req_alloc(r, CURSOR_MAX + 1);
	if (!text)
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	ok = secret_unbase64(text, CURSOR_MAX, &len, r->cursor) &&
	    !memchr(text, '\0', len);
	if (ok)
		text[len] = '\0';
	for (i = 0; ok && (part = strsep(&text, ":")); i++) {
		if (i == 0)
			ok = strcmp(part, list) == 0;
		else if (i == 1)
			ok = strcmp(part, r->id.project_id) == 0;
		else if (i == n + 1)
			ok = text_is_uuid(part, true);
		else
			ok = i <= n && is_number(part);
		if (ok && i >= 2)
			value[i - 2] = part;
	}
	if (ok && i == n + 2)
		return ERR_OK;
	req_complain(r, "cursor", "Is not a cursor of this list.");
	return r->err;
}

/* NULL: no memory. `sort`: colon-separated values, as the statement gave. */
static const char *
make_cursor(struct req *r, const char *list, const char *sort)
{
	char text[CURSOR_MAX];
	char *out = req_alloc(r, BASE64_SIZE(CURSOR_MAX));
	int len = snprintf(
	    text, sizeof(text), "%s:%s:%s", list, r->id.project_id, sort);

	if (!out || len < 0 || len >= CURSOR_MAX)
		return NULL;
	secret_base64(out, BASE64_SIZE(CURSOR_MAX), text, (size_t)len);
	return out;
}

enum err
reply_page(struct req *r, const char *list, const struct db_query *q)
{
	const char *next = NULL, *array;
	size_t len;

	array = db_value(q, 0, 0, &len);
	if (db_bool(q, 0, 1) &&
	    !(next = make_cursor(r, list, db_value(q, 0, 2, NULL))))
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	reply_list(r, array, len, next);
	return ERR_OK;
}
