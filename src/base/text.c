/*
 * text.c: rules on text, see text.h.
 */
#include "base/text.h"

#include "base/utf8.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Whether all of s[0..len) stands in `set`. */
static bool
only(const char *s, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || !strchr(set, s[i]))
			return false;
	return true;
}

bool
text_is_utf8(const char *s)
{
	size_t left = strlen(s), n;

	while ((n = utf8_length(s, left)) > 0) {
		s += n;
		left -= n;
	}
	return left == 0;
}

bool
text_is_one_of(const char *s, const char *const list[])
{
	for (; s && *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

size_t
text_count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

bool
text_has_control(const char *s, size_t len)
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
text_has_visible(const char *s, size_t len)
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

void
text_copy(char *out, size_t size, const char *s)
{
	size_t len = strnlen(s, size - 1);

	memcpy(out, s, len);
	out[len] = '\0';
}

void
text_decimal(char out[TEXT_DECIMAL], uint64_t n)
{
	char last_first[TEXT_DECIMAL];
	size_t len = 0;

	do {
		last_first[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	while (len > 0)
		*out++ = last_first[--len];
	*out = '\0';
}

const char *
text_trim(const char *s, size_t *len)
{
	while (*len > 0 && s[0] == ' ') {
		s++;
		--*len;
	}
	while (*len > 0 && s[*len - 1] == ' ')
		--*len;
	return s;
}

static bool
is_uuid(const char *s, size_t len, bool lower)
{
	const char *set = lower ? DIGITS "abcdef" : DIGITS "abcdefABCDEF";

	return len == 36 && only(s, 8, set) && s[8] == '-' &&
	    only(s + 9, 4, set) && s[13] == '-' && only(s + 14, 4, set) &&
	    s[18] == '-' && only(s + 19, 4, set) && s[23] == '-' &&
	    only(s + 24, 12, set);
}

bool
text_is_uuid(const char *s, bool lower)
{
	return is_uuid(s, strlen(s), lower);
}

bool
text_to_uuid(char out[UUID_TEXT], const char *s)
{
	if (text_is_uuid(s, false)) {
		memcpy(out, s, UUID_TEXT);
		return true;
	}
	if (strlen(s) != 32 || !only(s, 32, DIGITS "abcdefABCDEF"))
		return false;
	snprintf(out, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", s, s + 8, s + 12,
	    s + 16, s + 20);
	return true;
}

bool
text_is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

bool
text_is_token(const char *s, size_t len)
{
	return text_is_printable(s, len) && !memchr(s, ' ', len);
}

bool
text_is_email(const char *s, size_t len)
{
	const char *at = memchr(s, '@', len);

	return len <= 254 && text_is_token(s, len) && at && at != s &&
	    at != s + len - 1 &&
	    !memchr(at + 1, '@', len - 1 - (size_t)(at - s));
}

/* What git strips from both ends of a name, besides control characters; it
 * refuses a name of nothing else, and drops angle brackets anywhere. */
#define GIT_STRIPS " .,:;\"'\\"

bool
text_is_git_name(const char *s, size_t len)
{
	return !only(s, len, GIT_STRIPS) && !memchr(s, '<', len) &&
	    !memchr(s, '>', len);
}

bool
text_is_git_email(const char *s, size_t len)
{
	return text_is_email(s, len) && !memchr(s, '<', len) &&
	    !memchr(s, '>', len);
}

bool
text_is_slug(const char *s, size_t len)
{
	return len >= 1 && len <= 63 && only(s, len, LOWER DIGITS "-") &&
	    s[0] != '-' && s[len - 1] != '-' && !is_uuid(s, len, true);
}

int
text_escape(const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	int value = 0;

	if (len < 3 || s[0] != '%')
		return -1;
	for (int i = 1; i <= 2; i++) {
		const char *hit = s[i] ? strchr(hex, s[i]) : NULL;

		if (!hit)
			return -1;
		value =
		    value * 16 + (int)(hit - hex) - (hit - hex > 15 ? 6 : 0);
	}
	return value;
}

/* A segment of a path: visible ASCII but for what a URL may not have there;
 * escapes but those that hide a control character or what would end or climb
 * out of the segment. */
static bool
is_segment(const char *s, size_t len)
{
	if (len == 0 || (len <= 2 && only(s, len, ".")))
		return false;
	for (size_t i = 0; i < len; i++) {
		int escape;

		if (s[i] <= ' ' || s[i] > '~' || strchr("\\\"<>^`{|}?#", s[i]))
			return false;
		if (s[i] != '%')
			continue;
		escape = text_escape(s + i, len - i);
		if (escape < 0x20 || escape == 0x7f || strchr("./\\", escape))
			return false;
	}
	return true;
}

static bool
is_address(int family, const char *s, size_t len)
{
	char text[INET6_ADDRSTRLEN], address[sizeof(struct in6_addr)];

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return strlen(text) == len && inet_pton(family, text, address) == 1;
}

/* Labels of letters, digits, underscores and inner hyphens. The last one is
 * no number: that would be an address. */
static bool
is_name(const char *s, size_t len)
{
	for (;;) {
		const char *dot = memchr(s, '.', len);
		size_t label = dot ? (size_t)(dot - s) : len;

		if (label == 0 || !only(s, label, LOWER UPPER DIGITS "-_") ||
		    s[0] == '-' || s[label - 1] == '-')
			return false;
		if (!dot)
			return !only(s, label, DIGITS);
		s = dot + 1;
		len -= label + 1;
	}
}

/* A host, and a port perhaps. */
static bool
is_authority(const char *s, size_t len)
{
	const char *close = s[0] == '[' ? memchr(s, ']', len) : NULL;
	const char *from = close ? close : s;
	const char *colon = memchr(from, ':', len - (size_t)(from - s));

	if (colon) {
		size_t port = len - (size_t)(colon + 1 - s);

		if (port < 1 || port > 5 || !only(colon + 1, port, DIGITS) ||
		    strtol(colon + 1, NULL, 10) > 65535)
			return false;
		len = (size_t)(colon - s);
	}
	if (close)
		return close == s + len - 1 &&
		    is_address(AF_INET6, s + 1, len - 2);
	return is_name(s, len) || is_address(AF_INET, s, len);
}

bool
text_is_repo_url(const char *s, size_t len)
{
	static const char scheme[] = "https://";
	const char *host, *path, *end = s + len;
	int segments = 0;

	if (len <= strlen(scheme) ||
	    strncasecmp(s, scheme, strlen(scheme)) != 0)
		return false;
	host = s + strlen(scheme);
	path = memchr(host, '/', (size_t)(end - host));
	if (!path || !is_authority(host, (size_t)(path - host)))
		return false;
	while (path < end) { /* at a slash: a segment follows */
		const char *start = path + 1;

		path = memchr(start, '/', (size_t)(end - start));
		if (!path)
			path = end;
		if (path == start && path == end && segments >= 2)
			break; /* one trailing slash */
		if (!is_segment(start, (size_t)(path - start)))
			return false;
		segments++;
	}
	return segments >= 2;
}

bool
text_is_env_name(const char *s, size_t len)
{
	return len > 0 && only(s, 1, LOWER UPPER "_") &&
	    only(s, len, LOWER UPPER DIGITS "_");
}

bool
text_is_address(const char *s)
{
	unsigned char buf[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, buf) == 1 ||
	    inet_pton(AF_INET6, s, buf) == 1;
}
