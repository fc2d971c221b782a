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
#define LOCK_WAIT      "500ms"
#define LOCK_WAIT_LONG "60s" /* for another init or migrate */
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
	struct db_query q;
	const char *found;
	char ignored[256];

	db_query_init(&q, STMT_ADMIN_HOLDERS);
	db_int(&q, pid);
	if (!watch || !admin_ask(watch, "watch", &q, ignored, sizeof(ignored)))
		return;
	found = db_value(&q, 0, 0, NULL);
	if (found && found[0])
		snprintf(w->holders, sizeof(w->holders), "%s", found);
	db_query_clear(&q);
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

/* Takes what comes back of what was sent, and looks now and then who is in
 * its way. */
static bool
await(struct admin *a, struct admin *watch, bool ok, struct work *w)
{
	struct pollfd p = {.fd = PQsocket(a->conn), .events = POLLIN};
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

/* A file of SQL, or a statement of ours. */
static bool
run_file(struct admin *a, struct admin *watch, const char *sql, struct work *w)
{
	return await(a, watch, PQsendQuery(a->conn, sql) == 1, w);
}

/* What the file is followed by. */
static bool
add_row(struct admin *a, struct admin *watch, const struct migration *m,
    struct work *w)
{
	struct db_query q;

	db_query_init(&q, STMT_ADMIN_MIGRATED);
	db_int(&q, m->version);
	db_int(&q, migration_oldest_program(m));
	return await(a, watch,
	    PQsendQueryParams(a->conn, stmt_info(q.stmt)->sql, q.n, NULL,
		q.value, q.length, q.format, 1) == 1,
	    w);
}

/* One try. */
static bool
apply_once(struct admin *a, struct admin *watch, const struct migration *m,
    struct work *w)
{
	const char *begin = stmt_info(STMT_ADMIN_BEGIN)->sql;
	const char *commit = stmt_info(STMT_ADMIN_COMMIT)->sql;
	const char *rollback = stmt_info(STMT_ADMIN_ROLLBACK)->sql;
	bool plain =
	    strncmp(m->sql, NO_TRANSACTION, strlen(NO_TRANSACTION)) != 0;
	struct work ignored;

	memset(w, 0, sizeof(*w));
	if ((!plain || run_file(a, watch, begin, w)) &&
	    run_file(a, watch, m->sql, w) && add_row(a, watch, m, w) &&
	    (!plain || run_file(a, watch, commit, w)))
		return true;
	if (plain && !run_file(a, NULL, rollback, &ignored))
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

/* SET, which takes no parameters. */
static bool
set_timeout(struct admin *a, const char *what, enum stmt stmt,
    const char *value, char *why, size_t size)
{
	char sql[64];

	return stmt_with(stmt, value, sql, sizeof(sql)) &&
	    admin_file(a, what, sql, why, size);
}

/* Alone, then ready to work; nobody else waits for the first lock. */
static bool
begin_alone(struct admin *a, char *why, size_t size)
{
	const char *owner = stmt_info(STMT_SESSION_OWNER)->sql;

	return set_timeout(a, "lock_timeout", STMT_ADMIN_LOCK_TIMEOUT,
		   "'" LOCK_WAIT_LONG "'", why, size) &&
	    admin_file(a, "another init or migrate is at work",
		stmt_info(STMT_ADMIN_LOCK)->sql, why, size) &&
	    admin_file(a, "rights of everybody", database_sql, why, size) &&
	    admin_file(a, owner, owner, why, size) &&
	    set_timeout(a, "lock_timeout", STMT_ADMIN_LOCK_TIMEOUT,
		"'" LOCK_WAIT "'", why, size) &&
	    set_timeout(
		a, "statement_timeout", STMT_SESSION_TIMEOUT, "0", why, size);
}

bool
admin_migrate(struct admin *a, void (*done)(const struct migration *m),
    char *why, size_t size)
{
	struct admin *watch;
	int version;
	bool ok = true;

	if (!begin_alone(a, why, size) ||
	    (version = admin_version(a, why, size)) < 0)
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
