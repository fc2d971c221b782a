/*
 * value.h: one value of a body against its field, for field.c.
 */
#ifndef VALUE_H
#define VALUE_H

#include "base/text.h"
#include "http/field.h"

#define STRINGS_MAX   500
#define STRING_MAX    200 /* characters */
#define ENV_MAX       1000
#define ENV_NAME_MAX  255
#define ENV_VALUE_MAX 65536 /* bytes */

#define ENV_RULE "Must have at most " TEXT_OF(ENV_MAX) " variables."
#define ENV_SUM_RULE                                                           \
	"Names and values must have at most " TEXT_OF(FIELD_ENV_MAX) " bytes."

/* A check under way. */
struct check {
	field_complain *complain;
	void *arg;
	size_t complaints;
	bool no_memory;
};

/* What is wrong with the name of a variable, or with a value of so many bytes;
 * NULL: nothing. */
const char *value_name_fault(const char *name);
const char *value_size_fault(size_t len);

void value_complain(struct check *c, const char *field, const char *message);

/* Complains of the first thing that is wrong with a value, of a list or a map
 * of each entry; NULL is null. */
void value_check(struct check *c, const struct field *f, struct json_object *v);

#endif
