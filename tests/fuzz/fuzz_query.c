/*
 * fuzz_query.c: a query string, and a cursor before its base64url. What a
 * list takes as its cursor is what it would have written itself.
 */
#include "fuzz.h"

#include "api/routes.h"
#include "base/base64.h"
#include "base/uuid.h"
#include "http/answer.h"
#include "http/page.h"
#include "http/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static const struct {
	const char *path;
	struct page_list list;
} lists[] = {
    {"/api/v1/project/members",
	{"members", {PAGE_NUMBER, PAGE_NUMBER, PAGE_NUMBER, PAGE_ID}}},
    {"/api/v1/project/api-keys", {"api-keys", {PAGE_NUMBER, PAGE_ID}}},
    {"/api/v1/project/counters", {NULL, {PAGE_END}}}, /* no list */
};

static void
begin(struct req *r, size_t i)
{
	req_begin(r, fuzz_app());
	uuid_make(r->rid);
	snprintf(r->id.project_id, UUID_TEXT, FUZZ_PROJECT);
	EXPECT(route_find(routes, "GET", lists[i].path, strlen(lists[i].path),
		   &r->route, r->allow) == ERR_OK);
}

static void
end(struct req *r)
{
	if (r->details) {
		EXPECT(r->fault == ERR_VALIDATION);
		answer_fault(r, ERR_VALIDATION);
		fuzz_check_answer(r);
	}
	req_end(r);
}

/* The values, joined and encoded again, make the same cursor. */
static void
read_cursor(struct req *r, size_t i)
{
	const char *value[4];
	char text[400], again[BASE64_SIZE(sizeof(text))];
	int at = snprintf(
	    text, sizeof(text), "%s:%s", lists[i].list.name, FUZZ_PROJECT);

	if (page_cursor(r, &lists[i].list, value) != ERR_OK) {
		EXPECT(strcmp(r->field, "cursor") == 0);
		return;
	}
	for (size_t k = 0; lists[i].list.sort[k] != PAGE_END; k++) {
		EXPECT(!value[k] == !r->cursor);
		at += snprintf(text + at, sizeof(text) - (size_t)at, ":%s",
		    value[k] ? value[k] : "");
		EXPECT((size_t)at < sizeof(text));
	}
	if (!r->cursor)
		return;
	base64_encode(again, sizeof(again), text, (size_t)at);
	EXPECT(strcmp(again, r->cursor) == 0);
}

static void
whole_query(const char *query, size_t i)
{
	struct req r;

	begin(&r, i);
	query_parse(&r, query);
	EXPECT(r.limit >= 1 && r.limit <= QUERY_LIMIT_MAX);
	if (!r.details && lists[i].list.name)
		read_cursor(&r, i);
	EXPECT(lists[i].list.name || r.details ||
	    strspn(query, "&") == strlen(query));
	end(&r);
}

static void
plain_cursor(const uint8_t *data, size_t len, size_t i)
{
	size_t size = BASE64_SIZE(len);
	char *text = malloc(size);
	struct req r;

	EXPECT(text);
	begin(&r, i);
	base64_encode(text, size, data, len);
	r.cursor = text;
	read_cursor(&r, i);
	end(&r);
	free(text);
}

void
fuzz_query(const uint8_t *data, size_t len)
{
	char *text = fuzz_text(data, len);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		whole_query(text, i);
		if (lists[i].list.name)
			plain_cursor(data, len, i);
	}
	free(text);
}
