/*
 * init.c: init: everything a host needs before its service can start,
 * step by step. Each step looks first, so that a second run changes nothing,
 * and --dry-run is the same way without the doing.
 */
#include "ctl/init/init.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/random.h"
#include "base/secret.h"
#include "ctl/plain.h"
#include "db/admin.h"
#include "db/open.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

void
init_step(struct init *i, bool there, const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	const char *state = there ? "there" : i->dry ? "would make" : "made";
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	i->changed = i->changed || !there;
	if (!i->c->json)
		plain_line(stdout, "%s: %s", state, what);
	json_object_object_add(o, "state", json_object_new_string(state));
	json_object_object_add(o, "what", json_object_new_string(what));
	json_object_array_add(i->steps, o);
}

void
init_next(struct init *i, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	json_object_array_add(i->next, json_object_new_string(what));
}

/* The service's user; NULL where this host has none, or we are not root and
 * can give nothing away. */
static const struct passwd *
service_user(void)
{
	return geteuid() == 0 ? getpwnam("codecourier") : NULL;
}

/* For libpq's passfile: the role's password, made here, seen by nobody. */
static bool
make_passfile(const char *path, char *why, size_t size)
{
	const struct passwd *pw = service_user();
	unsigned char random[24];
	char password[BASE64_SIZE(sizeof(random))];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0;

	random_bytes(random, sizeof(random));
	base64_encode(password, sizeof(password), random, sizeof(random));
	ok = ok && dprintf(fd, "*:*:*:codecourier:%s\n", password) > 0 &&
	    (!pw || fchown(fd, pw->pw_uid, pw->pw_gid) == 0) && fsync(fd) == 0;
	if (!ok)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	if (!ok && fd >= 0)
		unlink(path);
	if (fd >= 0)
		close(fd);
	secret_wipe(random, sizeof(random));
	secret_wipe(password, sizeof(password));
	return ok;
}

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
	if (!i->dry && !make_passfile(file, why, size))
		return false;
	init_step(i, false, "password file %s", file);
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
			init_step(i, false, "password of the role codecourier");
	}
	secret_wipe(password, sizeof(password));
	return ok;
}

/* Which server it is that everything is made on, and what led there. */
static void
tell_server(struct init *i, const struct admin *a)
{
	struct json_object *o = json_object_new_object();
	struct admin_server s;

	admin_server(a, &s);
	if (!i->c->json)
		plain_line(stdout, "server: %s%s%s%s, port %s, as %s%s%s%s",
		    s.host, s.address[0] ? " (" : "", s.address,
		    s.address[0] ? ")" : "", s.port, s.user,
		    s.from[0] ? " (by " : "", s.from, s.from[0] ? ")" : "");
	json_object_object_add(o, "host", json_object_new_string(s.host));
	json_object_object_add(o, "address", json_object_new_string(s.address));
	json_object_object_add(o, "port", json_object_new_string(s.port));
	json_object_object_add(o, "user", json_object_new_string(s.user));
	json_object_object_add(o, "by", json_object_new_string(s.from));
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

static int
make_database(struct init *i)
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
		init_step(i, made.roles,
		    "roles codecourier, codecourier_owner, "
		    "codecourier_platform");
		init_step(i, made.database, "database " DB_NAME);
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

static int
make_schema(struct init *i)
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
		init_step(i, false, "migration %s", m->name);
		i->pending++;
		i->version = i->dry ? before : m->version;
	}
	if (ok && i->pending == 0)
		init_step(i, true, "schema version %d", before);
	admin_close(a);
	if (!ok)
		return ctl_fail(
		    i->c, a ? ERR_INTERNAL : ERR_UNAVAILABLE, "%s", why);
	return CTL_DONE;
}

static int
make_keyring(struct init *i)
{
	const char *path = i->c->conf.keyring;
	const struct passwd *pw = service_user();
	char why[512];

	i->keyring_made = access(path, F_OK) != 0;
	if (i->keyring_made && !i->dry &&
	    !keyring_create(path, why, sizeof(why))) {
		if (access(path, F_OK) != 0)
			return ctl_fail(
			    i->c, ERR_UNAVAILABLE, "keyring: %s", why);
		i->keyring_made = false; /* another init was faster */
	}
	if (i->keyring_made && !i->dry && pw &&
	    lchown(path, pw->pw_uid, pw->pw_gid) != 0)
		return ctl_fail(i->c, ERR_UNAVAILABLE, "keyring: %s: %s", path,
		    strerror(errno));
	init_step(i, !i->keyring_made, "keyring %s", path);
	return CTL_DONE;
}

/* Owner and mode of a file of an installed host. */
static int
set_owner(struct init *i, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	const char *why;
	int fd = file_open(path, O_NOFOLLOW, &why);
	struct stat st;
	bool ok, right;

	if (fd < 0 && errno == ENOENT)
		return CTL_DONE; /* dry, or a host that takes all defaults */
	ok = fd >= 0 && fstat(fd, &st) == 0;
	right = ok && st.st_uid == uid && st.st_gid == gid &&
	    (st.st_mode & 07777) == mode;
	if (ok && !right && !i->dry)
		ok = fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
	if (fd >= 0)
		close(fd);
	if (!ok)
		return ctl_fail(i->c, ERR_INTERNAL,
		    "%s: cannot set owner and mode: %s", path,
		    fd < 0 ? why : strerror(errno));
	if (!right)
		init_step(i, false, "owner and mode of %s", path);
	return CTL_DONE;
}

