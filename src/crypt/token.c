/*
 * token.c: tokens of invitations: form and hash.
 */
#include "crypt/token.h"

#include "crypt/base62.h"

#include <sodium.h>

#include <string.h>

#include "base/banned.h"

#define HEAD_LENGTH (sizeof(TOKEN_HEAD) - 1)

bool
token_well_formed(const char *text)
{
	return strncmp(text, TOKEN_HEAD, HEAD_LENGTH) == 0 &&
	    base62_sums(text, HEAD_LENGTH, TOKEN_LENGTH);
}

bool
token_draw(struct token *t)
{
	size_t drawn = TOKEN_LENGTH - BASE62_SUM;

	memcpy(t->text, TOKEN_HEAD, HEAD_LENGTH);
	base62_draw(t->text + HEAD_LENGTH, drawn - HEAD_LENGTH);
	base62_sum(t->text, drawn, t->text + drawn);
	return token_hash(t->text, t->hash);
}

bool
token_hash(const char *text, unsigned char out[TOKEN_HASH])
{
	static const unsigned char purpose[crypto_generichash_KEYBYTES] =
	    "codecourier invitation v1";

	return crypto_generichash(out, TOKEN_HASH, (const unsigned char *)text,
		   strlen(text), purpose, sizeof(purpose)) == 0;
}
