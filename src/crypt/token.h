/*
 * token.h: what an invitation is accepted with, once.
 *
 *   cc_inv_ 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd 3fQ0xK
 *   7       40 secret                                6 checksum
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "base/err.h"

#include <stdbool.h>

#define TOKEN_HEAD   "cc_inv_"
#define TOKEN_LENGTH 53
#define TOKEN_TEXT   (TOKEN_LENGTH + 1)
#define TOKEN_HASH   32 /* bytes */

/* A new token and what is kept of it. */
struct token {
	char text[TOKEN_TEXT]; /* told once, kept nowhere: wipe it */
	unsigned char hash[TOKEN_HASH];
};

/* Whether `text` (NUL-terminated) has the form above and its checksum fits. */
bool token_well_formed(const char *text);

/* Draws one from the system's random source. False: libsodium could not. */
MUST_CHECK bool token_draw(struct token *t);

/*
 * What is kept of a token, and found by: its BLAKE2b. No scrypt: that makes
 * guessing dear, and nobody guesses 238 bits of chance. False: libsodium could
 * not.
 */
MUST_CHECK bool token_hash(const char *text, unsigned char out[TOKEN_HASH]);

#endif