static int
set_owners(struct init *i)
{
	const struct passwd *pw = service_user();
	const char *conninfo = i->c->conf.database;
	char unit[80], file[256];
	uid_t uid;
	gid_t gid;
	int rc;

	if (!pw || !ctl_installed(unit))
		return CTL_DONE;
	uid = pw->pw_uid;
	gid = pw->pw_gid;
	rc = set_owner(i, ctl_conf_path(), 0, gid, 0640);
	if (!rc)
		rc = set_owner(i, i->c->conf.keyring, uid, gid, 0600);
	if (!rc && db_is_tcp(conninfo) &&
	    db_option(conninfo, "passfile", file, sizeof(file)))
		rc = set_owner(i, file, uid, gid, 0600);
	return rc;
}

static int
open_network(struct init *i)
{
	char path[128], why[512], unit[80];
	bool changed;

	if (!ctl_dropin(i->c, i->dry, path, &changed, why, sizeof(why)))
		return ctl_fail(i->c, ERR_INTERNAL, "%s", why);
	if (!path[0])
		return CTL_DONE;
	init_step(i, !changed, "drop-in %s", path);
	if (changed && ctl_installed(unit))
		init_next(i,
		    "systemctl daemon-reload, then systemctl restart %s: the "
		    "drop-in lets it reach the database",
		    unit);
	return CTL_DONE;
}

static int
check_arguments(struct init *i)
{
	struct ctl *c = i->c;
	int given = !!c->option[OPT_NAME] + !!c->option[OPT_SLUG] +
	    !!c->option[OPT_OWNER_EMAIL];
	const char *out = c->option[OPT_OUT];
	struct stat st;

	if (given != 0 && given != 3)
		return ctl_fail(c, ERR_VALIDATION,
		    "the first project wants --name, --slug and --owner-email");
	if (given == 3) {
		int rc = ctl_project_check(c);

		if (rc)
			return rc;
	}
	i->ask = !given && !c->json && !i->dry && isatty(STDIN_FILENO) &&
	    isatty(STDOUT_FILENO);
	i->project = given == 3;
	if (out && !i->project && !i->ask)
		return ctl_fail(c, ERR_VALIDATION,
		    "--out is for the first project's key: name the project");
	if (out && lstat(out, &st) == 0)
		i->out_taken = true; /* fine if the key is there, too */
	if (i->project && !out && !i->dry && !isatty(STDOUT_FILENO))
		return ctl_fail(c, ERR_VALIDATION,
		    "--out FILE is needed where no terminal shows the key");
	return CTL_DONE;
}

static int
finish(struct init *i)
{
	struct json_object *o;

	init_hints(i);
	if (!i->c->json) {
		if (!i->changed)
			plain_line(
			    stdout, "nothing to do: everything was there");
		for (size_t n = 0; n < json_object_array_length(i->next); n++)
			plain_line(stdout, "%s%s", n ? "      " : "next: ",
			    json_object_get_string(
				json_object_array_get_idx(i->next, n)));
		return CTL_DONE;
	}
	o = json_object_new_object();
	json_object_object_add(
	    o, "schemaVersion", json_object_new_int(i->version));
	json_object_object_add(
	    o, "keyring", json_object_new_string(i->c->conf.keyring));
	json_object_object_add(
	    o, "keyringMade", json_object_new_boolean(i->keyring_made));
	json_object_object_add(
	    o, "changed", json_object_new_boolean(i->changed));
	json_object_object_add(o, "server", json_object_get(i->server));
	json_object_object_add(o, "steps", json_object_get(i->steps));
	json_object_object_add(o, "next", json_object_get(i->next));
	if (i->made_project)
		json_object_object_add(
		    o, "project", json_object_get(i->made_project));
	if (i->made_key)
		json_object_object_add(o, "key", json_object_get(i->made_key));
	return ctl_print(i->c, o);
}

int
ctl_init(struct ctl *c)
{
	static int (*const steps[])(struct init *) = {check_arguments,
	    make_database, make_schema, make_keyring, set_owners, open_network,
	    init_project, finish};
	struct init i = {.c = c,
	    .dry = c->option[OPT_DRY_RUN],
	    .steps = json_object_new_array(),
	    .next = json_object_new_array()};
	int rc = CTL_DONE;

	for (size_t n = 0; !rc && n < ARRAY_SIZE(steps); n++) {
		rc = steps[n](&i);
		fflush(stdout);
	}
	json_object_put(i.server);
	json_object_put(i.steps);
	json_object_put(i.next);
	json_object_put(i.made_project);
	json_object_put(i.made_key);
	return rc;
}
