/*
 * fuzz_cidr.c: a block of addresses a line. What is taken is written so that
 * it is read as the same, and what lies in another is found bit by bit, too.
 */
#include "fuzz.h"

#include "base/cidr.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static bool
is_same(const struct cidr *a, const struct cidr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool
bit(const struct cidr *c, unsigned i)
{
	return c->address[i / 8] & 0x80 >> i % 8;
}

static bool
expected(const struct cidr *outer, const struct cidr *inner)
{
	if (outer->family != inner->family || outer->length > inner->length)
		return false;
	for (unsigned i = 0; i < outer->length; i++)
		if (bit(outer, i) != bit(inner, i))
			return false;
	return true;
}

static void
check_block(const struct cidr *c)
{
	unsigned most = c->family == 4 ? 32 : 128;
	char text[CIDR_TEXT], again[CIDR_TEXT];
	struct cidr read;

	EXPECT(c->family == 4 || c->family == 6);
	EXPECT(c->length <= most);
	for (unsigned i = c->length; i < 128; i++)
		EXPECT(!bit(c, i));
	cidr_text(c, text);
	EXPECT(cidr_parse(&read, text, strlen(text)) == CIDR_OK);
	EXPECT(is_same(c, &read));
	EXPECT(cidr_address(NULL, text) == (c->length == most));
	cidr_text(&read, again);
	EXPECT(strcmp(text, again) == 0);
	EXPECT(cidr_has(c, c));
}

void
fuzz_cidr(const uint8_t *data, size_t len)
{
	char *text = fuzz_text(data, len);
	struct cidr before = {0}, c;
	size_t at = 0;

	while (at <= len) {
		const char *line = text + at;
		const char *end = memchr(line, '\n', len - at);
		size_t size = end ? (size_t)(end - line) : len - at;
		enum cidr_form form = cidr_parse(&c, line, size);

		at += size + 1;
		if (form == CIDR_NONE)
			continue;
		check_block(&c);
		if (before.family) {
			EXPECT(cidr_has(&before, &c) == expected(&before, &c));
			EXPECT(cidr_has(&c, &before) == expected(&c, &before));
		}
		before = c;
	}
	free(text);
}
