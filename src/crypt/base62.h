/*
 * base62.h: what API keys and tokens of invitations are made of: 0-9A-Za-z, and
 * a checksum at the end, by which a typo is refused without asking anybody.
 */
#ifndef BASE62_H
#define BASE62_H

#include <stdbool.h>
#include <stddef.h>

#define BASE62_SUM 6 /* characters of a checksum */

/* How many characters of base62 `text` begins with. */
size_t base62_span(const char *text);

/* Writes `n` characters from the system's random source, unbiased; no NUL. */
void base62_draw(char *out, size_t n);

/* The checksum of text[0..len): CRC-32 as in zlib, six digits, most significant
 * first. Writes them and a NUL. */
void base62_sum(const char *text, size_t len, char out[BASE62_SUM + 1]);

/* Whether `text` is head_len characters of whatever, then base62 up to its end
 * at `len`, of which the last six are the checksum of all before. */
bool base62_sums(const char *text, size_t head_len, size_t len);

#endif
