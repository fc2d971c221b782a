/*
 * pipeline.c: the results of a pipeline, in the order of its statements.
 */
#include "db/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "db/error.h"

#include <libpq-fe.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/banned.h"

/* Waits until a result can be taken without blocking. False: broken, or the
 * deadline passed (then *timed_out). */
static bool
wait_result(PGconn *conn, int64_t deadline, bool *timed_out)
{
	while (PQisBusy(conn)) {
		int unsent = PQflush(conn);
		int64_t left = deadline - clock_us();
		struct pollfd p = {.fd = PQsocket(conn),
		    .events = unsent ? POLLIN | POLLOUT : POLLIN};

		if (unsent < 0)
			return false;
		if (left <= 0) {
			*timed_out = true;
			return false;
		}
		if (poll(&p, 1, (int)(left / 1000) + 1) < 0 && errno != EINTR)
			return false;
		if (p.revents && !PQconsumeInput(conn))
			return false;
	}
	return true;
}

static void
note_error(struct attempt *a, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *name = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);

	snprintf(a->sqlstate, sizeof(a->sqlstate), "%s", state ? state : "");
	snprintf(a->constraint, sizeof(a->constraint), "%s", name ? name : "");
}

/* For log_level=debug: name, rows, time since the answer before; no value. The
 * server sends the answers of a pipeline together, when it can: then the first
 * has the wait for all of them. */
static void
tell(const struct db_query *q, PGresult *res, int64_t *since)
{
	int64_t now = clock_us();
	char us[TEXT_DECIMAL];

	text_decimal(us, (uint64_t)(now - *since));
	log_pairs(LOG_DEBUG, "statement", stmt_info(q->stmt)->name, "rows",
	    PQcmdTuples(res), "us", us, NULL);
	*since = now;
}

/* Until the sync arrives nothing is committed (a deferred constraint fails
 * after the last statement's result). */
enum outcome
db_read_pipeline(struct pg_conn *conn, struct db_query *const q[], size_t n,
    int64_t deadline, struct attempt *a)
{
	bool failed = false, timed_out = false;
	bool tells = q && log_level() >= LOG_DEBUG;
	int64_t since = tells ? clock_us() : 0;
	size_t i = 0;

	for (;;) {
		if (!wait_result(conn, deadline, &timed_out))
			return timed_out ? TIMED_OUT : LOST;
		PGresult *res = PQgetResult(conn);
		if (!res) { /* the end of one statement's results */
			if (PQstatus(conn) != CONNECTION_OK)
				return LOST;
			i++;
			continue;
		}
		switch (PQresultStatus(res)) {
		case PGRES_PIPELINE_SYNC:
			PQclear(res);
			if (!failed)
				return DONE;
			/* libpq's own (no memory): the server did its part */
			return a->sqlstate[0] ? REFUSED : LOST;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			if (tells && i < n)
				tell(q[i], res, &since);
			if (q && i < n)
				q[i]->result = res;
			else
				PQclear(res);
			break;
		default:
			if (!failed)
				note_error(a, res);
			failed = true;
			PQclear(res);
			/* before the sync: nothing was committed, and the
			 * connection's end, which may be seen later, is no
			 * answer to it */
			a->rolled_back =
			    i < n && db_error_shutdown(a->sqlstate);
			if (PQstatus(conn) != CONNECTION_OK)
				return LOST;
		}
		if (i > n + 1)
			return LOST;
	}
}
