/*
 * api_key.c: handlers of the project's API keys, once they are made:
 * api_key_make.c makes them.
 */
#include "api/api_key.h"
#include "api/grant.h"
#include "api/handlers.h"

#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"
#include "http/page.h"

#include <json-c/json.h>
#include <string.h>

#include "base/banned.h"

enum { UPDATE_KEY_ID = GRANT_FIELDS, UPDATE_FIELDS };
static const struct field change_fields[] = {
    GRANT_ROWS(false),
    [UPDATE_KEY_ID] = API_KEY_ID,
};
BODY(api_key_update_body, change_fields, UPDATE_FIELDS);

enum { REVOKE_KEY_ID, REVOKE_FIELDS };
static const struct field revoke_fields[] = {[REVOKE_KEY_ID] = API_KEY_ID};
BODY(api_key_revoke_body, revoke_fields, REVOKE_FIELDS);

bool
api_key_is_over(const struct grant *key)
{
	return strcmp(key->state, "revoked") == 0 ||
	    strcmp(key->state, "expired") == 0;
}

enum err
api_key_changed(struct req *r)
{
	return req_fail(r, ERR_CONFLICT, "keyId",
	    "The key was being changed at the same moment. Read it and try "
	    "again.");
}

static const struct page_list key_pages = {
    "api-keys", {PAGE_NUMBER, PAGE_ID}}; /* µs, id */

enum err
api_key_list(struct req *r)
{
	const char *sort[2];
	struct db_query *q;
	enum err e;

	e = page_cursor(r, &key_pages, sort);
	if (e)
		return guard_refuse(r, e);
	q = guard_read(r, STMT_API_KEY_LIST);
	db_int(q, r->limit);
	db_text(q, sort[0]);
	db_text(q, sort[1]);
	e = guard_run(r);
	return e ? e : page_answer(r, &key_pages, q);
}

enum err
api_key_whoami(struct req *r)
{
	struct db_query *q = guard_read(r, STMT_API_KEY_WHOAMI);
	enum err e;

	db_text(q, r->id.key_id);
	e = guard_run(r);
	return e ? e : answer_row(r, q);
}

/* ---- update ---- */

static bool
gives_anything(const struct req *r)
{
	for (int i = 0; i < GRANT_FIELDS; i++)
		if (r->given[i])
			return true;
	return false;
}

/* Nothing but switching it off, which anybody may who may update. */
static bool
only_disables(const struct req *r)
{
	for (int i = 0; i < GRANT_FIELDS; i++)
		if (r->given[i] && i != GRANT_DISABLED)
			return false;
	return json_object_get_boolean(r->value[GRANT_DISABLED]);
}

/* Of a key that has a successor: its end only comes nearer. */
static bool
puts_off(const struct req *r, const struct grant *key)
{
	int64_t ms = json_object_get_int64(r->value[GRANT_EXPIRES]);

	return r->given[GRANT_EXPIRES] && key->rotated &&
	    (ms == 0 || ms > key->id.ends_ms);
}

/* In the order of refusals: 400 of what the caller gives, 404, 403, 412, 409.
 */
static enum err
may_update(struct req *r, const struct grant *own, const struct grant *key)
{
	enum err e = only_disables(r) ? ERR_OK : grant_scope(r, key);

	if (!e)
		e = etag_judge(r, key->etag);
	if (e)
		return e;
	if (api_key_is_over(key))
		return req_fail(r, ERR_CONFLICT, "keyId",
		    "The key is revoked or has expired.");
	if (puts_off(r, key))
		req_complain(r, "expiresAt",
		    "The key has been rotated: its end can only come nearer.");
	grant_more(r, own, key);
	return r->details ? ERR_VALIDATION : ERR_OK;
}

static struct db_query *
add_update(struct req *r, const struct grant *own, const struct grant *key)
{
	struct db_query *q = guard_write(r, STMT_API_KEY_UPDATE);

	db_text(q, key->id.key_id);
	db_bytes(q, key->id.stamp, sizeof(key->id.stamp));
	db_text(q, req_text(r, GRANT_NAME));
	return grant_add(r, own, q) ? q : NULL;
}

enum err
api_key_update(struct req *r)
{
	struct grant own, key;
	const struct db_query *now;
	struct db_query *q;
	enum err e, there;

	there = grant_look(r, &own, req_text(r, UPDATE_KEY_ID), &key);
	if (there && there != ERR_NOT_FOUND)
		return there;
	e = grant_check(r, &own);
	if (e)
		return e;
	if (there)
		return req_not_found(r, UPDATE_KEY_ID);
	e = may_update(r, &own, &key);
	if (e)
		return e;
	if (!gives_anything(r)) {
		etag_set(r, key.etag);
		answer_text(r, "{\"data\":");
		answer_raw(r, key.row, key.row_len);
		answer_text(r, "}");
		return ERR_OK;
	}
	q = add_update(r, &own, &key);
	if (!q)
		return ERR_INTERNAL;
	now = etag_ask(r, STMT_API_KEY_TAG, key.id.key_id);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0) /* the stamp, which is of the tag judged */
		return etag_met_none(r, now, api_key_changed(r));
	e = guard_drain(r, key.id.key_id); /* it may be narrower now */
	return e ? e : etag_answer(r, q, 0);
}

/* ---- revoke ---- */

enum err
api_key_revoke(struct req *r)
{
	const char *id = req_text(r, REVOKE_KEY_ID);
	struct db_query *q = guard_write(r, STMT_API_KEY_REVOKE);
	const struct db_query *now;
	enum err e;

	db_text(q, id);
	db_text(q, r->tags);
	now = etag_ask(r, STMT_API_KEY_TAG, id);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return etag_met_none(r, now, req_not_found(r, REVOKE_KEY_ID));
	e = guard_drain(r, id);
	return e ? e : etag_answer(r, q, 0);
}
