/*
 * test_uuid.c: ids in the form of a UUID, and brought into it.
 */
#include "unit.h"

#include "base/text.h"

#include "base/banned.h"

#define UUID "0123abcd-4567-4890-8abc-def012345678"
#define UPPR "0123ABCD-4567-4890-8ABC-DEF012345678"

static void
knows_uuids(void **state)
{
	static const char *const bad[] = {
	    "",
	    "-",
	    "0",
	    "0123abcd45674890"
	    "8abcdef012345678",
	    "{" UUID "}",
	    "urn:uuid:" UUID,
	    UUID "0",
	    UUID " ",
	    UUID "\n",
	    " " UUID,
	    "0123abcd-4567-4890-8abc-def01234567",
	    "0123abcd-4567-4890-8abc_def012345678",
	    "0123abc-d4567-4890-8abc-def012345678",
	    "0123abcd-4567-4890-8abc-def0123456-8",
	    "------------------------------------",
	};
	char text[sizeof(UUID)];

	(void)state;
	assert_true(text_is_uuid(UUID, true));
	assert_true(text_is_uuid(UUID, false));
	assert_false(text_is_uuid(UPPR, true));
	assert_true(text_is_uuid(UPPR, false));
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *s = walled(bad[i], strlen(bad[i]) + 1);

		if (text_is_uuid(s, true) || text_is_uuid(s, false))
			fail_msg("taken: %s", bad[i]);
	}
	for (size_t i = 0; i < 36; i++) {
		memcpy(text, UUID, sizeof(text));
		for (int c = 1; c < 256; c++) {
			bool hyphen = UUID[i] == '-';
			bool digit = c < 128 &&
			    strchr(hyphen ? "-" : "0123456789abcdef", c);
			bool upper =
			    c < 128 && strchr(hyphen ? "-" : "ABCDEF", c);

			text[i] = (char)c;
			assert_int_equal(text_is_uuid(text, true), digit);
			assert_int_equal(
			    text_is_uuid(text, false), digit || upper);
		}
	}
}

/* nginx's own form of a request's id becomes the same as everybody's. */
static void
brings_32_digits_into_the_form_of_a_uuid(void **state)
{
	static const char *const bad[] = {
	    "",
	    "0123abcd456748908abcdef01234567",
	    "0123abcd456748908abcdef0123456780",
	    "0123abcd456748908abcdef01234567g",
	    "0123abcd456748908abcdef01234567 ",
	    " 123abcd456748908abcdef012345678",
	    "0123abcd-456748908abcdef01234567",
	    "--------------------------------",
	    "0123abcd-4567-4890-8abc-def01234567",
	    "{" UUID "}",
	};
	char out[UUID_TEXT];

	(void)state;
	assert_true(text_to_uuid(out, "0123abcd456748908abcdef012345678"));
	assert_string_equal(out, UUID);
	assert_true(text_to_uuid(out, "0123ABCD456748908ABCDEF012345678"));
	assert_string_equal(out, UPPR);
	assert_true(text_to_uuid(out, UUID));
	assert_string_equal(out, UUID);
	assert_true(text_to_uuid(out, UPPR));
	assert_string_equal(out, UPPR);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (text_to_uuid(out, walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest uuid_tests[] = {
	    cmocka_unit_test(knows_uuids),
	    cmocka_unit_test(brings_32_digits_into_the_form_of_a_uuid),
	};

	return cmocka_run_group_tests(uuid_tests, NULL, NULL);
}
