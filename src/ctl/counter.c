/*
 * counter.c: adding to a counter.
 */
#include "ctl/project.h"

#include "base/array.h"
#include "json/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static bool
is_counter(const char *name)
{
	static const char *const names[] = {
#define COUNTER(name) #name,
#include "db/counters.def"
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* What is to be added; false: nothing that a counter takes. */
static bool
read_amount(const char *text, long long *n)
{
	char *end;

	*n = strtoll(text, &end, 10);
	return !*end && end != text && *n != 0 && *n <= INT32_MAX &&
	    *n >= -INT32_MAX;
}

int
ctl_counter_add(struct ctl *c)
{
	const char *name = c->arg[1];
	struct json_object *o;
	struct db_query q;
	long long n;
	int rc;

	if (!read_amount(c->arg[2], &n))
		return ctl_fail(c, ERR_VALIDATION,
		    "N: a whole number from -2147483647 to 2147483647, not 0");
	if (!is_counter(name))
		return ctl_fail(c, ERR_NOT_FOUND, "no counter \"%s\"", name);
	rc = project_find(c, c->arg[0]);
	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_COUNTER_ADD, "{n}");
	db_text(&q, name);
	db_int(&q, n);
	rc = ctl_do_locked(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0) {
		db_query_clear(&q);
		return ctl_fail(
		    c, ERR_CONFLICT, "the counter would fall below zero");
	}
	o = object_new();
	object_text(o, "counter", name);
	object_int(o, "value", strtoll(db_value(&q, 0, 0, NULL), NULL, 10));
	db_query_clear(&q);
	return ctl_print(c, o);
}
