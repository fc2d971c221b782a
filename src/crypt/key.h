/*
 * key.h: the form of an API key, and its scrypt hash. The only user of
 * libscrypt.
 *
 *   cc_live_ Ab3dE6gH 0123456789ABCDEFGHIJKLMNOPQRSTUV 2NMmLo
 *   8        8 public 32 secret                        6 checksum
 */
#ifndef KEY_H
#define KEY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define KEY_LENGTH      54
#define KEY_TEXT        (KEY_LENGTH + 1)
#define KEY_PREFIX      16 /* characters that lists show */
#define KEY_CHECK_VALUE 4  /* bytes */
#define KEY_HASH_TEXT   128

/*
 * Whether `key` (NUL-terminated) has the form above and its checksum fits.
 * Asks nobody: a typo is refused here.
 */
bool key_well_formed(const char *key);

/* Whether `prefix` is what lists show of a key: 16 characters. */
bool key_is_prefix(const char *prefix);

/* Cuts what begins like a key to what lists show of it, and what begins like an
 * invitation's token (token.h) to nothing, wherever it stands in the text: a
 * message may repeat an argument. */
void key_cut(char *text);

#define KEY_ROOM 2 /* characters that all keys of a project begin with */

/* A new key from the system's random source; `test`: cc_test_. Its public part
 * begins with `room`, KEY_ROOM characters of base62. */
void key_make(char out[KEY_TEXT], bool test, const char *room);

/* What a key can be for: "live", "test", NULL. */
extern const char *const key_environments[];

#define KEY_RATE  1000000 /* requests a minute, at most */
#define KEY_GRACE 2592000 /* seconds that a rotated one goes on, at most */
/* ms from now in which a key may end: a minute, ten years */
#define KEY_LIFE_MIN INT64_C(60000)
#define KEY_LIFE_MAX INT64_C(315576000000)

/* A new key and what is kept of it. */
struct new_key {
	const char *environment;
	char key[KEY_TEXT]; /* told once, kept nowhere: wipe it */
	char prefix[KEY_PREFIX + 1];
	unsigned char check[KEY_CHECK_VALUE];
	char
	    hash[KEY_HASH_TEXT]; /* empty: key_hash is for its place and time */
};

/* Draws one of this environment, "live" where NULL; see key_make. False: no
 * memory. */
MUST_CHECK bool key_draw(
    struct new_key *k, const char *environment, const char *room);

/* 32 bits of BLAKE2b of the key: refuses a wrong secret without scrypt. */
bool key_check_value(const char *key, unsigned char out[KEY_CHECK_VALUE]);

/*
 * The scrypt hash as libscrypt's MCF text ($s1$NNrrpp$salt$hash), r = 8,
 * p = 1, N = 2^log2n (10..16; 128 * N * r bytes of memory). False: no memory.
 */
MUST_CHECK bool key_hash(const char *key, int log2n, char out[KEY_HASH_TEXT]);

/*
 * Compares in constant time. ERR_OK, ERR_AUTH_INVALID (another key), or
 * ERR_INTERNAL: the stored text is not one that key_hash writes (its cost is
 * looked at before any of it is spent), or no memory.
 */
MUST_CHECK enum err key_verify(
    const char *key, const char *stored, size_t stored_len);

#endif
