/*
 * guard.h: the one way from a handler to the database. A call is a batch of
 * statements in one pipeline behind the guard, which is what authorises it:
 * nothing of the batch happens unless the caller's key is good in that very
 * transaction, and still has the scopes, addresses and rate by which admit.h
 * let the call in: one that was taken away counts at once, as a revocation
 * does. Of a request that is done once (once.h) all batches are one transaction
 * behind the guard of the first, and done when it ends.
 */
#ifndef GUARD_H
#define GUARD_H

#include "http/req.h"

/* The project's own row, which the guard reads anyway: for a call that needs no
 * statement of its own. Filled by guard_run; not for one that writes. */
const struct db_query *guard_project(struct req *r);

/* Adds a statement to the batch; $1 is set to the caller's project. */
struct db_query *guard_read(struct req *r, enum stmt stmt);

/* The same for one that writes: $1 to $5 are set to project, key, request id,
 * address and the names of the fields given. It returns a row, or it met none
 * and has written nothing: what fails afterwards is in doubt only then. */
struct db_query *guard_write(struct req *r, enum stmt stmt);

/* The same without audit columns: $1 only, but as part of a write. */
struct db_query *guard_write_part(struct req *r, enum stmt stmt);

/*
 * Runs the batch (which may be empty: the guard alone). ERR_OK: committed,
 * results stand in the queries. ERR_REPLAY, to be passed on: done before. Else
 * as db_run; it has its words. ERR_AUTH_INVALID where the key is not, or no
 * longer, good; what admit says where its row has changed. A batch that failed
 * is forgotten.
 */
MUST_CHECK enum err guard_run(struct req *r);

/*
 * The same without the guard, on a route that needs no key: each statement has
 * to say itself whom it obeys.
 */
MUST_CHECK enum err guard_none(struct req *r);

/* Forgets all that has run, with its results: for a batch that is to be tried
 * again. */
void guard_forget(struct req *r);

/*
 * Refuses with `e`. But only a good key is told so: the guard runs first,
 * alone, and its refusal goes before (the verified-key table alone must not
 * tell).
 */
MUST_CHECK enum err guard_refuse(struct req *r, enum err e);

/* As db_drain, of the caller's project; of a request that is done once (once.h)
 * when it is committed. ERR_IN_DOUBT: something was still open
 * at the deadline. For that no answer is lost that nobody is told again
 * (route.h): then it is in the log. */
MUST_CHECK enum err guard_drain(struct req *r, const char *key_id);

#endif
