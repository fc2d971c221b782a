/*
 * db.c: the connection's life (db_connect) and what runs on it (db_run). Every
 * wait is a poll() up to a deadline: the connection is non-blocking and stays
 * in pipeline mode.
 * Size: 480 lines: all of it is about the fields of struct db, which nobody
 * else sees.
 */
#include "db/db.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "db/open.h"
#include "db/pipeline.h"

#include <libpq-fe.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "base/banned.h"

#define PAUSE_FIRST CLOCK_MS(100)
#define PAUSE_MAX   CLOCK_MS(500)
#define SETUP_LIMIT CLOCK_S(3) /* preparing everything on a new connection */
#define RETRIES     3          /* of a pipeline that was rolled back */
#define BUFFERS_MAX ((size_t)3 << 20) /* bytes kept from one to the next */

struct db {
	PGconn *conn;
	char *conninfo;
	enum db_mode mode;
	int statement_timeout_ms;
	struct db_history history;
	int schema_version;
	bool prepared; /* the statements, on this connection */
	int64_t pause;
	int64_t next_attempt;
	int64_t waited;
	size_t sent, received; /* bytes of the largest of this connection */
	char reason[256];
};

struct db *
db_new(const char *conninfo, enum db_mode mode, int statement_timeout_ms)
{
	struct db *db = calloc(1, sizeof(*db));

	if (!db)
		return NULL;
	db->conninfo = strdup(conninfo);
	if (!db->conninfo) {
		free(db);
		return NULL;
	}
	db->mode = mode;
	db->statement_timeout_ms = statement_timeout_ms;
	snprintf(db->reason, sizeof(db->reason), "not connected yet");
	return db;
}

static void
disconnect(struct db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
	db->prepared = false;
	db->schema_version = 0;
	db->sent = db->received = 0;
}

void
db_keep_history(struct db *db, struct db_history history)
{
	db->history = history;
}

void
db_free(struct db *db)
{
	if (!db)
		return;
	disconnect(db);
	free(db->conninfo);
	free(db);
}

const char *
db_reason(const struct db *db)
{
	return db->reason;
}

int64_t
db_next_attempt(const struct db *db)
{
	return db->conn ? 0 : db->next_attempt;
}

int
db_schema_version(const struct db *db)
{
	return db->schema_version;
}

int64_t
db_take_wait(struct db *db)
{
	int64_t waited = db->waited;

	db->waited = 0;
	return waited;
}

void
db_slim(struct db *db, size_t sent)
{
	db->sent = MAX(db->sent, sent);
	if (db->sent + db->received <= BUFFERS_MAX)
		return;
	disconnect(db);
	db->next_attempt = clock_us(); /* the pause is a good moment */
}

/* Queues one statement of a pipeline. */
static bool
send_query(struct db *db, const struct db_query *q)
{
	const struct stmt_info *s = stmt_info(q->stmt);

	if (q->n != s->params) {
		log_msg(LOG_ERROR, "statement %s: %d parameters of %d", s->name,
		    q->n, s->params);
		return false;
	}
	if (!db->prepared)
		return PQsendQueryParams(db->conn, s->sql, q->n, NULL, q->value,
			   q->length, q->format, 1) == 1;
	return PQsendQueryPrepared(db->conn, s->name, q->n, q->value, q->length,
		   q->format, 1) == 1;
}

static enum outcome
run_once(struct db *db, struct db_query *const q[], size_t n, int64_t deadline,
    struct attempt *a)
{
	enum outcome o;

	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < n; i++) {
		db_query_clear(q[i]);
		if (!send_query(db, q[i]))
			return LOST;
	}
	if (!PQpipelineSync(db->conn))
		return LOST;
	o = db_read_pipeline(db->conn, q, n, deadline, a);
	for (size_t i = 0; i < n; i++)
		db->received =
		    MAX(db->received, PQresultMemorySize(q[i]->result));
	return o;
}

static void
setup_reason(struct db *db, const char *sqlstate)
{
	const char *cause = db_error_cause(sqlstate);

	if (!cause[0])
		cause = sqlstate[0] ? "is the schema migrated?"
				    : "no answer in time";
	snprintf(db->reason, sizeof(db->reason),
	    "cannot prepare the statements (SQLSTATE %s): %s", sqlstate, cause);
}

/* Whether the server and its schema are what we can serve. False: the reason
 * is set. */
