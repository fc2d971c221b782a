/*
 * fuzz_key.c: an API key, and behind the first newline the text stored for
 * it. The form and the checksum are held against a second way to find them.
 */
#include "fuzz.h"

#include "crypt/key.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* CRC-32 as its definition has it, bit by bit. */
static uint32_t
crc(const char *s, size_t len)
{
	uint32_t sum = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		sum ^= (unsigned char)s[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
	}
	return ~sum;
}

static int
digit62(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isupper((unsigned char)c) ? c - 'A' + 10 : c - 'a' + 36;
}

static bool
expected(const char *key)
{
	uint64_t sum = 0;

	if (strlen(key) != 54 || strncmp(key, "cc_", 3) != 0 || key[7] != '_')
		return false;
	if (memcmp(key + 3, "live", 4) != 0 && memcmp(key + 3, "test", 4) != 0)
		return false;
	for (int i = 8; i < 54; i++)
		if (!isalnum((unsigned char)key[i]))
			return false;
	for (int i = 48; i < 54; i++)
		sum = sum * 62 + (uint64_t)digit62(key[i]);
	return sum == crc(key, 48);
}

/* A cost that is taken but is above 2^10: right, and too slow here. */
static bool
is_costly(const char *stored, size_t len)
{
	return len >= 6 && memcmp(stored, "$s1$", 4) == 0 &&
	    memcmp(stored + 4, "0a", 2) != 0 &&
	    (stored[4] == '0' || stored[4] == '1');
}

static void
check_stored(const char *key, const char *stored, size_t len)
{
	unsigned char first[KEY_CHECK_VALUE], second[KEY_CHECK_VALUE];
	char *before = fuzz_text((const uint8_t *)stored, len);
	enum err e = key_verify(key, stored, len);

	EXPECT(e == ERR_OK || e == ERR_AUTH_INVALID || e == ERR_INTERNAL);
	EXPECT(memcmp(before, stored, len) == 0);
	EXPECT(e == ERR_INTERNAL || len == 124);
	key_check_value(key, first);
	key_check_value(key, second);
	EXPECT(memcmp(first, second, sizeof(first)) == 0);
	free(before);
}

void
fuzz_key(const uint8_t *data, size_t len)
{
	const uint8_t *newline = len ? memchr(data, '\n', len) : NULL;
	size_t key_len = newline ? (size_t)(newline - data) : len;
	char *key = fuzz_text(data, key_len);

	fuzz_app();
	EXPECT(key_well_formed(key) == expected(key));
	if (newline) {
		const char *stored = (const char *)newline + 1;
		size_t left = len - key_len - 1;

		if (!is_costly(stored, left))
			check_stored(key, stored, left);
	}
	free(key);
}
