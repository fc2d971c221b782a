/*
 * base64.c: libsodium's, made strict.
 */
#include "base/base64.h"

#include <sodium.h>
#include <string.h>

#include "base/banned.h"

void
base64_encode(char *out, size_t size, const void *in, size_t len)
{
	sodium_bin2base64(
	    out, size, in, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* libsodium 1.0.18 takes every byte above ASCII for a digit: the alphabet is
 * looked at here. */
static bool
decode_strictly(void *out, size_t size, size_t *len, const char *text,
    const char *alphabet, int variant)
{
	return text[strspn(text, alphabet)] == '\0' &&
	    sodium_base642bin(
		out, size, text, strlen(text), NULL, len, NULL, variant) == 0;
}

#define LETTERS_DIGITS                                                         \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool
base64_decode(void *out, size_t size, size_t *len, const char *text)
{
	return decode_strictly(out, size, len, text, LETTERS_DIGITS "-_",
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
base64_decode_key(unsigned char out[32], const char *text)
{
	size_t len;

	return decode_strictly(out, 32, &len, text,
		   LETTERS_DIGITS "+/=", sodium_base64_VARIANT_ORIGINAL) &&
	    len == 32;
}
