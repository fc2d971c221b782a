/*
 * ctl_host.c: init, migrate.
 */
#include "ctl.h"

#include "db_admin.h"

#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static void
say_applied(const struct migration *m)
{
	fprintf(stderr, "applied %s\n", m->name);
}

static int
migrate(struct ctl *c, struct json_object **result)
{
	char why[512];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	int version = -1;

	if (a && admin_migrate(a, say_applied, why, sizeof(why)))
		version = admin_version(a, why, sizeof(why));
	admin_close(a);
	if (version < 0)
		return ctl_fail(
		    c, a ? ERR_INTERNAL : ERR_UNAVAILABLE, "%s", why);
	*result = json_object_new_object();
	json_object_object_add(
	    *result, "schemaVersion", json_object_new_int(version));
	return CTL_DONE;
}

/* What migrate would do: pending migrations, nothing changed. */
static int
plan(struct ctl *c)
{
	char why[512];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	int version = a ? admin_version(a, why, sizeof(why)) : -1;
	struct json_object *list;

	admin_close(a);
	if (version < 0)
		return ctl_fail(c, ERR_UNAVAILABLE, "%s", why);
	list = json_object_new_array();
	for (const struct migration *m = migrations; m->sql; m++) {
		struct json_object *one;

		if (m->version <= version)
			continue;
		one = json_object_new_object();
		json_object_object_add(
		    one, "version", json_object_new_int(m->version));
		json_object_object_add(
		    one, "name", json_object_new_string(m->name));
		json_object_array_add(list, one);
	}
	return ctl_print(c, list);
}

int
ctl_migrate(struct ctl *c)
{
	struct json_object *result;
	int rc;

	if (c->option[OPT_PLAN])
		return plan(c);
	rc = migrate(c, &result);
	return rc ? rc : ctl_print(c, result);
}

/* The keyring belongs to the service's user where root makes it. */
static bool
make_keyring(struct ctl *c, bool *made, char *why, size_t size)
{
	struct passwd *pw;

	*made = false;
	if (access(c->conf.keyring, F_OK) == 0)
		return true;
	if (!keyring_create(c->conf.keyring, why, size))
		return false;
	*made = true;
	pw = geteuid() == 0 ? getpwnam("codecourier") : NULL;
	if (pw && chown(c->conf.keyring, pw->pw_uid, pw->pw_gid) != 0) {
		snprintf(why, size, "%s: %s", c->conf.keyring, strerror(errno));
		return false;
	}
	return true;
}

int
ctl_init(struct ctl *c)
{
	struct json_object *result;
	struct admin *a;
	char why[512];
	bool ok, made;
	int rc;

	a = admin_open(c->conf.admin_database, NULL, why, sizeof(why));
	if (!a)
		return ctl_fail(c, ERR_UNAVAILABLE, "%s", why);
	ok = admin_create(a, why, sizeof(why));
	admin_close(a);
	if (!ok)
		return ctl_fail(c, ERR_INTERNAL, "%s", why);
	rc = migrate(c, &result);
	if (rc)
		return rc;
	if (!make_keyring(c, &made, why, sizeof(why))) {
		json_object_put(result);
		return ctl_fail(c, ERR_UNAVAILABLE, "keyring: %s", why);
	}
	json_object_object_add(
	    result, "keyring", json_object_new_string(c->conf.keyring));
	json_object_object_add(
	    result, "keyringMade", json_object_new_boolean(made));
	return ctl_print(c, result);
}
