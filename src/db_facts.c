/*
 * db_facts.c: what doctor asks of the server, in one statement.
 */
#include "db_admin.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "banned.h"

#define SETTING(name) "current_setting('" name "')"

/* SQL reads better as it is laid out here. */
/* clang-format off */
static const char facts_sql[] =
    "SELECT " SETTING("max_connections") "::int - "
    SETTING("superuser_reserved_connections") "::int, "
    "(SELECT count(DISTINCT coalesce(host(client_addr), '')) "
    "FROM pg_stat_activity WHERE usename = 'codecourier'), "
    "extract(epoch FROM clock_timestamp()), "
    "coalesce((SELECT setting FROM pg_settings "
    "WHERE name = 'data_directory'), ''), "
    /* the role's own setting, then the database's, stand above the server's */
    "coalesce((SELECT substring(s FROM '=(.*)') "
    "FROM pg_db_role_setting d, unnest(d.setconfig) s "
    "WHERE s LIKE 'synchronous\\_commit=%' AND d.setrole IN (0, "
    "(SELECT oid FROM pg_roles WHERE rolname = 'codecourier')) "
    "AND d.setdatabase IN (0, (SELECT oid FROM pg_database "
    "WHERE datname = current_database())) "
    "ORDER BY d.setrole DESC, d.setdatabase DESC LIMIT 1), "
    SETTING("synchronous_commit") ") <> 'off', "
    SETTING("fsync") " = 'on' AND " SETTING("full_page_writes") " = 'on', "
    SETTING("synchronous_standby_names") ", "
    /* NULL for who may not see it (pg_read_all_stats): taken for one */
    "(SELECT count(*) FROM pg_stat_replication "
    "WHERE coalesce(sync_state, 'sync') IN ('sync', 'quorum'))";
/* clang-format on */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
number(const PGresult *res, int column)
{
	return (int)strtol(PQgetvalue(res, 0, column), NULL, 10);
}

bool
admin_facts(struct admin *a, struct db_facts *f, char *why, size_t size)
{
	double before = now();
	PGresult *res = PQexec(a->conn, facts_sql);
	double between = (before + now()) / 2;

	memset(f, 0, sizeof(*f));
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		snprintf(why, size, "%s",
		    PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
			? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
			: "connection lost");
		PQclear(res);
		return false;
	}
	f->max_connections = number(res, 0);
	f->hosts = number(res, 1);
	f->clock = strtod(PQgetvalue(res, 0, 2), NULL) - between;
	snprintf(f->data, sizeof(f->data), "%s", PQgetvalue(res, 0, 3));
	f->commit_waits = PQgetvalue(res, 0, 4)[0] == 't';
	f->durable = PQgetvalue(res, 0, 5)[0] == 't';
	snprintf(f->standbys, sizeof(f->standbys), "%s", PQgetvalue(res, 0, 6));
	f->synchronous = number(res, 7);
	PQclear(res);
	return true;
}
