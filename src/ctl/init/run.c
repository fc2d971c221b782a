/*
 * run.c: what init says of its steps, at once and in its answer.
 */
#include "ctl/init/run.h"

#include "ctl/plain.h"
#include "json/object.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/banned.h"

static void PRINTF_LIKE(3, 0)
    say(struct init *i, const char *state, const char *fmt, va_list ap)
{
	struct json_object *o = object_new();
	char what[512];

	vsnprintf(what, sizeof(what), fmt, ap);
	if (!i->c->json)
		plain_line(stdout, "%s: %s", state, what);
	object_text(o, "state", state);
	object_text(o, "what", what);
	object_push(i->steps, o);
}

void
run_there(struct init *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(i, "there", fmt, ap);
	va_end(ap);
}

void
run_made(struct init *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(i, i->dry ? "would make" : "made", fmt, ap);
	va_end(ap);
	i->changed = true;
}

void
run_next(struct init *i, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	object_push_text(i->next, what);
}
