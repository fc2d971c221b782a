/*
 * test_json.c: texts are quoted as json-c quotes them, wherever the bytes that
 * need it stand. (What json_build and json_text make of a body is held against
 * json-c by the fuzz target `scan` and its corpus.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdio.h>
#include <string.h>

#include "json/json.h"

#include "base/banned.h"

#define LENGTH 27 /* three words of eight, and some */

static void
same_as_json_c(const char *text, size_t len)
{
	struct printbuf *out = printbuf_new();
	struct json_object *v = json_object_new_string_len(text, (int)len);

	assert_true(json_quote(out, text, len));
	assert_int_equal(out->bpos, json_quoted_size(text, len));
	assert_string_equal(out->buf,
	    json_object_to_json_string_ext(
		v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(v);
	printbuf_free(out);
}

static void
test_every_byte_at_every_place(void **state)
{
	char text[LENGTH];

	(void)state;
	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < LENGTH; at++) {
			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			same_as_json_c(text, sizeof(text));
			memset(text, 0x7f, sizeof(text));
			text[at] = (char)c;
			same_as_json_c(text, at + 1);
		}
}

static void
test_every_pair(void **state)
{
	static const char bytes[] = "\0\1\b\t\n\f\r\x1f !\"#[\\]\x7f\x80\xff";
	char text[LENGTH];

	(void)state;
	for (size_t a = 0; a < sizeof(bytes) - 1; a++)
		for (size_t b = 0; b < sizeof(bytes) - 1; b++)
			for (size_t at = 0; at + 1 < LENGTH; at++) {
				memset(text, 0xc3, sizeof(text));
				text[at] = bytes[a];
				text[at + 1] = bytes[b];
				same_as_json_c(text, sizeof(text));
			}
}

static void
test_no_text_at_all(void **state)
{
	(void)state;
	same_as_json_c("", 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_byte_at_every_place),
	    cmocka_unit_test(test_every_pair),
	    cmocka_unit_test(test_no_text_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