static bool
is_fit(struct db *db, const struct db_query *q)
{
	const char *version = db_value(q, 0, 0, NULL);
	const char *fault = db_value(q, 0, 2, NULL);
	int oldest = 0;

	if (version) {
		db->schema_version = (int)strtol(version, NULL, 10);
		oldest = (int)strtol(db_value(q, 0, 1, NULL), NULL, 10);
	}
	if (fault)
		snprintf(db->reason, sizeof(db->reason), "%s", fault);
	else if (db->schema_version < DB_OLDEST_SCHEMA)
		snprintf(db->reason, sizeof(db->reason),
		    "schema version %d: this program needs %d: codecourierctl "
		    "migrate",
		    db->schema_version, DB_OLDEST_SCHEMA);
	else if (oldest > DB_PROGRAM)
		snprintf(db->reason, sizeof(db->reason),
		    "schema version %d serves programs from number %d on, this "
		    "is %d: upgrade the package",
		    db->schema_version, oldest, DB_PROGRAM);
	else
		return true;
	return false;
}

/* Prepares all and reads the schema's version, also where something does not
 * prepare: an old schema is why. False: the reason is set. */
static bool
set_up(struct db *db)
{
	int64_t deadline = clock_us() + SETUP_LIMIT;
	struct db_query version, *q = &version;
	struct attempt a = {0};
	enum outcome o;
	bool ok;
	size_t n;

	if (PQsetnonblocking(db->conn, 1) || !PQenterPipelineMode(db->conn))
		return false;
	n = db_send_setup(
	    db->conn, db->mode, db->statement_timeout_ms, db->history);
	o = n == 0 ? LOST : db_read_pipeline(db->conn, NULL, n, deadline, &a);
	db->prepared = o == DONE && db->mode == DB_API;
	if (o != DONE)
		setup_reason(db, a.sqlstate);
	if (o != DONE && o != REFUSED)
		return false;
	db_query_init(q, STMT_SCHEMA_VERSION);
	ok = run_once(db, &q, 1, deadline, &a) == DONE;
	if (!ok && o == DONE)
		setup_reason(db, a.sqlstate);
	ok = ok && is_fit(db, q) && o == DONE;
	db_query_clear(q);
	return ok;
}

static bool
try_connect(struct db *db)
{
	/* the operator's conninfo names some database of the server */
	const char *database = db->mode == DB_OPERATOR ? DB_NAME : NULL;
	const char *encoding;

	disconnect(db);
	db->conn = db_open(db->conninfo, database,
	    db->mode == DB_OPERATOR ? "codecourierctl" : DB_APPLICATION, "2",
	    db->reason, sizeof(db->reason));
	if (!db->conn)
		return false;
	encoding = PQparameterStatus(db->conn, "server_encoding");
	if (encoding && strcmp(encoding, "UTF8") != 0) {
		snprintf(db->reason, sizeof(db->reason),
		    "the database has the encoding %.32s, not UTF8; "
		    "codecourierctl init tells what to do",
		    encoding);
		return false;
	}
	return set_up(db);
}

bool
db_connect(struct db *db)
{
	db->next_attempt = 0;
	return db_connect_in_turn(db);
}

bool
db_connect_in_turn(struct db *db)
{
	char before[sizeof(db->reason)];
	int64_t start = clock_us();

	if (db->conn)
		return true;
	if (start < db->next_attempt)
		return false;
	memcpy(before, db->reason, sizeof(before));
	if (try_connect(db)) {
		db->waited += clock_us() - start;
		db->pause = 0;
		db->reason[0] = '\0';
		log_msg(db->mode == DB_API_ONCE ? LOG_DEBUG : LOG_INFO,
		    "database connected, schema version %d",
		    db->schema_version);
		return true;
	}
	disconnect(db);
	db->waited += clock_us() - start;
	db->pause = db->pause ? db->pause * 2 : PAUSE_FIRST;
	if (db->pause > PAUSE_MAX)
		db->pause = PAUSE_MAX;
	/* between half and all of it: many workers, one server */
	db->next_attempt =
	    clock_us() + db->pause - random_below((uint32_t)db->pause / 2);
	if (strcmp(before, db->reason) != 0)
		log_msg(LOG_ERROR, "database unavailable: %s", db->reason);
	return false;
}

/* A connection that has something to say while we asked nothing is closed,
 * or about to be. poll() alone costs no receive. */
static void
probe(struct db *db)
{
	struct pollfd p = {.events = POLLIN};

	if (!db->conn)
		return;
	p.fd = PQsocket(db->conn);
	if (poll(&p, 1, 0) == 0)
		return;
	/* The first call reads a notice or an error, the second the end. */
	if (PQconsumeInput(db->conn) && PQconsumeInput(db->conn) &&
	    PQstatus(db->conn) == CONNECTION_OK)
		return;
	disconnect(db);
	snprintf(db->reason, sizeof(db->reason), "connection closed");
}

/* Someone holds a lock for longer than anything of ours may: ends the
 * sessions that stopped in the middle of a pipeline. */
static void
end_stalled(struct db *db)
{
	struct db_query query, *q = &query;
	struct attempt a;
	const char *count;

	db_query_init(q, STMT_END_STALLED);
	if (run_once(db, &q, 1, clock_us() + CLOCK_S(1), &a) == DONE &&
	    (count = db_value(q, 0, 0, NULL)) && strcmp(count, "0") != 0)
		log_msg(LOG_WARN, "ended %s stalled database sessions", count);
	db_query_clear(q);
}

