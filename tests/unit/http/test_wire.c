/*
 * test_wire.c: a body is read whole or not at all, whichever way it comes.
 */
#include "unit.h"

#include "wire.h"

#include <stdlib.h>

#include "base/banned.h"

/* Reads `sent` where the request says that it has `length` bytes. */
static enum err
read_body(const char *length, const char *sent, char **body, size_t *len)
{
	const char *params[] = {"CONTENT_LENGTH", length, NULL};
	bool cut = memory.cut;

	memset(&memory, 0, sizeof(memory));
	memory.cut = cut;
	memory.params = length ? params : NULL;
	memory.body = sent;
	memory.body_len = strlen(sent);
	return wire_body(&memory_wire, body, len, 100);
}

static void
reads_lengths(void **state)
{
	static const struct {
		const char *text;
		bool good;
		size_t len;
	} cases[] = {
	    {NULL, true, 0},
	    {"", true, 0},
	    {"0", true, 0},
	    {"00", true, 0},
	    {"2097152", true, 2097152},
	    {"999999999999999999", true, 999999999999999999},
	    {"1000000000000000000", false, 0},
	    {"18446744073709551617", false, 0},
	    {"-1", false, 0},
	    {"+1", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"1, 1", false, 0},
	    {"0x1", false, 0},
	    {"1e1", false, 0},
	    {"one", false, 0},
	};
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		len = 1;
		if (wire_length(cases[i].text, &len) != cases[i].good ||
		    len != cases[i].len)
			fail_msg("%s: %zu", cases[i].text, len);
	}
}

static void
reads_bodies(void **state)
{
	static const char text[] = "a body that comes in some pieces";
	size_t len;
	char *body;

	(void)state;
	memory.cut = false;
	assert_int_equal(read_body("32", text, &body, &len), ERR_OK);
	assert_int_equal(len, 32);
	assert_string_equal(body, text);
	free(body);
	/* what stands behind it is not looked at */
	assert_int_equal(read_body("6", text, &body, &len), ERR_OK);
	assert_string_equal(body, "a body");
	free(body);
	assert_int_equal(read_body(NULL, "", &body, &len), ERR_OK);
	assert_null(body);
	assert_int_equal(len, 0);
}

static void
refuses_cut_bodies(void **state)
{
	size_t len;
	char *body;

	(void)state;
	memory.cut = false;
	assert_int_equal(read_body("2", "1", &body, &len), ERR_VALIDATION);
	assert_null(body);
	assert_int_equal(read_body("-", "1", &body, &len), ERR_VALIDATION);
	assert_null(body);
	memory.cut = true;
	assert_int_equal(read_body("1", "1", &body, &len), ERR_VALIDATION);
	assert_null(body);
	assert_int_equal(read_body("0", "", &body, &len), ERR_VALIDATION);
	assert_null(body);
}

static void
does_not_read_what_is_too_large(void **state)
{
	size_t len;
	char *body;

	(void)state;
	assert_int_equal(read_body("101", "1", &body, &len), ERR_TOO_LARGE);
	assert_null(body);
	assert_int_equal(len, 101);
	assert_int_equal(memory.read, 0);
}

int
main(void)
{
	const struct CMUnitTest wire_tests[] = {
	    cmocka_unit_test(reads_lengths),
	    cmocka_unit_test(reads_bodies),
	    cmocka_unit_test(refuses_cut_bodies),
	    cmocka_unit_test(does_not_read_what_is_too_large),
	};

	return cmocka_run_group_tests(wire_tests, NULL, NULL);
}
