/*
 * query.c: query parameters (WHATWG form encoding: %xx and + are decoded).
 */
#include "http/query.h"

#include "base/text.h"
#include "http/route.h"

#include <string.h>

#include "base/banned.h"

/* Decodes in[0..len) into memory of the request; NULL: not decodable, or no
 * memory, which is noted. */
static char *
decode_part(struct req *r, const char *in, size_t len)
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
		req_complain(r, "limit",
		    "Must be a number from 1 to " TEXT_OF(QUERY_LIMIT_MAX) ".");
	else
		r->limit = n;
}

const char *const query_filters[REQ_FILTERS] = {[QUERY_ACTION] = "action",
    [QUERY_ACTOR] = "actor",
    [QUERY_OBJECT] = "object",
    [QUERY_SINCE] = "since",
    [QUERY_UNTIL] = "until"};

/* Where the value of this parameter goes; NULL: the route takes none such. */
static const char **
find_place(struct req *r, const char *name, const char **limit)
{
	enum route_query takes = r->route->query;

	if (takes == QUERY_NONE)
		return NULL;
	if (strcmp(name, "limit") == 0)
		return limit;
	if (strcmp(name, "cursor") == 0)
		return &r->cursor;
	for (size_t i = 0; takes == QUERY_AUDIT && i < REQ_FILTERS; i++)
		if (strcmp(name, query_filters[i]) == 0)
			return &r->filter[i];
	return NULL;
}

static void
take_parameter(
    struct req *r, const char *name, const char *value, const char **limit)
{
	const char **place = find_place(r, name, limit);

	if (!place) {
		req_complain(r, name, "Unknown query parameter.");
	} else if (*place) {
		req_complain(r, name, "Must not be given twice.");
	} else {
		*place = value;
		if (place == limit)
			take_limit(r, value);
	}
}

void
query_parse(struct req *r, const char *query)
{
	const char *limit = NULL;

	r->limit = QUERY_LIMIT_DEFAULT;
	while (query && *query) {
		size_t len = strcspn(query, "&");
		const char *eq = memchr(query, '=', len);
		size_t name_len = eq ? (size_t)(eq - query) : len;
		char *name = decode_part(r, query, name_len);
		char *value = eq ? decode_part(r, eq + 1, len - name_len - 1)
				 : decode_part(r, "", 0);

		if (len > 0 && (!name || !value))
			req_complain(r, name ? name : "",
			    "Is not correctly percent-encoded.");
		else if (len > 0)
			take_parameter(r, name, value, &limit);
		query += len;
		query += *query == '&';
	}
}
