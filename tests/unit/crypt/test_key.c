/*
 * test_key.c: the form of API keys, their check value, and scrypt: which
 * keys and which stored texts are refused, and that no refusal costs a hash.
 */
#include "unit.h"

#include "crypt/base62.h"
#include "crypt/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/banned.h"

#define SECRET "0123456789ABCDEFGHIJKLMNOPQRSTUV"
#define KEY    "cc_live_Ab3dE6gH" SECRET "2NMmLo" /* of the contract */
#define ZEROS  "00000000000000000000000000000000000000"

/* KEY under a salt of the bytes 0 to 15, made by another implementation. */
#define SALT "AAECAwQFBgcICQoLDA0ODw=="
#define HASH                                                                   \
	"x2St2IijEOuSdDbNAdZyEjLskZveE0SIyJu/MiGZUMlUY+BucM4r8DrR7MRXRu5b"     \
	"FpRB55yNbzobY6fSxbLSAg=="
#define STORED "$s1$0a0801$" SALT "$" HASH
#define LEN    124 /* of a stored text */

_Static_assert(sizeof(STORED) == LEN + 1, "the form");

static const char base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void
has_checksum(void **state)
{
	static const char *const good[] = {
	    KEY,
	    "cc_live_" ZEROS "004GvRGY",
	    "cc_live_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz44Cshh",
	    "cc_test_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1l7H6k",
	    /* short sums, padded with zeros */
	    "cc_test_000000000000000000000000000000000000029800MLXp",
	    "cc_test_00000000000000000000000000000000000021010003K6",
	    "cc_test_00000000000000000000000000000000008362830000lR",
	};
	char sum[7];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		base62_sum(good[i], 48, sum);
		assert_string_equal(sum, good[i] + 48);
		if (!key_well_formed(walled(good[i], KEY_TEXT)))
			fail_msg("refused: %s", good[i]);
	}
}

static void
refuses_keys(void **state)
{
	static const char *const bad[] = {
	    "",
	    "cc_live_",
	    "cc_live_...",
	    "Ab3dE6gH" SECRET "2NMmLo",
	    "cc_live_Ab3dE6gH" SECRET,
	    "cc_live_Ab3dE6gH" SECRET "2NMmL",
	    KEY "o",
	    KEY " ",
	    KEY "\n",
	    KEY KEY,
	    " cc_live_Ab3dE6gH" SECRET "2NMmL",
	    "cc_live_Ab3dE6gH" SECRET "2nMmLo",
	    "cc_live_Ab3dE6gH" SECRET "2NMmLO",
	    "cc_live_Ab3dE6gH" SECRET "000000",
	    "cc_live_Ab3dE6gH" SECRET "oLmMN2",
	    "cc_test_Ab3dE6gH" SECRET "2NMmLo", /* the live key's sum */
	    "cc_live_0123456789ABCDEFGHIJKLMNOPQRSTUVAb3dE6gH2NMmLo",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (key_well_formed(walled(bad[i], strlen(bad[i]) + 1)))
			fail_msg("taken: %s", bad[i]);
}

/* The right sum does not make a key of another kind or of other characters. */
static void
refuses_keys_with_right_sum(void **state)
{
	static const char *const bad[] = {
	    "cc_prod_Ab3dE6gH" SECRET,
	    "CC_LIVE_Ab3dE6gH" SECRET,
	    "cc_Live_Ab3dE6gH" SECRET,
	    "cc-live-Ab3dE6gH" SECRET,
	    "cc_liveAAb3dE6gH" SECRET,
	    "sk_live_Ab3dE6gH" SECRET,
	    "cc_live_Ab3dE6g_" SECRET,
	    "cc_live_Ab3dE6g-" SECRET,
	    "cc_live_Ab3dE6g " SECRET,
	    "cc_live_Ab3dE6g/" SECRET,
	    "cc_live_Ab3dE6g:" SECRET,
	    "cc_live_Ab3dE6g@" SECRET,
	    "cc_live_Ab3dE6g[" SECRET,
	    "cc_live_Ab3dE6g`" SECRET,
	    "cc_live_Ab3dE6g{" SECRET,
	    "cc_live_Ab3dE6g\x7f" SECRET,
	    "cc_live_Ab3dE6g\xff" SECRET,
	    "cc_live_Ab3dE6\xc3\xa9" SECRET,
	    "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTU\n",
	};
	char key[KEY_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(strlen(bad[i]), 48);
		memcpy(key, bad[i], 48);
		base62_sum(key, 48, key + 48);
		if (key_well_formed(key))
			fail_msg("taken: %s", key);
	}
}

/* Any one character changed, any two neighbours swapped, any cut: a typo. */
static void
refuses_typos(void **state)
{
	char key[] = KEY;
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < KEY_LENGTH; i++) {
		for (const char *c = base62; *c; c++) {
			if (*c == KEY[i])
				continue;
			key[i] = *c;
			tried++;
			if (key_well_formed(key))
				fail_msg("taken: %s", key);
		}
		key[i] = KEY[i];
		if (key_well_formed(walled(KEY + i + 1, KEY_LENGTH - i)) ||
		    key_well_formed(KEY + KEY_LENGTH))
			fail_msg("taken: its last %zu", KEY_LENGTH - i - 1);
	}
	assert_true(tried >= KEY_LENGTH * 61);
	for (size_t i = 1; i < KEY_LENGTH; i++) {
		if (KEY[i - 1] == KEY[i])
			continue;
		key[i - 1] = KEY[i];
		key[i] = KEY[i - 1];
		if (key_well_formed(key))
			fail_msg("taken: %s", key);
		key[i - 1] = KEY[i - 1];
		key[i] = KEY[i];
	}
	assert_true(key_well_formed(key));
}

