/*
 * secret.c: thin names over libsodium, so that few files know it.
 */
#include "base/secret.h"

#include <sodium.h>

#include "base/banned.h"

bool
secret_init(void)
{
	return sodium_init() >= 0;
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
