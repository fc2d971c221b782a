/*
 * cipher.h: XChaCha20-Poly1305, and what a ciphertext is bound to. The only
 * file that knows the cipher; what is sealed, and in which form, say data_key.h
 * and seal.h.
 */
#ifndef CIPHER_H
#define CIPHER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define CIPHER_KEY      32
#define CIPHER_NONCE    24
#define CIPHER_OVERHEAD 40 /* bytes added: the nonce, a tag of 16 behind */

/* What a ciphertext belongs to: with other texts it does not open. At most
 * four, of at most 100 bytes: ids and names of ours. */
struct cipher_bound {
	const char *part[4];
};

/* `out` has room for len + CIPHER_OVERHEAD bytes; `plain` may be
 * out + CIPHER_NONCE. */
MUST_CHECK bool cipher_encrypt(const unsigned char key[CIPHER_KEY],
    struct cipher_bound to, const void *plain, size_t len, unsigned char *out);

/* `len`: at least CIPHER_OVERHEAD; `out` has room for so much less. */
MUST_CHECK bool cipher_decrypt(const unsigned char key[CIPHER_KEY],
    struct cipher_bound to, const unsigned char *in, size_t len,
    unsigned char *out);

#endif
