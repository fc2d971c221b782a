/*
 * page.c: cursors, and a page as an answer.
 */
#include "http/page.h"

#include "base/base64.h"
#include "base/uuid.h"
#include "http/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define CURSOR_MAX 300

/* Digits of a number that PostgreSQL takes as int or bigint. */
static bool
is_number(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 17 && strspn(s, "0123456789") == len;
}

static bool
has_form(enum page_value form, const char *s)
{
	return form == PAGE_NUMBER ? is_number(s)
	    : form == PAGE_ID      ? uuid_is_ours(s, strlen(s))
				   : false; /* one too many */
}

enum err
page_cursor(struct req *r, const struct page_list *list, const char *value[])
{
	const enum page_value *form = list->sort;
	char *text, *part;
	size_t len, i;
	bool ok;

	for (i = 0; form[i] != PAGE_END; i++)
		value[i] = NULL;
	if (!r->cursor)
		return ERR_OK;
	text = req_alloc(r, CURSOR_MAX + 1);
	if (!text)
		return ERR_INTERNAL;
	ok = base64_decode(text, CURSOR_MAX, &len, r->cursor) &&
	    !memchr(text, '\0', len);
	if (ok)
		text[len] = '\0';
	for (i = 0; ok && (part = strsep(&text, ":")); i++) {
		if (i == 0)
			ok = strcmp(part, list->name) == 0;
		else if (i == 1)
			ok = strcmp(part, r->id.project_id) == 0;
		else if ((ok = has_form(*form, part)))
			value[form++ - list->sort] = part;
	}
	if (ok && i >= 2 && *form == PAGE_END)
		return ERR_OK;
	req_complain(r, "cursor", "Is not a cursor of this list.");
	return ERR_VALIDATION;
}

/* NULL: no memory. `sort`: colon-separated values, as the statement gave. */
static const char *
make_cursor(struct req *r, const char *list, const char *sort)
{
	char text[CURSOR_MAX];
	char *out = req_alloc(r, BASE64_SIZE(CURSOR_MAX));
	int len = snprintf(
	    text, sizeof(text), "%s:%s:%s", list, r->id.project_id, sort);

	if (!out || len < 0 || len >= CURSOR_MAX)
		return NULL;
	base64_encode(out, BASE64_SIZE(CURSOR_MAX), text, (size_t)len);
	return out;
}

enum err
page_answer(
    struct req *r, const struct page_list *list, const struct db_query *q)
{
	const char *next = NULL, *array;
	size_t len;

	array = db_value(q, 0, 0, &len);
	if (db_bool(q, 0, 1) &&
	    !(next = make_cursor(r, list->name, db_value(q, 0, 2, NULL))))
		return ERR_INTERNAL;
	answer_list(r, array, len, next);
	return ERR_OK;
}
