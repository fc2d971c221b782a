/*
 * api_key.c: handlers of the project's API keys. The full key is shown once,
 * in the answer that makes it.
 */
#include "api/handlers.h"

#include "base/secret.h"
#include "base/uuid.h"
#include "crypt/key.h"
#include "http/answer.h"
#include "http/auth.h"
#include "http/guard.h"
#include "http/page.h"
#include "shm/cold.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum { GENERATE_NAME, GENERATE_ENVIRONMENT, GENERATE_FIELDS };
static const struct field generate_fields[] = {
    [GENERATE_NAME] = {.name = "name",
	.required = true,
	.trimmed = true,
	.one_line = true,
	.min = 1,
	.max = 100},
    [GENERATE_ENVIRONMENT] = {.name = "environment",
	.one_of = key_environments},
};
BODY(api_key_generate_body, generate_fields, GENERATE_FIELDS);

enum { REVOKE_KEY_ID, REVOKE_FIELDS };
static const struct field revoke_fields[] = {
    [REVOKE_KEY_ID] = {.name = "keyId",
	.required = true,
	.is_id = true,
	.not_found = "The project has no API key with this id. Send the "
		     "\"id\" that the list of keys shows, not the prefix and "
		     "not the key."},
};
BODY(api_key_revoke_body, revoke_fields, REVOKE_FIELDS);

enum err
api_key_list(struct req *r)
{
	const char *sort[2]; /* µs, id */
	struct db_query *q;
	enum err e;

	e = page_cursor(r, "api-keys", sort, 2);
	if (e)
		return guard_refuse(r, e);
	q = guard_read(r, STMT_API_KEY_LIST);
	db_int(q, r->limit);
	db_text(q, sort[0]);
	db_text(q, sort[1]);
	e = guard_run(r);
	return e ? e : page_answer(r, "api-keys", q);
}

/* {"data": {<row>, "key": "…"}}, and the key is known from now on. */
static void
reply_key(struct req *r, const struct db_query *q, const char *key)
{
	struct identity id = r->id;
	size_t len, digest_len;
	const char *row = db_value(q, 0, 0, &len);
	const char *digest = db_value(q, 0, 2, &digest_len);

	memset(id.key_id, 0, sizeof(id.key_id));
	snprintf(id.key_id, UUID_TEXT, "%s", db_value(q, 0, 1, NULL));
	if (digest_len == sizeof(id.digest)) {
		memcpy(id.digest, digest, digest_len);
		verified_add(r->app->host, key, &id);
	}
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

/* scrypt, in one of the places for it: see auth.h. */
static enum err
hash_key(struct req *r, struct new_key *k)
{
	enum err e = auth_cold_enter(r, k->key);
	bool ok;

	if (e)
		return e;
	ok = key_hash(k->key, r->app->conf.scrypt_log2n, k->hash);
	cold_leave(r->app->host);
	return ok ? ERR_OK : ERR_INTERNAL;
}

/* One draw. `taken`: its prefix is, draw again. */
static enum err
generate_once(struct req *r, bool *taken)
{
	struct new_key k;
	struct db_query *q;
	enum err e;

	if (!key_draw(&k, req_text(r, GENERATE_ENVIRONMENT)))
		return ERR_INTERNAL;
	e = hash_key(r, &k);
	if (e)
		return e;
	guard_write_part(r, STMT_PROJECT_LOCK);
	q = guard_write(r, STMT_API_KEY_GENERATE);
	db_text(q, req_text(r, GENERATE_NAME));
	db_text(q, k.prefix);
	db_text(q, k.environment);
	db_bytes(q, k.hash, strlen(k.hash));
	db_bytes(q, k.check, sizeof(k.check));
	db_int(q, r->app->conf.max_keys);
	e = guard_run(r);
	*taken = e == ERR_CONFLICT;
	if (!e && db_rows(q) == 0)
		e = refuse_full(r);
	else if (!e)
		reply_key(r, q, k.key);
	secret_wipe(&k, sizeof(k));
	return e;
}

enum err
api_key_generate(struct req *r)
{
	enum err e = ERR_OK;
	bool taken = true;

	for (int i = 0; taken && i < 3; i++) {
		taken = false;
		e = generate_once(r, &taken);
	}
	return e;
}

enum err
api_key_revoke(struct req *r)
{
	const char *id = req_text(r, REVOKE_KEY_ID);
	struct db_query *q = guard_write(r, STMT_API_KEY_REVOKE);
	enum err e;

	db_text(q, id);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return req_not_found(r, REVOKE_KEY_ID);
	e = guard_drain(r, id);
	return e ? e : answer_row(r, q);
}
