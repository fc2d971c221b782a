/*
 * test_stats.c: counting in shared memory: totals, rows, buckets, failures.
 */
#include "unit.h"

#include "shm/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/banned.h"

/* Shared, as the workers have it; 0 again for each test. */
static struct stats *s;

static int
start(void **state)
{
	(void)state;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return s == MAP_FAILED ? -1 : 0;
}

static int
wipe(void **state)
{
	(void)state;
	memset((void *)s, 0, sizeof(*s));
	return 0;
}

static void
names_rows(void **state)
{
	char method[8], path[56];

	(void)state;
	assert_int_equal(stats_find(s, "GET", "/a"), -1);
	assert_int_equal(stats_name(s, "GET", "/a"), 1);
	assert_int_equal(stats_name(s, "POST", "/a"), 2);
	assert_int_equal(stats_name(s, "GET", "/a/b"), 3);
	assert_int_equal(stats_name(s, "POST", "/a"), 2); /* once */
	assert_int_equal(stats_find(s, "GET", "/a"), 1);
	assert_int_equal(stats_find(s, "GET", "/"), -1);
	assert_int_equal(stats_find(s, "GE", "/a"), -1);
	assert_int_equal(stats_find(s, "GETTING MORE", "/a"), -1);
	assert_false(stats_is_named(s, 0));
	assert_true(stats_is_named(s, 3));
	assert_false(stats_is_named(s, 4));
	assert_int_equal(stats_name(s, "OPTIONS", "/a"), 4); /* 7 fit, 8 not */
	assert_int_equal(stats_name(s, "OPTIONSX", "/a"), 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(stats_name(s, "GET", path), 5);
	assert_int_equal(stats_find(s, "GET", path), 5);
	snprintf(method, sizeof(method), "M");
	for (int i = 6; i < STATS_ROUTES; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		assert_int_equal(stats_name(s, method, path), i);
	}
	assert_int_equal(stats_name(s, "GET", "/one/more"), 0); /* full */
	assert_int_equal(stats_name(s, "GET", "/a"), 1);
}

/* Who died while it wrote a name has named nothing. */
static void
names_over_a_half_made_row(void **state)
{
	(void)state;
	memcpy(s->row[1].method, "BROKEN!!", 8);
	memset(s->row[1].path, 'x', sizeof(s->row[1].path));
	assert_int_equal(stats_find(s, "BROKEN!!", "xxx"), -1);
	assert_int_equal(stats_name(s, "GET", "/a"), 1);
	assert_int_equal(stats_find(s, "GET", "/a"), 1);
}

static int
bucket_of(int64_t us)
{
	int found = -1;

	wipe(NULL);
	stats_answer(s, 2, 200, us);
	assert_int_equal(s->row[2].took_us, us);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		if (s->row[2].took[i] == 0)
			continue;
		assert_int_equal(s->row[2].took[i], 1);
		assert_int_equal(found, -1);
		found = i;
	}
	return found;
}

/* A bound belongs to its bucket ("le"), and its text says the same. */
static void
finds_the_bucket(void **state)
{
	int last = STATS_BUCKETS - 1;

	(void)state;
	assert_int_equal(bucket_of(0), 0);
	for (int i = 0; i < last; i++) {
		double seconds = strtod(stats_bounds[i].seconds, NULL);

		assert_int_equal(
		    (int64_t)(seconds * 1e6 + 0.5), stats_bounds[i].us);
		assert_int_equal(bucket_of(stats_bounds[i].us), i);
		assert_int_equal(bucket_of(stats_bounds[i].us + 1), i + 1);
		assert_true(
		    i == 0 || stats_bounds[i - 1].us < stats_bounds[i].us);
	}
	assert_int_equal(bucket_of(INT64_MAX), last);
}

