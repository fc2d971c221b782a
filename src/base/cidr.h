/*
 * cidr.h: blocks of addresses, IPv4 and IPv6: an address (a block of one), or
 * address/length. One mapped into IPv6 (::ffff:192.0.2.1) is IPv4: nobody means
 * anything else by it, and it depends on how a server listens which of the two
 * forms it tells. Pure.
 */
#ifndef CIDR_H
#define CIDR_H

#include <stdbool.h>
#include <stddef.h>

struct cidr {
	unsigned char family;      /* 4 or 6 */
	unsigned char length;      /* of the prefix, in bits: to 32 or 128 */
	unsigned char address[16]; /* IPv4: the first four; the rest is 0 */
};

#define CIDR_TEXT 50 /* bytes of the longest, with a NUL */

enum cidr_form {
	CIDR_NONE,      /* neither address nor block; nothing was written */
	CIDR_HOST_BITS, /* 10.0.0.1/8: the block that it lies in was written */
	CIDR_OK
};

/*
 * Reads `len` bytes: four decimal numbers, or any form of RFC 4291, and
 * perhaps "/length"; no zone, no blank, no number with a zero in front. (A
 * mapped one with a length below 96 has host bits: the last of ::ffff.)
 */
enum cidr_form cidr_parse(struct cidr *out, const char *s, size_t len);

/* An address alone, or none (false); `out` may be NULL. */
bool cidr_address(struct cidr *out, const char *s);

/* In the form of RFC 5952, a single address without length. As PostgreSQL has
 * it, ::192.0.2.1 keeps its dots (its prefix is one of RFC 4291's). */
void cidr_text(const struct cidr *c, char out[CIDR_TEXT]);

/* Whether all of `inner`, an address say, lies in `outer`. */
bool cidr_has(const struct cidr *outer, const struct cidr *inner);

#endif
