/*
 * migrate.c: migrate, and what it would do.
 */
#include "ctl/ctl.h"

#include "ctl/plain.h"
#include "db/admin.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static void
say_applied(const struct migration *m)
{
	plain_line(stderr, "applied %s", m->name);
}

/* The database itself is init's to make. */
static int
migrate(struct ctl *c)
{
	char why[512];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	struct json_object *result;
	int version = -1;

	if (a && admin_migrate(a, say_applied, why, sizeof(why)))
		version = admin_version(a, why, sizeof(why));
	admin_close(a);
	if (version < 0)
		return ctl_fail(
		    c, a ? ERR_INTERNAL : ERR_UNAVAILABLE, "%s", why);
	result = object_new();
	object_int(result, "schemaVersion", version);
	return ctl_print(c, result);
}

/* What the plan says in words. */
static void
say_plan(int pending, int program, int before, int after)
{
	if (pending == 0)
		plain_line(stdout,
		    "nothing to do: the schema is the newest this program "
		    "knows");
	else if (before > 0 && after > before)
		plain_line(stdout,
		    "programs with a number below %d stop serving: upgrade "
		    "them on every host first (this one has %d)",
		    after, program);
	else
		plain_line(
		    stdout, "every program that serves now goes on serving");
}

/* Pending migrations; the largest program number that they ask for. */
static struct json_object *
pending(int version, int *after)
{
	struct json_object *list = object_list();

	for (const struct migration *m = migrations; m->sql; m++) {
		struct json_object *one;
		int oldest = migration_oldest_program(m);

		if (m->version <= version)
			continue;
		*after = oldest > *after ? oldest : *after;
		one = object_new();
		object_int(one, "version", m->version);
		object_text(one, "name", m->name);
		object_int(one, "oldestProgram", oldest);
		object_push(list, one);
	}
	return list;
}

/* Those that are connected, and whether all of them can go on. */
static struct json_object *
running(const struct admin_program *p, int n, int after, bool *all)
{
	struct json_object *list = object_list();

	for (int i = 0; i < n; i++) {
		struct json_object *one = object_new();
		bool serves = p[i].number == 0 || p[i].number >= after;

		if (p[i].number)
			object_int(one, "program", p[i].number);
		else
			object_null(one, "program");
		object_int(one, "connections", p[i].connections);
		object_bool(one, "serves", serves);
		object_push(list, one);
		*all = *all && serves;
	}
	return list;
}

/* What migrate would do, and who could serve after it; nothing changed. */
static int
plan(struct ctl *c)
{
	char why[512];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	int version = a ? admin_version(a, why, sizeof(why)) : -1;
	int before =
	    version < 0 ? -1 : admin_oldest_program(a, why, sizeof(why));
	struct admin_program found[16];
	int n =
	    before < 0 ? -1 : admin_programs(a, found, 16, why, sizeof(why));
	struct json_object *o, *list;
	bool all = true;
	int after = before;

	admin_close(a);
	if (n < 0)
		return ctl_fail(c, ERR_UNAVAILABLE, "%s", why);
	o = object_new();
	list = pending(version, &after);
	object_int(o, "schemaVersion", version);
	object_int(o, "oldestProgram", before);
	object_int(o, "oldestProgramAfter", after);
	object_add(o, "running", running(found, n, after, &all));
	object_bool(o, "runningServe", all);
	object_add(o, "pending", list);
	if (!c->json)
		say_plan((int)json_object_array_length(list), DB_PROGRAM,
		    before, after);
	return ctl_print(c, o);
}

int
ctl_migrate(struct ctl *c)
{
	return c->option[OPT_PLAN] ? plan(c) : migrate(c);
}
