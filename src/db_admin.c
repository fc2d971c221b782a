/*
 * db_admin.c: roles, database, migrations, over a blocking connection. A
 * migration is a whole file of SQL, so it goes by the simple protocol; there
 * are no parameters, and no text but ours, in any of it.
 */
#include "db_admin.h"

#include "db.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define NO_TRANSACTION "-- no-transaction"
#define OLDEST_PROGRAM "-- oldest-program: "
#define LOCK_KEY       "7235419266031571" /* any number, ours */

struct admin {
	PGconn *conn;
};

static void
explain(char *why, size_t size, const char *what, const char *message)
{
	char *nl;

	snprintf(why, size, "%s: %s", what, message);
	while ((nl = strchr(why, '\n')))
		*nl = nl[1] ? ' ' : '\0';
}

/* Runs SQL; the first column of the first row goes to `out` (or NULL). */
static bool
run(struct admin *a, const char *what, const char *sql, char *out,
    size_t out_size, char *why, size_t size)
{
	PGresult *res = PQexec(a->conn, sql);
	ExecStatusType status = PQresultStatus(res);
	bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!ok)
		explain(why, size, what, PQresultErrorMessage(res));
	else if (out)
		snprintf(out, out_size, "%s",
		    PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	return ok;
}

static bool
do_sql(struct admin *a, const char *sql, char *why, size_t size)
{
	return run(a, sql, sql, NULL, 0, why, size);
}

static void
ignore_notice(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

struct admin *
admin_open(const char *conninfo, const char *database, char *why, size_t size)
{
	const char *keywords[] = {"connect_timeout", "client_encoding",
	    "fallback_application_name", "dbname", database ? "dbname" : NULL,
	    NULL};
	const char *values[] = {
	    "10", "UTF8", "codecourierctl", conninfo, database, NULL};
	struct admin *a = calloc(1, sizeof(*a));

	if (!a) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	a->conn = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(a->conn) == CONNECTION_OK) {
		PQsetNoticeReceiver(a->conn, ignore_notice, NULL);
		return a;
	}
	explain(why, size, "cannot connect", PQerrorMessage(a->conn));
	admin_close(a);
	return NULL;
}

void
admin_close(struct admin *a)
{
	if (!a)
		return;
	PQfinish(a->conn);
	free(a);
}

bool
admin_create(struct admin *a, char *why, size_t size)
{
	char found[8];

	/* ends with the session; two at once would both create */
	if (!do_sql(a, "SELECT pg_advisory_lock(" LOCK_KEY ")", why, size) ||
	    !run(a, "roles", roles_sql, NULL, 0, why, size) ||
	    !run(a, "database",
		"SELECT 1 FROM pg_database WHERE datname = '" DB_NAME "'",
		found, sizeof(found), why, size))
		return false;
	if (!found[0] &&
	    !do_sql(a,
		"CREATE DATABASE " DB_NAME " OWNER codecourier_owner "
		"TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' "
		"LC_CTYPE 'C'",
		why, size))
		return false;
	return do_sql(a, "REVOKE ALL ON DATABASE " DB_NAME " FROM PUBLIC", why,
		   size) &&
	    do_sql(a,
		"GRANT CONNECT ON DATABASE " DB_NAME
		" TO codecourier, codecourier_platform",
		why, size);
}

int
admin_version(struct admin *a, char *why, size_t size)
{
	char text[16];

	if (!run(a, "schema version",
		"SELECT to_regclass('codecourier.schema_version')::text", text,
		sizeof(text), why, size))
		return -1;
	if (!text[0])
		return 0;
	if (!run(a, "schema version",
		"SELECT coalesce(max(version), 0) "
		"FROM codecourier.schema_version",
		text, sizeof(text), why, size))
		return -1;
	return (int)strtol(text, NULL, 10);
}

static bool
apply(struct admin *a, const struct migration *m, char *why, size_t size)
{
	const char *oldest = strstr(m->sql, OLDEST_PROGRAM);
	bool plain =
	    strncmp(m->sql, NO_TRANSACTION, strlen(NO_TRANSACTION)) != 0;
	char row[160], ignored[256];

	if (!oldest) {
		snprintf(
		    why, size, "%s: no `%s` line", m->name, OLDEST_PROGRAM);
		return false;
	}
	snprintf(row, sizeof(row),
	    "INSERT INTO codecourier.schema_version (version, oldest_program) "
	    "VALUES (%d, %ld)",
	    m->version, strtol(oldest + strlen(OLDEST_PROGRAM), NULL, 10));
	if ((!plain || do_sql(a, "BEGIN", why, size)) &&
	    run(a, m->name, m->sql, NULL, 0, why, size) &&
	    do_sql(a, row, why, size) &&
	    (!plain || do_sql(a, "COMMIT", why, size)))
		return true;
	if (plain && !do_sql(a, "ROLLBACK", ignored, sizeof(ignored)))
		return false;
	return false;
}

bool
admin_migrate(struct admin *a, void (*done)(const struct migration *m),
    char *why, size_t size)
{
	int version;

	if (!do_sql(a, "SET ROLE codecourier_owner", why, size) ||
	    !do_sql(a, "SET lock_timeout = '5s'", why, size) ||
	    !do_sql(a, "SELECT pg_advisory_lock(" LOCK_KEY ")", why, size))
		return false;
	version = admin_version(a, why, size);
	if (version < 0)
		return false;
	for (const struct migration *m = migrations; m->sql; m++) {
		if (m->version <= version)
			continue;
		if (!apply(a, m, why, size))
			return false;
		done(m);
	}
	return true;
}
