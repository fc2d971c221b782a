/*
 * query.h: the query string.
 */
#ifndef QUERY_H
#define QUERY_H

#include "http/req.h"

#define QUERY_LIMIT_DEFAULT 50
#define QUERY_LIMIT_MAX     100

/*
 * Reads ?limit= and ?cursor= of a list route into r->limit and r->cursor
 * (still encoded); complains of everything else (req_complain).
 */
void query_parse(struct req *r, const char *query);

#endif
