/*
 * query.c: query parameters (WHATWG form encoding: %xx and + are decoded).
 */
#include "http/query.h"

#include "base/array.h"
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

static void
take_cursor(struct req *r, const char *value)
{
	r->cursor = value;
}

/* The parameters: whose they are; a list of the values, in the order of an enum
 * where there is one, or a function. */
static const char *const sets[] = {"envVars", "deployEnvVars", NULL};
static const char *const forms[] = {"dotenv", "docker", "shell", "json", NULL};
static const char *const forms_read[] = {"dotenv", "docker", NULL};
static const char *const modes[] = {"merge", "replace", NULL};
static const char *const no_or_yes[] = {"false", "true", NULL};

static const struct parameter {
	const char *name;
	enum route_query of;
	bool needed;
	enum choice choice;
	const char *const *one_of;
	void (*take)(struct req *r, const char *value);
} parameters[] = {
    {"limit", QUERY_PAGE, .take = take_limit},
    {"cursor", QUERY_PAGE, .take = take_cursor},
    {"set", QUERY_ENV, true, CHOICE_SET, sets, NULL},
    {"format", QUERY_ENV, false, CHOICE_FORMAT, forms, NULL},
    {"set", QUERY_IMPORT, true, CHOICE_SET, sets, NULL},
    {"mode", QUERY_IMPORT, false, CHOICE_MODE, modes, NULL},
    {"format", QUERY_IMPORT, false, CHOICE_FORMAT, forms_read, NULL},
    {"dryRun", QUERY_IMPORT, false, CHOICE_DRY_RUN, no_or_yes, NULL},
};

static void
take_choice(struct req *r, const struct parameter *p, const char *value)
{
	const struct field field = {.one_of = p->one_of};
	char message[FIELD_MESSAGE];

	for (int i = 0; p->one_of[i]; i++) {
		if (strcmp(p->one_of[i], value) != 0)
			continue;
		r->choice[p->choice] = i;
		return;
	}
	req_complain(r, p->name, field_choice(&field, message));
}

/* False: it is none. */
static bool
take_filter(struct req *r, const char *name, const char *value)
{
	size_t i = 0;

	if (r->route->query != QUERY_AUDIT)
		return false;
	while (i < REQ_FILTERS && strcmp(query_filters[i], name) != 0)
		i++;
	if (i == REQ_FILTERS)
		return false;
	if (r->filter[i])
		req_complain(r, name, "Must not be given twice.");
	else
		r->filter[i] = value;
	return true;
}

/* A list with filters is a list. */
static bool
is_of(const struct parameter *p, enum route_query query)
{
	return p->of == query || (p->of == QUERY_PAGE && query == QUERY_AUDIT);
}

static void
take_parameter(struct req *r, const char *name, const char *value,
    bool seen[ARRAY_SIZE(parameters)])
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (!is_of(p, r->route->query) || strcmp(p->name, name) != 0)
			continue;
		if (seen[i])
			req_complain(r, name, "Must not be given twice.");
		else if (p->take)
			p->take(r, value);
		else
			take_choice(r, p, value);
		seen[i] = true;
		return;
	}
	if (!take_filter(r, name, value))
		req_complain(r, name, "Unknown query parameter.");
}

static void
check_needed(struct req *r, const bool seen[ARRAY_SIZE(parameters)])
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (parameters[i].of == r->route->query &&
		    parameters[i].needed && !seen[i])
			req_complain(r, parameters[i].name,
			    "Is needed, as a query parameter.");
}

void
query_parse(struct req *r, const char *query)
{
	bool seen[ARRAY_SIZE(parameters)] = {false};

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
			take_parameter(r, name, value, seen);
		query += len;
		query += *query == '&';
	}
	check_needed(r, seen);
}