/* 80,000 characters drawn: each of the 62 within six standard deviations
 * (36) of its share. A remainder of a byte would be 270 off. */
static void
draws_unbiased_keys(void **state)
{
	enum { KEYS = 2000, SHARE = KEYS * 38 / 62 };
	static char made[KEYS][KEY_TEXT];
	size_t seen[128] = {0};

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		const char *kind = i % 2 ? "cc_test_" : "cc_live_";

		key_make(made[i], i % 2, "Zz");
		assert_int_equal(strlen(made[i]), KEY_LENGTH);
		assert_memory_equal(made[i], kind, 8);
		assert_memory_equal(made[i] + 8, "Zz", 2);
		assert_true(key_well_formed(made[i]));
		for (size_t k = 10; k < 48; k++)
			seen[(unsigned char)made[i][k] & 127]++;
		for (size_t k = 0; k < i; k += 97)
			assert_string_not_equal(made[i], made[k]);
	}
	for (const char *c = base62; *c; c++) {
		size_t n = seen[(unsigned char)*c];

		if (n < SHARE - 216 || n > SHARE + 216)
			fail_msg("%c drawn %zu times", *c, n);
	}
}

/* With what is kept of it, but for its hash. */
static void
draws_for_an_environment(void **state)
{
	static const struct {
		const char *asked, *got, *begins;
	} cases[] = {
	    {NULL, "live", "cc_live_"},
	    {"live", "live", "cc_live_"},
	    {"test", "test", "cc_test_"},
	};
	unsigned char check[KEY_CHECK_VALUE];
	struct new_key k;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(&k, 'x', sizeof(k));
		assert_true(key_draw(&k, cases[i].asked, "a0"));
		assert_string_equal(k.environment, cases[i].got);
		assert_true(key_well_formed(k.key));
		assert_memory_equal(k.key, cases[i].begins, 8);
		assert_memory_equal(k.key + 8, "a0", 2);
		assert_int_equal(strlen(k.prefix), KEY_PREFIX);
		assert_memory_equal(k.prefix, k.key, KEY_PREFIX);
		assert_true(key_check_value(k.key, check));
		assert_memory_equal(k.check, check, sizeof(check));
		assert_string_equal(k.hash, "");
	}
}

/* Rows in a database hold it: it must not change. The expected bytes are
 * those of another implementation of keyed BLAKE2b. */
static void
has_check_value(void **state)
{
	static const unsigned char want[] = {0xc0, 0xb5, 0x3c, 0x3a};
	unsigned char got[KEY_CHECK_VALUE + 1] = {0}, other[KEY_CHECK_VALUE];
	char key[] = KEY;

	(void)state;
	got[KEY_CHECK_VALUE] = 0x77;
	key_check_value(KEY, got);
	assert_memory_equal(got, want, KEY_CHECK_VALUE);
	assert_int_equal(got[KEY_CHECK_VALUE], 0x77);
	for (size_t i = 0; i < KEY_LENGTH; i++) {
		key[i] ^= 1;
		key_check_value(key, other);
		key[i] ^= 1;
		assert_memory_not_equal(got, other, KEY_CHECK_VALUE);
	}
}

static void
hashes(void **state)
{
	char hash[KEY_HASH_TEXT], again[KEY_HASH_TEXT], start[16];

	(void)state;
	for (int n = 10; n <= 16; n += 3) {
		assert_true(key_hash(KEY, n, hash));
		assert_int_equal(strlen(hash), LEN);
		snprintf(start, sizeof(start), "$s1$%02x0801$", (unsigned)n);
		assert_memory_equal(hash, start, strlen(start));
		assert_int_equal(key_verify(KEY, hash, LEN), ERR_OK);
	}
	assert_true(key_hash(KEY, 10, hash));
	assert_true(key_hash(KEY, 10, again)); /* another salt */
	assert_memory_not_equal(hash + 11, again + 11, 24);
	assert_memory_not_equal(hash + 36, again + 36, 88);
	assert_null(strstr(hash, "Ab3dE6gH"));
}

