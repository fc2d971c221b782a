/*
 * test_token.c: the form of invitations' tokens, how they are drawn, what is
 * kept of them, and that messages show none.
 */
#include "unit.h"

#include "crypt/base62.h"
#include "crypt/key.h"
#include "crypt/token.h"

#include <stdio.h>

#include "base/banned.h"

#define SECRET "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"
#define TOKEN  TOKEN_HEAD SECRET "0J2Bqp"
#define KEY    "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLo"

_Static_assert(sizeof(TOKEN) == TOKEN_TEXT, "the form");

static void
takes_tokens(void **state)
{
	(void)state;
	assert_true(token_well_formed(walled(TOKEN, TOKEN_TEXT)));
}

static void
refuses_tokens(void **state)
{
	static const char *const bad[] = {"", "cc_inv_", "cc_inv_0J2Bqp", KEY,
	    TOKEN_HEAD SECRET, TOKEN_HEAD SECRET "0J2Bq", TOKEN "p", TOKEN "\n",
	    " " TOKEN, "cc_INV_" SECRET "0J2Bqp", "cc_inv-" SECRET "0J2Bqp",
	    TOKEN_HEAD SECRET "0j2Bqp", TOKEN_HEAD SECRET "pqB2J0",
	    TOKEN_HEAD SECRET "000000",
	    TOKEN_HEAD "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabc\xff"
		       "0J2Bqp"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (token_well_formed(walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %s", bad[i]);
}

/* Right sums over what no token has. */
static void
refuses_tokens_with_right_sum(void **state)
{
	static const char *const heads[] = {"cc_inv-" SECRET, "cc_in__" SECRET,
	    "dd_inv_" SECRET, "cc_inv_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabc-",
	    "cc_inv_ 123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"};
	char text[TOKEN_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		snprintf(text, sizeof(text), "%s", heads[i]);
		base62_sum(text, 47, text + 47);
		if (token_well_formed(text))
			fail_msg("taken: %s", text);
	}
}

/* 80,000 characters drawn: each of the 62 within six standard deviations. */
static void
draws_unbiased_tokens(void **state)
{
	enum { TOKENS = 2000, SHARE = TOKENS * 40 / 62 };
	static struct token made[TOKENS];
	size_t seen[128] = {0}, kinds = 0;

	(void)state;
	for (size_t i = 0; i < TOKENS; i++) {
		memset(&made[i], 'x', sizeof(made[i]));
		assert_true(token_draw(&made[i]));
		assert_true(token_well_formed(made[i].text));
		for (size_t k = 7; k < 47; k++)
			seen[(unsigned char)made[i].text[k] & 127]++;
		for (size_t k = 0; k < i; k += 97) {
			assert_string_not_equal(made[i].text, made[k].text);
			assert_memory_not_equal(
			    made[i].hash, made[k].hash, TOKEN_HASH);
		}
	}
	for (size_t c = 0; c < COUNT(seen); c++) {
		kinds += seen[c] > 0;
		if (seen[c] > 0 &&
		    (seen[c] < SHARE - 216 || seen[c] > SHARE + 216))
			fail_msg("%c drawn %zu times", (char)c, seen[c]);
	}
	assert_int_equal(kinds, 62);
}

/* Rows in a database hold it: it must not change. The expected bytes are those
 * of another implementation of keyed BLAKE2b. */
static void
has_hash(void **state)
{
	static const unsigned char want[TOKEN_HASH] = {0x6a, 0xed, 0xff, 0x5f,
	    0xa1, 0x26, 0xb6, 0xd4, 0xeb, 0x28, 0xed, 0x75, 0x0e, 0xb2, 0xf0,
	    0x0e, 0x04, 0xa7, 0xe9, 0x12, 0x58, 0x13, 0x38, 0x09, 0xe6, 0x63,
	    0x1f, 0xb4, 0xb4, 0xf0, 0x1f, 0x01};
	unsigned char got[TOKEN_HASH], other[TOKEN_HASH];
	char text[] = TOKEN;

	(void)state;
	assert_true(token_hash(text, got));
	assert_memory_equal(got, want, TOKEN_HASH);
	for (size_t i = 0; i < TOKEN_LENGTH; i++) {
		text[i] ^= 1;
		assert_true(token_hash(text, other));
		text[i] ^= 1;
		assert_memory_not_equal(got, other, TOKEN_HASH);
	}
}

/* Keys to their prefix, tokens to nothing. */
static void
cuts_what_is_secret(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
	    {TOKEN, "cc_inv_"},
	    {"\"" TOKEN "\" is no id", "\"cc_inv_\" is no id"},
	    {"cc_inv_A", "cc_inv_"},
	    {"cc_inv_", "cc_inv_"},
	    {"cc_inv", "cc_inv"},
	    {TOKEN TOKEN, "cc_inv__inv_"},
	    {KEY KEY TOKEN, "cc_live_Ab3dE6gH_live_Ab3dE6gH_inv_"},
	    {"a=" TOKEN " b=" KEY, "a=cc_inv_ b=cc_live_Ab3dE6gH"},
	    {"a=" KEY " b=" TOKEN, "a=cc_live_Ab3dE6gH b=cc_inv_"},
	    {"cc_cc_inv_AB", "cc_cc_inv_"},
	    {"cc_live_Ab3dE6gH", "cc_live_Ab3dE6gH"},
	    {"cc_test_Ab3dE6gHx.", "cc_test_Ab3dE6gH."},
	    {"nothing", "nothing"},
	};
	char text[160];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "%s", cases[i].text);
		key_cut(text);
		assert_string_equal(text, cases[i].shown);
	}
}

int
main(void)
{
	const struct CMUnitTest token_tests[] = {
	    cmocka_unit_test(takes_tokens),
	    cmocka_unit_test(refuses_tokens),
	    cmocka_unit_test(refuses_tokens_with_right_sum),
	    cmocka_unit_test(draws_unbiased_tokens),
	    cmocka_unit_test(has_hash),
	    cmocka_unit_test(cuts_what_is_secret),
	};

	return cmocka_run_group_tests(token_tests, start_secrets, NULL);
}
