/*
 * open.c: connecting, conninfo, and the pooler that may stand between.
 */
#include "db/open.h"

#include "base/file.h"
#include "base/secret.h"
#include "db/error.h"
#include "db/stmt.h"

#include <libpq-fe.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define TRIES 3 /* of two sessions, to be given the same backend */

bool
db_option(const char *conninfo, const char *name, char *value, size_t size)
{
	PQconninfoOption *all = PQconninfoParse(conninfo, NULL);
	bool found = false;

	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (strcmp(o->keyword, name) == 0 && o->val && o->val[0])
			found =
			    (size_t)snprintf(value, size, "%s", o->val) < size;
	PQconninfoFree(all);
	return found;
}

/* What libpq takes where the conninfo says nothing: out of the service file,
 * if there is a service, then of the environment. Only for the time of the
 * call the conninfo's service is that of the environment: libpq has no other
 * way to read the file. */
static bool
found_outside(const char *conninfo, const char *name, char *value, size_t size)
{
	char service[256];
	const char *env = getenv("PGSERVICE");
	char *kept = env ? strdup(env) : NULL;
	bool own = db_option(conninfo, "service", service, sizeof(service));
	bool found = false;
	PQconninfoOption *all;

	if (own)
		setenv("PGSERVICE", service, 1);
	all = PQconndefaults();
	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (strcmp(o->keyword, name) == 0 && o->val && o->val[0])
			found =
			    (size_t)snprintf(value, size, "%s", o->val) < size;
	PQconninfoFree(all);
	if (own && kept)
		setenv("PGSERVICE", kept, 1);
	else if (own)
		unsetenv("PGSERVICE");
	free(kept);
	return found;
}

bool
db_setting(const char *conninfo, const char *name, char *value, size_t size)
{
	return db_option(conninfo, name, value, size) ||
	    found_outside(conninfo, name, value, size);
}

bool
db_is_tcp(const char *conninfo)
{
	char hosts[1024];

	if (db_setting(conninfo, "hostaddr", hosts, sizeof(hosts)))
		return true;
	if (!db_setting(conninfo, "host", hosts, sizeof(hosts)))
		return false;
	/* of a list, the first is as good as any: nobody mixes them */
	return hosts[0] != '/' && hosts[0] != '@';
}

/* Whom root has to be for peer authentication; 0: root himself. */
static uid_t
peer_uid(const char *conninfo)
{
	struct passwd *pw;
	char user[32];

	if (geteuid() != 0 || db_is_tcp(conninfo) ||
	    !db_option(conninfo, "user", user, sizeof(user)) ||
	    (strcmp(user, "postgres") != 0 && strcmp(user, "codecourier") != 0))
		return 0;
	pw = getpwnam(user);
	return pw ? pw->pw_uid : 0;
}

/* The kernel tells the server the effective uid of the moment of connect(2).
 * Nothing else is done under it: the process must never go on as somebody it
 * did not mean to be. */
static PGconn *
connect_as(uid_t uid, const char *const *keywords, const char *const *values)
{
	PGconn *conn;

	if (uid == 0 || seteuid(uid) != 0)
		return NULL;
	conn = PQconnectdbParams(keywords, values, 1);
	if (seteuid(0) != 0)
		abort();
	return conn;
}

/* One try, live or not; NULL: no memory. */
static PGconn *
connect_to(const char *conninfo, const char *database, const char *application,
    const char *timeout, const char *target)
{
	/* Only the first dbname is read as a conninfo. */
	const char *keywords[] = {"connect_timeout", "client_encoding",
	    "fallback_application_name", "target_session_attrs", "dbname",
	    database ? "dbname" : NULL, NULL};
	const char *values[] = {
	    timeout, "UTF8", application, target, conninfo, database, NULL};
	PGconn *conn = connect_as(peer_uid(conninfo), keywords, values), *ours;

	if (conn && PQstatus(conn) == CONNECTION_OK)
		return conn;
	/* A server may know root by a map of its own. If not, the first reason
	 * is the one that matters. */
	ours = PQconnectdbParams(keywords, values, 1);
	if (!conn || (ours && PQstatus(ours) == CONNECTION_OK)) {
		PQfinish(conn);
		return ours;
	}
	PQfinish(ours);
	return conn;
}

/* Files that libpq and its TLS library open by their names, or would wait in
 * for ever. False: `why`. */
