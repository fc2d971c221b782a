/*
 * query.h: the query string, and the cursors of lists that come in it.
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

/*
 * A cursor holds the list's name, the project and the sort values of the last
 * row of a page, as `name:project:a:b:…` in base64url. Opaque to callers.
 *
 * Takes r->cursor apart: `n` sort values, each digits but for the last, a
 * UUID; they live as long as the request. All NULL without a cursor. Another
 * list's or project's cursor, or a broken one, is ERR_VALIDATION, recorded.
 */
MUST_CHECK enum err cursor_read(
    struct req *r, const char *list, const char *value[], size_t n);

/* Answers a page: the row of a list statement (array, whether more follow,
 * the last entry's sort values), with the cursor of the next one. */
enum err reply_page(struct req *r, const char *list, const struct db_query *q);

#endif
