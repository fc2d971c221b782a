/*
 * test_uuid.c: random ids, ids in the form of a UUID, and brought into it.
 */
#include "unit.h"

#include "base/uuid.h"

#include "base/banned.h"

#define UUID "0123abcd-4567-4890-8abc-def012345678"
#define UPPR "0123ABCD-4567-4890-8ABC-DEF012345678"

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
		uuid_make(made[i]);
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

static bool
is_ours(const char *s)
{
	return uuid_is_ours(s, strlen(s));
}

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
	assert_true(is_ours(UUID));
	assert_true(uuid_is(UUID));
	assert_false(is_ours(UPPR));
	assert_true(uuid_is(UPPR));
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *s = walled(bad[i], strlen(bad[i]) + 1);

		if (uuid_is(s) || is_ours(s))
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
			assert_int_equal(is_ours(text), digit);
			assert_int_equal(uuid_is(text), digit || upper);
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
	assert_true(uuid_from(out, "0123abcd456748908abcdef012345678"));
	assert_string_equal(out, UUID);
	assert_true(uuid_from(out, "0123ABCD456748908ABCDEF012345678"));
	assert_string_equal(out, UPPR);
	assert_true(uuid_from(out, UUID));
	assert_string_equal(out, UUID);
	assert_true(uuid_from(out, UPPR));
	assert_string_equal(out, UPPR);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (uuid_from(out, walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest uuid_tests[] = {
	    cmocka_unit_test(makes_uuids),
	    cmocka_unit_test(knows_uuids),
	    cmocka_unit_test(brings_32_digits_into_the_form_of_a_uuid),
	};

	return cmocka_run_group_tests(uuid_tests, start_secrets, NULL);
}
