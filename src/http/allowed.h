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

#include "base/cidr_list.h"
#include "base/err.h"
#include "base/uuid.h"

#include <json-c/json_types.h>
#include <stdint.h>

/* Of an array that field_check has taken. (An empty list allows nobody here:
 * "from anywhere" is a key without a list, and nobody asks for its.) */
void allowed_of_json(struct cidr_list *out, struct json_object *array);

/* ---- a worker's memory; it begins as zeros ---- */

#define ALLOWED_STAMP 8  /* bytes */
#define ALLOWED_KEYS  64 /* lists remembered; the oldest makes room */

struct allowed_known {
	char key_id[UUID_TEXT];
	unsigned char stamp[ALLOWED_STAMP];
	struct cidr_list list;
};

struct allowed_memory {
	uint64_t mark[ALLOWED_KEYS]; /* of key and stamp, to find the place */
	struct allowed_known known[ALLOWED_KEYS];
	size_t next; /* place to be taken */
};

/* NULL: not remembered. Until the next allowed_add. */
const struct cidr_list *allowed_find(const struct allowed_memory *m,
    const char *key_id, const unsigned char stamp[ALLOWED_STAMP]);

/* Remembers what stands in a key's row (cidr_list_read), in place of an older
 * list of that key. NULL: it cannot be read. */
MUST_CHECK const struct cidr_list *allowed_add(struct allowed_memory *m,
    const char *key_id, const unsigned char stamp[ALLOWED_STAMP],
    const char *text);

#endif
