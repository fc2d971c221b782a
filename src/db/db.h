/*
 * db.h: one connection to PostgreSQL, and how statements run on it: several
 * in one pipeline, which is one round trip and one transaction. Only this
 * wing sees libpq. Not thread-safe.
 */
#ifndef DB_H
#define DB_H

#include "base/err.h"
#include "base/text.h"
#include "db/error.h"
#include "db/query.h"
#include "db/setup.h"

#include <stddef.h>
#include <stdint.h>

#define SETTING(name, column, kind, rule, max) /* but SETTINGS_SCHEMA */
#include "db/settings.def"

#define DB_NAME "codecourier"

struct db;

/* What a program needs of the schema: programs N and N+1 serve side by side. */
#define DB_PROGRAM 3 /* this program's number */
/* the oldest schema_version it can serve */
#define DB_OLDEST_SCHEMA (SETTINGS_SCHEMA > 15 ? SETTINGS_SCHEMA : 15)

/* How a worker's connection is called in pg_stat_activity: with its number,
 * so that `migrate --plan` can tell which programs run. */
#define DB_APPLICATION DB_NAME "/" TEXT_OF(DB_PROGRAM)

/*
 * A connection that does not exist yet: the first db_run or db_connect opens
 * it. `conninfo` is copied. NULL: out of memory.
 */
struct db *db_new(
    const char *conninfo, enum db_mode mode, int statement_timeout_ms);
void db_free(struct db *db);

/* What each session is told from the next connection on. */
void db_keep_history(struct db *db, struct db_history history);

/*
 * Makes sure that there is a live connection with every statement prepared
 * and a schema this program can serve. The reason is logged when it changes.
 */
MUST_CHECK bool db_connect(struct db *db);

/* The same in its turn: after a failure the next attempts are spaced by
 * growing, jittered pauses (at most half a second); between them it returns
 * false at once. */
MUST_CHECK bool db_connect_in_turn(struct db *db);

/* Why there is no connection: a static or owned text, valid until the next
 * call; never NULL. */
const char *db_reason(const struct db *db);

/* When db_connect_in_turn will try again, on clock_us(); 0: it is connected. */
int64_t db_next_attempt(const struct db *db);

/* The schema_version found when the connection was made; 0: none. */
int db_schema_version(const struct db *db);

/* Microseconds spent waiting for the database since the last call. */
int64_t db_take_wait(struct db *db);

/* After a request with so many bytes to send: closes a connection whose buffers
 * have grown to megabytes. libpq keeps them as long as the connection; the next
 * db_run or db_connect makes a new one. */
void db_slim(struct db *db, size_t sent);

/*
 * Runs the statements in one pipeline: all of them or none. ERR_OK means that
 * the transaction is committed. `write` says whether running it twice would
 * be wrong. Lost connections and serialization failures are retried here
 * where nothing can have been written. Errors:
 *   ERR_AUTH_INVALID  the guard refused (28000)
 *   ERR_CONFLICT, ERR_NOT_FOUND, …  by constraint, see error.c
 *   ERR_UNAVAILABLE   nothing written, try again later
 *   ERR_IN_DOUBT      only with `write`: perhaps written
 *   ERR_INTERNAL      logged
 * `deadline` is on clock_us(). `fault` is always set.
 */
MUST_CHECK enum err db_run(struct db *db, struct db_query *const q[], size_t n,
    bool write, int64_t deadline, struct db_fault *fault);

/*
 * A transaction of more than one pipeline. One whose first statement is
 * replay_begin (db_run, not `write`: nothing of it is committed) leaves it
 * open; db_go_on runs more in it, never twice; `commits`: the last of them is
 * replay_commit. What fails has rolled all of it back, but for ERR_IN_DOUBT,
 * which there is only with `commits`. ERR_UNAVAILABLE, too: none is open.
 */
MUST_CHECK enum err db_go_on(struct db *db, struct db_query *const q[],
    size_t n, bool commits, int64_t deadline, struct db_fault *fault);

/* Ends it, nothing of it is done. Where none is open, does nothing. */
void db_roll_back(struct db *db);

/* The same as db_run for a single one that may run twice: it changes nothing,
 * or nothing that a second time would. */
MUST_CHECK static inline enum err
db_ask(
    struct db *db, struct db_query *q, int64_t deadline, struct db_fault *fault)
{
	struct db_query *const only[] = {q};

	return db_run(db, only, 1, false, deadline, fault);
}

#endif
