/*
 * page.h: a list in pages, and the cursors that lead from one to the next.
 */
#ifndef PAGE_H
#define PAGE_H

#include "http/req.h"

enum page_value {
	PAGE_END,
	PAGE_NUMBER, /* digits that PostgreSQL takes as bigint, such as µs */
	PAGE_ID      /* a UUID */
};

/* A list: its name in cursors, and the forms of what it is sorted by. */
struct page_list {
	const char *name;
	enum page_value sort[5]; /* and PAGE_END */
};

/*
 * A cursor holds the list's name, the project and the sort values of the last
 * row of a page, as `name:project:a:b:…` in base64url. Opaque to callers.
 *
 * Takes r->cursor apart: as many values as list->sort has; they live as long
 * as the request. All NULL without a cursor. Another list's or project's
 * cursor, or a broken one, is ERR_VALIDATION.
 */
MUST_CHECK enum err page_cursor(
    struct req *r, const struct page_list *list, const char *value[]);

/* Answers a page: the row of a list statement (array, whether more follow,
 * the last entry's sort values), with the cursor of the next one. */
enum err page_answer(
    struct req *r, const struct page_list *list, const struct db_query *q);

#endif
