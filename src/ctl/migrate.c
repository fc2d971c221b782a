/*
 * migrate.c: migrate, and what it would do.
 */
#include "ctl/ctl.h"

#include "ctl/plain.h"
#include "db/admin.h"

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
	result = json_object_new_object();
	json_object_object_add(
	    result, "schemaVersion", json_object_new_int(version));
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
	struct json_object *list = json_object_new_array();

	for (const struct migration *m = migrations; m->sql; m++) {
		struct json_object *one;
		int oldest = migration_oldest_program(m);

		if (m->version <= version)
			continue;
		*after = oldest > *after ? oldest : *after;
		one = json_object_new_object();
		json_object_object_add(
		    one, "version", json_object_new_int(m->version));
		json_object_object_add(
		    one, "name", json_object_new_string(m->name));
		json_object_object_add(
		    one, "oldestProgram", json_object_new_int(oldest));
		json_object_array_add(list, one);
	}
	return list;
}

/* Those that are connected, and whether all of them can go on. */
static struct json_object *
running(const struct admin_program *p, int n, int after, bool *all)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < n; i++) {
		struct json_object *one = json_object_new_object();
		bool serves = p[i].number == 0 || p[i].number >= after;

		json_object_object_add(one, "program",
		    p[i].number ? json_object_new_int(p[i].number) : NULL);
		json_object_object_add(
		    one, "connections", json_object_new_int(p[i].connections));
		json_object_object_add(
		    one, "serves", json_object_new_boolean(serves));
		json_object_array_add(list, one);
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
	o = json_object_new_object();
	list = pending(version, &after);
	json_object_object_add(
	    o, "schemaVersion", json_object_new_int(version));
	json_object_object_add(o, "oldestProgram", json_object_new_int(before));
	json_object_object_add(
	    o, "oldestProgramAfter", json_object_new_int(after));
	json_object_object_add(o, "running", running(found, n, after, &all));
	json_object_object_add(o, "runningServe", json_object_new_boolean(all));
	json_object_object_add(o, "pending", list);
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
