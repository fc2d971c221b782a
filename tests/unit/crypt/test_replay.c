/*
 * test_replay.c: what is kept of a POST with an Idempotency-Key: numbers that
 * only the same API key gives, and an answer that only the same request opens.
 */
#include "unit.h"

#include "base/secret.h"
#include "crypt/replay.h"

#include <sodium.h>

#include "base/banned.h"

#define API_KEY "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLo"
#define P1      "11111111-2222-4333-8444-555555555555"
#define P2      "11111111-2222-4333-8444-555555555556"
#define K1      "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define PLAIN   "200\n\n{\"data\":{}}"
#define NAME_HEX                                                               \
	"3062f281e465dd72ccf7520f99795638a343f28f14ea7acfbc421770a48fa2d7"
#define SEAL_HEX                                                               \
	"d1589f3731d681fcd7805ae2e000448996774dcd0156de3dd7d4210c1b3cb7ac"
#define REQUEST_HEX                                                            \
	"0a16a0b0da7c9d2c52b29bbb751d6cf0b5c730b468effd4fea0895219bdcdae4"
#define SIZE (sizeof(PLAIN) - 1 + REPLAY_OVERHEAD)

static const struct replay_request usual = {"POST", "/a?b", "body", 4};

static struct replay
derived(const char *api_key, const char *key, struct replay_request of)
{
	struct replay k;

	assert_true(replay_derive(api_key, key, &of, &k));
	return k;
}

static bool
same_name(const struct replay *a, const struct replay *b)
{
	return memcmp(a->name, b->name, REPLAY_HASH) == 0;
}

static bool
same_request(const struct replay *a, const struct replay *b)
{
	return memcmp(a->request, b->request, REPLAY_HASH) == 0;
}

/* Records outlive a program: what another one makes of it, BLAKE2b by the
 * words of crypt/replay.c. */
static void
is_as_ever(void **state)
{
	struct replay k = derived(API_KEY, "k", usual);
	char hex[2 * REPLAY_HASH + 1];

	(void)state;
	sodium_bin2hex(hex, sizeof(hex), k.name, REPLAY_HASH);
	assert_string_equal(hex, NAME_HEX);
	sodium_bin2hex(hex, sizeof(hex), k.request, REPLAY_HASH);
	assert_string_equal(hex, REQUEST_HEX);
	sodium_bin2hex(hex, sizeof(hex), k.seal, sizeof(k.seal));
	assert_string_equal(hex, SEAL_HEX);
}

static void
tells_requests_apart(void **state)
{
	static const struct replay_request others[] = {
	    {"PUT", "/a?b", "body", 4},
	    {"POST", "/a?c", "body", 4},
	    {"POST", "/a?b", "bodx", 4},
	    {"POST", "/a?b", "body", 3},
	    {"POST", "/a?b\0b", "ody", 3},
	    {"POST", "/a?", "bbody", 5},
	    {"POST", "/a?b", NULL, 0},
	};
	struct replay k = derived(API_KEY, "k", usual), o;

	(void)state;
	o = derived(API_KEY, "k", usual);
	assert_memory_equal(&k, &o, sizeof(k));
	for (size_t i = 0; i < COUNT(others); i++) {
		o = derived(API_KEY, "k", others[i]);
		assert_true(same_name(&k, &o));
		assert_false(same_request(&k, &o));
	}
	o = derived(API_KEY, "l", usual);
	assert_false(same_name(&k, &o));
	assert_int_not_equal(replay_number(&k), replay_number(&o));
	assert_true(memcmp(k.seal, o.seal, sizeof(k.seal)) != 0);
}

static void
compares_with_nobodys(void **state)
{
	struct replay k = derived(API_KEY, "k", usual);
	struct replay o = derived("another", "k", usual);

	(void)state;
	assert_false(same_name(&k, &o));
	assert_false(same_request(&k, &o));
	assert_true(memcmp(k.seal, o.seal, sizeof(k.seal)) != 0);
}

static bool
opens(const struct replay *k, const char *project, const char *key,
    const unsigned char *sealed, size_t len)
{
	unsigned char out[SIZE];
	size_t out_len = 0;

	if (!replay_open(k, project, key, sealed, len, out, &out_len))
		return false;
	assert_int_equal(out_len, sizeof(PLAIN) - 1);
	assert_memory_equal(out, PLAIN, out_len);
	return true;
}

static void
opens_in_its_place_only(void **state)
{
	struct replay k = derived(API_KEY, "k", usual), o;
	struct replay_request of = usual;
	unsigned char sealed[SIZE];

	(void)state;
	memcpy(sealed + REPLAY_FRONT, PLAIN, sizeof(PLAIN) - 1);
	assert_true(replay_seal(&k, P1, K1, sealed, sizeof(PLAIN) - 1));
	assert_true(opens(&k, P1, K1, sealed, SIZE));
	assert_false(opens(&k, P2, K1, sealed, SIZE));
	assert_false(opens(&k, P1, P1, sealed, SIZE));
	o = derived(API_KEY, "l", usual);
	assert_false(opens(&o, P1, K1, sealed, SIZE));
	of.target = "/b";
	o = derived(API_KEY, "k", of);
	assert_false(opens(&o, P1, K1, sealed, SIZE));
	for (size_t len = 0; len < SIZE; len++)
		assert_false(opens(&k, P1, K1, sealed, len));
	for (size_t i = 0; i < SIZE; i++) {
		sealed[i] ^= 1;
		assert_false(opens(&k, P1, K1, sealed, SIZE));
		sealed[i] ^= 1;
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_as_ever),
	    cmocka_unit_test(tells_requests_apart),
	    cmocka_unit_test(compares_with_nobodys),
	    cmocka_unit_test(opens_in_its_place_only),
	};

	return secret_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
