/*
 * test_secret.c: random ids, comparing and wiping, and base64url: what encode
 * would not have written is not decoded.
 */
#include "unit.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static void
makes_uuids(void **state)
{
	enum { MADE = 2000 };
	static char made[MADE][UUID_TEXT];
	size_t variants[4] = {0};

	(void)state;
	for (size_t i = 0; i < MADE; i++) {
		const char *u = made[i];

		memset(made[i], 0x77, UUID_TEXT);
		secret_uuid(made[i]);
		assert_int_equal(strlen(u), 36);
		for (size_t k = 0; k < 36; k++) {
			bool hyphen = k == 8 || k == 13 || k == 18 || k == 23;

			if (!strchr(hyphen ? "-" : "0123456789abcdef", u[k]))
				fail_msg("%s", u);
		}
		assert_int_equal(u[14], '4');
		assert_non_null(strchr("89ab", u[19]));
		variants[strchr("89ab", u[19]) - "89ab"]++;
		for (size_t k = 0; k < i; k += 37)
			assert_string_not_equal(u, made[k]);
	}
	for (size_t i = 0; i < 4; i++) /* a share of 500, seven deviations */
		assert_in_range(variants[i], 365, 635);
}

static void
draws_below(void **state)
{
	bool seen[62] = {false};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint32_t n = secret_below(62);

		assert_true(n < 62);
		seen[n] = true;
		assert_int_equal(secret_below(1), 0);
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
	secret_random(a + 1, 32);
	secret_random(b + 1, 32);
	assert_memory_not_equal(a + 1, b + 1, 32);
	assert_int_equal(a[0], 0x77);
	assert_int_equal(a[33], 0x77);
	secret_random(b, 0);
	assert_int_equal(b[0], 0x77);
}

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

static void
encodes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
	    /* RFC 4648 section 10, without padding */
	    {TEXT(""), ""},
	    {TEXT("f"), "Zg"},
	    {TEXT("fo"), "Zm8"},
	    {TEXT("foo"), "Zm9v"},
	    {TEXT("foob"), "Zm9vYg"},
	    {TEXT("fooba"), "Zm9vYmE"},
	    {TEXT("foobar"), "Zm9vYmFy"},
	    {TEXT("\xfb\xff\xbf"), "-_-_"},
	    {TEXT("\0"), "AA"},
	    {TEXT("\0\0\0"), "AAAA"},
	};
	char out[16], back[8];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(out, 0x77, sizeof(out));
		secret_base64(out, BASE64_SIZE(cases[i].len), cases[i].bytes,
		    cases[i].len);
		assert_string_equal(out, cases[i].text);
		assert_int_equal(out[BASE64_SIZE(cases[i].len)], 0x77);
		assert_true(
		    secret_unbase64(back, sizeof(back), &len, cases[i].text));
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(back, cases[i].bytes, len);
	}
}

static void
comes_back(void **state)
{
	unsigned char in[300], out[300];
	char text[BASE64_SIZE(300)];
	size_t got;

	(void)state;
	for (size_t len = 0; len <= sizeof(in); len++) {
		secret_random(in, len);
		secret_base64(text, BASE64_SIZE(len), in, len);
		memset(out, 0x77, sizeof(out));
		assert_true(secret_unbase64(out, len, &got, text));
		assert_int_equal(got, len);
		assert_memory_equal(in, out, len);
		if (len < sizeof(out))
			assert_int_equal(out[len], 0x77);
		if (len == 0)
			continue;
		/* one byte too little room: refused, and kept to */
		memset(out, 0x77, sizeof(out));
		assert_false(secret_unbase64(out, len - 1, &got, text));
		assert_int_equal(out[len - 1], 0x77);
	}
}

static void
refuses(void **state)
{
	static const char *const bad[] = {
	    "A",
	    "AAAAA",
	    "=",
	    "====",
	    "Zg=",
	    "Zg==",
	    "Zm8=",
	    "Zm9v=",
	    "Zm9vYg==",
	    "Zg=AA",
	    /* bits that encode leaves 0 */
	    "Zh",
	    "Zv",
	    "Zm9",
	    "Zm_",
	    "Zm9vYh",
	    /* other alphabets, white space, other characters */
	    "+/+/",
	    "ab+d",
	    "ab/d",
	    " Zg",
	    "Zg ",
	    "Zg\n",
	    "Zm\n9v",
	    "Zm9v\r\nYg",
	    "\tZg",
	    "Z.g8",
	    "Z!==",
	    "Zm9v,",
	    "Zm9v%3D",
	    "Zm9v\x7f",
	    "Zm\x7f_",
	};
	char out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (secret_unbase64(out, sizeof(out), &len,
			walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %s", bad[i]);
}

/* Of all texts of two ASCII characters exactly those that encode one byte. */
static void
takes_one_text_for_a_byte(void **state)
{
	size_t taken = 0, len;
	char text[3] = "", back[3];
	unsigned char byte;

	(void)state;
	for (int i = 1; i < 128; i++) {
		for (int k = 1; k < 128; k++) {
			text[0] = (char)i;
			text[1] = (char)k;
			if (!secret_unbase64(&byte, 1, &len, text))
				continue;
			assert_int_equal(len, 1);
			secret_base64(back, sizeof(back), &byte, 1);
			assert_string_equal(back, text);
			taken++;
		}
	}
	assert_int_equal(taken, 256);
}

/* The library beneath takes each of them for the last digit. */
static void
refuses_bytes_above_ascii(void **state)
{
	char text[5], out[4];
	size_t len;

	(void)state;
	for (int c = 128; c < 256; c++) {
		for (size_t i = 0; i < 4; i++) {
			memcpy(text, "Zm9v", sizeof(text));
			text[i] = (char)c;
			if (secret_unbase64(out, sizeof(out), &len, text))
				fail_msg("byte %d at %zu: taken", c, i);
		}
	}
}

static int
start(void **state)
{
	(void)state;
	return secret_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest secret_tests[] = {
	    cmocka_unit_test(makes_uuids),
	    cmocka_unit_test(draws_below),
	    cmocka_unit_test(fills_with_random_bytes),
	    cmocka_unit_test(compares),
	    cmocka_unit_test(wipes),
	    cmocka_unit_test(encodes),
	    cmocka_unit_test(comes_back),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(takes_one_text_for_a_byte),
	    cmocka_unit_test(refuses_bytes_above_ascii),
	};

	return cmocka_run_group_tests(secret_tests, start, NULL);
}
