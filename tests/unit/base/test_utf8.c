/*
 * test_utf8.c: every character is written and measured right, and no byte
 * sequence but those is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The definition by arithmetic: decode, then see that the value has this
 * length and is allowed. The code utf8.c has is a table. */
static size_t
reference(const unsigned char *u)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = u[0] < 0x80 ? 1
	    : (u[0] & 0xe0) == 0xc0 ? 2
	    : (u[0] & 0xf0) == 0xe0 ? 3
	    : (u[0] & 0xf8) == 0xf0 ? 4
				    : 0;
	unsigned long code;

	if (length < 2)
		return length;
	code = u[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (u[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return length;
}

static void
assert_same(const unsigned char *u)
{
	size_t length = utf8_length((const char *)u, 4);

	if (length != reference(u))
		fail_msg(
		    "%02x %02x %02x %02x: %zu", u[0], u[1], u[2], u[3], length);
}

/* All first and second bytes; of the others all that differ in kind. */
static void
measures(void **state)
{
	static const unsigned char kinds[] = {
	    0x00, 0x7f, 0x80, 0x81, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	unsigned char u[4];

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++)
			for (size_t i = 0; i < COUNT(kinds) * COUNT(kinds);
			     i++) {
				u[0] = (unsigned char)first;
				u[1] = (unsigned char)second;
				u[2] = kinds[i / COUNT(kinds)];
				u[3] = kinds[i % COUNT(kinds)];
				assert_same(u);
			}
}

static void
writes(void **state)
{
	char out[5];

	(void)state;
	for (int code = 0; code <= 0x10ffff; code++) {
		if (code == 0xd800)
			code = 0xe000;
		memset(out, 0xff, sizeof(out));
		size_t n = (size_t)(utf8_put(out, code) - out);
		unsigned want = code < 0x80 ? 1
		    : code < 0x800          ? 2
		    : code < 0x10000        ? 3
					    : 4;
		unsigned long back = (unsigned char)out[0];

		if (n != want || utf8_length(out, n) != n || out[n] != '\xff')
			fail_msg("U+%04X: %zu bytes", (unsigned)code, n);
		if (n > 1)
			back &= 0x7fu >> n;
		for (size_t i = 1; i < n; i++)
			back = back << 6 | ((unsigned char)out[i] & 0x3f);
		if (back != (unsigned long)code)
			fail_msg(
			    "U+%04X is read as U+%04lX", (unsigned)code, back);
	}
}

/* A character that is cut is none, and what is behind it is not read. */
static void
keeps_to_length(void **state)
{
	static const char *const texts[] = {
	    "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t len = strlen(texts[i]);

		for (size_t left = 0; left < len; left++)
			assert_int_equal(utf8_length(texts[i], left), 0);
		assert_int_equal(utf8_length(texts[i], len), len);
		assert_int_equal(utf8_length(texts[i], len + 1), len);
	}
	assert_int_equal(utf8_length("", 0), 0);
	assert_int_equal(utf8_length("", 1), 1);
}

int
main(void)
{
	const struct CMUnitTest utf8_tests[] = {
	    cmocka_unit_test(measures),
	    cmocka_unit_test(writes),
	    cmocka_unit_test(keeps_to_length),
	};

	return cmocka_run_group_tests(utf8_tests, NULL, NULL);
}
