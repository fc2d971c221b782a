/*
 * migrate.c: the migrations. Whoever waits for a lock on a table has
 * everybody behind him wait, readers, too: so a migration waits less than the
 * API's own lock_timeout (1 s), lets go, and comes again.
 */
#include "db/admin.h"

#include "db/db.h"
#include "db/open.h"

#include <libpq-fe.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define NO_TRANSACTION "-- no-transaction"
#define OLDEST_PROGRAM "-- oldest-program: "
#define LOCK_KEY       "7235419266031571" /* any number, ours */
#define LOCK_WAIT      "500ms"
#define TRIES          10
#define PAUSE_US       300000 /* longer by as much with each try */
#define LOOK_MS        150    /* who holds the lock, asked so often */

/* A file of SQL on its way. */
struct work {
	char state[6]; /* SQLSTATE of the failure */
	char message[256];
	char holders[256]; /* of the lock, as last seen */
};

int
migration_oldest_program(const struct migration *m)
{
	const char *line = strstr(m->sql, OLDEST_PROGRAM);

	return line ? (int)strtol(line + strlen(OLDEST_PROGRAM), NULL, 10) : 0;
}

/* Who holds what we wait for, asked by another session: ours is busy. Never
 * the text of a query, which can hold anything. */
static void
look(struct admin *watch, int pid, struct work *w)
{
	char sql[512], found[sizeof(w->holders)], ignored[256];

	snprintf(sql, sizeof(sql),
	    "SELECT string_agg(format('process %%s, role %%s, %%s, its "
	    "transaction open for %%s s', pid, coalesce(usename, '?'), "
	    "coalesce(state, '?'), coalesce(round(extract(epoch FROM "
	    "clock_timestamp() - xact_start))::text, '?')), '; ') "
	    "FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(%d))",
	    pid);
	if (watch &&
	    admin_run(watch, "watch", sql, found, sizeof(found), ignored,
		sizeof(ignored)) &&
	    found[0])
		memcpy(w->holders, found, sizeof(found));
}

static void
note(struct work *w, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	snprintf(w->state, sizeof(w->state), "%s", state ? state : "");
	snprintf(w->message, sizeof(w->message), "%s",
	    text ? text : PQresultErrorMessage(res));
}

/* Runs SQL and looks now and then who is in its way. */
static bool
run(struct admin *a, struct admin *watch, const char *sql, struct work *w)
{
	struct pollfd p = {.fd = PQsocket(a->conn), .events = POLLIN};
	bool ok = PQsendQuery(a->conn, sql) == 1;
	PGresult *res;

	if (!ok)
		snprintf(w->message, sizeof(w->message), "%s",
		    PQerrorMessage(a->conn));
	while (ok && PQisBusy(a->conn)) {
		int n = poll(&p, 1, LOOK_MS);

		if (n == 0)
			look(watch, PQbackendPID(a->conn), w);
		else if ((n < 0 && errno != EINTR) ||
		    (n > 0 && !PQconsumeInput(a->conn)))
			break;
	}
	while ((res = PQgetResult(a->conn))) {
		ExecStatusType status = PQresultStatus(res);

		if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
			note(w, res);
			ok = false;
		}
		PQclear(res);
	}
	return ok;
}

/* One try. */
static bool
apply_once(struct admin *a, struct admin *watch, const struct migration *m,
    struct work *w)
{
	bool plain =
	    strncmp(m->sql, NO_TRANSACTION, strlen(NO_TRANSACTION)) != 0;
	struct work ignored;
	char row[160];

	memset(w, 0, sizeof(*w));
	snprintf(row, sizeof(row),
	    "INSERT INTO codecourier.schema_version (version, oldest_program) "
	    "VALUES (%d, %d)",
	    m->version, migration_oldest_program(m));
	if ((!plain || run(a, watch, "BEGIN", w)) && run(a, watch, m->sql, w) &&
	    run(a, watch, row, w) && (!plain || run(a, watch, "COMMIT", w)))
		return true;
	if (plain && !run(a, NULL, "ROLLBACK", &ignored))
		w->state[0] = '\0'; /* the connection is lost: no other try */
	/* outside a transaction a part of it may have been done */
	if (!plain)
		w->state[0] = '\0';
	return false;
}

static bool
is_lock(const struct work *w)
{
	return strcmp(w->state, "55P03") == 0 || strcmp(w->state, "40P01") == 0;
}

static bool
apply(struct admin *a, struct admin *watch, const struct migration *m,
    char *why, size_t size)
{
	struct work w;

	if (!migration_oldest_program(m)) {
		snprintf(
		    why, size, "%s: no `%s` line", m->name, OLDEST_PROGRAM);
		return false;
	}
	for (int try = 1; !apply_once(a, watch, m, &w); try++) {
		if (!is_lock(&w)) {
			snprintf(why, size, "%s: %s", m->name, w.message);
			return false;
		}
		if (try == TRIES) {
			snprintf(why, size,
			    "%s: a lock it needs was not free within " LOCK_WAIT
			    ", %d times; held by %s. Nothing was changed by "
			    "it: end that, then migrate again",
			    m->name, try,
			    w.holders[0] ? w.holders : "nobody seen");
			return false;
		}
		usleep((useconds_t)(PAUSE_US * try));
	}
	return true;
}

/* Alone, then ready to work; nobody else waits for the first lock. */
static bool
begin(struct admin *a, char *why, size_t size)
{
	static const struct {
		const char *sql, *what; /* what: in a message */
	} steps[] = {
	    {"SET lock_timeout = '60s'", "lock_timeout"},
	    {"SELECT pg_advisory_lock(" LOCK_KEY ")",
		"another init or migrate is at work"},
	    {database_sql, "rights of everybody"},
	    {"SET ROLE codecourier_owner", "SET ROLE codecourier_owner"},
	    {"SET lock_timeout = '" LOCK_WAIT "'", "lock_timeout"},
	    {"SET statement_timeout = 0", "statement_timeout"},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!admin_run(
			a, steps[i].what, steps[i].sql, NULL, 0, why, size))
			return false;
	return true;
}

bool
admin_migrate(struct admin *a, void (*done)(const struct migration *m),
    char *why, size_t size)
{
	struct admin *watch;
	int version;
	bool ok = true;

	if (!begin(a, why, size) || (version = admin_version(a, why, size)) < 0)
		return false;
	/* without it a lock's holder stays unnamed, no more */
	watch = admin_open(a->conninfo, DB_NAME, why, size);
	for (const struct migration *m = migrations; ok && m->sql; m++) {
		if (m->version <= version)
			continue;
		ok = apply(a, watch, m, why, size);
		if (ok)
			done(m);
	}
	admin_close(watch);
	return ok;
}
