/*
 * test_secret.c: comparing and wiping.
 */
#include "unit.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static void
compares(void **state)
{
	unsigned char a[32], b[32];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(secret_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a) * 8; i++) {
		b[i / 8] ^= 1 << i % 8;
		assert_false(secret_equal(a, b, sizeof(a)));
		assert_true(secret_equal(a, b, i / 8));
		b[i / 8] ^= 1 << i % 8;
	}
}

static void
wipes(void **state)
{
	unsigned char a[18], zeros[16] = {0};

	(void)state;
	memset(a, 0x77, sizeof(a));
	secret_wipe(a + 1, 16);
	assert_memory_equal(a + 1, zeros, 16);
	assert_int_equal(a[0], 0x77);
	assert_int_equal(a[17], 0x77);
}

int
main(void)
{
	const struct CMUnitTest secret_tests[] = {
	    cmocka_unit_test(compares),
	    cmocka_unit_test(wipes),
	};

	return cmocka_run_group_tests(secret_tests, start_secrets, NULL);
}
