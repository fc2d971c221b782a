/*
 * replay.h: the answer to a POST with an Idempotency-Key, as it is kept. All of
 * it comes from the caller's API key (190 bits of chance, of which nothing is
 * stored that it could be found from): without that, name and request are
 * numbers that compare with nothing, and the answer does not open.
 *
 *   kept answer    1 byte format, 24 bytes nonce, ciphertext; bound to purpose,
 *                  project, API key's id and request
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define REPLAY_HASH     32 /* bytes */
#define REPLAY_OVERHEAD 41 /* bytes that sealing adds: 1 + 24 + 16 */
#define REPLAY_FRONT    25 /* of these, in front */

struct replay {
	unsigned char name[REPLAY_HASH];    /* of the Idempotency-Key */
	unsigned char request[REPLAY_HASH]; /* of what was asked with it */
	unsigned char seal[32];             /* a secret: wipe it */
};

/* What makes two requests the same one. */
struct replay_request {
	const char *method, *target; /* path and query as sent */
	const void *body;
	size_t body_len;
};

/* `api_key`: the whole key; `key`: the Idempotency-Key. False: libsodium could
 * not. */
MUST_CHECK bool replay_derive(const char *api_key, const char *key,
    const struct replay_request *of, struct replay *out);

/* A number for the lock on this name. */
int64_t replay_number(const struct replay *k);

/* Seals in place: `text` has room for len + REPLAY_OVERHEAD bytes, and what is
 * to be sealed from REPLAY_FRONT on. */
MUST_CHECK bool replay_seal(const struct replay *k, const char *project_id,
    const char *key_id, unsigned char *text, size_t len);

/* `out` has room for len - REPLAY_OVERHEAD bytes; *out_len is set. False: not
 * ours, another record's, or changed. */
MUST_CHECK bool replay_open(const struct replay *k, const char *project_id,
    const char *key_id, const void *sealed, size_t len, unsigned char *out,
    size_t *out_len);

#endif
