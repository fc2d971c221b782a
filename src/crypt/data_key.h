/*
 * data_key.h: each project has a data key, which its values are sealed with
 * (seal.h). It is stored wrapped by a master key of the keyring:
 *
 *   wrapped key    1 byte format, 24 bytes nonce, ciphertext; bound to
 *                  purpose, project, data-key id and master-key id
 *
 * so that a key moved to another row or project does not open.
 */
#ifndef DATA_KEY_H
#define DATA_KEY_H

#include "base/err.h"
#include "base/uuid.h"
#include "crypt/keyring.h"

#include <stddef.h>

#define DATA_KEY_WRAPPED 73 /* 1 + 24 + 32 + 16 */

/* An opened data key. Wipe it (data_key_wipe) when done. */
struct data_key {
	char project_id[UUID_TEXT];
	char id[UUID_TEXT];
	unsigned char key[32];
};
void data_key_wipe(struct data_key *k);

/* A new data key for the project, and its wrapped form for the table. */
MUST_CHECK bool data_key_make(const struct keyring *ring,
    const char *project_id, struct data_key *out, char master[KEYRING_ID],
    unsigned char wrapped[DATA_KEY_WRAPPED]);

/* ERR_OK; ERR_NOT_FOUND: the keyring has no such master key; ERR_INTERNAL:
 * it does not open. */
MUST_CHECK enum err data_key_open(const struct keyring *ring,
    const char *project_id, const char *id, const char *master,
    const void *wrapped, size_t len, struct data_key *out);

/*
 * Whether the keyring is not the one that a database was sealed with: a whole
 * keyring of somebody else's looks as good as ours until a secret is wanted.
 * Tries one data key of it, a row of STMT_MASTER_KEYS. True: it does not open,
 * `why` says which.
 */
bool data_key_foreign(const struct keyring *ring, const char *project_id,
    const char *id, const char *master, const void *wrapped, size_t len,
    char *why, size_t size);

#endif
