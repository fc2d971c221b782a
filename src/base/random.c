/*
 * random.c: thin names over libsodium, so that few files know it.
 */
#include "base/random.h"

#include <sodium.h>

#include "base/banned.h"

void
random_bytes(void *out, size_t len)
{
	randombytes_buf(out, len);
}

uint32_t
random_below(uint32_t limit)
{
	return randombytes_uniform(limit);
}