static void
verifies(void **state)
{
	static const char *const others[] = {"", "cc_live_Ab3dE6gH",
	    "cc_live_Ab3dE6gH" SECRET "2NMmL", KEY "x", KEY "\n",
	    "cc_test_Ab3dE6gH" SECRET "2NMmLo", SALT, HASH, STORED};

	(void)state;
	assert_int_equal(key_verify(KEY, TEXT(STORED)), ERR_OK);
	assert_int_equal(key_verify(KEY,
			     TEXT("$s1$0c0801$" SALT "$BovNzOevSQqAEcUnKxAq"
				  "UMrpTPrIeEc9hu+/4ElkfV/ycGQTq4t9KRlRyxRn1"
				  "UcIv/UvatqLg7zFWE10MdjMOw==")),
	    ERR_OK);
	for (size_t i = 0; i < COUNT(others); i++)
		if (key_verify(others[i], TEXT(STORED)) != ERR_AUTH_INVALID)
			fail_msg("%s", others[i]);
}

/* Right hashes of KEY by costs that are not on the list: taken for what they
 * are they would be equal. */
static void
refuses_costs(void **state)
{
	static const char *const bad[] = {
	    "$s1$040801$" SALT
	    "$+W9sppsTcPyEKRak28nsvxSEAbZkm4ZaHlxOFIWOR1PYuDiv07pK/m5D7W/101"
	    "dMNd7SrmskT/TSifSJBy3p1Q==",
	    "$s1$090801$" SALT
	    "$jI/VR2cpSNJ/BLTMRHb8WkrueLzPcc6Kw7SsBWUBoZ86aF4nkllDz0Ll6B1KBe"
	    "fLwtrq1kFIQjSOo2r9c1yMag==",
	    "$s1$110801$" SALT
	    "$7fjgvSfa2gghCvGAuJTth35zdyQcJ182oDcTuszlYc8Fca3SRO7DvOd3ws5T80"
	    "mgCFpWjLIlVwY+oOKvCcoPyA==",
	    "$s1$0a1001$" SALT
	    "$dtar4orm/wn/8SbmiHwK36wcH6vNPjTRc9q/3SfYdBImE4JlsoR0f8H29RIYx/"
	    "Ym26BMGkh7wEbhyx6mRT8FoA==",
	    "$s1$0a0401$" SALT
	    "$jIQgCsaE70HCxAaiS8/oG9zNnnXB9MPZ23Q/ONkjzSaYfg4IudS1GAoqrUjTtN"
	    "d/a6I801WGZbaG03hlV2AZyg==",
	    "$s1$0a0101$" SALT
	    "$2E4ryjaBCofiT8n4udPlyEeNHhS8JZUKgR/6NuWiazPD1TOyUNZh5PEwgsgJS/"
	    "ugCyRQio0sL+cm5/dhjlPWPA==",
	    "$s1$0a0802$" SALT
	    "$BEhH6TrgAbxt5RB7MXXcCxutEsn0ZQ/hJm+PW9zJ3yDRAiSWym3IWhb4WR0Zgl"
	    "rBkk6RWDbwRuIGIUiaFBBqfg==",
	    "$s1$0A0801$" SALT "$" HASH, /* not as key_hash writes it */
	    "$s1$1e0801$" SALT "$" HASH, /* 1 TiB */
	    "$s1$1eff01$" SALT "$" HASH,
	    "$s1$0a08ff$" SALT "$" HASH,
	    "$s1$000801$" SALT "$" HASH,
	    "$s1$ff0801$" SALT "$" HASH,
	    "$s1$0a0001$" SALT "$" HASH,
	    "$s1$0a0800$" SALT "$" HASH,
	};
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(strlen(bad[i]), LEN);
		if (key_verify(KEY, bad[i], LEN) != ERR_INTERNAL)
			fail_msg("%s", bad[i]);
	}
	/* nothing of the cost was spent: 2^17 alone takes 200 ms */
	assert_true(clock() - start < CLOCKS_PER_SEC / 20);
}

