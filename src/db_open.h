/*
 * db_open.h: how a connection of ours begins, and what a conninfo says. The
 * worker, the operator's commands and doctor all come through here.
 */
#ifndef DB_OPEN_H
#define DB_OPEN_H

#include "err.h"

#include <stddef.h>

struct pg_conn; /* libpq's PGconn */

/*
 * PQconnectdbParams with what all connections of ours have in common.
 * `database`: instead of the conninfo's, or NULL. `application`: its name in
 * pg_stat_activity. `timeout`: seconds for a host, "2" or more. Root becomes
 * the system user `postgres` or `codecourier` for the time of the call, where
 * the conninfo names one of these and no host over TCP: that is whom peer
 * authentication asks for. NULL: the conninfo cannot be parsed (libpq would
 * quote it, with the password, in its message), or no memory. PQstatus tells.
 */
struct pg_conn *db_open(const char *conninfo, const char *database,
    const char *application, const char *timeout);

/* Why `conn` (NULL, too) failed, in one line without a password. */
void db_open_why(const struct pg_conn *conn, char *why, size_t size);

/* An option that the conninfo itself gives ("host", "port", …). False: it
 * does not, it cannot be parsed, or the value does not fit. */
bool db_option(
    const char *conninfo, const char *name, char *value, size_t size);

/* The same, and where the conninfo does not: what libpq takes then, out of a
 * service file or the environment (PGHOST, …). */
bool db_setting(
    const char *conninfo, const char *name, char *value, size_t size);

/* Whether the connection goes over TCP. */
bool db_is_tcp(const char *conninfo);

/* The password that the conninfo gives, or the passfile that it names. False:
 * neither. Wipe it. */
MUST_CHECK bool db_password(const char *conninfo, char *value, size_t size);

enum db_pooler {
	POOLER_NONE,     /* or one that gives each client its own session */
	POOLER_PREPARES, /* by transaction, and it knows prepared statements */
	POOLER_BREAKS,   /* by transaction: prepared statements get lost */
};

/* What stands between us and PostgreSQL. False: could not be found out. */
MUST_CHECK bool db_pooler(const char *conninfo, enum db_pooler *found);

#endif
