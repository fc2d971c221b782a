/*
 * test_verified.c: the table of verified keys: what it finds is what was put
 * in, whoever writes at the same time and whatever became of the bytes.
 */
#include "unit.h"

#include "base/secret.h"
#include "shm/verified.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/banned.h"

#define KEY   "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLo"
#define OTHER "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLp"

/* An entry in the file: tag, identity, MAC. */
#define TAG   32
#define WORDS 28
#define ENTRY (WORDS * 8)
_Static_assert(TAG + sizeof(struct identity) + 32 == ENTRY, "the layout");

static const struct identity mine = {
    .project_id = "11111111-2222-4333-8444-555555555555",
    .key_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    .digest = {1, 2, 3, [31] = 4},
    .stamp = {9},
    .scopes = 3,
    .rate = 4,
};
static const struct identity yours = {
    .project_id = "99999999-8888-4777-8666-555555555555",
    .key_id = "ffffffff-eeee-4ddd-8ccc-bbbbbbbbbbbb",
    .digest = {5, 6, 7, [31] = 8},
};

static char dir[] = "/tmp/test_verified.XXXXXX";
static char path[64];

static struct host *
open_host(void)
{
	char why[256] = "";
	struct host *h = host_open(dir, HOST_WORK, why, sizeof(why));

	if (!h)
		fail_msg("%s", why);
	return h;
}

static bool
same(const struct identity *a, const struct identity *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* What stands for a miss: what was there before. */
static void
assert_miss(struct host *h, const char *key)
{
	struct identity id = {.project_id = "untouched"}, before = id;

	assert_false(verified_find(h, key, &id));
	assert_true(same(&id, &before));
}

static void
assert_hit(struct host *h, const char *key, const struct identity *want)
{
	struct identity id;

	memset(&id, 0xff, sizeof(id));
	assert_true(verified_find(h, key, &id));
	assert_true(same(&id, want));
}

/* The one entry in the table of a fresh file. */
static unsigned char *
entry_of(struct host *h, const struct identity *id)
{
	unsigned char *hit =
	    memmem(host_table(h), HOST_TABLE_SIZE, id, sizeof(id->project_id));

	assert_non_null(hit);
	return hit - TAG;
}

static int
setup(void **state)
{
	unlink(path);
	*state = open_host();
	return 0;
}

static int
teardown(void **state)
{
	host_close(*state);
	return 0;
}

static void
finds_through_both_mappings(void **state)
{
	struct host *a = *state, *b = open_host();

	assert_miss(a, KEY);
	verified_add(a, KEY, &mine);
	assert_hit(a, KEY, &mine);
	assert_hit(b, KEY, &mine);
	assert_miss(b, OTHER);
	assert_miss(b, "");
	assert_miss(b, "cc_live_");
	verified_add(b, OTHER, &yours);
	assert_hit(a, OTHER, &yours);
	assert_hit(a, KEY, &mine);
	verified_add(b, KEY, &yours); /* takes the place of the first */
	assert_hit(a, KEY, &yours);
	verified_drop(a, OTHER);
	assert_miss(b, OTHER);
	verified_drop(a, KEY);
	assert_miss(b, KEY);
	verified_drop(b, KEY); /* is gone already */
	assert_miss(a, KEY);
	host_close(b);
}

static void
lasts_as_long_as_the_file(void **state)
{
	struct host *a = *state, *b;

	verified_add(a, KEY, &mine);
	host_close(a);
	*state = a = open_host();
	assert_hit(a, KEY, &mine);
	unlink(path);
	b = open_host(); /* another boot */
	assert_miss(b, KEY);
	/* and its entry under another secret is worth nothing */
	memcpy(host_table(b), host_table(a), HOST_TABLE_SIZE);
	assert_miss(b, KEY);
	assert_int_not_equal(verified_number(a, KEY), verified_number(b, KEY));
	host_close(b);
}

static void
holds_no_key(void **state)
{
	struct host *h = *state;
	char *found;

	verified_add(h, KEY, &mine);
	found = memmem(host_table(h), HOST_TABLE_SIZE, KEY + 8, 8);
	assert_null(found);
	found = memmem(host_table(h), HOST_TABLE_SIZE, KEY + 16, 8);
	assert_null(found);
}

static void
misses_after_a_bit_flip(void **state)
{
	struct host *h = *state;
	unsigned char *e;

	verified_add(h, KEY, &mine);
	e = entry_of(h, &mine);
	for (size_t i = 0; i < ENTRY * 8; i++) {
		struct identity id;

		e[i / 8] ^= 1 << i % 8;
		if (verified_find(h, KEY, &id))
			fail_msg("bit %zu of byte %zu", i % 8, i / 8);
		e[i / 8] ^= 1 << i % 8;
	}
	assert_hit(h, KEY, &mine);
}

/* Two writers' words in every mixture of a beginning and an end, and each
 * single word of the other: the one, the other, or a miss. */
static void
misses_torn_entries(void **state)
{
	unsigned char a[ENTRY], b[ENTRY], *e;
	struct host *h = *state;
	size_t misses = 0;

	verified_add(h, KEY, &yours);
	e = entry_of(h, &yours);
	memcpy(b, e, ENTRY);
	verified_add(h, KEY, &mine);
	memcpy(a, e, ENTRY);
	assert_memory_equal(a, b, TAG); /* the same place and tag */
	for (size_t from = 0; from < WORDS; from++) {
		for (size_t to = from + 1; to <= WORDS; to++) {
			struct identity id;

			memcpy(e, a, ENTRY);
			memcpy(e + from * 8, b + from * 8, (to - from) * 8);
			if (!verified_find(h, KEY, &id))
				misses++;
			else if (memcmp(e, a, ENTRY) == 0)
				assert_true(same(&id, &mine));
			else if (memcmp(e, b, ENTRY) == 0)
				assert_true(same(&id, &yours));
			else
				fail_msg("words %zu to %zu", from, to);
		}
	}
	/* whole ones are those that change nothing but the tag, or all */
	assert_true(misses > 200);
}

static void
misses_moved_and_forged_entries(void **state)
{
	unsigned char a[ENTRY], tag[TAG], *e;
	struct host *h = *state;
	struct identity id;

	verified_add(h, OTHER, &yours);
	e = entry_of(h, &yours);
	memcpy(tag, e, TAG);
	verified_add(h, KEY, &mine);
	memcpy(a, entry_of(h, &mine), ENTRY);
	/* mine in the place of the other key, then under its tag, too */
	memcpy(e, a, ENTRY);
	assert_miss(h, OTHER);
	memcpy(e, tag, TAG);
	assert_miss(h, OTHER);
	memset(e + ENTRY - 32, 0, 32);
	assert_miss(h, OTHER);
	/* an empty place is nobody's */
	memset(host_table(h), 0, HOST_TABLE_SIZE);
	assert_false(verified_find(h, OTHER, &id));
}

/* More keys than places: the newest is always there, what is there is right,
 * and half of what fits at least is kept. */
static void
overflows(void **state)
{
	enum { KEYS = 45000 };
	const size_t places = HOST_TABLE_SIZE / ENTRY;
	struct host *h = *state;
	struct identity id = mine, got;
	size_t kept = 0;
	char key[32];

	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		memcpy(id.digest, &i, sizeof(i));
		verified_add(h, key, &id);
		assert_true(verified_find(h, key, &got));
	}
	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		memcpy(id.digest, &i, sizeof(i));
		if (!verified_find(h, key, &got))
			continue;
		assert_true(same(&got, &id));
		kept++;
	}
	assert_true(kept > places / 2);
	assert_true(kept <= places);
}

