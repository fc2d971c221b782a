/*
 * keyring.h: the file with the master keys, which data keys are wrapped with
 * (data_key.h).
 */
#ifndef KEYRING_H
#define KEYRING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define KEYRING_ID 33 /* id of one of its lines: 1-32 [A-Za-z0-9_-] */

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

/* The id of its sealing key. */
const char *keyring_sealing(const struct keyring *ring);

/* The 32 bytes of the key with this id; NULL: there is none. */
const unsigned char *keyring_key(const struct keyring *ring, const char *id);

#endif
