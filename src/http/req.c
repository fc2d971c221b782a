/*
 * req.c: the request's memory, its faults in words, and what its body gave.
 */
#include "http/req.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "http/route.h"

#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define DETAILS_MAX 100

/* json-c makes up to 260 bytes of each one of a body. */
#define LARGE_BODY   ((size_t)8 << 10)
#define LARGE_ANSWER ((size_t)512 << 10)

/* Bytes of a request that are set and wiped each time: all but the statements,
 * which point to what is wiped elsewhere, and have no text of their own but
 * numbers'. */
#define SMALL offsetof(struct req, guard)

struct block {
	struct block *next;
	void *adopted;
	_Alignas(max_align_t) unsigned char bytes[];
};

void
req_begin(struct req *r, struct app *app)
{
	memset(r, 0, SMALL);
	r->guard.result = NULL;
	r->app = app;
	r->start = clock_us();
	r->deadline = r->start + REQ_DEADLINE;
	r->status = 200;
}

void
req_drop_value(struct req *r, int i)
{
	json_object_object_del(r->json, r->route->body->fields[i].name);
	r->value[i] = NULL;
}

void
req_drop_json(struct req *r)
{
	json_object_put(r->json);
	free(r->room);
	r->json = NULL;
	r->room = NULL;
	memset(r->value, 0, sizeof(r->value));
}

void
req_end(struct req *r)
{
	struct block *b = r->memory;

	db_query_clear(&r->guard);
	for (size_t i = 0; i < r->n; i++)
		db_query_clear(&r->queries[i]);
	req_drop_json(r);
	json_object_put(r->details);
	if (r->out)
		printbuf_free(r->out);
	while (b) {
		struct block *next = b->next;

		free(b->adopted);
		free(b);
		b = next;
	}
	secret_wipe(r, SMALL);
}

bool
req_is_large(size_t body, size_t answer)
{
	return body > LARGE_BODY || answer > LARGE_ANSWER;
}

void *
req_alloc(struct req *r, size_t size)
{
	struct block *b = NULL;

	if (size <= PTRDIFF_MAX - sizeof(*b))
		b = malloc(sizeof(*b) + size);
	if (!b)
		return NULL;
	b->next = r->memory;
	b->adopted = NULL;
	r->memory = b;
	return b->bytes;
}

bool
req_adopt(struct req *r, void *memory)
{
	struct block *b;

	if (!req_alloc(r, 0)) {
		free(memory);
		return false;
	}
	b = r->memory;
	b->adopted = memory;
	return true;
}

/* Cut at the border of a character. */
static void
copy_field(char *out, size_t size, const char *field)
{
	size_t left = strlen(field), at = 0, len;

	while (
	    (len = utf8_length(field + at, left - at)) > 0 && at + len < size)
		at += len;
	memcpy(out, field, at);
	out[at] = '\0';
}

enum err
req_fail(struct req *r, enum err e, const char *field, const char *message)
{
	r->fault = e;
	copy_field(r->field, sizeof(r->field), field ? field : "");
	snprintf(r->message, sizeof(r->message), "%s",
	    message ? message : err_info(e)->message);
	return e;
}

enum err
req_not_found(struct req *r, int i)
{
	const struct field *f = &r->route->body->fields[i];

	return req_fail(r, ERR_NOT_FOUND, f->name, f->not_found);
}

static bool
add_member(struct json_object *o, const char *name, const char *text)
{
	struct json_object *v = json_object_new_string(text);

	/* a literal: the object needs no copy, which it would leak */
	if (v &&
	    json_object_object_add_ex(
		o, name, v, JSON_C_OBJECT_KEY_IS_CONSTANT) == 0)
		return true;
	json_object_put(v);
	return false;
}

void
req_complain(void *req, const char *field, const char *message)
{
	struct req *r = req;
	struct json_object *one;
	char name[sizeof(r->field)];

	if (!r->details) {
		req_fail(r, ERR_VALIDATION, field, message);
		r->details = json_object_new_array();
	}
	if (r->details && json_object_array_length(r->details) >= DETAILS_MAX)
		return;
	one = json_object_new_object();
	copy_field(name, sizeof(name), field);
	if (!r->details || !one || !add_member(one, "field", name) ||
	    !add_member(one, "message", message) ||
	    json_object_array_add(r->details, one) != 0) {
		json_object_put(one);
		r->no_memory = true;
	}
}

const char *
req_text(const struct req *r, int i)
{
	return r->value[i] ? json_object_get_string(r->value[i]) : NULL;
}

bool
req_given_any(const struct req *r)
{
	for (int i = 0; i < FIELD_MAX; i++)
		if (r->given[i])
			return true;
	return false;
}

const char *
req_given_names(struct req *r)
{
	size_t at = 0;
	char *out;

	/* names of the routes' tables: letters only, nothing to quote */
	if (!r->json)
		return "{}";
	out = req_alloc(r, 3 + FIELD_MAX * FIELD_NAME);
	if (!out)
		return NULL;
	out[at++] = '{';
	json_object_object_foreach(r->json, name, value)
	{
		(void)value;
		if (at > 1)
			out[at++] = ',';
		at += (size_t)snprintf(
		    out + at, FIELD_NAME, "%.*s", FIELD_NAME - 1, name);
	}
	snprintf(out + at, 2, "}");
	return out;
}