/* Whether a transaction has stayed open behind a pipeline. */
static bool
is_open(const struct db *db)
{
	return db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE;
}

void
db_roll_back(struct db *db)
{
	struct db_query query, *q = &query;
	struct attempt a;

	if (!is_open(db))
		return;
	db_query_init(q, STMT_REPLAY_ROLL_BACK);
	if (run_once(db, &q, 1, clock_us() + CLOCK_S(1), &a) != DONE ||
	    is_open(db)) {
		disconnect(db);
		db->next_attempt = clock_us();
	}
	db_query_clear(q);
}

/* A short pause of random length, so that two that met do not meet again. */
static void
back_off(int try)
{
	usleep(2000 + random_below(10000u << try));
}

/* The last word on a try that did not succeed. */
static enum err
give_up(struct db *db, enum outcome o, bool write, const struct attempt *a,
    struct db_fault *fault)
{
	enum err e;

	if (o == REFUSED) {
		db_roll_back(db);
		e = db_error_map(a->sqlstate, a->constraint, fault);
		if (strcmp(a->sqlstate, "55P03") == 0)
			end_stalled(db);
		if (e == ERR_INTERNAL || e == ERR_UNAVAILABLE)
			log_msg(LOG_ERROR,
			    "database refused: SQLSTATE %s constraint %s %s",
			    a->sqlstate, a->constraint,
			    db_error_cause(a->sqlstate));
		return e;
	}
	snprintf(db->reason, sizeof(db->reason), "%s",
	    o == TIMED_OUT ? "no answer in time" : "connection lost");
	log_msg(LOG_ERROR, "database: %s (SQLSTATE %s)", db->reason,
	    a->sqlstate[0] ? a->sqlstate : "none");
	/* No PQcancel: it waits without limit for a server that hangs.
	 * Closing is enough, see client_connection_check_interval. */
	disconnect(db);
	return write && !a->rolled_back ? ERR_IN_DOUBT : ERR_UNAVAILABLE;
}

/* No connection. What callers can be told of the reason. */
static enum err
unavailable(const struct db *db, struct db_fault *fault)
{
	if (strncmp(db->reason, DB_STANDBY, strlen(DB_STANDBY)) == 0)
		fault->message =
		    "The service is " DB_STANDBY " of its database.";
	else if (strcmp(db->reason, DB_READ_ONLY) == 0)
		fault->message = "The database is read-only.";
	return ERR_UNAVAILABLE;
}

enum err
db_run(struct db *db, struct db_query *const q[], size_t n, bool write,
    int64_t deadline, struct db_fault *fault)
{
	bool reconnected = false;
	struct attempt a;
	enum outcome o;
	int64_t start;

	memset(fault, 0, sizeof(*fault));
	if (write) /* a read that meets a closed connection is repeated */
		probe(db);
	for (int try = 0;; try++) {
		if (!(reconnected ? db_connect(db) : db_connect_in_turn(db)))
			return unavailable(db, fault);
		start = clock_us();
		o = run_once(db, q, n, deadline, &a);
		db->waited += clock_us() - start;
		/* PostgreSQL's own sessions never go from a primary to a
		 * standby, those behind a pooler do. A write needs no such
		 * look: it cannot have been one there. */
		if (o == DONE && !write && db_is_standby(db->conn)) {
			o = REFUSED;
			memcpy(a.sqlstate, "25006", sizeof("25006"));
		}
		if (o == DONE)
			return ERR_OK;
		if (clock_us() >= deadline)
			break;
		if (o == REFUSED && db_error_again(a.sqlstate) &&
		    try < RETRIES) {
			db_roll_back(db);
			back_off(try);
			continue;
		}
		/* once: a new connection, where nothing was written */
		if (!reconnected &&
		    ((o == REFUSED && db_error_stale(a.sqlstate)) ||
			(o == LOST && (!write || a.rolled_back)))) {
			reconnected = true;
			disconnect(db);
			continue;
		}
		break;
	}
	return give_up(db, o, write, &a, fault);
}

enum err
db_go_on(struct db *db, struct db_query *const q[], size_t n, bool commits,
    int64_t deadline, struct db_fault *fault)
{
	int64_t start = clock_us();
	struct attempt a;
	enum outcome o;

	memset(fault, 0, sizeof(*fault));
	if (!is_open(db))
		return ERR_UNAVAILABLE;
	o = run_once(db, q, n, deadline, &a);
	db->waited += clock_us() - start;
	if (o == DONE)
		return ERR_OK;
	/* what ends the connection may come when COMMIT has done its part */
	a.rolled_back = false;
	return give_up(db, o, commits, &a, fault);
}
