/*
 * test_random.c: numbers within their limit, bytes within their room.
 */
#include "unit.h"

#include "base/random.h"

#include "base/banned.h"

static void
draws_below(void **state)
{
	bool seen[62] = {false};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint32_t n = random_below(62);

		assert_true(n < 62);
		seen[n] = true;
		assert_int_equal(random_below(1), 0);
	}
	for (size_t i = 0; i < 62; i++)
		assert_true(seen[i]);
}

static void
fills_with_random_bytes(void **state)
{
	unsigned char a[34], b[34];

	(void)state;
	memset(a, 0x77, sizeof(a));
	memset(b, 0x77, sizeof(b));
	random_bytes(a + 1, 32);
	random_bytes(b + 1, 32);
	assert_memory_not_equal(a + 1, b + 1, 32);
	assert_int_equal(a[0], 0x77);
	assert_int_equal(a[33], 0x77);
	random_bytes(b, 0);
	assert_int_equal(b[0], 0x77);
}

int
main(void)
{
	const struct CMUnitTest random_tests[] = {
	    cmocka_unit_test(draws_below),
	    cmocka_unit_test(fills_with_random_bytes),
	};

	return cmocka_run_group_tests(random_tests, start_secrets, NULL);
}
