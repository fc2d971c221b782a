/*
 * route.c: 404 and 405 are told apart by the rows whose path fits, and Allow is
 * built from the same rows.
 */
#include "http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define NUMBER "{n}"

/* Bytes of the row's path that stand in every target of it. */
static size_t
fixed_length(const struct route *t)
{
	size_t len = strlen(t->path);

	return t->path[len - 1] == '}' ? len - strlen(NUMBER) : len;
}

static bool
is_number(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n == len && len >= 1 && len <= 19 && s[0] != '0';
}

static bool
fits(const struct route *t, const char *path, size_t len)
{
	size_t fixed = fixed_length(t);

	if (len < fixed || memcmp(t->path, path, fixed) != 0)
		return false;
	return t->path[fixed] == '\0' ? len == fixed
				      : is_number(path + fixed, len - fixed);
}

int64_t
route_number(const struct route *t, const char *target)
{
	return strtoll(target + fixed_length(t), NULL, 10);
}

enum err
route_find(const struct route *table, const char *method, const char *path,
    size_t len, const struct route **route, char allow[40])
{
	bool head = strcmp(method, "HEAD") == 0;
	size_t at = 0;

	for (const struct route *t = table; t->path; t++) {
		if (!fits(t, path, len))
			continue;
		if (strcmp(t->method, head ? "GET" : method) == 0) {
			*route = t;
			return ERR_OK;
		}
		at += (size_t)snprintf(allow + at, 40 - at, "%s, ",
		    strcmp(t->method, "GET") == 0 ? "GET, HEAD" : t->method);
	}
	if (at == 0)
		return ERR_NOT_FOUND;
	snprintf(allow + at, 40 - at, "OPTIONS");
	return ERR_METHOD;
}
