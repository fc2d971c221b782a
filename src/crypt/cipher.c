/*
 * cipher.c: the cipher and its associated data.
 */
#include "crypt/cipher.h"

#include "base/array.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(CIPHER_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
	CIPHER_NONCE == NONCE && CIPHER_OVERHEAD == NONCE + TAG,
    "sizes");

/* The associated data: each part behind its length, so that no two tuples
 * are the same bytes. Returns the length; `out` has 512 bytes, enough for
 * names of ours. */
static size_t
tuple(unsigned char out[512], struct cipher_bound to)
{
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(to.part) && to.part[i]; i++) {
		size_t len = strlen(to.part[i]);

		if (len > 100 || at + 4 + len > 512)
			abort();
		out[at++] = 0;
		out[at++] = 0;
		out[at++] = 0;
		out[at++] = (unsigned char)len;
		memcpy(out + at, to.part[i], len);
		at += len;
	}
	return at;
}

bool
cipher_encrypt(const unsigned char key[CIPHER_KEY], struct cipher_bound to,
    const void *plain, size_t len, unsigned char *out)
{
	unsigned char ad[512];
	size_t ad_len = tuple(ad, to);

	randombytes_buf(out, NONCE);
	return crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL,
		   plain, len, ad, ad_len, NULL, out, key) == 0;
}

bool
cipher_decrypt(const unsigned char key[CIPHER_KEY], struct cipher_bound to,
    const unsigned char *in, size_t len, unsigned char *out)
{
	unsigned char ad[512];
	size_t ad_len = tuple(ad, to);

	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		   in + NONCE, len - NONCE, ad, ad_len, in, key) == 0;
}
