/*
 * vault.h: a project's sealed values within a request: its data keys opened
 * with the keyring, values sealed and opened with them.
 */
#ifndef VAULT_H
#define VAULT_H

#include "http/req.h"

struct vault {
	const struct db_query *data_keys; /* NULL: it is not open */
	struct data_key newest;           /* seals */
	struct data_key other; /* of the last value that named another one */
};

/*
 * Opens the newest of the data keys that STMT_DATA_KEYS has read; the result
 * stays there until vault_wipe. A master key that the keyring lacks makes it
 * read the file once more (rotation adds keys to the file before they are
 * used). ERR_UNAVAILABLE: no keyring, or the key is not in it; ERR_INTERNAL:
 * the data key does not open. v is wiped then.
 */
MUST_CHECK enum err vault_open(
    struct req *r, const struct db_query *data_keys, struct vault *v);
/* The same, with a trip of its own that reads them: the first of a write that
 * seals. */
MUST_CHECK enum err vault_read(struct req *r, struct vault *v);
void vault_wipe(struct vault *v);

/* Seals into memory of the request; *out_len is set. NULL: no memory. */
const unsigned char *vault_seal(struct req *r, const struct vault *v,
    struct seal_name what, const char *plain, size_t len, size_t *out_len);

/*
 * Adds a key that nobody reads back as two parameters: sealed, and its last
 * four characters, which lists show. NULL, which clears it: both NULL. The
 * field has seen to its length. False: no memory.
 */
MUST_CHECK bool vault_add_key(struct req *r, const struct vault *v,
    struct seal_name what, const char *key, struct db_query *q);

/* Opens with the data key that the value names, which is opened if need be.
 * *out is NUL-terminated, to be freed. Errors as of vault_open; logged why. */
MUST_CHECK enum err vault_unseal(struct req *r, struct vault *v,
    struct seal_name what, const void *sealed, size_t len, char **out,
    size_t *out_len);

/* Makes sure of a keyring. False: there is none; why is logged. */
bool vault_load(struct app *app);
/* Whether the keyring is the one that the database was sealed with. False: it
 * is not, or that could not be found out; why is logged. */
MUST_CHECK bool vault_check(struct app *app);
/* Reads the file again; one that cannot be read leaves what there is. */
bool vault_reload(struct app *app);

#endif
