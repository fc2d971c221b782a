/*
 * replay.c: names, requests and answers under a key of the caller's.
 */
#include "crypt/replay.h"

#include "base/secret.h"
#include "crypt/cipher.h"

#include <sodium.h>

#include <string.h>

#include "base/banned.h"

#define FORMAT 1

_Static_assert(
    REPLAY_OVERHEAD == 1 + CIPHER_OVERHEAD && REPLAY_FRONT == 1 + CIPHER_NONCE,
    "sizes");
_Static_assert(REPLAY_HASH == crypto_generichash_BYTES &&
	CIPHER_KEY == crypto_generichash_KEYBYTES,
    "sizes");

/* Of the purpose, a text behind it, and more bytes; the texts with their ends,
 * so that no two tuples are the same bytes. `key` may be NULL. */
static bool
hash_head(const unsigned char *key, const char *purpose, const char *text,
    crypto_generichash_state *s)
{
	return crypto_generichash_init(
		   s, key, key ? CIPHER_KEY : 0, REPLAY_HASH) == 0 &&
	    crypto_generichash_update(
		s, (const unsigned char *)purpose, strlen(purpose) + 1) == 0 &&
	    crypto_generichash_update(
		s, (const unsigned char *)text, strlen(text) + 1) == 0;
}

static bool
hash_text(const unsigned char *key, const char *purpose, const char *text,
    unsigned char out[REPLAY_HASH])
{
	crypto_generichash_state s;
	bool ok = hash_head(key, purpose, text, &s) &&
	    crypto_generichash_final(&s, out, REPLAY_HASH) == 0;

	secret_wipe(&s, sizeof(s));
	return ok;
}

static bool
hash_request(const unsigned char *key, const struct replay_request *of,
    unsigned char out[REPLAY_HASH])
{
	crypto_generichash_state s;
	bool ok = hash_head(key, "request", of->method, &s) &&
	    crypto_generichash_update(&s, (const unsigned char *)of->target,
		strlen(of->target) + 1) == 0 &&
	    crypto_generichash_update(&s, of->body, of->body_len) == 0 &&
	    crypto_generichash_final(&s, out, REPLAY_HASH) == 0;

	secret_wipe(&s, sizeof(s));
	return ok;
}

bool
replay_derive(const char *api_key, const char *key,
    const struct replay_request *of, struct replay *out)
{
	unsigned char root[CIPHER_KEY];
	bool ok = hash_text(NULL, "codecourier replay", api_key, root) &&
	    hash_text(root, "name", key, out->name) &&
	    hash_text(root, "seal", key, out->seal) &&
	    hash_request(root, of, out->request);

	secret_wipe(root, sizeof(root));
	return ok;
}

int64_t
replay_number(const struct replay *k)
{
	int64_t n;

	memcpy(&n, k->name, sizeof(n));
	return n;
}

/* `hex` has room for the request. */
static struct cipher_bound
replay_bound_to(const struct replay *k, const char *project_id,
    const char *key_id, char hex[2 * REPLAY_HASH + 1])
{
	sodium_bin2hex(hex, 2 * REPLAY_HASH + 1, k->request, REPLAY_HASH);
	return (struct cipher_bound){{"replay", project_id, key_id, hex}};
}

bool
replay_seal(const struct replay *k, const char *project_id, const char *key_id,
    unsigned char *text, size_t len)
{
	char hex[2 * REPLAY_HASH + 1];

	text[0] = FORMAT;
	return cipher_encrypt(k->seal,
	    replay_bound_to(k, project_id, key_id, hex), text + REPLAY_FRONT,
	    len, text + 1);
}

bool
replay_open(const struct replay *k, const char *project_id, const char *key_id,
    const void *sealed, size_t len, unsigned char *out, size_t *out_len)
{
	const unsigned char *s = sealed;
	char hex[2 * REPLAY_HASH + 1];

	if (len < REPLAY_OVERHEAD || s[0] != FORMAT ||
	    !cipher_decrypt(k->seal,
		replay_bound_to(k, project_id, key_id, hex), s + 1, len - 1,
		out))
		return false;
	*out_len = len - REPLAY_OVERHEAD;
	return true;
}
