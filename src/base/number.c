/*
 * number.c: digits of a text against digits of the double it becomes.
 */
#include "base/number.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* A double has at most 767 significant decimal digits. */
#define DIGITS_MAX 800

/* 2^53 - 1: the last integer whose neighbours are not read as itself. */
#define SAFE_INTEGER        "9007199254740991"
#define SAFE_INTEGER_DIGITS (sizeof(SAFE_INTEGER) - 1)

bool
number_integer_kept(const char *digits, size_t count)
{
	return count < SAFE_INTEGER_DIGITS ||
	    (count == SAFE_INTEGER_DIGITS &&
		memcmp(digits, SAFE_INTEGER, count) <= 0);
}

/*
 * The digits of a mantissa without point and without zeros at either end, and
 * into `exponent` that of the first of them instead of the mantissa's own.
 * False when they are more than `kept` holds.
 */
static bool
significant(const char *mantissa, size_t size, size_t whole,
    long long *exponent, char kept[DIGITS_MAX + 1])
{
	size_t count = 0, zeros = 0;

	*exponent += (long long)whole - 1;
	for (size_t i = 0; i < size; i++) {
		if (mantissa[i] == '.')
			continue;
		if (mantissa[i] == '0') {
			if (count > 0)
				zeros++;
			else
				(*exponent)--;
			continue;
		}
		if (zeros >= DIGITS_MAX - count)
			return false;
		memset(kept + count, '0', zeros);
		count += zeros;
		zeros = 0;
		kept[count++] = mantissa[i];
	}
	kept[count] = '\0';
	return true;
}

/* Both are written as d.ddde+NN with as many digits and compared as texts: a
 * double that overflows becomes "inf", one that underflows "0e+00". */
bool
number_kept(const char *mantissa, size_t size, size_t whole, long long exponent)
{
	char kept[DIGITS_MAX + 1];
	char want[DIGITS_MAX + 32], got[DIGITS_MAX + 32];

	if (!significant(mantissa, size, whole, &exponent, kept))
		return false;
	size_t count = strlen(kept);
	if (count == 0)
		return true; /* zero, however it is written */
	/* What the format guarantees needs no trial: a body full of small
	 * numbers costs little. */
	if (count <= DBL_DIG && exponent >= DBL_MIN_10_EXP &&
	    exponent < DBL_MAX_10_EXP)
		return true;
	snprintf(want, sizeof(want), "%c%s%se%+03lld", kept[0],
	    count > 1 ? "." : "", kept + 1, exponent);
	snprintf(got, sizeof(got), "%.*e", (int)count - 1, strtod(want, NULL));
	return strcmp(want, got) == 0;
}
