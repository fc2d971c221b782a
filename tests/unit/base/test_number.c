/*
 * test_number.c: the far ends of what a double keeps: as many digits as one
 * can have, one more than there is room for, the smallest and the largest.
 * The plain cases stand with the JSON scanner's, in scan_cases.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

#include "base/banned.h"

#define MOST_DIGITS 767 /* of the largest double below the normal ones */

/* The digits of `v`, all `count` of them, as "d.ddd"; its exponent. */
static long long
print(char *out, size_t size, double v, int count)
{
	snprintf(out, size, "%.*e", count - 1, v);
	char *e = strchr(out, 'e');
	long long exponent = strtoll(e + 1, NULL, 10);

	*e = '\0';
	return exponent;
}

/* In memory of exact size, so that a sanitizer sees a read behind it. */
static bool
kept(const char *mantissa, long long exponent)
{
	size_t size = strlen(mantissa);
	char *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, mantissa, size);
	bool ok = number_kept(copy, size, strcspn(mantissa, "."), exponent);
	free(copy);
	return ok;
}

static void
keeps_exact_values(void **state)
{
	const struct {
		double v;
		int digits;
	} cases[] = {
	    {0x0.fffffffffffffp-1022, MOST_DIGITS},
	    {0x1p-1074, 751},
	    {DBL_MAX, 309},
	    {DBL_MIN, 715},
	    {0.1, 55},
	};
	char text[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long long e =
		    print(text, sizeof(text), cases[i].v, cases[i].digits);
		char *last = text + strlen(text) - 1;

		assert_true(*last != '0');
		assert_true(kept(text, e));
		*last = *last == '9' ? '8' : (char)(*last + 1);
		assert_false(kept(text, e)); /* not the same number */
		*last = *last == '1' ? '2' : (char)(*last - 1);
		last[1] = '1';
		last[2] = '\0';
		assert_false(kept(text, e)); /* one digit more */
	}
}

/* What scan_cases.h cannot show in a line: digits beyond all room, zeros
 * between and around them. */
static void
counts_digits(void **state)
{
	char text[3000];

	(void)state;
	for (size_t n = 765; n < 1000; n++) {
		memset(text, '0', n);
		text[0] = '1';
		text[n] = '1';
		text[n + 1] = '\0';
		assert_false(kept(text, 0));
		text[n] = '\0';
		assert_int_equal(kept(text, 0), n <= 309);
		assert_true(kept(text, 1 - (long long)n));
		memset(text, '9', n);
		assert_false(kept(text, -(long long)n));
		memset(text, '0', n);
		assert_true(kept(text, 0));
		text[1] = '.';
		assert_true(kept(text, 1000));
		text[n - 1] = '5';
		assert_true(kept(text, (long long)n));
		assert_true(kept(text, (long long)n + 305));
		assert_false(kept(text, (long long)n + 310));
		assert_true(kept(text, (long long)n - 325));
		assert_false(kept(text, (long long)n - 330));
	}
}

static void
keeps_integers(void **state)
{
	static const struct {
		const char *digits;
		bool ok;
	} cases[] = {
	    {"0", true},
	    {"999999999999999", true},
	    {"1000000000000000", true},
	    {"9007199254740990", true},
	    {"9007199254740991", true},
	    {"9007199254740992", false},
	    {"9007199254741000", false},
	    {"9999999999999999", false},
	    {"10000000000000000", false},
	    {"18446744073709551617", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (number_integer_kept(cases[i].digits,
			strlen(cases[i].digits)) != cases[i].ok)
			fail_msg("%s", cases[i].digits);
}

int
main(void)
{
	const struct CMUnitTest number_tests[] = {
	    cmocka_unit_test(keeps_exact_values),
	    cmocka_unit_test(counts_digits),
	    cmocka_unit_test(keeps_integers),
	};

	return cmocka_run_group_tests(number_tests, NULL, NULL);
}
