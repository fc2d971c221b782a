/*
 * data_key.c: making, opening and trying data keys (see data_key.h for the
 * form).
 */
#include "crypt/data_key.h"

#include "base/random.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "crypt/cipher.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define FORMAT 1

_Static_assert(DATA_KEY_WRAPPED == 1 + CIPHER_KEY + CIPHER_OVERHEAD, "sizes");

void
data_key_wipe(struct data_key *k)
{
	secret_wipe(k, sizeof(*k));
}

static struct cipher_bound
key_bound_to(const char *project_id, const char *id, const char *master)
{
	return (struct cipher_bound){{"data-key", project_id, id, master}};
}

bool
data_key_make(const struct keyring *ring, const char *project_id,
    struct data_key *out, char master[KEYRING_ID],
    unsigned char wrapped[DATA_KEY_WRAPPED])
{
	snprintf(out->project_id, UUID_TEXT, "%s", project_id);
	uuid_make(out->id);
	random_bytes(out->key, sizeof(out->key));
	snprintf(master, KEYRING_ID, "%s", keyring_sealing(ring));
	wrapped[0] = FORMAT;
	return cipher_encrypt(keyring_key(ring, master),
	    key_bound_to(project_id, out->id, master), out->key,
	    sizeof(out->key), wrapped + 1);
}

enum err
data_key_open(const struct keyring *ring, const char *project_id,
    const char *id, const char *master, const void *wrapped, size_t len,
    struct data_key *out)
{
	const unsigned char *w = wrapped, *key = keyring_key(ring, master);

	if (!key)
		return ERR_NOT_FOUND;
	if (len != DATA_KEY_WRAPPED || w[0] != FORMAT ||
	    !cipher_decrypt(key, key_bound_to(project_id, id, master), w + 1,
		len - 1, out->key))
		return ERR_INTERNAL;
	snprintf(out->project_id, UUID_TEXT, "%s", project_id);
	snprintf(out->id, UUID_TEXT, "%s", id);
	return ERR_OK;
}

bool
data_key_foreign(const struct keyring *ring, const char *project_id,
    const char *id, const char *master, const void *wrapped, size_t len,
    char *why, size_t size)
{
	struct data_key k;
	enum err e =
	    data_key_open(ring, project_id, id, master, wrapped, len, &k);

	data_key_wipe(&k);
	if (e == ERR_NOT_FOUND)
		snprintf(why, size,
		    "the keyring lacks the master key %s, which projects are "
		    "sealed with",
		    master);
	else if (e)
		snprintf(why, size,
		    "the keyring's master key %s is not the one that projects "
		    "are sealed with",
		    master);
	return e != ERR_OK;
}
