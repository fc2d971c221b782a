/*
 * clock.h: the one clock that deadlines are measured with: microseconds of
 * CLOCK_MONOTONIC, which no change of the wall clock moves. And the wall clock.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_MS(n) ((int64_t)(n)*1000)
#define CLOCK_S(n)  ((int64_t)(n)*1000000)

static inline int64_t
clock_us_of(const struct timespec *t)
{
	return CLOCK_S(t->tv_sec) + t->tv_nsec / 1000;
}

static inline int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return clock_us_of(&t);
}

/* Microseconds and milliseconds since the epoch: for people, and to be compared
 * with what others say. */
static inline int64_t
clock_wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return clock_us_of(&t);
}

static inline int64_t
clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

#endif
