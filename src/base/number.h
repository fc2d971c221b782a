/*
 * number.h: whether a number of a JSON text survives a reader that keeps IEEE
 * 754 doubles (RFC 7493 section 2.2). Pure.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* `digits` (no sign, no leading zero but of "0") within 0..2^53 - 1? */
bool number_integer_kept(const char *digits, size_t count);

/*
 * Does a double keep all digits of `mantissa` times 10 to the power of
 * `exponent`? The mantissa is `size` bytes of digits with at most one point,
 * `whole` digits before it; `exponent` lies within ±10^18.
 */
bool number_kept(
    const char *mantissa, size_t size, size_t whole, long long exponent);

#endif
