/*
 * base62.c: characters drawn and checked; the checksum is zlib's.
 */
#include "crypt/base62.h"

#include "base/random.h"
#include "base/secret.h"

#include <zlib.h>

#include <string.h>

#include "base/banned.h"

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

size_t
base62_span(const char *text)
{
	return strspn(text, base62);
}

void
base62_draw(char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = base62[random_below(62)];
}

void
base62_sum(const char *text, size_t len, char out[BASE62_SUM + 1])
{
	uLong crc = crc32(0, (const Bytef *)text, (uInt)len);

	for (int i = BASE62_SUM - 1; i >= 0; i--) {
		out[i] = base62[crc % 62];
		crc /= 62;
	}
	out[BASE62_SUM] = '\0';
}

bool
base62_sums(const char *text, size_t head_len, size_t len)
{
	char sum[BASE62_SUM + 1];

	if (strlen(text) != len ||
	    base62_span(text + head_len) != len - head_len)
		return false;
	base62_sum(text, len - BASE62_SUM, sum);
	return secret_equal(sum, text + len - BASE62_SUM, BASE62_SUM);
}
