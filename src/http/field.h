/*
 * field.h: what a request's body may hold, as a table of fields, and the
 * check of a parsed body against it.
 */
#ifndef FIELD_H
#define FIELD_H

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stddef.h>

enum field_type {
	FIELD_STRING,
	FIELD_STRINGS, /* array of unique strings, see field.c */
	FIELD_ENV,     /* object of environment variables */
	FIELD_OBJECT   /* any JSON object */
};

struct field {
	const char *name;
	enum field_type type;
	bool required;
	bool nullable; /* null clears it */
	bool trimmed;  /* U+0020 at both ends is dropped */
	bool one_line; /* no control characters, something visible */
	bool in_bytes; /* min and max count bytes, not characters */
	size_t min, max;
	bool (*valid)(const char *s, size_t len); /* after the above; or NULL */
	const char *rule; /* the complaint when `valid` says no */
};

/* A body: its fields. `optional`: a request without any body is fine. */
struct body {
	const struct field *fields;
	size_t n;
	bool optional;
};

#define FIELD_MAX 17 /* fields of one body */

/* Receives complaints, in body order; `field` may be any text. */
typedef void field_complain(void *arg, const char *field, const char *message);

/*
 * Checks `json` (not changed but for trimming) against `body` and points
 * value[i] to the member of field i, NULL when it is absent or null;
 * given[i] tells the two apart. Returns the number of complaints; SIZE_MAX: no
 * memory.
 */
size_t field_check(const struct body *body, struct json_object *json,
    struct json_object *value[FIELD_MAX], bool given[FIELD_MAX],
    field_complain *complain, void *arg);

/* The most marks (scan.h) of a text that is worth making objects of: those of
 * any body that field_check takes, and FIELD_SPARE for what does not belong
 * there, so that every usual mistake gets its own complaint. */
size_t field_marks(const struct body *body);

#define FIELD_SPARE 4096

/* Bytes of names and values of a FIELD_ENV object; NULL is empty. */
size_t field_env_size(struct json_object *env);

#define FIELD_ENV_LIMIT (1024 * 1024) /* bytes, see field_env_size */

#endif
