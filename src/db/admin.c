/*
 * admin.c: roles and database, over a blocking connection. A file of SQL
 * goes by the simple protocol; there are no parameters, and no text but ours,
 * in any of it.
 */
#include "db/admin.h"

#include "base/secret.h"
#include "db/db.h"
#include "db/open.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LOCK_KEY "7235419266031571" /* as in migrate.c */

static void
explain(char *why, size_t size, const char *what, const char *message)
{
	char *nl;

	snprintf(why, size, "%s: %s", what, message);
	while ((nl = strchr(why, '\n')))
		*nl = nl[1] ? ' ' : '\0';
}

bool
admin_run(struct admin *a, const char *what, const char *sql, char *out,
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
	return admin_run(a, sql, sql, NULL, 0, why, size);
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
	struct admin *a = calloc(1, sizeof(*a));

	if (!a || !(a->conninfo = strdup(conninfo))) {
		free(a);
		snprintf(why, size, "out of memory");
		return NULL;
	}
	snprintf(why, size, "cannot connect: ");
	a->conn = db_open(conninfo, database, "codecourierctl", "10",
	    why + strlen(why), size - strlen(why));
	if (a->conn) {
		PQsetNoticeReceiver(a->conn, ignore_notice, NULL);
		return a;
	}
	admin_close(a);
	return NULL;
}

void
admin_close(struct admin *a)
{
	if (!a)
		return;
	PQfinish(a->conn);
	secret_wipe(a->conninfo, strlen(a->conninfo));
	free(a->conninfo);
	free(a);
}

/* The variables of the environment that libpq heeds for where, without those
 * that the conninfo overrides. */
static void
note_variables(const char *conninfo, char *text, size_t size)
{
	static const char *const variables[][2] = {{"service", "PGSERVICE"},
	    {"host", "PGHOST"}, {"hostaddr", "PGHOSTADDR"}, {"port", "PGPORT"},
	    {"user", "PGUSER"}};
	char value[1024];

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *env = getenv(variables[i][1]);
		size_t used = strlen(text);

		if (env && env[0] &&
		    !db_option(conninfo, variables[i][0], value, sizeof(value)))
			snprintf(text + used, size - used, "%s%s",
			    used ? ", " : "", variables[i][1]);
	}
}

void
admin_server(const struct admin *a, struct admin_server *s)
{
	const char *host = PQhost(a->conn), *port = PQport(a->conn);
	const char *address = PQhostaddr(a->conn), *user = PQuser(a->conn);

	snprintf(s->host, sizeof(s->host), "%s", host ? host : "");
	snprintf(s->address, sizeof(s->address), "%s", address ? address : "");
	snprintf(s->port, sizeof(s->port), "%s", port ? port : "");
	snprintf(s->user, sizeof(s->user), "%s", user ? user : "");
	note_variables(a->conninfo, s->from, sizeof(s->from));
}

bool
admin_look(struct admin *a, struct admin_made *made, char *why, size_t size)
{
	char found[8];

	if (!admin_run(a, "roles",
		"SELECT count(*)::text || (SELECT count(*) FROM pg_roles "
		"WHERE rolname = 'codecourier') || (SELECT count(*) "
		"FROM pg_database WHERE datname = '" DB_NAME "') "
		"FROM pg_roles WHERE rolname IN ('codecourier', "
		"'codecourier_owner', 'codecourier_platform')",
		found, sizeof(found), why, size))
		return false;
	made->roles = found[0] == '3';
	made->role = found[1] == '1';
	made->database = found[2] == '1';
	return true;
}

bool
admin_create(struct admin *a, char *why, size_t size)
{
	struct admin_made made;

	/* ends with the session; two at once would both create */
	if (!do_sql(a, "SELECT pg_advisory_lock(" LOCK_KEY ")", why, size) ||
	    !admin_run(a, "roles", roles_sql, NULL, 0, why, size) ||
	    !admin_look(a, &made, why, size))
		return false;
	if (!made.database &&
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

bool
admin_password(struct admin *a, const char *password, char *why, size_t size)
{
	char *verifier = PQencryptPasswordConn(
	    a->conn, password, "codecourier", "scram-sha-256");
	char sql[512];
	bool ok;

	if (!verifier) {
		explain(why, size, "password", PQerrorMessage(a->conn));
		return false;
	}
	/* base64, $ and : only; nothing to escape */
	snprintf(
	    sql, sizeof(sql), "ALTER ROLE codecourier PASSWORD '%s'", verifier);
	ok = admin_run(
	    a, "password of the role codecourier", sql, NULL, 0, why, size);
	secret_wipe(sql, sizeof(sql));
	PQfreemem(verifier);
	return ok;
}

/* A number out of schema_version, 0 where that is not there. */
static int
of_version(struct admin *a, const char *sql, char *why, size_t size)
{
	char text[16];

	if (!admin_run(a, "schema version",
		"SELECT to_regclass('codecourier.schema_version')::text", text,
		sizeof(text), why, size))
		return -1;
	if (!text[0])
		return 0;
	if (!admin_run(a, "schema version", sql, text, sizeof(text), why, size))
		return -1;
	return (int)strtol(text, NULL, 10);
}

int
admin_version(struct admin *a, char *why, size_t size)
{
	return of_version(a,
	    "SELECT coalesce(max(version), 0) FROM codecourier.schema_version",
	    why, size);
}

int
admin_oldest_program(struct admin *a, char *why, size_t size)
{
	return of_version(a,
	    "SELECT coalesce(max(oldest_program), 0) "
	    "FROM codecourier.schema_version",
	    why, size);
}

int
admin_programs(
    struct admin *a, struct admin_program *out, int max, char *why, size_t size)
{
	PGresult *res = PQexec(a->conn,
	    "SELECT coalesce(substring(application_name "
	    "FROM '^codecourier/([0-9]{1,6})$'), '0'), count(*) "
	    "FROM pg_stat_activity WHERE usename = 'codecourier' "
	    "AND datname = '" DB_NAME "' GROUP BY 1 ORDER BY 1");
	int n = -1;

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		explain(why, size, "sessions", PQresultErrorMessage(res));
	else
		n = PQntuples(res);
	n = n > max ? max : n;
	for (int i = 0; i < n; i++) {
		out[i].number = (int)strtol(PQgetvalue(res, i, 0), NULL, 10);
		out[i].connections =
		    (int)strtol(PQgetvalue(res, i, 1), NULL, 10);
	}
	PQclear(res);
	return n;
}
