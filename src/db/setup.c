/*
 * setup.c: what a new session starts with.
 */
#include "db/setup.h"

#include "base/text.h"
#include "db/stmt.h"

#include <libpq-fe.h>

#include <stdio.h>

#include "base/banned.h"

static bool
send_text(PGconn *conn, const char *sql, size_t *n)
{
	++*n;
	return PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool
send_stmt(PGconn *conn, enum stmt s, size_t *n)
{
	return send_text(conn, stmt_info(s)->sql, n);
}

static bool
send_history(PGconn *conn, struct db_history history, size_t *n)
{
	char versions[TEXT_DECIMAL], mib[TEXT_DECIMAL];
	const char *values[] = {versions, mib};

	if (history.versions == 0)
		return true;
	text_decimal(versions, (uint64_t)history.versions);
	text_decimal(mib, (uint64_t)history.mib);
	++*n;
	return PQsendQueryParams(conn, stmt_info(STMT_SESSION_HISTORY)->sql, 2,
		   NULL, values, NULL, NULL, 0) == 1;
}

size_t
db_send_setup(PGconn *conn, enum db_mode mode, int statement_timeout_ms,
    struct db_history history)
{
	/* who runs a few statements, once, prepares none; so the operator's
	 * command needs of the schema only what its statements name */
	int end = mode == DB_API ? STMT__API_MAX : 0;
	char ms[16], timeout[64];
	size_t n = 0;

	snprintf(ms, sizeof(ms), "%d", statement_timeout_ms);
	if (!stmt_with(STMT_SESSION_TIMEOUT, ms, timeout, sizeof(timeout)) ||
	    !send_text(conn, timeout, &n) ||
	    !send_stmt(conn, STMT_SESSION_SETTINGS, &n) ||
	    (mode != DB_OPERATOR &&
		!send_stmt(conn, STMT_SESSION_SETTINGS_API, &n)) ||
	    (mode == DB_OPERATOR && !send_stmt(conn, STMT_SESSION_OWNER, &n)) ||
	    !send_history(conn, history, &n))
		return 0;
	for (int s = 0; s < end; s++, n++)
		if (!PQsendPrepare(conn, stmt_info(s)->name, stmt_info(s)->sql,
			stmt_info(s)->params, NULL))
			return 0;
	return PQpipelineSync(conn) ? n : 0;
}
