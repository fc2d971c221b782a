/*
 * query.h: the query string.
 */
#ifndef QUERY_H
#define QUERY_H

#include "http/req.h"

#define QUERY_LIMIT_DEFAULT 50
#define QUERY_LIMIT_MAX     100

/* Places in r->filter. */
enum query_filter {
	QUERY_ACTION,
	QUERY_ACTOR,
	QUERY_OBJECT,
	QUERY_SINCE,
	QUERY_UNTIL
};
extern const char *const query_filters[REQ_FILTERS]; /* their names */

/*
 * Reads ?limit= and ?cursor= of a list route into r->limit and r->cursor
 * (still encoded), what else a route takes into r->filter and r->choice;
 * complains of everything else, and of one that is needed and not there
 * (req_complain).
 */
void query_parse(struct req *r, const char *query);

#endif
