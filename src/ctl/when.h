/*
 * when.h: lengths of time and moments, as an operator types them. Pure.
 */
#ifndef CTL_WHEN_H
#define CTL_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* Digits and a unit, "45s", "30m", "12h", "90d": seconds, at most a hundred
 * years. */
#define WHEN_LONGEST INT64_C(3155760000)
bool when_length(const char *text, int64_t *seconds);

/* "2027-03-31", the first moment of that day in UTC, "2027-03-31T18:30:00Z",
 * or what lists show, "2027-03-31 18:30 UTC": milliseconds since 1970. */
bool when_moment(const char *text, int64_t *ms);

#endif
