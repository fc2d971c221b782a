/*
 * admin.c: roles and database, over a blocking connection. A file of SQL
 * goes by the simple protocol; no text but ours is in any of it.
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

static bool
is_done(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool
admin_exec(struct admin *a, struct db_query *q)
{
	const char *sql = stmt_info(q->stmt)->sql;

	q->result = PQexecParams(
	    a->conn, sql, q->n, NULL, q->value, q->length, q->format, 1);
	return is_done(q->result);
}

bool
admin_ask(struct admin *a, const char *what, struct db_query *q, char *why,
    size_t size)
{
	if (admin_exec(a, q))
		return true;
	db_error_line(why, size, what, PQresultErrorMessage(q->result));
	db_query_clear(q);
	return false;
}

bool
admin_text(struct admin *a, const char *what, enum stmt stmt, char *out,
    size_t out_size, char *why, size_t size)
{
	struct db_query q;
	const char *value;

	db_query_init(&q, stmt);
	if (!admin_ask(a, what, &q, why, size))
		return false;
	value = db_value(&q, 0, 0, NULL);
	snprintf(out, out_size, "%s", value ? value : "");
	db_query_clear(&q);
	return true;
}

bool
admin_file(
    struct admin *a, const char *what, const char *sql, char *why, size_t size)
{
	PGresult *res = PQexec(a->conn, sql);
	bool ok = is_done(res);

	if (!ok)
		db_error_line(why, size, what, PQresultErrorMessage(res));
	PQclear(res);
	return ok;
}

/* One whose failure is told by its own text. */
static bool
run_stmt(struct admin *a, enum stmt stmt, char *why, size_t size)
{
	struct db_query q;

	db_query_init(&q, stmt);
	if (!admin_ask(a, stmt_info(stmt)->sql, &q, why, size))
		return false;
	db_query_clear(&q);
	return true;
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
	if (a->conn)
		return a;
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
	struct db_query q;

	db_query_init(&q, STMT_ADMIN_MADE);
	if (!admin_ask(a, "roles", &q, why, size))
		return false;
	made->roles = db_bool(&q, 0, 0);
	made->role = db_bool(&q, 0, 1);
	made->database = db_bool(&q, 0, 2);
	db_query_clear(&q);
	return true;
}

bool
admin_create(struct admin *a, char *why, size_t size)
{
	struct admin_made made;

	if (!run_stmt(a, STMT_ADMIN_LOCK, why, size) ||
	    !admin_file(a, "roles", roles_sql, why, size) ||
	    !admin_look(a, &made, why, size))
		return false;
	if (!made.database &&
	    !run_stmt(a, STMT_ADMIN_CREATE_DATABASE, why, size))
		return false;
	return run_stmt(a, STMT_ADMIN_CLOSE_DATABASE, why, size) &&
	    run_stmt(a, STMT_ADMIN_OPEN_DATABASE, why, size);
}

bool
admin_password(struct admin *a, const char *password, char *why, size_t size)
{
	char *verifier = PQencryptPasswordConn(
	    a->conn, password, "codecourier", "scram-sha-256");
	char *literal = verifier
	    ? PQescapeLiteral(a->conn, verifier, strlen(verifier))
	    : NULL;
	char sql[512];
	bool ok;

	if (!literal) {
		db_error_line(why, size, "password", PQerrorMessage(a->conn));
		PQfreemem(verifier);
		return false;
	}
	ok = stmt_with(STMT_ADMIN_PASSWORD, literal, sql, sizeof(sql)) &&
	    admin_file(a, "password of the role codecourier", sql, why, size);
	secret_wipe(sql, sizeof(sql));
	PQfreemem(literal);
	PQfreemem(verifier);
	return ok;
}

/* A number out of schema_version, 0 where that is not there. */
static int
of_version(struct admin *a, enum stmt stmt, char *why, size_t size)
{
	char text[64];

	if (!admin_text(a, "schema version", STMT_ADMIN_HAS_SCHEMA, text,
		sizeof(text), why, size))
		return -1;
	if (!text[0])
		return 0;
	if (!admin_text(
		a, "schema version", stmt, text, sizeof(text), why, size))
		return -1;
	return (int)strtol(text, NULL, 10);
}

int
admin_version(struct admin *a, char *why, size_t size)
{
	return of_version(a, STMT_ADMIN_VERSION, why, size);
}

int
admin_oldest_program(struct admin *a, char *why, size_t size)
{
	return of_version(a, STMT_ADMIN_OLDEST_PROGRAM, why, size);
}

int
admin_programs(
    struct admin *a, struct admin_program *out, int max, char *why, size_t size)
{
	struct db_query q;
	int n;

	db_query_init(&q, STMT_ADMIN_PROGRAMS);
	if (!admin_ask(a, "sessions", &q, why, size))
		return -1;
	n = db_rows(&q) > max ? max : db_rows(&q);
	for (int i = 0; i < n; i++) {
		out[i].number = (int)strtol(db_value(&q, i, 0, NULL), NULL, 10);
		out[i].connections =
		    (int)strtol(db_value(&q, i, 1, NULL), NULL, 10);
	}
	db_query_clear(&q);
	return n;
}
