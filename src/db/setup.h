/*
 * setup.h: what a new session of ours starts with.
 */
#ifndef DB_SETUP_H
#define DB_SETUP_H

#include <stddef.h>

struct pg_conn; /* libpq's PGconn */

enum db_mode {
	DB_API,      /* the API role; its statements are prepared */
	DB_API_ONCE, /* the same for a single request: nothing prepared */
	DB_OPERATOR, /* SET ROLE codecourier_owner; nothing prepared */
};

/* What a session is told beside that: how much is kept of what settings were
 * (0012_history.sql); all 0: it is not told. */
struct db_history {
	int versions, mib; /* a project */
};

/*
 * Queues on a new session, in pipeline mode, the settings that it needs and the
 * preparation of its mode's statements, up to the sync. Returns the number of
 * statements queued, whose results are to be read; 0 on failure.
 */
size_t db_send_setup(struct pg_conn *conn, enum db_mode mode,
    int statement_timeout_ms, struct db_history history);

#endif
