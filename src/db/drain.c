/*
 * drain.c: a write holds its key's and its project's row (guard_write), so a
 * lock that no such hold goes with is free when they are done. One who waits
 * waits as long as lock_timeout lets him, then asks again.
 */
#include "db/drain.h"

#include "base/clock.h"

#include <unistd.h>

#include "base/banned.h"

enum err
db_drain(
    struct db *db, const char *project_id, const char *key_id, int64_t deadline)
{
	struct db_fault fault;
	struct db_query q;
	enum err e;

	do {
		db_query_init(
		    &q, key_id ? STMT_API_KEY_DRAIN : STMT_PROJECT_DRAIN);
		db_text(&q, project_id);
		if (key_id)
			db_text(&q, key_id);
		e = db_ask(db, &q, deadline, &fault);
		db_query_clear(&q);
		if (e)
			usleep(10000);
	} while (e && clock_us() < deadline);
	return e;
}
