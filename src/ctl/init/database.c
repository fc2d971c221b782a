/*
 * database.c: roles, database and schema.
 */
#include "ctl/init/steps.h"

#include "base/secret.h"
#include "ctl/plain.h"
#include "db/admin.h"
#include "db/open.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

/* Over TCP the role logs in by a password: the one that the conninfo leads
 * to, or a new one in the file that it names. */
static bool
find_password(struct init *i, char *why, size_t size)
{
	const char *conninfo = i->c->conf.database;
	char file[256];

	if (!db_is_tcp(conninfo) ||
	    !db_option(conninfo, "passfile", file, sizeof(file)) ||
	    access(file, F_OK) == 0)
		return true;
	if (!i->dry && !files_make_passfile(file, why, size))
		return false;
	run_made(i, "password file %s", file);
	return true;
}

static bool
give_password(struct init *i, struct admin *a, char *why, size_t size)
{
	const char *conninfo = i->c->conf.database;
	char password[256];
	bool ok = true;

	if (!db_is_tcp(conninfo))
		return true;
	if (db_password(conninfo, password, sizeof(password))) {
		ok = i->dry || admin_password(a, password, why, size);
		if (ok)
			run_made(i, "password of the role codecourier");
	}
	secret_wipe(password, sizeof(password));
	return ok;
}

/* Which server it is that everything is made on, and what led there. */
static void
tell_server(struct init *i, const struct admin *a)
{
	struct json_object *o = object_new();
	struct admin_server s;

	admin_server(a, &s);
	if (!i->c->json)
		plain_line(stdout, "server: %s%s%s%s, port %s, as %s%s%s%s",
		    s.host, s.address[0] ? " (" : "", s.address,
		    s.address[0] ? ")" : "", s.port, s.user,
		    s.from[0] ? " (by " : "", s.from, s.from[0] ? ")" : "");
	object_text(o, "host", s.host);
	object_text(o, "address", s.address);
	object_text(o, "port", s.port);
	object_text(o, "user", s.user);
	object_text(o, "by", s.from);
	json_object_put(i->server);
	i->server = o;
	snprintf(i->by, sizeof(i->by), "%s", s.from);
}

/* A database that somebody else has made is looked at before anything of it,
 * or of the roles, is touched. */
static bool
look_at_database(struct init *i, char *why, size_t size)
{
	struct admin *a =
	    admin_open(i->c->conf.admin_database, DB_NAME, why, size);
	int version = a ? admin_version(a, why, size) : -1;
	bool ok = version >= 0 && admin_fits(a, version == 0, why, size);

	admin_close(a);
	return ok;
}

static void
say_database(struct init *i, const struct admin_made *made)
{
	static const char roles[] =
	    "roles codecourier, codecourier_owner, codecourier_platform";

	if (made->roles)
		run_there(i, "%s", roles);
	else
		run_made(i, "%s", roles);
	if (made->database)
		run_there(i, "database " DB_NAME);
	else
		run_made(i, "database " DB_NAME);
}

int
database_make(struct init *i)
{
	struct admin_made made;
	char why[1024];
	struct admin *a =
	    admin_open(i->c->conf.admin_database, NULL, why, sizeof(why));
	bool ok, fresh;

	if (!a)
		return ctl_fail(i->c, ERR_UNAVAILABLE, "%s", why);
	tell_server(i, a);
	ok = admin_look(a, &made, why, sizeof(why)) &&
	    (!made.database || look_at_database(i, why, sizeof(why)));
	/* A role in use keeps its password: other hosts have it. One without a
	 * database is what a run that failed has left. */
	fresh = ok && (!made.role || !made.database);
	ok = ok && (!fresh || find_password(i, why, sizeof(why))) &&
	    (i->dry || admin_create(a, why, sizeof(why)));
	if (ok) {
		say_database(i, &made);
		ok = !fresh || give_password(i, a, why, sizeof(why));
	}
	i->database = made.database || !i->dry;
	admin_close(a);
	return ok ? CTL_DONE : ctl_fail(i->c, ERR_INTERNAL, "%s", why);
}

/* A new keyring would open nothing of what another one has sealed, and what
 * it seals, no other host opens. */
static bool
keyring_fits(struct init *i, struct admin *a, char *why, size_t size)
{
	const char *path = i->c->conf.keyring;
	char n[24];

	if (access(path, F_OK) == 0)
		return true;
	if (!admin_text(
		a, "data keys", STMT_ADMIN_DATA_KEYS, n, sizeof(n), why, size))
		return false;
	if (strcmp(n, "0") == 0)
		return true;
	snprintf(why, size,
	    "%s is missing, and %s projects in the database are sealed with "
	    "it: bring its copy here first, a new one opens none of them",
	    path, n);
	return false;
}

static void
ignore_migration(const struct migration *m)
{
	(void)m;
}

int
database_migrate(struct init *i)
{
	char why[512];
	struct admin *a = NULL;
	int before = 0;
	bool ok = true;

	i->pending = 0;
	if (i->database) {
		a = admin_open(
		    i->c->conf.admin_database, DB_NAME, why, sizeof(why));
		before = a ? admin_version(a, why, sizeof(why)) : -1;
		ok = before >= 0 &&
		    (before == 0 || keyring_fits(i, a, why, sizeof(why))) &&
		    (i->dry ||
			admin_migrate(a, ignore_migration, why, sizeof(why)));
	}
	i->version = before;
	for (const struct migration *m = migrations; ok && m->sql; m++) {
		if (m->version <= before)
			continue;
		run_made(i, "migration %s", m->name);
		i->pending++;
		i->version = i->dry ? before : m->version;
	}
	if (ok && i->pending == 0)
		run_there(i, "schema version %d", before);
	admin_close(a);
	if (!ok)
		return ctl_fail(
		    i->c, a ? ERR_INTERNAL : ERR_UNAVAILABLE, "%s", why);
	return CTL_DONE;
}
