/*
 * test_rate.c: the window of one key, held against a list of all times at which
 * one was let in. Between processes: test_rate_shared.c.
 */
#include "unit.h"

#include "base/clock.h"
#include "shm/rate.h"

#include <stdlib.h>

#include "base/banned.h"

#define WINDOW CLOCK_S(60)
#define TIMES  (1 << 20)

static struct rates *rates;
static struct rate_seen seen;
static const unsigned char key[RATE_ID] = {7, 1};

static int64_t now;

static int64_t
the_time(void)
{
	return now;
}

static enum rate_answer
enter(int limit)
{
	memset(&seen, 0xff, sizeof(seen));
	return rate_enter(rates, key, limit, the_time, &seen);
}

/* ---- what should be ---- */

static int64_t let_in[TIMES];
static size_t many;

/* Those let in within so long: now is in it, its beginning is not. */
static int
in_the_last(int64_t us)
{
	size_t from = 0, to = many;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (let_in[middle] > now - us)
			to = middle;
		else
			from = middle + 1;
	}
	return (int)(many - from);
}

static uint64_t dice;

static int64_t
below(int64_t limit)
{
	dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (int64_t)(dice >> 33) % limit;
}

static int
begin(void **state)
{
	(void)state;
	rates = rate_alone();
	now = CLOCK_S(1000);
	many = 0;
	return rates ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	free(rates);
	return 0;
}

static void
tells_what_is_left(void **state)
{
	(void)state;
	assert_int_equal(enter(3), RATE_LET_IN);
	assert_int_equal(seen.left, 2);
	assert_int_equal(seen.oldest, 60);
	assert_int_equal(seen.wait, 0);
	now += CLOCK_S(10);
	assert_int_equal(enter(3), RATE_LET_IN);
	assert_int_equal(seen.left, 1);
	assert_int_equal(seen.oldest, 50);
	now += 1;
	assert_int_equal(enter(3), RATE_LET_IN);
	assert_int_equal(seen.left, 0);
	assert_int_equal(seen.oldest, 50);
	assert_int_equal(seen.wait, 50);
	now += CLOCK_S(49);
	assert_int_equal(enter(3), RATE_SPENT);
	assert_int_equal(seen.left, 0);
	assert_int_equal(seen.oldest, 1);
	assert_int_equal(seen.wait, 1);
	now += CLOCK_S(1) - 2;
	assert_int_equal(enter(3), RATE_SPENT);
	assert_int_equal(seen.wait, 1);
	now += 1; /* the first one was here 60 s ago */
	assert_int_equal(enter(3), RATE_LET_IN);
	assert_int_equal(seen.oldest, 10);
	assert_int_equal(enter(3), RATE_SPENT);
	assert_int_equal(seen.wait, 10);
	assert_int_equal(enter(1), RATE_SPENT); /* as of now only one */
	assert_int_equal(seen.wait, 60);
	assert_int_equal(enter(5), RATE_LET_IN);
	assert_int_equal(enter(5), RATE_LET_IN);
	assert_int_equal(enter(5), RATE_SPENT);
}

/* Twice what is allowed, with pauses. */
static int64_t
step(int limit)
{
	switch (below(40 + 4 * limit)) {
	case 0:
		return below(WINDOW + CLOCK_S(20));
	case 1:
		return CLOCK_S(below(61));
	case 2:
	case 3:
		return below(CLOCK_S(3));
	default:
		return below(WINDOW / limit);
	}
}

static void
follows(int limit, int rounds)
{
	int late = (limit + RATE_FULL - 1) / RATE_FULL - 1;
	int refused = 0;

	for (int i = 0; i < rounds; i++) {
		enum rate_answer a;
		int here;

		now += step(limit);
		here = in_the_last(WINDOW);
		a = enter(limit);
		if (a == RATE_LET_IN) {
			assert_true(here < limit);
			let_in[many++] = now;
			here++;
		} else {
			refused++;
			assert_int_equal(a, RATE_SPENT);
			assert_true(here >= limit - late);
			assert_true(in_the_last(WINDOW + CLOCK_S(1)) >= limit);
			assert_in_range(seen.wait, 1, 60);
		}
		assert_in_range(seen.left,
		    limit - here - late > 0 ? limit - here - late : 0,
		    limit - here);
		assert_in_range(seen.oldest, 1, 60);
	}
	assert_in_range(refused, rounds / 10, rounds / 10 * 9);
}

/* Each answer is the one that the list of all times gives; with large limits,
 * to one part in RATE_FULL, and to a second. */
static void
is_exact_to_one_percent(void **state)
{
	static const int limits[] = {
	    1, 2, 7, 60, RATE_FULL, RATE_FULL + 1, 600, 5000, 60000};

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		follows(limits[i], limits[i] < 1000 ? 20000 : 300000);
		now += 2 * WINDOW;
		many = 0;
	}
}

/* With one at every moment, what was let in so far is never behind what a list
 * would have let in by more than one percent, and never before it. */
