/*
 * route.h: a row of a table of routes, and the matcher.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "base/err.h"
#include "base/scope.h"

#include <stddef.h>
#include <stdint.h>

struct body;
struct req;

/* What a query string may hold. */
enum route_query {
	QUERY_NONE,
	QUERY_PAGE,  /* limit and cursor of a list */
	QUERY_AUDIT, /* these, and enum query_filter */
	QUERY_ENV,   /* set and format of variables that are read */
	QUERY_IMPORT /* set, format, mode and dryRun of those that come */
};

struct route {
	const char *method; /* GET (HEAD too) or POST */
	const char *path;   /* compared byte for byte, but for a {n} at its end:
			     * 1 to 19 digits that do not begin with 0 */
	enum scope scope;   /* that a key needs for it */
	enum route_query query;
	bool if_match;           /* what it changes has a tag, see etag.h */
	bool told_once;          /* its answer has what nobody is told again */
	const struct body *body; /* NULL: none is read */
	enum err (*handler)(struct req *r);
};

/*
 * Finds the row of `table`, whose last one has path NULL, for the method and
 * path[0..len). ERR_OK with *route;
 * ERR_NOT_FOUND; ERR_METHOD with the Allow header's value in `allow` (40
 * bytes). OPTIONS is ERR_METHOD, too: the caller answers it from `allow`.
 */
MUST_CHECK enum err route_find(const struct route *table, const char *method,
    const char *path, size_t len, const struct route **route, char allow[40]);

/* What stands for the {n} of the route in the target that it was found for;
 * beyond int64_t the largest one. */
int64_t route_number(const struct route *t, const char *target);

#endif
