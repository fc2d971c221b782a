/*
 * rate.c: a window is a ring of buckets, oldest first, and their sum: what has
 * left is taken off at the one end, who comes is counted at the other. A bucket
 * leaves as a whole, with the last one that it counts. It is closed when it is
 * full or a second old, so a ring cannot be: of those full there are RATE_FULL
 * at most, of those a second old 61, and one is open. But a limit may change,
 * and a count be taken back: then the last bucket takes what comes.
 *
 * A worker may be killed between any two stores. A bucket is written before
 * `end` says that it is there, and the sum is mended from the buckets; what
 * can go wrong is that the killed worker's own request is counted, or not.
 */
#include "shm/rate.h"

#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define WINDOW CLOCK_S(RATE_SECONDS)
#define STEP   CLOCK_S(1)
/* A worker inside is at work, if it is not stopped, for less than 1 us; on a
 * busy machine it may have to wait for its turn. */
#define WAIT CLOCK_MS(250)

_Static_assert(RATE_FULL + RATE_SECONDS + 2 <= RATE_BUCKETS, "see above");

void
rate_init(struct rates *r)
{
	pthread_mutexattr_t shared;

	/* on Linux none of these can fail */
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < RATE_SETS; i++)
		pthread_mutex_init(&r->set[i].mutex, &shared);
	pthread_mutexattr_destroy(&shared);
}

struct rates *
rate_alone(void)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (r)
		rate_init(r);
	return r;
}

/* ---- one window, its set's mutex in hand ---- */

static uint32_t
first_of(const struct rate_window *w)
{
	return atomic_load_explicit(&w->first, memory_order_relaxed);
}

static uint32_t
end_of(const struct rate_window *w)
{
	return atomic_load_explicit(&w->end, memory_order_relaxed);
}

static int64_t
newest_of(const struct rate_window *w)
{
	return atomic_load_explicit(&w->newest, memory_order_relaxed);
}

static void
set_first(struct rate_window *w, uint32_t first)
{
	atomic_store_explicit(&w->first, first, memory_order_release);
}

static struct rate_bucket *
bucket_of(struct rate_window *w, uint32_t i)
{
	return &w->bucket[i % RATE_BUCKETS];
}

/* Nobody in it can count any more. One from the future was there before the
 * boot; a second, so that no clock's hair's breadth opens a window. */
static bool
is_over(const struct rate_window *w, int64_t now)
{
	int64_t age = now - newest_of(w);

	return first_of(w) == end_of(w) || age >= WINDOW || age <= -STEP;
}

static void
empty_window(struct rate_window *w)
{
	set_first(w, end_of(w));
	w->sum = 0;
}

/* Microseconds until the bucket leaves; 0 or less: it has. Within a window
 * that is not over, ages are below two minutes: half a time is enough. */
static int64_t
time_left(const struct rate_bucket *b, int64_t now)
{
	return WINDOW - (int64_t)((uint32_t)now - b->at);
}

static void
drop_old(struct rate_window *w, int64_t now)
{
	uint32_t i = first_of(w), end = end_of(w);
	struct rate_bucket *b;

	for (; i != end; i++) {
		b = bucket_of(w, i);
		if (b->n > 0 && time_left(b, now) > 0)
			break;
		w->sum -= b->n;
		set_first(w, i + 1);
	}
}

/* Whether the last bucket takes one more. */
static bool
is_open(struct rate_window *w, uint32_t limit, int64_t now)
{
	uint32_t used = end_of(w) - first_of(w);
	uint32_t full = (limit + RATE_FULL - 1) / RATE_FULL;

	return used == RATE_BUCKETS ||
	    (used > 0 && bucket_of(w, end_of(w) - 1)->n < full &&
		(uint32_t)now - w->opened < STEP);
}

/* Counts one; returns its bucket. */
static uint32_t
count_one(struct rate_window *w, uint32_t limit, int64_t now)
{
	uint32_t i = end_of(w);

	atomic_store_explicit(&w->newest, now, memory_order_release);
	if (is_open(w, limit, now)) {
		i--;
		bucket_of(w, i)->at = (uint32_t)now;
		bucket_of(w, i)->n++;
	} else {
		*bucket_of(w, i) = (struct rate_bucket){(uint32_t)now, 1};
		w->opened = (uint32_t)now;
		atomic_store_explicit(&w->end, i + 1, memory_order_release);
	}
	w->sum++;
	return i;
}

static int
to_seconds(int64_t us)
{
	return us > 0 ? (int)((us + CLOCK_S(1) - 1) / CLOCK_S(1)) : 1;
}

/* Seconds until `n` of those that are in have left, of 1 to all. */
static int
wait_for(struct rate_window *w, uint32_t n, int64_t now)
{
	uint32_t i = first_of(w), gone = bucket_of(w, i)->n;

	while (gone < n)
		gone += bucket_of(w, ++i)->n;
	return to_seconds(time_left(bucket_of(w, i), now));
}

