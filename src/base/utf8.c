/*
 * utf8.c: the well-formed byte sequences as a table (RFC 3629 section 4).
 */
#include "base/utf8.h"

#include "base/banned.h"

static const struct {
	unsigned char first, last; /* of the first byte */
	unsigned char low, high;   /* of the second one */
	size_t length;
} forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, /* below: overlong */
    {0xe0, 0xe0, 0xa0, 0xbf, 3}, /* below: overlong */
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, /* above: surrogates */
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, /* below: overlong */
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4}, /* above: beyond U+10FFFF */
};

size_t
utf8_length(const char *p, size_t left)
{
	const unsigned char *u = (const unsigned char *)p;

	if (left == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (u[0] < forms[i].first || u[0] > forms[i].last)
			continue;
		if (left < forms[i].length || u[1] < forms[i].low ||
		    u[1] > forms[i].high)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((u[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

int
utf8_get(const char *p, size_t length)
{
	static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	int code = (unsigned char)p[0] & first[length];

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

char *
utf8_put(char *out, int code)
{
	if (code < 0x80) {
		*out++ = (char)code;
		return out;
	}
	if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (code & 0x3f));
	return out;
}