static bool
files_fit(const PQconninfoOption *options, char *why, size_t size)
{
	static const char *const names[][2] = {{"passfile", "PGPASSFILE"},
	    {"sslcert", "PGSSLCERT"}, {"sslkey", "PGSSLKEY"},
	    {"sslrootcert", "PGSSLROOTCERT"}, {"sslcrl", "PGSSLCRL"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = getenv(names[i][1]), *fault;

		for (const PQconninfoOption *o = options; o->keyword; o++)
			if (strcmp(o->keyword, names[i][0]) == 0 && o->val)
				path = o->val;
		fault = path && path[0] ? file_fault(path) : NULL;
		if (fault) {
			snprintf(
			    why, size, "%s %s %s", names[i][0], path, fault);
			return false;
		}
	}
	return true;
}

/* What can be known before anybody is asked. */
static bool
is_sound(const char *conninfo, char *why, size_t size)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	bool ok = options && files_fit(options, why, size);

	/* libpq would quote it, with the password, in its message */
	if (!options)
		snprintf(why, size,
		    "not a conninfo of libpq (name=value pairs, a value with "
		    "spaces in single quotes; or a URI), or no memory");
	PQconninfoFree(options);
	return ok;
}

bool
db_is_standby(const struct pg_conn *conn)
{
	const char *value = PQparameterStatus(conn, "in_hot_standby");

	return value && strcmp(value, "on") == 0;
}

static void
ignore_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

struct pg_conn *
db_open(const char *conninfo, const char *database, const char *application,
    const char *timeout, char *why, size_t size)
{
	const char *message;
	PGconn *conn;

	if (!is_sound(conninfo, why, size))
		return NULL;
	conn =
	    connect_to(conninfo, database, application, timeout, "read-write");
	if (conn && strstr(PQerrorMessage(conn), "session is read-only")) {
		/* a standby, or a primary on which this login is read-only */
		PQfinish(conn);
		conn = connect_to(
		    conninfo, database, application, timeout, "primary");
	}
	message = conn ? PQerrorMessage(conn) : "out of memory";
	if (conn && PQstatus(conn) == CONNECTION_OK) {
		if (!db_is_standby(conn)) {
			PQsetNoticeReceiver(conn, ignore_notice, NULL);
			return conn;
		}
		snprintf(why, size, DB_STANDBY);
	} else if (strstr(message, "server is in hot standby mode")) {
		db_error_line(why, size, DB_STANDBY, message);
	} else {
		db_error_line(why, size, "", message);
	}
	PQfinish(conn);
	return NULL;
}

bool
db_password(const char *conninfo, char *value, size_t size)
{
	const char *env = getenv("PGPASSWORD"), *password;
	char file[1024], *kept = NULL;
	PGconn *conn;
	bool found;

	if (db_option(conninfo, "password", value, size))
		return true;
	/* not ~/.pgpass, which is ours alone */
	if (!db_option(conninfo, "passfile", file, sizeof(file)))
		return false;
	/* That is the administrator's, and would win. */
	if (env && !(kept = strdup(env)))
		return false;
	unsetenv("PGPASSWORD");
	/* begun, so that libpq reads the password file; never finished */
	conn = PQconnectStart(conninfo);
	password = conn ? PQpass(conn) : NULL;
	found = password && password[0] &&
	    (size_t)snprintf(value, size, "%s", password) < size;
	PQfinish(conn);
	if (kept) {
		setenv("PGPASSWORD", kept, 1);
		secret_wipe(kept, strlen(kept));
		free(kept);
	}
	return found;
}

/* The first column of the first row as a number, -1 without one. */
static long
ask_number(PGconn *conn, enum stmt s)
{
	PGresult *res = PQexec(conn, stmt_info(s)->sql);
	long n = -1;

	if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) > 0)
		n = strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return n;
}

/* Of two idle sessions, both open: a pooler that gives backends away with
 * each transaction lets the second have what the first has just left. */
static bool
share_backend(PGconn *a, PGconn *b)
{
	for (int i = 0; i < TRIES; i++) {
		long pid = ask_number(a, STMT_SESSION_BACKEND);

		if (pid > 0 && ask_number(b, STMT_SESSION_BACKEND) == pid)
			return true;
	}
	return false;
}

/* Whether the pooler is one that knows prepared statements. */
static bool
prepares(PGconn *conn)
{
	PGresult *res = PQprepare(conn, "codecourier_doctor",
	    stmt_info(STMT_SESSION_ANY)->sql, 0, NULL);
	bool made = PQresultStatus(res) == PGRES_COMMAND_OK;

	PQclear(res);
	return made && ask_number(conn, STMT_SESSION_RENAMED) > 0;
}

bool
db_pooler(const char *conninfo, enum db_pooler *found)
{
	char why[8];
	PGconn *a = db_open(
	    conninfo, NULL, "codecourier-doctor", "5", why, sizeof(why));
	PGconn *b = db_open(
	    conninfo, NULL, "codecourier-doctor", "5", why, sizeof(why));
	bool ok = a && b;

	*found = POOLER_NONE;
	/* without a pooler the key to cancel with has the backend's own id */
	if (ok && ask_number(a, STMT_SESSION_BACKEND) != PQbackendPID(a) &&
	    share_backend(a, b))
		*found = prepares(a) ? POOLER_PREPARES : POOLER_BREAKS;
	PQfinish(a);
	PQfinish(b);
	return ok;
}
