/*
 * open.h: how a connection of ours begins, and what a conninfo says. The
 * worker, the operator's commands and doctor all come through here.
 */
#ifndef DB_OPEN_H
#define DB_OPEN_H

#include "base/err.h"

#include <stddef.h>

struct pg_conn; /* libpq's PGconn */

/*
 * A live connection to a primary, with what all of ours have in common; NULL:
 * `why` says why in one line, without a password. `database`: instead of the
 * conninfo's, or NULL. `application`: its name in pg_stat_activity. `timeout`:
 * seconds for a host, "2" or more.
 *
 * Of several hosts the one is taken that can be written to:
 * target_session_attrs is read-write where the conninfo gives no other. One
 * that it gives says where to connect to; a standby is refused all the same. A
 * primary that only the login's own settings make read-only is none to pass
 * over: what uses the connection sees to that.
 *
 * Root becomes the system user `postgres` or `codecourier` for the time of
 * connecting, where the conninfo names one of these and no host over TCP: that
 * is whom peer authentication asks for.
 */
struct pg_conn *db_open(const char *conninfo, const char *database,
    const char *application, const char *timeout, char *why, size_t size);

/* Whether an open session is one on a standby, as the server has told of
 * itself last: nobody is asked. */
bool db_is_standby(const struct pg_conn *conn);

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
