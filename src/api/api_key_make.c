/*
 * api_key_make.c: handlers that make API keys. The full key is shown once, in
 * the answer that makes it.
 */
#include "api/api_key.h"
#include "api/grant.h"
#include "api/handlers.h"

#include "base/secret.h"
#include "crypt/key.h"
#include "http/answer.h"
#include "http/auth.h"
#include "http/etag.h"
#include "http/guard.h"
#include "shm/cold.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum { GENERATE_ENVIRONMENT = GRANT_FIELDS, GENERATE_FIELDS };
static const struct field generate_fields[] = {
    GRANT_ROWS(true),
    [GENERATE_ENVIRONMENT] = {.name = "environment",
	.one_of = key_environments},
};
BODY(api_key_generate_body, generate_fields, GENERATE_FIELDS);

enum { ROTATE_KEY_ID, ROTATE_GRACE, ROTATE_FIELDS };
static const struct field rotate_fields[] = {
    [ROTATE_KEY_ID] = API_KEY_ID,
    [ROTATE_GRACE] = {.name = "graceSeconds",
	.type = FIELD_NUMBER,
	.max = KEY_GRACE},
};
BODY(api_key_rotate_body, rotate_fields, ROTATE_FIELDS);

/* {"data": {<row>, "key": "…"}}, and the key is known from now on. */
static void
reply_key(struct req *r, const struct db_query *q, const char *key)
{
	struct identity id;
	size_t len;
	const char *row = db_value(q, 0, IDENTITY_COLUMNS, &len);

	if (auth_identity(q, &id))
		verified_add(r->app->host, key, &id);
	etag_set(r, db_value(q, 0, IDENTITY_COLUMNS + 1, NULL));
	answer_text(r, "{\"data\":");
	answer_raw(r, row, len - 1); /* without its closing brace */
	answer_text(r, ",\"key\":\"");
	answer_text(r, key);
	answer_text(r, "\"}}");
}

static enum err
refuse_full(struct req *r)
{
	char message[100];

	snprintf(message, sizeof(message),
	    "A project has at most %d live API keys. Revoke one first.",
	    r->app->conf.max_keys);
	return req_fail(r, ERR_CONFLICT, NULL, message);
}

/* A new key and its hash: scrypt, in one of the places for it, see auth.h. */
static enum err
draw(struct req *r, struct new_key *k, const char *environment)
{
	enum err e;
	bool ok;

	if (!key_draw(k, environment, r->id.room))
		return ERR_INTERNAL;
	e = auth_cold_enter(r, k->key);
	if (e)
		return e;
	ok = key_hash(k->key, r->app->conf.scrypt_log2n, k->hash);
	cold_leave(r->app->host);
	return ok ? ERR_OK : ERR_INTERNAL;
}

/* Runs what makes a key. *taken: its prefix is, draw again. */
static enum err
run(struct req *r, const struct db_query *q, const char *key, bool *taken)
{
	enum err e = guard_run(r);

	*taken = e == ERR_CONFLICT;
	if (!e && db_rows(q) > 0)
		reply_key(r, q, key);
	return e;
}

/* ---- generate ---- */

static enum err
generate_once(struct req *r, const struct grant *own, bool *taken)
{
	struct new_key k;
	struct db_query *q;
	enum err e = draw(r, &k, req_text(r, GENERATE_ENVIRONMENT));

	*taken = false;
	if (e)
		return e;
	guard_write_part(r, STMT_PROJECT_LOCK);
	q = guard_write(r, STMT_API_KEY_GENERATE);
	db_text(q, req_text(r, GRANT_NAME));
	db_text(q, k.prefix);
	db_text(q, k.environment);
	db_bytes(q, k.hash, strlen(k.hash));
	db_bytes(q, k.check, sizeof(k.check));
	db_int(q, r->app->conf.max_keys);
	e = grant_add(r, own, q) ? run(r, q, k.key, taken) : ERR_INTERNAL;
	if (!e && db_rows(q) == 0)
		e = refuse_full(r);
	secret_wipe(&k, sizeof(k));
	return e;
}

enum err
api_key_generate(struct req *r)
{
	struct grant own;
	bool taken = true;
	enum err e = grant_look(r, &own, NULL, NULL);

	if (!e)
		e = grant_check(r, &own);
	if (e)
		return e;
	for (int i = 0; taken && i < 3; i++)
		e = generate_once(r, &own, &taken);
	return e;
}

/* ---- rotate ---- */

static enum err
may_rotate(struct req *r, const struct grant *own, const struct grant *key)
{
	enum err e = grant_scope(r, key);

	if (e)
		return e;
	if (grant_beyond(own, key))
		return req_fail(r, ERR_FORBIDDEN, "keyId",
		    "The key's end, addresses or rate go further than the "
		    "calling key's: it may only update or revoke it.");
	e = etag_judge(r, key->etag);
	if (e)
		return e;
	if (key->rotated)
		return req_fail(r, ERR_CONFLICT, "keyId",
		    "The key has been rotated already: its successor is "
		    "\"rotatedTo\".");
	if (strcmp(key->state, "live") == 0)
		return ERR_OK;
	return req_fail(r, ERR_CONFLICT, "keyId",
	    "Only a live key can be rotated: this one is revoked, expired or "
	    "disabled.");
}

/* No row: the project has all the keys it may have, or the key has changed
 * since it was looked at. */
static enum err
refuse_rotation(struct req *r, const struct grant *key)
{
	struct grant own, now;
	enum err e = grant_look(r, &own, key->id.key_id, &now);

	if (e)
		return e;
	if (memcmp(now.id.stamp, key->id.stamp, sizeof(now.id.stamp)) != 0)
		return api_key_changed(r);
	return refuse_full(r);
}

static enum err
rotate_once(struct req *r, const struct grant *key, bool *taken)
{
	const char *id = key->id.key_id;
	int64_t grace = json_object_get_int64(r->value[ROTATE_GRACE]);
	const struct db_query *now;
	struct new_key k;
	struct db_query *q;
	enum err e = draw(r, &k, key->environment);

	*taken = false;
	if (e)
		return e;
	db_text(guard_write_part(r, STMT_API_KEY_LOCK), id);
	guard_write_part(r, STMT_PROJECT_LOCK);
	q = guard_write(r, STMT_API_KEY_ROTATE);
	db_text(q, id);
	db_bytes(q, key->id.stamp, sizeof(key->id.stamp));
	db_text(q, k.prefix);
	db_bytes(q, k.hash, strlen(k.hash));
	db_bytes(q, k.check, sizeof(k.check));
	db_int(q, r->app->conf.max_keys);
	db_int(q, grace);
	now = etag_ask(r, STMT_API_KEY_TAG, id);
	e = run(r, q, k.key, taken);
	secret_wipe(&k, sizeof(k));
	if (!e && db_rows(q) == 0) {
		e = etag_met_none(r, now, ERR_OK);
		return e ? e : refuse_rotation(r, key);
	}
	if (!e && grace == 0)
		e = guard_drain(r, id);
	return e;
}

enum err
api_key_rotate(struct req *r)
{
	struct grant own, key;
	bool taken = true;
	enum err e = grant_look(r, &own, req_text(r, ROTATE_KEY_ID), &key);

	if (e == ERR_NOT_FOUND)
		return req_not_found(r, ROTATE_KEY_ID);
	if (!e)
		e = may_rotate(r, &own, &key);
	if (e)
		return e;
	for (int i = 0; taken && i < 3; i++)
		e = rotate_once(r, &key, &taken);
	return e;
}
