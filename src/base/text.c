/*
 * text.c: rules on text, see text.h.
 */
#include "base/text.h"

#include "base/hex.h"
#include "base/uuid.h"

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

const char *const text_roles[] = {"owner", "admin", "member", NULL};

bool
text_is_one_of(const char *s, const char *const list[])
{
	for (; s && *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
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

/* Of these characters, with dots only between them. */
static bool
is_dotted(const char *s, size_t len, const char *set)
{
	bool was_dot = true;

	for (size_t i = 0; i < len; i++) {
		bool dot = s[i] == '.';

		if (dot ? was_dot : !only(s + i, 1, set))
			return false;
		was_dot = dot;
	}
	return !was_dot;
}

bool
text_is_mailbox(const char *s, size_t len)
{
	const char *at = memchr(s, '@', len);
	size_t local = at ? (size_t)(at - s) : 0, host = len - local - 1;

	if (!text_is_email(s, len) || s[0] == '-' || at[1] == '-' ||
	    !is_dotted(s, local, LOWER UPPER DIGITS "!#$%&'*+/=?^_`{|}~-"))
		return false;
	if (at[1] == '[' && s[len - 1] == ']' && host > 2)
		return only(at + 2, host - 2, LOWER UPPER DIGITS ".:");
	return is_dotted(at + 1, host, LOWER UPPER DIGITS "-_");
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
	    s[0] != '-' && s[len - 1] != '-' && !uuid_is_ours(s, len);
}

int
text_escape(const char *s, size_t len)
{
	return len < 3 || s[0] != '%' ? -1 : hex_value(s + 1, 2);
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
