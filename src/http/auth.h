/*
 * auth.h: from the Authorization header to an identity. What is found here
 * lets a request go on; what authorises its work is the guard (guard.h).
 */
#ifndef AUTH_H
#define AUTH_H

#include "http/req.h"

/*
 * Finds the caller: a hit in the verified-key table (warm, the database is
 * not asked), else the cold way. Errors: ERR_AUTH_MISSING,
 * ERR_AUTH_INVALID, ERR_UNAVAILABLE (no database, all cold places taken).
 */
MUST_CHECK enum err auth_begin(struct req *r);

/* The cold way alone: key row, check value, scrypt; fills the table. */
MUST_CHECK enum err auth_cold(struct req *r);

/*
 * A place for a run of scrypt on `key`: one of a quarter of the workers (at
 * least one). Waits for it a little, as long as no request waits for this
 * worker. Then leave it: cold_leave. ERR_UNAVAILABLE: none.
 */
MUST_CHECK enum err auth_cold_enter(struct req *r, const char *key);

/*
 * Once the caller is known: ERR_UNAVAILABLE if its project has its
 * share of the workers already while others wait, see share.h.
 */
MUST_CHECK enum err auth_share(struct req *r);

#endif
