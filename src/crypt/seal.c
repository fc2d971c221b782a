/*
 * seal.c: sealed values (see seal.h for the form).
 */
#include "crypt/seal.h"

#include "base/uuid.h"
#include "crypt/cipher.h"

#include <sodium.h>

#include <string.h>

#include "base/banned.h"

#define FORMAT   1
#define ID_BYTES 16

_Static_assert(SEAL_OVERHEAD == 1 + ID_BYTES + CIPHER_OVERHEAD, "sizes");

/* A UUID's 16 bytes. `text` is one of ours. */
static void
uuid_bytes(const char *text, unsigned char out[ID_BYTES])
{
	size_t len;

	memset(out, 0, ID_BYTES);
	sodium_hex2bin(out, ID_BYTES, text, strlen(text), "-", &len, NULL);
}

static struct cipher_bound
value_bound_to(const struct data_key *k, struct seal_name what)
{
	return (struct cipher_bound){
	    {"value", what.table, k->project_id, what.name}};
}

bool
seal_value(const struct data_key *k, struct seal_name what, const void *plain,
    size_t len, unsigned char *out)
{
	out[0] = FORMAT;
	uuid_bytes(k->id, out + 1);
	return cipher_encrypt(
	    k->key, value_bound_to(k, what), plain, len, out + 1 + ID_BYTES);
}

bool
seal_is_of(const struct data_key *k, const void *sealed, size_t len)
{
	unsigned char id[ID_BYTES];

	uuid_bytes(k->id, id);
	return len >= SEAL_OVERHEAD &&
	    memcmp((const unsigned char *)sealed + 1, id, ID_BYTES) == 0;
}

bool
seal_open(const struct data_key *k, struct seal_name what, const void *sealed,
    size_t len, unsigned char *out, size_t *out_len)
{
	const unsigned char *s = sealed;

	if (!seal_is_of(k, sealed, len) || s[0] != FORMAT)
		return false;
	if (!cipher_decrypt(k->key, value_bound_to(k, what), s + 1 + ID_BYTES,
		len - 1 - ID_BYTES, out))
		return false;
	*out_len = len - SEAL_OVERHEAD;
	return true;
}