static void
lets_in_what_it_should(void **state)
{
	enum { LIMIT = 600, EACH = 20000, BUCKET = 4 };
	int64_t from = now;
	size_t list = 0, oldest = 0;
	static int64_t times[10 * LIMIT];

	(void)state;
	for (; now < from + CLOCK_S(300); now += below(EACH)) {
		while (oldest < list && times[oldest] <= now - WINDOW)
			oldest++;
		if (list < oldest + LIMIT)
			times[list++] = now;
		many += enter(LIMIT) == RATE_LET_IN;
		assert_true(many <= list);
		assert_true((many + BUCKET) * 100 >= list * 99);
	}
	assert_true(list >= 5 * LIMIT);
}

/* Of a million, too, the last one. */
static void
counts_to_a_million(void **state)
{
	(void)state;
	for (int i = RATE_MAX; i > 0; i--) {
		now += 30;
		if (enter(RATE_MAX) != RATE_LET_IN || seen.left != i - 1)
			fail_msg("%d: left %d", i, seen.left);
	}
	assert_int_equal(enter(RATE_MAX), RATE_SPENT);
	assert_int_equal(seen.wait, 31);
}

struct counted {
	struct rate_seen seen;
	size_t at; /* in let_in */
};

static void
forget_time(size_t at)
{
	memmove(
	    let_in + at, let_in + at + 1, (many - at - 1) * sizeof(let_in[0]));
	many--;
}

/* Limits that change with each request, and every third one taken back at once
 * or after others: never more than the limit of the moment. */
static void
is_never_open(void **state)
{
	static const int limits[] = {1, 5, 100, 250, 2000, RATE_MAX};
	struct counted last[8];
	size_t kept = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		int limit = limits[below(COUNT(limits))];

		if (many > TIMES / 2) {
			memmove(let_in, let_in + TIMES / 4,
			    (many -= TIMES / 4) * sizeof(let_in[0]));
			kept = 0;
		}
		now += below(300) == 0 ? below(2 * WINDOW) : below(200000);
		if (below(3) == 0 && kept > 0) {
			/* the latest first: the places before it stay */
			kept--;
			rate_take_back(rates, key, the_time, &last[kept].seen);
			forget_time(last[kept].at);
			continue;
		}
		if (enter(limit) == RATE_LET_IN) {
			assert_true(in_the_last(WINDOW) < limit);
			if (kept == COUNT(last))
				memmove(last, last + 1, --kept * sizeof(*last));
			last[kept++] = (struct counted){seen, many};
			let_in[many++] = now;
		} else {
			assert_true(in_the_last(2 * WINDOW) >= limit);
			now += CLOCK_S(seen.wait);
			assert_int_equal(enter(limit), RATE_LET_IN);
			rate_take_back(rates, key, the_time, &seen);
		}
	}
}

static void
takes_back_the_one(void **state)
{
	struct rate_seen first;

	(void)state;
	assert_int_equal(enter(2), RATE_LET_IN);
	first = seen;
	now += CLOCK_S(30);
	assert_int_equal(enter(2), RATE_LET_IN);
	rate_take_back(rates, key, the_time, &first);
	now += CLOCK_S(31); /* it would have left by now, the other has not */
	assert_int_equal(enter(2), RATE_LET_IN);
	assert_int_equal(seen.oldest, 29);
	assert_int_equal(enter(2), RATE_SPENT);
	rate_take_back(rates, key, the_time, &first); /* it is gone */
	assert_int_equal(enter(2), RATE_SPENT);
	rate_take_back(rates, (const unsigned char[RATE_ID]){7, 2}, the_time,
	    &seen); /* nobody's */
	now += 2 * WINDOW;
	assert_int_equal(enter(1), RATE_LET_IN);
	rate_take_back(rates, key, the_time, &seen);
	assert_int_equal(enter(1), RATE_LET_IN);
	assert_int_equal(seen.left, 0);
}

/* What a window of before the boot holds, whose clock was ahead, is nothing;
 * by less than a second it can be anything. */
static void
begins_anew_with_a_boot(void **state)
{
	(void)state;
	assert_int_equal(enter(1), RATE_LET_IN);
	now -= CLOCK_S(1) - 1;
	assert_int_equal(enter(1), RATE_SPENT);
	now -= 1;
	assert_int_equal(enter(1), RATE_LET_IN);
	assert_int_equal(enter(1), RATE_SPENT);
	/* and late in the life of a clock */
	now = INT64_C(1) << 50;
	for (int i = 0; i < 100; i++) {
		now += CLOCK_S(59);
		assert_int_equal(enter(1), i == 0 ? RATE_LET_IN : RATE_SPENT);
		now += CLOCK_S(1);
		assert_int_equal(enter(1), i == 0 ? RATE_SPENT : RATE_LET_IN);
		now -= CLOCK_S(i > 0 ? 0 : 1);
	}
}

int
main(void)
{
	const struct CMUnitTest rate_tests[] = {
	    cmocka_unit_test_setup_teardown(tells_what_is_left, begin, end),
	    cmocka_unit_test_setup_teardown(
		is_exact_to_one_percent, begin, end),
	    cmocka_unit_test_setup_teardown(lets_in_what_it_should, begin, end),
	    cmocka_unit_test_setup_teardown(counts_to_a_million, begin, end),
	    cmocka_unit_test_setup_teardown(is_never_open, begin, end),
	    cmocka_unit_test_setup_teardown(takes_back_the_one, begin, end),
	    cmocka_unit_test_setup_teardown(
		begins_anew_with_a_boot, begin, end),
	};

	return cmocka_run_group_tests(rate_tests, NULL, NULL);
}
