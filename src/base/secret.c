/*
 * secret.c: thin names over libsodium, so that few files know it.
 */
#include "base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

bool
secret_init(void)
{
	return sodium_init() >= 0;
}

void
secret_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

uint32_t
secret_below(uint32_t limit)
{
	return randombytes_uniform(limit);
}

bool
secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void
secret_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

void
secret_uuid(char out[UUID_TEXT])
{
	unsigned char b[16];
	char hex[33];

	randombytes_buf(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	sodium_bin2hex(hex, sizeof(hex), b, sizeof(b));
	snprintf(out, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

void
secret_base64(char *out, size_t size, const void *in, size_t len)
{
	sodium_bin2base64(
	    out, size, in, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* libsodium 1.0.18 takes every byte above ASCII for a digit: the alphabet is
 * looked at here. */
static bool
decode(void *out, size_t size, size_t *len, const char *text,
    const char *alphabet, int variant)
{
	return text[strspn(text, alphabet)] == '\0' &&
	    sodium_base642bin(
		out, size, text, strlen(text), NULL, len, NULL, variant) == 0;
}

#define LETTERS_DIGITS                                                         \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool
secret_unbase64(void *out, size_t size, size_t *len, const char *text)
{
	return decode(out, size, len, text, LETTERS_DIGITS "-_",
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
secret_unbase64_key(unsigned char out[32], const char *text)
{
	size_t len;

	return decode(out, 32, &len, text,
		   LETTERS_DIGITS "+/=", sodium_base64_VARIANT_ORIGINAL) &&
	    len == 32;
}
