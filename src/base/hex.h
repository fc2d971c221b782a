/*
 * hex.h: hex digits.
 */
#ifndef HEX_H
#define HEX_H

#include <string.h>

#define HEX_LOWER "0123456789abcdef"
#define HEX_ANY   HEX_LOWER "ABCDEF"

/* The value of the `n` (at most 7) hex digits at `p`, in any case; -1: one of
 * them is none. */
static inline int
hex_value(const char *p, int n)
{
	static const char digits[] = HEX_ANY;
	int value = 0;

	for (int i = 0; i < n; i++) {
		const char *hit = memchr(digits, p[i], sizeof(digits) - 1);
		int digit = hit ? (int)(hit - digits) : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + (digit < 16 ? digit : digit - 6);
	}
	return value;
}

#endif
