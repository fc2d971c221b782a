/*
 * provider_key.c: handlers of provider keys: sealed, write-only here.
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/text.h"

#include <string.h>

#include "base/banned.h"

static bool
is_provider(const char *s, size_t len)
{
	static const char *const providers[] = {"e2b", "anthropic",
	    "anthropic_token", "openrouter", "openai", "github"};

	(void)len;
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(s, providers[i]) == 0)
			return true;
	return false;
}

#define PROVIDER                                                               \
	{                                                                      \
		.name = "provider", .required = true, .max = REQ_BODY_MAX,     \
		.valid = is_provider,                                          \
		.rule = "Must be \"e2b\", \"anthropic\", "                     \
			"\"anthropic_token\", \"openrouter\", \"openai\" or "  \
			"\"github\"."                                          \
	}

static const struct field set_fields[] = {
    PROVIDER,
    {.name = "key",
	.required = true,
	.min = 8,
	.max = 1024,
	.valid = text_is_token,
	.rule = "Must be printable ASCII without spaces."},
};
static const struct field remove_fields[] = {PROVIDER};

const struct body provider_key_set_body = {set_fields, 2, false};
const struct body provider_key_remove_body = {remove_fields, 1, false};

enum err
provider_key_list(struct req *r)
{
	struct db_query *q = call_read(r, STMT_PROVIDER_KEY_LIST);
	enum err e = call_run(r);
	const char *array;
	size_t len;

	if (e)
		return e;
	array = db_value(q, 0, 0, &len);
	reply_list(r, array, len, NULL);
	return ERR_OK;
}

enum err
provider_key_set(struct req *r)
{
	struct db_query *q = call_read(r, STMT_DATA_KEYS);
	const char *provider = req_text(r, 0), *key = req_text(r, 1);
	struct seal_name what = {"provider_key", provider};
	const unsigned char *sealed;
	struct vault vault;
	size_t len;
	enum err e = call_run(r);

	if (e || (e = vault_open(r, q, &vault)))
		return e;
	sealed = vault_seal(r, &vault, what, key, strlen(key), &len);
	vault_wipe(&vault);
	if (!sealed)
		return r->err;
	q = call_write(r, STMT_PROVIDER_KEY_SET);
	db_text(q, provider);
	db_bytes(q, sealed, len);
	db_text(q, key + strlen(key) - 4);
	e = call_run(r);
	return e ? e : reply_row(r, q);
}

enum err
provider_key_remove(struct req *r)
{
	struct db_query *q = call_write(r, STMT_PROVIDER_KEY_REMOVE);
	enum err e;

	db_text(q, req_text(r, 0));
	e = call_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return req_fail(r, ERR_NOT_FOUND, "provider",
		    "The project has no key of this provider.");
	return reply_row(r, q);
}
