/*
 * test_base64.c: base64url: what encode would not have written is not decoded.
 */
#include "unit.h"

#include "base/base64.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

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
		base64_encode(out, BASE64_SIZE(cases[i].len), cases[i].bytes,
		    cases[i].len);
		assert_string_equal(out, cases[i].text);
		assert_int_equal(out[BASE64_SIZE(cases[i].len)], 0x77);
		assert_true(
		    base64_decode(back, sizeof(back), &len, cases[i].text));
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
		random_bytes(in, len);
		base64_encode(text, BASE64_SIZE(len), in, len);
		memset(out, 0x77, sizeof(out));
		assert_true(base64_decode(out, len, &got, text));
		assert_int_equal(got, len);
		assert_memory_equal(in, out, len);
		if (len < sizeof(out))
			assert_int_equal(out[len], 0x77);
		if (len == 0)
			continue;
		/* one byte too little room: refused, and kept to */
		memset(out, 0x77, sizeof(out));
		assert_false(base64_decode(out, len - 1, &got, text));
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
		if (base64_decode(out, sizeof(out), &len,
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
			if (!base64_decode(&byte, 1, &len, text))
				continue;
			assert_int_equal(len, 1);
			base64_encode(back, sizeof(back), &byte, 1);
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
			if (base64_decode(out, sizeof(out), &len, text))
				fail_msg("byte %d at %zu: taken", c, i);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest base64_tests[] = {
	    cmocka_unit_test(encodes),
	    cmocka_unit_test(comes_back),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(takes_one_text_for_a_byte),
	    cmocka_unit_test(refuses_bytes_above_ascii),
	};

	return cmocka_run_group_tests(base64_tests, start_secrets, NULL);
}
