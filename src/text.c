/*
 * text.c: rules on text, see text.h.
 */
#include "text.h"

#include "utf8.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

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

bool
text_is_uuid(const char *s, bool lower)
{
	const char *set = lower ? DIGITS "abcdef" : DIGITS "abcdefABCDEF";

	if (strlen(s) != 36)
		return false;
	return only(s, 8, set) && s[8] == '-' && only(s + 9, 4, set) &&
	    s[13] == '-' && only(s + 14, 4, set) && s[18] == '-' &&
	    only(s + 19, 4, set) && s[23] == '-' && only(s + 24, 12, set);
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

bool
text_is_slug(const char *s, size_t len)
{
	return len >= 1 && len <= 63 && only(s, len, LOWER DIGITS "-") &&
	    s[0] != '-' && s[len - 1] != '-';
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

/* A segment of a path, escapes included but those that hide a control
 * character or what would end or climb out of the segment. */
static bool
is_segment(const char *s, size_t len)
{
	if (len == 0 || only(s, len, "."))
		return false;
	for (size_t i = 0; i < len; i++) {
		int escape;

		if (s[i] != '%') {
			if (!only(s + i, 1, LOWER UPPER DIGITS "-._~+"))
				return false;
			continue;
		}
		escape = text_escape(s + i, len - i);
		if (escape < 0x20 || escape == 0x7f || strchr("./\\", escape))
			return false;
		i += 2;
	}
	return true;
}

/* Labels of letters, digits and inner hyphens, and a port perhaps. */
static bool
is_host(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t label = 0;

	if (colon) {
		size_t port = len - (size_t)(colon + 1 - s);

		if (port < 1 || port > 5 || !only(colon + 1, port, DIGITS) ||
		    strtol(colon + 1, NULL, 10) > 65535)
			return false;
		len = (size_t)(colon - s);
	}
	if (len == 0 || len > 253 || !only(s, len, LOWER UPPER DIGITS "-."))
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > 63 || s[i - 1] == '-' ||
		    s[i - label] == '-')
			return false;
		label = 0;
	}
	return true;
}

bool
text_is_repo_url(const char *s, size_t len)
{
	static const char scheme[] = "https://";
	const char *host, *path, *end = s + len;
	int segments = 0;

	if (len <= strlen(scheme) || strncmp(s, scheme, strlen(scheme)) != 0)
		return false;
	host = s + strlen(scheme);
	path = memchr(host, '/', (size_t)(end - host));
	if (!path || !is_host(host, (size_t)(path - host)))
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