static void
refuses_forms(void **state)
{
	static const struct {
		const char *stored;
		size_t len;
	} bad[] = {
	    {TEXT("")},
	    {TEXT("$")},
	    {TEXT("$s1$")},
	    {TEXT("$s1$0a0801")},
	    {TEXT("$s1$0a0801$")},
	    {TEXT("$s1$0a0801$" SALT)},
	    {TEXT("$s1$0a0801$" SALT "$")},
	    {TEXT("$s1$0a0801$$" HASH)},
	    {TEXT(STORED "$")},
	    {TEXT(STORED "$junk")},
	    {TEXT(STORED "=")},
	    {TEXT(STORED "\n")},
	    {TEXT(STORED "\0")},
	    {TEXT(" " STORED)},
	    {TEXT(KEY)},
	    {TEXT("$2b$10$abcdefghijklmnopqrstuuJ5JrCk0bFp0eZ5n3t")},
	    {TEXT("$s2$0a0801$" SALT "$" HASH)},
	    {TEXT("$S1$0a0801$" SALT "$" HASH)},
	    {TEXT("#s1$0a0801$" SALT "$" HASH)},
	    {TEXT("$s1$0a0801:" SALT "$" HASH)},
	    {TEXT("$s1$0a0801$" SALT ":" HASH)},
	    {TEXT("$s1$xy0801$" SALT "$" HASH)},
	    {TEXT("$s1$-a0801$" SALT "$" HASH)},
	    {TEXT("$s1$ a0801$" SALT "$" HASH)},
	    {TEXT("$s1$0a08 1$" SALT "$" HASH)},
	    /* the border between salt and hash moved */
	    {TEXT("$s1$0a0801$AAECAwQFBgcICQoLDA0ODw=$=" HASH)},
	    {TEXT("$s1$0a0801$" SALT "=$2StXIijEOuSdDbNAdZyEjLskZveE0SIyJu/"
		  "MiGZUMlUY+BucM4r8DrR7MRXRu5bFpRB55yNbzobY6fSxbLSAg==")},
	    {TEXT("$s1$0a0801$AAECAwQFBgcICQoLDA0ODw  $" HASH)},
	    {TEXT("$s1$0a0801$AAECAwQFBgcICQoLDA0OD\xc3\xa9=$" HASH)},
	    {TEXT("$s1$0a0801$AAECAwQFBgcICQ-_DA0ODw==$" HASH)},
	    {TEXT("$s1$0a0801$========================$" HASH)},
	    {TEXT("$s1$0a0801$AAECAwQFBgc=CQoLDA0ODw==$" HASH)},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (key_verify(KEY, walled(bad[i].stored, bad[i].len + 1),
			bad[i].len) != ERR_INTERNAL)
			fail_msg("%zu: %s", i, bad[i].stored);
}

/* Every character of a good one damaged in several ways, and every cut. The
 * last of the bytes costs a hash each. */
static void
refuses_damage(void **state)
{
	static const char bytes[] = {'\0', '!', '$', '-', '\xff', '/'};
	char text[LEN + 1] = STORED;

	(void)state;
	for (size_t i = 0; i < LEN; i++) {
		if (key_verify(KEY, walled(STORED, i), i) != ERR_INTERNAL)
			fail_msg("cut at %zu: taken", i);
		for (size_t b = 0; b < sizeof(bytes); b++) {
			if (STORED[i] == bytes[b])
				continue;
			text[i] = bytes[b];
			if (key_verify(KEY, walled(text, LEN + 1), LEN) ==
			    ERR_OK)
				fail_msg("byte %zu is %d: taken", i, bytes[b]);
		}
		text[i] = STORED[i];
	}
	assert_int_equal(key_verify(KEY, text, LEN), ERR_OK);
}

/* It is told a length: what stands behind is not its business. */
static void
keeps_to_the_length(void **state)
{
	char text[LEN] = STORED;

	(void)state;
	text[35] = 'A'; /* all base64 from the salt to the end */
	assert_int_equal(key_verify(KEY, walled(text, LEN), LEN), ERR_INTERNAL);
	assert_int_equal(key_verify(KEY, walled(STORED, LEN), LEN), ERR_OK);
}

int
main(void)
{
	const struct CMUnitTest key_tests[] = {
	    cmocka_unit_test(has_checksum),
	    cmocka_unit_test(refuses_keys),
	    cmocka_unit_test(refuses_keys_with_right_sum),
	    cmocka_unit_test(refuses_typos),
	    cmocka_unit_test(draws_unbiased_keys),
	    cmocka_unit_test(draws_for_an_environment),
	    cmocka_unit_test(has_check_value),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(verifies),
	    cmocka_unit_test(refuses_costs),
	    cmocka_unit_test(refuses_forms),
	    cmocka_unit_test(refuses_damage),
	    cmocka_unit_test(keeps_to_the_length),
	};

	return cmocka_run_group_tests(key_tests, start_secrets, NULL);
}
