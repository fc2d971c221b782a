/*
 * once.h: a POST with an Idempotency-Key is done once. All that it runs
 * (guard.h) is one transaction, which begins with a lock on the key and a look
 * for the answer kept under it, and stays open until the new answer is kept in
 * it, one round trip more. What is refused keeps nothing.
 */
#ifndef ONCE_H
#define ONCE_H

#include "http/req.h"

#define ONCE_STATEMENTS 3 /* that once_add adds, at most */

/* Whether it is of the form; `key` is not NULL. */
bool once_is_key(const char *key);

/* Takes up the header, if there is one of the form, in the name of r->key: from
 * here on guard.h knows. ERR_INTERNAL: it could not. */
MUST_CHECK enum err once_begin(struct req *r);

/* What follows changes nothing: an answer that is kept is given, none is. */
void once_only_look(struct req *r);

/* The statement that begins the transaction; NULL: none is wanted, or it is
 * open. */
struct db_query *once_opening(struct req *r);

/* Adds lock and look to a pipeline that has whose key it is behind it. Returns
 * how many: 0 or ONCE_STATEMENTS. */
size_t once_add(struct req *r, struct db_query **all);

/* The transaction is open, and the batches that follow are part of it. */
bool once_is_open(const struct req *r);

/* What has become of a pipeline with these statements. ERR_REPLAY: the answer
 * of the first time is the request's; ERR_MISMATCH: it was another one. */
MUST_CHECK enum err once_began(struct req *r, enum err e);

/* Whether what guard_drain is to wait for waits until all is committed. */
bool once_defers(struct req *r, const char *key_id);

/* The end of a request that was decided as `e`: its answer is kept, and all
 * committed; or none of it. Returns what comes of it. */
MUST_CHECK enum err once_end(struct req *r, enum err e);

/* When the answer is out: who has kept one takes some away that have ended,
 * once in eight times; who was refused for want of room, its project's. */
void once_sweep(const struct req *r);

#endif
