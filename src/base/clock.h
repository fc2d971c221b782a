/*
 * clock.h: the one clock that deadlines are measured with: microseconds of
 * CLOCK_MONOTONIC, which no change of the wall clock moves.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_MS(n) ((int64_t)(n)*1000)
#define CLOCK_S(n)  ((int64_t)(n)*1000000)

static inline int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return CLOCK_S(t.tv_sec) + t.tv_nsec / 1000;
}

#endif
