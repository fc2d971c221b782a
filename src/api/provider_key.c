/*
 * provider_key.c: handlers of provider keys: sealed, write-only here.
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/text.h"
#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"

#include "base/banned.h"

static const char *const providers[] = {"e2b", "anthropic", "anthropic_token",
    "openrouter", "openai", "github", NULL};

#define PROVIDER                                                               \
	{                                                                      \
		.name = "provider", .required = true, .one_of = providers,     \
		.not_found = "The project has no key of this provider."        \
	}

enum { SET_PROVIDER, SET_KEY, SET_FIELDS };
static const struct field set_fields[] = {
    [SET_PROVIDER] = PROVIDER,
    [SET_KEY] = {.name = "key",
	.required = true,
	.min = 8,
	.max = 1024,
	.valid = text_is_token,
	.rule = "Must be printable ASCII without spaces."},
};
BODY(provider_key_set_body, set_fields, SET_FIELDS);

enum { REMOVE_PROVIDER, REMOVE_FIELDS };
static const struct field remove_key_fields[] = {[REMOVE_PROVIDER] = PROVIDER};
BODY(provider_key_remove_body, remove_key_fields, REMOVE_FIELDS);

enum err
provider_key_list(struct req *r)
{
	struct db_query *q = guard_read(r, STMT_PROVIDER_KEY_LIST);
	enum err e = guard_run(r);

	return e ? e : answer_array(r, q);
}

enum err
provider_key_set(struct req *r)
{
	const char *provider = req_text(r, SET_PROVIDER);
	const char *key = req_text(r, SET_KEY);
	struct seal_name what = {"provider_key", provider};
	const struct db_query *now;
	struct db_query *q;
	struct vault vault;
	bool ok;
	enum err e = vault_read(r, &vault);

	if (e)
		return e;
	q = guard_write(
	    r, r->tags ? STMT_PROVIDER_KEY_REPLACE : STMT_PROVIDER_KEY_SET);
	db_text(q, provider);
	ok = vault_add_key(r, &vault, what, key, q);
	vault_wipe(&vault);
	if (!ok)
		return ERR_INTERNAL;
	if (r->tags)
		db_text(q, r->tags);
	now = etag_ask(r, STMT_PROVIDER_KEY_TAG, provider);
	e = guard_run(r);
	if (!e && r->tags && db_rows(q) == 0)
		return etag_met_none(r, now, ERR_PRECONDITION);
	return e ? e : etag_answer(r, q, 0);
}

enum err
provider_key_remove(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_PROVIDER_KEY_REMOVE);
	const char *provider = req_text(r, REMOVE_PROVIDER);
	const struct db_query *now;
	enum err e;

	db_text(q, provider);
	db_text(q, r->tags);
	now = etag_ask(r, STMT_PROVIDER_KEY_TAG, provider);
	e = guard_run(r);
	if (e)
		return e;
	return db_rows(q) > 0
	    ? answer_row(r, q)
	    : etag_met_none(r, now, req_not_found(r, REMOVE_PROVIDER));
}
