/*
 * setup.c: what a new session starts with.
 */
#include "db/open.h"

#include <libpq-fe.h>

#include <stdio.h>

#include "base/banned.h"

#define SET(name, value) "set_config('" name "', '" value "', false)"

/*
 * The role's own settings (roles.sql) can be changed by whoever gets at the
 * role, and stay: what an answer depends on is set for each session. Of a
 * read-only session only that of the login's own making is put aside: a server
 * that its administrator has made read-only stays so.
 */
/* clang-format off */
static const char settings[] = "SELECT "
    SET("search_path", "codecourier") ", "
    SET("standard_conforming_strings", "on") ", "
    SET("exit_on_error", "off") ", "
    SET("default_transaction_isolation", "read committed") ", "
    SET("default_transaction_deferrable", "off") ", "
    SET("timezone", "UTC") ", "
    "(SELECT " SET("default_transaction_read_only", "off") " "
    "FROM pg_db_role_setting d JOIN pg_roles r ON r.oid = d.setrole "
    "WHERE r.rolname = session_user AND EXISTS (SELECT FROM "
    "unnest(d.setconfig) s WHERE s LIKE 'default_transaction_read_only=%') "
    "LIMIT 1)";

/* A worker's waits are bounded, and no value gets into the server's log. */
static const char settings_api[] = "SELECT "
    SET("lock_timeout", "1s") ", "
    SET("idle_in_transaction_session_timeout", "15s") ", "
    SET("idle_session_timeout", "0") ", "
    SET("client_connection_check_interval", "1s") ", "
    SET("debug_print_parse", "off") ", "
    SET("debug_print_rewritten", "off") ", "
    SET("debug_print_plan", "off") ", "
    SET("log_parameter_max_length_on_error", "0");
/* clang-format on */

static bool
send_sql(PGconn *conn, const char *sql, size_t *n)
{
	++*n;
	return PQsendQueryParams(conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

size_t
db_send_setup(PGconn *conn, enum db_mode mode, int statement_timeout_ms)
{
	/* who runs a few statements, once, prepares none; so the operator's
	 * command needs of the schema only what its statements name */
	int end = mode == DB_API ? STMT__API_MAX : 0;
	char timeout[64];
	size_t n = 0;

	/* first, and cheap: the role's own could be a millisecond */
	snprintf(timeout, sizeof(timeout), "SET statement_timeout = %d",
	    statement_timeout_ms);
	if (!send_sql(conn, timeout, &n) || !send_sql(conn, settings, &n) ||
	    (mode != DB_OPERATOR && !send_sql(conn, settings_api, &n)) ||
	    (mode == DB_OPERATOR &&
		!send_sql(conn, "SET ROLE codecourier_owner", &n)))
		return 0;
	for (int s = 0; s < end; s++, n++)
		if (!PQsendPrepare(conn, stmt_info(s)->name, stmt_info(s)->sql,
			stmt_info(s)->params, NULL))
			return 0;
	return PQpipelineSync(conn) ? n : 0;
}
