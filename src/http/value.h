/*
 * value.h: one value of a body against its field, for field.c.
 */
#ifndef VALUE_H
#define VALUE_H

#include "http/field.h"

#define STRINGS_MAX   500
#define STRING_MAX    200 /* characters */
#define ENV_MAX       1000
#define ENV_NAME_MAX  255
#define ENV_VALUE_MAX 65536 /* bytes */

/* A check under way. */
struct check {
	field_complain *complain;
	void *arg;
	size_t complaints;
	bool no_memory;
};

void value_complain(struct check *c, const char *field, const char *message);

/* Complains of the first thing that is wrong with a value, of a list or a map
 * of each entry; NULL is null. */
void value_check(struct check *c, const struct field *f, struct json_object *v);

#endif