/* Four processes write two identities of one key as fast as they can. */
static void
is_never_mixed(void **state)
{
	struct host *h = *state;
	size_t hits = 0, mixed = 0;
	struct identity id;
	pid_t pids[4];

	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			verified_add(h, KEY, i % 2 ? &mine : &yours);
	}
	for (int i = 0; i < 20000 || (hits == 0 && i < 10000000); i++) {
		if (!verified_find(h, KEY, &id))
			continue;
		hits++;
		mixed += !same(&id, &mine) && !same(&id, &yours);
	}
	for (int i = 0; i < 4; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	assert_int_equal(mixed, 0);
	assert_true(hits > 0);
	/* one killed in the middle leaves a miss, which the next add mends */
	verified_add(h, KEY, &mine);
	assert_hit(h, KEY, &mine);
}

static void
numbers_keys(void **state)
{
	struct host *h = *state, *b = open_host();

	assert_int_equal(verified_number(h, KEY), verified_number(b, KEY));
	assert_int_not_equal(
	    verified_number(h, KEY), verified_number(h, OTHER));
	host_close(b);
}

static void
works_without(void **state)
{
	(void)state;
	assert_miss(NULL, KEY);
	verified_add(NULL, KEY, &mine);
	assert_miss(NULL, KEY);
	verified_drop(NULL, KEY);
	assert_int_equal(verified_number(NULL, KEY), 0);
}

static int
start(void **state)
{
	(void)state;
	if (!secret_init() || !mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", dir, HOST_FILE);
	return 0;
}

static int
clean(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest verified_tests[] = {
	    WITH_HOST(finds_through_both_mappings),
	    WITH_HOST(lasts_as_long_as_the_file),
	    WITH_HOST(holds_no_key),
	    WITH_HOST(misses_after_a_bit_flip),
	    WITH_HOST(misses_torn_entries),
	    WITH_HOST(misses_moved_and_forged_entries),
	    WITH_HOST(overflows),
	    WITH_HOST(is_never_mixed),
	    WITH_HOST(numbers_keys),
	    cmocka_unit_test(works_without),
	};

	return cmocka_run_group_tests(verified_tests, start, clean);
}
