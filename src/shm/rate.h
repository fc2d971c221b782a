/*
 * rate.h: how often each key was let in during the last 60 seconds, counted
 * once for all workers of a host: a sliding window a key, in the shared file
 * (host.h). Time is CLOCK_MONOTONIC of this host: neither the database's clock
 * nor the wall clock counts, and what was counted before a boot does not.
 *
 * At no moment were more than the limit let in during the last 60 seconds. A
 * request leaves its window late, never early: by a second at most, and of a
 * limit at most 1/RATE_FULL are late at once (after a change of the limit,
 * for a minute, by more). Below RATE_FULL every one leaves on time.
 *
 * A set of windows has a robust mutex, held for the reckoning alone and without
 * a system call while nobody else has it: what a worker that was killed inside
 * has left is mended by the next one, and nobody waits long for one that was
 * stopped there. Who cannot count says so, and lets nobody in.
 */
#ifndef RATE_H
#define RATE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define RATE_ID      16 /* bytes of a window's name, a random UUID */
#define RATE_MAX     1000000
#define RATE_SECONDS 60

/* 4,096 windows, 8.2 MiB. Names are random: of hosts with 2,500 in use one in a
 * hundred has a set that is full. */
#define RATE_SETS    64
#define RATE_WAYS    64
#define RATE_BUCKETS 256
#define RATE_FULL    192 /* a bucket is full with this part of the limit */

/* So many were let in within a second, the last one then. */
struct rate_bucket {
	uint32_t at; /* microseconds, their lower half */
	uint32_t n;
};

/* All 0: nobody was let in. The buckets from `first` to before `end`, modulo
 * RATE_BUCKETS, are what counts; all else follows from them, or is mended. */
struct rate_window {
	_Atomic int64_t newest; /* microseconds: the last one let in */
	_Atomic uint32_t first, end;
	uint32_t sum;    /* of the buckets */
	uint32_t opened; /* when the last bucket was, as rate_bucket.at */
	struct rate_bucket bucket[RATE_BUCKETS];
};

struct rate_set {
	pthread_mutex_t mutex;
	unsigned char id[RATE_WAYS][RATE_ID];
	struct rate_window window[RATE_WAYS];
};

struct rates {
	struct rate_set set[RATE_SETS];
};

/* Of memory that is all 0; once, by one process. */
void rate_init(struct rates *r);
/* The same in memory of this process alone, for a worker without the shared
 * file. NULL: no memory. Freed by free(). */
struct rates *rate_alone(void);

/* The clock: microseconds, clock_us() but in tests. It is read with the mutex
 * in hand, so that no worker that was stopped on the way brings an old time. */
typedef int64_t rate_clock(void);

enum rate_answer {
	RATE_LET_IN,
	RATE_SPENT,  /* refused */
	RATE_BUSY,   /* cannot tell: the mutex could not be had in time */
	RATE_NO_ROOM /* cannot tell: all windows that could be taken are in use
		      */
};

/* Of LET_IN and SPENT alone. */
struct rate_seen {
	int left;      /* that would be let in now */
	int oldest;    /* seconds until the oldest one leaves, 1 to 60 */
	int wait;      /* seconds until one would be let in; 0: at once */
	int64_t at;    /* what rate_take_back wants to know: when it was */
	uint32_t slot; /* and which bucket counts it */
};

/* One request more, if fewer than `limit` (1 to RATE_MAX) were let in during
 * the last 60 seconds. `r` NULL: RATE_NO_ROOM. */
enum rate_answer rate_enter(struct rates *r, const unsigned char id[RATE_ID],
    int limit, rate_clock *clock, struct rate_seen *out);

/* The one that rate_enter let in is not counted: gone by now, or where the
 * mutex cannot be had, it leaves by itself. */
void rate_take_back(struct rates *r, const unsigned char id[RATE_ID],
    rate_clock *clock, const struct rate_seen *seen);

/* Windows in use, roughly; nothing is written. */
size_t rate_in_use(const struct rates *r, int64_t now);

#endif
