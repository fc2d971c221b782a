/*
 * key.c: API keys: form, checksum, check value, scrypt. Hashes are made by
 * libscrypt, in its MCF text, and verified by libsodium's scrypt: the same
 * function (RFC 7914), with the processor's vector instructions in 60 % of the
 * time, and a caller with a cold key waits for it.
 */
#include "crypt/key.h"

#include "base/hex.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypt/base62.h"
#include "crypt/token.h"

#include <libscrypt.h>
#include <sodium.h>

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define CHECKED     48 /* characters the checksum is made of */
#define SCRYPT_R    8
#define SCRYPT_P    1
#define LOG2N_MIN   10
#define LOG2N_MAX   16
#define SALT_BYTES  16
#define HASH_LENGTH 124 /* $s1$0c0801$, 24 of salt, $, 88 of hash */

static bool
begins(const char *key)
{
	return strncmp(key, "cc_live_", 8) == 0 ||
	    strncmp(key, "cc_test_", 8) == 0;
}

bool
key_is_prefix(const char *prefix)
{
	return strlen(prefix) == KEY_PREFIX && begins(prefix) &&
	    base62_span(prefix + 8) == KEY_PREFIX - 8;
}

/* What begins with `head` to the characters of it that may be shown. */
static void
cut_to(char *text, const char *head, size_t shown)
{
	size_t len = strlen(head);

	if (strncmp(text, head, len) != 0)
		return;
	len += base62_span(text + len);
	if (len > shown)
		memmove(text + shown, text + len, strlen(text + len) + 1);
}

void
key_cut(char *text)
{
	/* the last one first: one that another stands behind takes its "cc" */
	for (size_t i = strlen(text); i-- > 0;) {
		cut_to(text + i, "cc_live_", KEY_PREFIX);
		cut_to(text + i, "cc_test_", KEY_PREFIX);
		cut_to(text + i, TOKEN_HEAD, sizeof(TOKEN_HEAD) - 1);
	}
}

bool
key_well_formed(const char *key)
{
	return begins(key) && base62_sums(key, 8, KEY_LENGTH);
}

void
key_make(char out[KEY_TEXT], bool test, const char *room)
{
	snprintf(out, KEY_TEXT, "%s%.*s", test ? "cc_test_" : "cc_live_",
	    KEY_ROOM, room);
	base62_draw(out + 8 + KEY_ROOM, CHECKED - 8 - KEY_ROOM);
	base62_sum(out, CHECKED, out + CHECKED);
}

const char *const key_environments[] = {"live", "test", NULL};

bool
key_draw(struct new_key *k, const char *environment, const char *room)
{
	k->environment = environment ? environment : key_environments[0];
	key_make(k->key, strcmp(k->environment, "test") == 0, room);
	snprintf(k->prefix, sizeof(k->prefix), "%.*s", KEY_PREFIX, k->key);
	k->hash[0] = '\0';
	return key_check_value(k->key, k->check);
}

bool
key_check_value(const char *key, unsigned char out[KEY_CHECK_VALUE])
{
	static const unsigned char purpose[crypto_generichash_KEYBYTES] =
	    "codecourier key check value v1";
	unsigned char sum[crypto_generichash_BYTES_MIN];

	bool ok =
	    crypto_generichash(sum, sizeof(sum), (const unsigned char *)key,
		strlen(key), purpose, sizeof(purpose)) == 0;

	if (ok)
		memcpy(out, sum, KEY_CHECK_VALUE);
	sodium_memzero(sum, sizeof(sum));
	return ok;
}

bool
key_hash(const char *key, int log2n, char out[KEY_HASH_TEXT])
{
	unsigned char salt[SALT_BYTES], hash[SCRYPT_HASH_LEN];
	char salt64[25], hash64[89]; /* base64 with padding, NUL */
	uint32_t n = (uint32_t)1 << log2n;
	bool ok;

	/* libscrypt's own salt_gen needs /dev/urandom in reach */
	random_bytes(salt, sizeof(salt));
	ok = libscrypt_scrypt((const uint8_t *)key, strlen(key), salt,
		 sizeof(salt), n, SCRYPT_R, SCRYPT_P, hash, sizeof(hash)) == 0;
	sodium_bin2base64(salt64, sizeof(salt64), salt, sizeof(salt),
	    sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(hash64, sizeof(hash64), hash, sizeof(hash),
	    sodium_base64_VARIANT_ORIGINAL);
	ok =
	    ok && libscrypt_mcf(n, SCRYPT_R, SCRYPT_P, salt64, hash64, out) > 0;
	secret_wipe(hash, sizeof(hash));
	secret_wipe(hash64, sizeof(hash64));
	return ok;
}

/* Exactly what key_hash writes: any other cost could be gigabytes. Gives the
 * cost. */
static bool
is_hash_of_ours(const char *s, int *log2n)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/=";

	if (strlen(s) != HASH_LENGTH || strncmp(s, "$s1$", 4) != 0)
		return false;
	if (strspn(s + 4, HEX_LOWER) < 2)
		return false;
	*log2n = hex_value(s + 4, 2);
	return *log2n >= LOG2N_MIN && *log2n <= LOG2N_MAX &&
	    strncmp(s + 6, "0801$", 5) == 0 && strspn(s + 11, base64) == 24 &&
	    s[35] == '$' && strspn(s + 36, base64) == 88;
}

static bool
unbase64(unsigned char *out, size_t size, const char *text, size_t len)
{
	size_t got;

	return sodium_base642bin(out, size, text, len, NULL, &got, NULL,
		   sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    got == size;
}

enum err
key_verify(const char *key, const char *stored, size_t stored_len)
{
	unsigned char salt[SALT_BYTES];
	unsigned char want[SCRYPT_HASH_LEN], hash[SCRYPT_HASH_LEN];
	char copy[KEY_HASH_TEXT];
	enum err e = ERR_INTERNAL;
	int log2n;

	if (stored_len != HASH_LENGTH)
		return ERR_INTERNAL;
	memcpy(copy, stored, HASH_LENGTH);
	copy[HASH_LENGTH] = '\0';
	if (is_hash_of_ours(copy, &log2n) &&
	    unbase64(salt, sizeof(salt), copy + 11, 24) &&
	    unbase64(want, sizeof(want), copy + 36, 88) &&
	    crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)key,
		strlen(key), salt, sizeof(salt), (uint64_t)1 << log2n, SCRYPT_R,
		SCRYPT_P, hash, sizeof(hash)) == 0)
		e = secret_equal(want, hash, sizeof(hash)) ? ERR_OK
							   : ERR_AUTH_INVALID;
	secret_wipe(copy, sizeof(copy));
	secret_wipe(want, sizeof(want));
	secret_wipe(hash, sizeof(hash));
	return e;
}
