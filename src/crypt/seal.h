/*
 * seal.h: encryption at rest. A keyring file holds the master keys; each
 * project has a data key, stored wrapped by a master key; values are sealed
 * with the data key. XChaCha20-Poly1305 throughout. The only file that knows
 * the cipher and the forms:
 *
 *   sealed value   1 byte format, 16 bytes data-key id, 24 bytes nonce,
 *                  ciphertext; bound to purpose, table, project and name
 *   wrapped key    1 byte format, 24 bytes nonce, ciphertext; bound to
 *                  purpose, project, data-key id and master-key id
 *
 * so that a value moved to another row, column or project does not open.
 */
#ifndef SEAL_H
#define SEAL_H

#include "base/err.h"
#include "base/secret.h"

#include <stddef.h>

#define SEAL_OVERHEAD     57 /* bytes that sealing adds: 1 + 16 + 24 + 16 */
#define SEAL_WRAPPED_SIZE 73 /* 1 + 24 + 32 + 16 */
#define SEAL_MASTER_ID    33 /* id of a keyring line: 1-32 [A-Za-z0-9_-] */

struct keyring;

/*
 * Reads the keyring file: lines `id state base64`, state `open` or `seal`,
 * exactly one `seal`; 32 bytes in base64; `#` comments. It must be a regular
 * file of ours (or root's) that nobody else can read; root, who runs the
 * operator's commands, reads that of the service's user. NULL: `why` says so.
 */
struct keyring *keyring_load(const char *path, char *why, size_t size);
void keyring_free(struct keyring *ring);

/* Makes a keyring file with one sealing key; it must not exist. */
MUST_CHECK bool keyring_create(const char *path, char *why, size_t size);

/* 16 hex digits that tell two keyrings apart and nothing of the keys. */
void keyring_fingerprint(const struct keyring *ring, char out[17]);

/* An opened data key. Wipe it (data_key_wipe) when done. */
struct data_key {
	char project_id[UUID_TEXT];
	char id[UUID_TEXT];
	unsigned char key[32];
};
void data_key_wipe(struct data_key *k);

/* A new data key for the project, and its wrapped form for the table. */
MUST_CHECK bool data_key_make(const struct keyring *ring,
    const char *project_id, struct data_key *out, char master[SEAL_MASTER_ID],
    unsigned char wrapped[SEAL_WRAPPED_SIZE]);

/* ERR_OK; ERR_NOT_FOUND: the keyring has no such master key; ERR_INTERNAL:
 * it does not open. */
MUST_CHECK enum err data_key_open(const struct keyring *ring,
    const char *project_id, const char *id, const char *master,
    const void *wrapped, size_t len, struct data_key *out);

/* The same for `wrapped` in hex digits, of any length: only whether it
 * opens. */
MUST_CHECK enum err data_key_try(const struct keyring *ring,
    const char *project_id, const char *id, const char *master,
    const char *wrapped);

/* What a sealed value is: table and column, or table and provider. */
struct seal_name {
	const char *table;
	const char *name;
};

/* `out` has room for len + SEAL_OVERHEAD bytes. */
bool seal_value(const struct data_key *k, struct seal_name what,
    const void *plain, size_t len, unsigned char *out);

/* `out` has room for len - SEAL_OVERHEAD bytes; *out_len is set. False: not
 * ours, another key's, another place's, or changed. */
MUST_CHECK bool seal_open(const struct data_key *k, struct seal_name what,
    const void *sealed, size_t len, unsigned char *out, size_t *out_len);

/* Whether the value names this data key (len may be anything). */
bool seal_is_of(const struct data_key *k, const void *sealed, size_t len);

#endif