static void
counts_answers(void **state)
{
	static const int told[] = {200, 204, 404, 503, 599};
	static const int outside[] = {-1, 0, 101, 199, 600, 10000};
	uint64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(told); i++)
		for (size_t n = 0; n <= i; n++)
			stats_answer(s, 1, told[i], 1000000);
	for (size_t i = 0; i < COUNT(outside); i++)
		stats_answer(s, 1, outside[i], 1000000);
	for (size_t i = 0; i < COUNT(told); i++)
		assert_int_equal(
		    s->row[1].answers[told[i] - STATS_FIRST], i + 1);
	for (int i = 0; i < STATS_STATUSES; i++)
		sum += s->row[1].answers[i];
	assert_int_equal(sum, 1 + 2 + 3 + 4 + 5);
	assert_int_equal(s->row[1].took_us, (sum + COUNT(outside)) * 1000000);
	assert_int_equal(s->row[0].took_us + s->row[2].took_us, 0);
}

/* Nothing is lost between processes. */
static void
adds_from_many(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		if (fork() != 0)
			continue;
		for (int n = 0; n < 20000; n++) {
			stats_answer(s, 1, 200, 700);
			stats_add(s, STAT_DB_WAIT_US, 3);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		wait(NULL);
	assert_int_equal(s->row[1].answers[0], 80000);
	assert_int_equal(s->row[1].took[1], 80000);
	assert_int_equal(s->row[1].took_us, 80000 * 700);
	assert_int_equal(stats_get(s, STAT_DB_WAIT_US), 80000 * 3);
	assert_int_equal(stats_get(s, STAT_DB_REQUESTS), 0);
}

static void
add_fault(int number)
{
	struct stats_fault f = {.at_ms = number, .row = 1, .status = 503};

	snprintf(f.code, sizeof(f.code), "CODE%d", number);
	snprintf(f.rid, sizeof(f.rid), "%036d", number);
	stats_fault_add(s, &f);
}

static void
keeps_the_last_faults(void **state)
{
	struct stats_fault f[STATS_FAULTS + 1];
	char text[40];

	(void)state;
	assert_int_equal(stats_faults(s, f, COUNT(f)), 0);
	add_fault(1);
	assert_int_equal(stats_faults(s, f, COUNT(f)), 1);
	assert_int_equal(f[0].at_ms, 1);
	for (int i = 2; i <= STATS_FAULTS + 5; i++)
		add_fault(i);
	assert_int_equal(stats_faults(s, f, COUNT(f)), STATS_FAULTS);
	for (int i = 0; i < STATS_FAULTS; i++) {
		assert_int_equal(f[i].at_ms, STATS_FAULTS + 5 - i);
		assert_int_equal(f[i].row, 1);
		assert_int_equal(f[i].status, 503);
		snprintf(text, sizeof(text), "CODE%d", STATS_FAULTS + 5 - i);
		assert_string_equal(f[i].code, text);
	}
	assert_int_equal(stats_faults(s, f, 2), 2);
	assert_int_equal(stats_faults(s, f, 0), 0);
}

static void
leaves_out_torn_faults(void **state)
{
	struct stats_fault f[STATS_FAULTS];

	(void)state;
	for (int i = 0; i < 3; i++)
		add_fault(i);
	for (int word = 0; word <= STATS_FAULT_LEN; word++) {
		s->fault[1][word] ^= 1;
		assert_int_equal(stats_faults(s, f, COUNT(f)), 2);
		assert_int_equal(f[0].at_ms, 2);
		assert_int_equal(f[1].at_ms, 0);
		s->fault[1][word] ^= 1;
	}
	s->faults++; /* one began and died: its entry is another's or empty */
	assert_int_equal(stats_faults(s, f, COUNT(f)), 3);
}

int
main(void)
{
	const struct CMUnitTest stats_tests[] = {
	    cmocka_unit_test_setup(names_rows, wipe),
	    cmocka_unit_test_setup(names_over_a_half_made_row, wipe),
	    cmocka_unit_test_setup(finds_the_bucket, wipe),
	    cmocka_unit_test_setup(counts_answers, wipe),
	    cmocka_unit_test_setup(adds_from_many, wipe),
	    cmocka_unit_test_setup(keeps_the_last_faults, wipe),
	    cmocka_unit_test_setup(leaves_out_torn_faults, wipe),
	};

	return cmocka_run_group_tests(stats_tests, start, NULL);
}
