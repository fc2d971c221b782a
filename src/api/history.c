/*
 * history.c: handlers of the versions of the settings.
 */
#include "api/handlers.h"

#include "api/settings.h"
#include "http/etag.h"
#include "http/guard.h"
#include "http/page.h"
#include "http/route.h"

#include <json-c/json.h>

#include "base/banned.h"

#define VERSION_MAX 9007199254740991 /* 2^53 - 1, as of any number */
#define NO_VERSION  "There is no such version, or it has been dropped."

enum { ROLLBACK_VERSION, ROLLBACK_FIELDS };
static const struct field rollback_fields[] = {
    [ROLLBACK_VERSION] = {.name = "version",
	.type = FIELD_NUMBER,
	.required = true,
	.min = 1,
	.max = VERSION_MAX,
	.not_found = NO_VERSION},
};
BODY(history_rollback_body, rollback_fields, ROLLBACK_FIELDS);

static const struct page_list version_pages = {"versions", {PAGE_NUMBER}};

enum err
history_list(struct req *r)
{
	const char *before;
	struct db_query *q;
	enum err e = page_cursor(r, &version_pages, &before);

	if (e)
		return guard_refuse(r, e);
	q = guard_read(r, STMT_SETTINGS_VERSIONS);
	db_int(q, r->limit);
	db_text(q, before);
	e = guard_run(r);
	return e ? e : page_answer(r, &version_pages, q);
}

enum err
history_get(struct req *r)
{
	struct db_query *q = guard_read(r, STMT_SETTINGS_VERSION), *data_keys;
	struct vault vault = {.data_keys = NULL};
	enum err e;

	db_int(q, route_number(r->route, r->target));
	data_keys = guard_read(r, STMT_DATA_KEYS);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return req_fail(r, ERR_NOT_FOUND, NULL, NO_VERSION);
	return settings_reply_values(r, q, data_keys, &vault);
}

enum err
history_rollback(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_SETTINGS_ROLLBACK), *data_keys;
	struct vault vault = {.data_keys = NULL};
	const struct db_query *now;
	char version[TEXT_DECIMAL];
	enum err e;

	text_decimal(version,
	    (uint64_t)json_object_get_int64(r->value[ROLLBACK_VERSION]));
	db_text(q, r->tags);
	db_text(q, version);
	now = etag_ask(r, STMT_SETTINGS_VERSION_TAG, version);
	data_keys = guard_read(r, STMT_DATA_KEYS);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return etag_met_none(
		    r, now, req_not_found(r, ROLLBACK_VERSION));
	return settings_reply(r, q, data_keys, &vault);
}
