/*
 * utf8.c: the well-formed byte sequences as a table (RFC 3629 section 4), and
 * what nobody sees as another.
 */
#include "base/utf8.h"

#include "base/array.h"

#include <string.h>

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
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
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

bool
utf8_is_valid(const char *s)
{
	size_t left = strlen(s), n;

	while ((n = utf8_length(s, left)) > 0) {
		s += n;
		left -= n;
	}
	return left == 0;
}

size_t
utf8_count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

bool
utf8_has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char *u = (const unsigned char *)s + i;

		if (*u < 0x20 || *u == 0x7f)
			return true;
		if (len - i >= 2 && u[0] == 0xc2 && u[1] <= 0x9f)
			return true; /* U+0080 to U+009F */
		if (len - i >= 2 && u[0] == 0xd8 && u[1] == 0x9c)
			return true; /* U+061C */
		if (len - i < 3 || u[0] != 0xe2)
			continue;
		if (u[1] == 0x80 && (u[2] == 0x8e || u[2] == 0x8f))
			return true; /* U+200E, U+200F */
		if (u[1] == 0x80 && u[2] >= 0xa8 && u[2] <= 0xae)
			return true; /* U+2028 to U+202E */
		if (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9)
			return true; /* U+2066 to U+2069 */
	}
	return false;
}

/* First and last code point of what nobody sees. From Unicode 15.0:
 * UnicodeData.txt, categories Cc, Cf, Co, Zs, Zl, Zp (Cs is no UTF-8);
 * DerivedCoreProperties.txt, Default_Ignorable_Code_Point; the code points
 * that are for no character; U+2800. Of the unassigned ones only whole planes,
 * as the next version makes letters of the others. */
static const struct {
	int first, last;
} invisible[] = {
    {0x0000, 0x0020},
    {0x007f, 0x00a0},
    {0x00ad, 0x00ad},
    {0x034f, 0x034f},
    {0x0600, 0x0605},
    {0x061c, 0x061c},
    {0x06dd, 0x06dd},
    {0x070f, 0x070f},
    {0x0890, 0x0891},
    {0x08e2, 0x08e2},
    {0x115f, 0x1160},
    {0x1680, 0x1680},
    {0x17b4, 0x17b5},
    {0x180b, 0x180f},
    {0x2000, 0x200f},
    {0x2028, 0x202f},
    {0x205f, 0x206f},
    {0x2800, 0x2800},
    {0x3000, 0x3000},
    {0x3164, 0x3164},
    {0xd800, 0xf8ff},
    {0xfdd0, 0xfdef},
    {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},
    {0xfffe, 0xffff},
    {0x110bd, 0x110bd},
    {0x110cd, 0x110cd},
    {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a},
    {0x1fffe, 0x1ffff},
    {0x2fffe, 0x2ffff},
    {0x3fffe, 0x10ffff},
};

bool
utf8_has_visible(const char *s, size_t len)
{
	size_t n;

	for (; (n = utf8_length(s, len)) > 0; s += n, len -= n) {
		int code = utf8_get(s, n);
		size_t i = 0;

		while (code > invisible[i].last)
			i++; /* the last one ends where Unicode does */
		if (code < invisible[i].first)
			return true;
	}
	return false;
}
