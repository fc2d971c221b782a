/*
 * cidr.c: blocks of addresses, see cidr.h. libc reads and writes addresses.
 */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define MAPPED_LENGTH 96

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static unsigned
most_bits(const struct cidr *c)
{
	return c->family == 4 ? 32 : 128;
}

/* At most three digits, no zero in front: the number, or -1. */
static int
read_length(const char *s, size_t len)
{
	int n = 0;

	if (len < 1 || len > 3 || (s[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + s[i] - '0';
	}
	return n;
}

/* Of either family as it is written, length unset. */
static bool
read_address(struct cidr *c, const char *s, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text) || memchr(s, '\0', len))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	memset(c, 0, sizeof(*c));
	c->family = memchr(s, ':', len) ? 6 : 4;
	return inet_pton(
		   c->family == 6 ? AF_INET6 : AF_INET, text, c->address) == 1;
}

/* Whether there were any. */
static bool
drop_host_bits(struct cidr *c)
{
	unsigned char any = 0;

	for (unsigned i = c->length; i < most_bits(c); i++) {
		unsigned char bit = (unsigned char)(0x80 >> i % 8);

		any |= c->address[i / 8] & bit;
		c->address[i / 8] &= (unsigned char)~bit;
	}
	return any;
}

static void
unmap(struct cidr *c)
{
	if (c->family != 6 || c->length < MAPPED_LENGTH ||
	    memcmp(c->address, mapped, sizeof(mapped)) != 0)
		return;
	c->family = 4;
	c->length = (unsigned char)(c->length - MAPPED_LENGTH);
	memmove(c->address, c->address + sizeof(mapped), 4);
	memset(c->address + 4, 0, sizeof(c->address) - 4);
}

enum cidr_form
cidr_parse(struct cidr *out, const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	size_t end = slash ? (size_t)(slash - s) : len;
	struct cidr c;
	bool host_bits;
	int length;

	if (!read_address(&c, s, end))
		return CIDR_NONE;
	length =
	    slash ? read_length(slash + 1, len - end - 1) : (int)most_bits(&c);
	if (length < 0 || length > (int)most_bits(&c))
		return CIDR_NONE;
	c.length = (unsigned char)length;
	host_bits = drop_host_bits(&c);
	unmap(&c);
	*out = c;
	return host_bits ? CIDR_HOST_BITS : CIDR_OK;
}

bool
cidr_address(struct cidr *out, const char *s)
{
	struct cidr c;

	return !strchr(s, '/') &&
	    cidr_parse(out ? out : &c, s, strlen(s)) == CIDR_OK;
}

void
cidr_text(const struct cidr *c, char out[CIDR_TEXT])
{
	size_t len;

	inet_ntop(c->family == 4 ? AF_INET : AF_INET6, c->address, out,
	    INET6_ADDRSTRLEN);
	len = strlen(out);
	if (c->length < most_bits(c))
		snprintf(out + len, CIDR_TEXT - len, "/%u", c->length);
}

bool
cidr_has(const struct cidr *outer, const struct cidr *inner)
{
	unsigned whole = outer->length / 8, rest = outer->length % 8;

	if (outer->family != inner->family || outer->length > inner->length ||
	    memcmp(outer->address, inner->address, whole) != 0)
		return false;
	return rest == 0 ||
	    (outer->address[whole] ^ inner->address[whole]) >> (8 - rest) == 0;
}
