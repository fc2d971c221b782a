/*
 * field.h: what a request's body may hold, as a table of fields, and the
 * check of a parsed body against it.
 */
#ifndef FIELD_H
#define FIELD_H

#include "base/array.h"
#include "base/text.h"

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stddef.h>

enum field_type {
	FIELD_STRING,
	FIELD_STRINGS, /* array of unique strings, see field.c */
	FIELD_NUMBER,  /* a whole one */
	FIELD_BOOL,
	FIELD_ENV,   /* object of environment variables */
	FIELD_OBJECT /* any JSON object */
};

#define FIELD_FORM 64 /* bytes, with a NUL */

struct field {
	const char *name;
	enum field_type type;
	bool required;
	bool nullable;   /* null clears it */
	bool trimmed;    /* U+0020 at both ends is dropped */
	bool one_line;   /* no control characters, something visible */
	bool in_bytes;   /* min and max count bytes, not characters */
	bool is_id;      /* in any other form it is simply not found */
	size_t min, max; /* of characters, entries, or the number itself; a max
			  * of 0: none of its own */
	const char *const *one_of; /* these and no other, NULL behind them */
	bool (*valid)(const char *s, size_t len); /* after the above, of each
						   * entry; or NULL */
	/* Of entries of a list, or NULL: the one form of each, which takes its
	 * place; false: it has none, `out` is what may be meant, or "". */
	bool (*form)(const char *s, size_t len, char out[FIELD_FORM]);
	const char *rule;      /* the complaint when one of the two says no */
	const char *not_found; /* the answer's message where nothing has it */
};

/* A body: its fields. `optional`: a request without any body is fine. `text`:
 * it is plain text, which its handler reads; the fields are what it gives. */
struct body {
	const struct field *fields;
	size_t n;
	bool optional, text;
};

#define FIELD_NAME 32 /* bytes of a field's name, with a NUL */
#define FIELD_MAX  24 /* fields of one body, at most; BODY sees to it */

/* Defines a body of this table, whose rows have the numbers of an enum that
 * ends with `count`: handlers name their fields by it. */
#define BODY(name, table, count)                                               \
	_Static_assert(ARRAY_SIZE(table) == (count) && (count) <= FIELD_MAX,   \
	    "a row for each of the enum, and room for all of them");           \
	const struct body name = {table, count, false, false}

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

/* The first field whose value cannot be an id, or -1; of a body without
 * complaints. */
int field_ill_id(
    const struct body *body, struct json_object *const value[FIELD_MAX]);

/* The complaint of a text that is none of `one_of`, made of them. */
#define FIELD_MESSAGE 160 /* bytes */
const char *field_choice(const struct field *f, char out[FIELD_MESSAGE]);

/* The most marks (scan.h) of a text that is worth making objects of: those of
 * any body that field_check takes, and FIELD_SPARE for what does not belong
 * there, so that every usual mistake gets its own complaint. */
size_t field_marks(const struct body *body);

#define FIELD_SPARE 4096

/* Bytes of names and values of a FIELD_ENV object; NULL is empty. */
size_t field_env_size(struct json_object *env);

#define FIELD_ENV_MAX 1048576 /* bytes: 1 MiB, see field_env_size */
#define FIELD_ENV_TOGETHER                                                     \
	"Names and values of envVars and deployEnvVars must have at "          \
	"most " TEXT_OF(FIELD_ENV_MAX) " bytes together."

#endif
