/*
 * admit_rate.h: how often a key may, in a window that it shares with its
 * successors (shm/rate.h).
 */
#ifndef ADMIT_RATE_H
#define ADMIT_RATE_H

#include "base/text.h"
#include "http/req.h"

/*
 * Counts the request, if the caller's key (r->id) has a limit; what was counted
 * of it before is taken back first. Sets r->rate, of which answer.c makes the
 * headers. ERR_RATE_LIMITED; ERR_UNAVAILABLE: it could not be counted.
 */
MUST_CHECK enum err admit_rate(struct req *r);

/* As if it had not been judged: its key is not good, or may not be used from
 * there. */
void admit_rate_back(struct req *r);

/* The values of RateLimit-Policy and RateLimit, made in `out`, as
 * draft-ietf-httpapi-ratelimit-headers has them; NULL: r->rate has no limit. */
#define ADMIT_RATE_ITEM (sizeof("\"key\";q=;w=") + 2 * (TEXT_DECIMAL - 1))
const char *admit_rate_policy(const struct req *r, char out[ADMIT_RATE_ITEM]);
const char *admit_rate_left(const struct req *r, char out[ADMIT_RATE_ITEM]);

#endif
