/*
 * route.h: a row of a table of routes, and the matcher.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "http/req.h"

enum access {
	ACCESS_OPEN, /* no key needed */
	ACCESS_KEY   /* any live key of the project */
};

struct route {
	const char *method; /* GET (HEAD too) or POST */
	const char *path;   /* compared byte for byte */
	enum access access;
	bool list;               /* takes ?limit= and ?cursor= */
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

#endif
