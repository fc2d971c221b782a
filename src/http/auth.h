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

/* The key's row anew, for an identity that the table remembered and the row no
 * longer has: scrypt runs only if its hash is another. Fills the table. */
MUST_CHECK enum err auth_again(struct req *r);

/* Columns of the fragment IDENTITY, with which a row begins. */
enum {
	IDENTITY_KEY,
	IDENTITY_PROJECT,
	IDENTITY_DIGEST,
	IDENTITY_STAMP,
	IDENTITY_SCOPES,
	IDENTITY_RATE,
	IDENTITY_WINDOW,
	IDENTITY_ENDS,
	IDENTITY_ROOM,
	IDENTITY_ADDRESSES,
	IDENTITY_COLUMNS
};

/* What a row of it says. False: it has no such row. */
MUST_CHECK bool auth_identity(const struct db_query *q, struct identity *id);

/*
 * The cold way for who shows r->key to have it ended: an expired key is as good
 * as a live one. ERR_AUTH_INVALID also for one that is revoked already: r->id
 * then names it; it is empty where the key is nobody's.
 */
MUST_CHECK enum err auth_holder(struct req *r);

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
