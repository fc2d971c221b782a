/*
 * facts.c: what doctor asks of the server, and init of a database that is
 * there, each in one statement.
 */
#include "db/admin.h"

#include "db/db.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

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

/* clang-format off */
static const char fits_sql[] =
    "SELECT pg_encoding_to_char(encoding), datcollate, datctype, "
    /* PostgreSQL 14 has no such column, and no other provider */
    "coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'i', "
    "pg_get_userbyid(datdba), "
    "coalesce((SELECT has_database_privilege(r.oid, d.oid, 'CREATE') "
    "FROM pg_roles r WHERE rolname = 'codecourier_owner'), false) "
    "FROM pg_database d WHERE datname = current_database()";
/* clang-format on */

/* Texts are compared and folded byte by byte then, as everywhere else. */
static bool
is_plain(const char *locale)
{
	static const char *const plain[] = {
	    "C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8"};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(locale, plain[i]) == 0)
			return true;
	return false;
}

#define ASIDE                                                                  \
	"ALTER DATABASE " DB_NAME " RENAME TO " DB_NAME "_before; then "       \
	"codecourierctl init makes it as it must be"

static bool
judge(const PGresult *res, bool empty, char *why, size_t size)
{
	const char *encoding = PQgetvalue(res, 0, 0);
	const char *collate = PQgetvalue(res, 0, 1);
	const char *ctype = PQgetvalue(res, 0, 2);
	bool icu = PQgetvalue(res, 0, 3)[0] == 't';

	if (strcmp(encoding, "UTF8") != 0)
		snprintf(why, size,
		    "the database " DB_NAME " has the encoding %.32s, not "
		    "UTF8. Move it aside, with psql: " ASIDE "%s",
		    encoding,
		    empty ? ""
			  : ", and pg_dump -Fc " DB_NAME "_before | pg_restore "
			    "--clean --if-exists -d " DB_NAME
			    " fills it again");
	else if (empty && (icu || !is_plain(collate) || !is_plain(ctype)))
		snprintf(why, size,
		    "the database " DB_NAME " has the locale %.32s, %.32s%s, "
		    "not C: texts would be compared in another way. Move it "
		    "aside, with psql: " ASIDE,
		    collate, ctype, icu ? " (ICU)" : "");
	else if (empty && PQgetvalue(res, 0, 5)[0] != 't')
		snprintf(why, size,
		    "the database " DB_NAME " is %.63s's, and the role "
		    "codecourier_owner may make nothing in it. Move it aside, "
		    "with psql: " ASIDE,
		    PQgetvalue(res, 0, 4));
	else
		return true;
	return false;
}

bool
admin_fits(struct admin *a, bool empty, char *why, size_t size)
{
	PGresult *res = PQexec(a->conn, fits_sql);
	bool ok = PQresultStatus(res) == PGRES_TUPLES_OK;

	if (!ok)
		snprintf(why, size, "the database " DB_NAME ": %.200s",
		    PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
			? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
			: "connection lost");
	ok = ok && judge(res, empty, why, size);
	PQclear(res);
	return ok;
}