static enum rate_answer
judge(struct rate_window *w, uint32_t limit, int64_t now, struct rate_seen *out)
{
	enum rate_answer a = RATE_SPENT;

	if (is_over(w, now))
		empty_window(w);
	else if (now < newest_of(w))
		now = newest_of(w);
	drop_old(w, now);
	out->wait = 0;
	if (w->sum < limit) {
		out->slot = count_one(w, limit, now);
		a = RATE_LET_IN;
	}
	if (w->sum >= limit)
		out->wait = wait_for(w, w->sum - limit + 1, now);
	out->left = w->sum < limit ? (int)(limit - w->sum) : 0;
	out->oldest = wait_for(w, 1, now);
	out->at = now;
	return a;
}

/* ---- a set ---- */

static void
mend(struct rate_set *s)
{
	for (int i = 0; i < RATE_WAYS; i++) {
		struct rate_window *w = &s->window[i];

		w->sum = 0;
		for (uint32_t k = first_of(w); k != end_of(w); k++)
			w->sum += bucket_of(w, k)->n;
	}
}

/* False: not in time. */
static bool
enter_set(struct rate_set *s)
{
	int rc = pthread_mutex_trylock(&s->mutex);
	struct timespec until;
	int64_t us;

	if (rc == EBUSY) {
		us = clock_us() + WAIT;
		until.tv_sec = us / CLOCK_S(1);
		until.tv_nsec = us % CLOCK_S(1) * 1000;
		rc =
		    pthread_mutex_clocklock(&s->mutex, CLOCK_MONOTONIC, &until);
	}
	if (rc == EOWNERDEAD) {
		mend(s);
		rc = pthread_mutex_consistent(&s->mutex);
	}
	return rc == 0;
}

static void
leave_set(struct rate_set *s)
{
	pthread_mutex_unlock(&s->mutex);
}

/* The name is random: any bits of it will do. */
static struct rate_set *
set_for(struct rates *r, const unsigned char id[RATE_ID])
{
	uint32_t n;

	memcpy(&n, id, sizeof(n));
	return &r->set[n % RATE_SETS];
}

static struct rate_window *
find_window(struct rate_set *s, const unsigned char id[RATE_ID])
{
	for (int i = 0; i < RATE_WAYS; i++)
		if (memcmp(s->id[i], id, RATE_ID) == 0)
			return &s->window[i];
	return NULL;
}

/* One in which nobody is: as good as new. */
static struct rate_window *
take_window(struct rate_set *s, const unsigned char id[RATE_ID], int64_t now)
{
	for (int i = 0; i < RATE_WAYS; i++) {
		if (!is_over(&s->window[i], now))
			continue;
		empty_window(&s->window[i]);
		memcpy(s->id[i], id, RATE_ID);
		return &s->window[i];
	}
	return NULL;
}

enum rate_answer
rate_enter(struct rates *r, const unsigned char id[RATE_ID], int limit,
    rate_clock *clock, struct rate_seen *out)
{
	enum rate_answer a = RATE_NO_ROOM;
	struct rate_window *w;
	struct rate_set *s;
	int64_t now;

	if (!r)
		return RATE_NO_ROOM;
	s = set_for(r, id);
	if (!enter_set(s))
		return RATE_BUSY;
	now = clock();
	w = find_window(s, id);
	if (!w)
		w = take_window(s, id, now);
	if (w)
		a = judge(w, (uint32_t)limit, now, out);
	leave_set(s);
	return a;
}

/* Its bucket may be gone with it, and the ring have come round. */
static bool
is_still_in(
    const struct rate_window *w, const struct rate_seen *seen, int64_t now)
{
	return now - seen->at < WINDOW &&
	    end_of(w) - seen->slot <= end_of(w) - first_of(w) &&
	    end_of(w) != seen->slot;
}

void
rate_take_back(struct rates *r, const unsigned char id[RATE_ID],
    rate_clock *clock, const struct rate_seen *seen)
{
	struct rate_set *s = set_for(r, id);
	struct rate_window *w;

	if (!enter_set(s))
		return;
	w = find_window(s, id);
	if (w && is_still_in(w, seen, clock()) &&
	    bucket_of(w, seen->slot)->n > 0) {
		bucket_of(w, seen->slot)->n--;
		w->sum--;
	}
	leave_set(s);
}

size_t
rate_in_use(const struct rates *r, int64_t now)
{
	size_t n = 0;

	for (int i = 0; r && i < RATE_SETS; i++)
		for (int k = 0; k < RATE_WAYS; k++)
			n += !is_over(&r->set[i].window[k], now);
	return n;
}
