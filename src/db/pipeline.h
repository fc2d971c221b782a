/*
 * pipeline.h: reads what comes back of a pipeline, up to a deadline.
 */
#ifndef DB_PIPELINE_H
#define DB_PIPELINE_H

#include "db/query.h"

struct pg_conn;

/* How one try of a pipeline ended. */
enum outcome {
	DONE,     /* committed */
	REFUSED,  /* an SQL error; the connection is fine */
	LOST,     /* the connection broke */
	TIMED_OUT /* the deadline passed */
};

struct attempt {
	char sqlstate[6];
	char constraint[64];
	bool rolled_back; /* with LOST: the server said so */
};

/*
 * Reads the results of one pipeline, `n` statements and the sync, on a
 * non-blocking connection. The first error of a statement is kept in `a`; the
 * results go to q[i] (`q` may be NULL: dropped).
 */
enum outcome db_read_pipeline(struct pg_conn *conn, struct db_query *const q[],
    size_t n, int64_t deadline, struct attempt *a);

#endif
