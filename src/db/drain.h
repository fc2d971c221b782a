/*
 * drain.h: waiting for the writes that a revocation came too late for.
 */
#ifndef DB_DRAIN_H
#define DB_DRAIN_H

#include "db/db.h"

/*
 * After a committed revocation of the key `key_id` or, with NULL, deletion of
 * the project: waits until no write that began before it is open any more.
 * Whatever it returns but ERR_OK: something was still open at the deadline.
 */
MUST_CHECK enum err db_drain(struct db *db, const char *project_id,
    const char *key_id, int64_t deadline);

#endif
