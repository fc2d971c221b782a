/*
 * seal.h: encryption at rest. A keyring file holds the master keys; each
 * project has a data key, stored wrapped by a master key; values are sealed
 * with the data key:
 *
 *   sealed value   1 byte format, 16 bytes data-key id, 24 bytes nonce,
 *                  ciphertext; bound to purpose, table, project and name
 *
 * so that a value moved to another row, column or project does not open.
 */
#ifndef SEAL_H
#define SEAL_H

#include "base/err.h"
#include "crypt/data_key.h"

#include <stddef.h>

#define SEAL_OVERHEAD 57 /* bytes that sealing adds: 1 + 16 + 24 + 16 */

/* What a sealed value is: table and column, or table and provider. */
struct seal_name {
	const char *table;
	const char *name;
};

/* `out` has room for len + SEAL_OVERHEAD bytes. */
MUST_CHECK bool seal_value(const struct data_key *k, struct seal_name what,
    const void *plain, size_t len, unsigned char *out);

/* `out` has room for len - SEAL_OVERHEAD bytes; *out_len is set. False: not
 * ours, another key's, another place's, or changed. */
MUST_CHECK bool seal_open(const struct data_key *k, struct seal_name what,
    const void *sealed, size_t len, unsigned char *out, size_t *out_len);

/* Whether the value names this data key (len may be anything). */
bool seal_is_of(const struct data_key *k, const void *sealed, size_t len);

#endif
