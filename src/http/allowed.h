/*
 * allowed.h: the addresses that a key may be used from, and what a worker
 * remembers of them.
 *
 * They do not lie in the verified-key table (shm/verified.h), which says only
 * that a key has a list: its entries are authenticated by each request that
 * finds one, and 900 bytes more would cost each of them more than all else that
 * is done for a list. Each worker has read the lists of the keys that came to
 * it from their rows, and knows them by the key and the stamp of its row. The
 * guard holds that stamp to the row in the transaction that does the work: a
 * list that was changed has another stamp, and is read anew.
 */
#ifndef ALLOWED_H
#define ALLOWED_H

#include "base/cidr.h"
#include "base/err.h"
#include "base/uuid.h"

#include <json-c/json_types.h>
#include <stdint.h>

#define ALLOWED_MAX 50 /* blocks of a list */

/* A list, in the order given. An empty one allows nobody here: "from anywhere"
 * is a key without a list, and nobody asks for its. */
struct allowed {
	size_t n;
	struct cidr block[ALLOWED_MAX];
};

/* Whether an address (of family 0: unknown) lies in one of the blocks. */
bool allowed_has(const struct allowed *list, const struct cidr *address);

/* The first block of `list` that lies in no single one of `own`, or -1. */
int allowed_beyond(const struct allowed *list, const struct allowed *own);

/* A list in the form of PostgreSQL's cidr[], {10.0.0.0/8,2001:db8::1}. False:
 * it is damaged, or too long. */
MUST_CHECK bool allowed_read(struct allowed *out, const char *text);

#define ALLOWED_TEXT (2 + ALLOWED_MAX * CIDR_TEXT) /* bytes, with a NUL */
void allowed_write(const struct allowed *list, char out[ALLOWED_TEXT]);

/* Of an array that field_check has taken. */
void allowed_of_json(struct allowed *out, struct json_object *array);

/* ---- a worker's memory; it begins as zeros ---- */

#define ALLOWED_STAMP 8  /* bytes */
#define ALLOWED_KEYS  64 /* lists remembered; the oldest makes room */

struct allowed_known {
	char key_id[UUID_TEXT];
	unsigned char stamp[ALLOWED_STAMP];
	struct allowed list;
};

struct allowed_memory {
	uint64_t mark[ALLOWED_KEYS]; /* of key and stamp, to find the place */
	struct allowed_known known[ALLOWED_KEYS];
	size_t next; /* place to be taken */
};

/* NULL: not remembered. Until the next allowed_add. */
const struct allowed *allowed_find(const struct allowed_memory *m,
    const char *key_id, const unsigned char stamp[ALLOWED_STAMP]);

/* Remembers what stands in a key's row (allowed_read), in place of an older
 * list of that key. NULL: it cannot be read. */
MUST_CHECK const struct allowed *allowed_add(struct allowed_memory *m,
    const char *key_id, const unsigned char stamp[ALLOWED_STAMP],
    const char *text);

#endif
