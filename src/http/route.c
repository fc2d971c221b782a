/*
 * route.c: 404 and 405 are told apart by the rows whose path fits, and Allow is
 * built from the same rows.
 */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum err
route_find(const struct route *table, const char *method, const char *path,
    size_t len, const struct route **route, char allow[40])
{
	bool head = strcmp(method, "HEAD") == 0;
	size_t at = 0;

	for (const struct route *t = table; t->path; t++) {
		if (strlen(t->path) != len || memcmp(t->path, path, len) != 0)
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
