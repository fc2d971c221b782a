/*
 * bodies.h: a JSON text checked as an endpoint's body, and what was complained
 * of as one text. For test_field*.c and test_body.c.
 */
#ifndef BODIES_H
#define BODIES_H

#include "unit.h"

#include "http/field.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

/* The checked body; release it. */
struct checked {
	struct json_object *json;
	struct json_object *value[FIELD_MAX];
	bool given[FIELD_MAX];
	size_t n;              /* complaints */
	char complaints[4000]; /* "field: message\n" each, as far as it fits */
};

static inline void
take_complaint(void *arg, const char *field, const char *message)
{
	struct checked *c = arg;
	size_t at = strlen(c->complaints);

	c->n++;
	snprintf(c->complaints + at, sizeof(c->complaints) - at, "%s: %s\n",
	    field, message);
}

static inline void
check_body(struct checked *c, const struct body *body, const char *text)
{
	size_t n;

	memset(c, 0, sizeof(*c));
	memset(c->given, 0x1, sizeof(c->given));
	memset(c->value, 0xff, sizeof(c->value));
	c->json = json_tokener_parse(text);
	if (!json_object_is_type(c->json, json_type_object))
		fail_msg("a bad test: %.60s", text);
	n = field_check(body, c->json, c->value, c->given, take_complaint, c);
	assert_int_equal(n, c->n);
}

static inline void
assert_taken(const struct body *body, const char *text)
{
	struct checked c;

	check_body(&c, body, text);
	if (c.n != 0)
		fail_msg("%.100s: %s", text, c.complaints);
	json_object_put(c.json);
}

/* Complained of exactly so: "field: message\n" for each. */
static inline void
assert_complaints(const struct body *body, const char *text, const char *want)
{
	struct checked c;

	check_body(&c, body, text);
	if (strcmp(c.complaints, want) != 0)
		fail_msg("%.100s: \"%s\" instead of \"%s\"", text, c.complaints,
		    want);
	json_object_put(c.json);
}

/* A string of `n` times `unit`; free it. */
static inline char *
repeat(const char *unit, size_t n)
{
	size_t len = strlen(unit);
	char *out = malloc(len * n + 1);

	assert_non_null(out);
	for (size_t i = 0; i < n; i++)
		memcpy(out + i * len, unit, len);
	out[len * n] = '\0';
	return out;
}

/* {"<field>": "<n times unit>"}; free it. */
static inline char *
string_body(const char *field, const char *unit, size_t n)
{
	char *value = repeat(unit, n), *out;

	if (asprintf(&out, "{\"%s\":\"%s\"}", field, value) < 0)
		fail_msg("no memory");
	free(value);
	return out;
}

/* `n` units are taken, one more is not. */
static inline void
assert_longest(const struct body *body, const char *field, const char *unit,
    size_t n, const char *complaint)
{
	char *text = string_body(field, unit, n), want[200];

	assert_taken(body, text);
	free(text);
	text = string_body(field, unit, n + 1);
	snprintf(want, sizeof(want), "%s: %s\n", field, complaint);
	assert_complaints(body, text, want);
	free(text);
}

#endif
