/*
 * page.h: a list in pages, and the cursors that lead from one to the next.
 */
#ifndef PAGE_H
#define PAGE_H

#include "http/req.h"

/*
 * A cursor holds the list's name, the project and the sort values of the last
 * row of a page, as `name:project:a:b:…` in base64url. Opaque to callers.
 *
 * Takes r->cursor apart: `n` sort values, each digits but for the last, a
 * UUID; they live as long as the request. All NULL without a cursor. Another
 * list's or project's cursor, or a broken one, is ERR_VALIDATION.
 */
MUST_CHECK enum err page_cursor(
    struct req *r, const char *list, const char *value[], size_t n);

/* Answers a page: the row of a list statement (array, whether more follow,
 * the last entry's sort values), with the cursor of the next one. */
enum err page_answer(struct req *r, const char *list, const struct db_query *q);

#endif
