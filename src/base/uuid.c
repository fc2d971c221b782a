/*
 * uuid.c: making and recognising UUIDs.
 */
#include "base/uuid.h"

#include "base/hex.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* In the form 8-4-4-4-12, of 32 hex digits. */
static void
write_grouped(char out[UUID_TEXT], const char *hex)
{
	snprintf(out, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

void
uuid_make(char out[UUID_TEXT])
{
	static const char digits[] = HEX_LOWER;
	unsigned char b[16];
	char hex[33];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++) {
		hex[2 * i] = digits[b[i] >> 4];
		hex[2 * i + 1] = digits[b[i] & 15];
	}
	hex[32] = '\0';
	write_grouped(out, hex);
}

/* Groups of digits out of `set`, a hyphen between them. */
static bool
is_grouped(const char *s, size_t len, const char *set)
{
	static const size_t groups[] = {8, 4, 4, 4, 12};

	if (len != UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < 5; i++) {
		for (size_t n = 0; n < groups[i]; n++)
			if (*s == '\0' || !strchr(set, *s++))
				return false;
		if (i < 4 && *s++ != '-')
			return false;
	}
	return true;
}

bool
uuid_is(const char *s)
{
	return is_grouped(s, strlen(s), HEX_ANY);
}

bool
uuid_is_ours(const char *s, size_t len)
{
	return is_grouped(s, len, HEX_LOWER);
}

bool
uuid_from(char out[UUID_TEXT], const char *s)
{
	if (uuid_is(s)) {
		memcpy(out, s, UUID_TEXT);
		return true;
	}
	if (strlen(s) != 32 || strspn(s, HEX_ANY) != 32)
		return false;
	write_grouped(out, s);
	return true;
}
