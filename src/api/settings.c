/*
 * settings.c: handlers of the seventeen settings. The table of fields is in
 * the order of the columns of STMT_SETTINGS_GET and of the parameters of
 * STMT_SETTINGS_UPDATE (which leaves out the two write-only keys).
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/text.h"
#include "json/json.h"

#include <json-c/json.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define PROMPT(field)                                                          \
	{                                                                      \
		.name = field, .nullable = true, .in_bytes = true,             \
		.max = 262144                                                  \
	}
#define SELECTED(field)                                                        \
	{                                                                      \
		.name = field, .type = FIELD_STRINGS, .nullable = true         \
	}
#define ENV(field)                                                             \
	{                                                                      \
		.name = field, .type = FIELD_ENV, .nullable = true             \
	}
#define SECRET_KEY(field)                                                      \
	{                                                                      \
		.name = field, .nullable = true, .min = 8, .max = 1024,        \
		.valid = text_is_printable, .rule = "Must be printable ASCII." \
	}
#define SHORT(field)                                                           \
	{                                                                      \
		.name = field, .nullable = true, .one_line = true, .max = 200  \
	}

#define LONG_TEXT 131072 /* bytes */

enum setting {
	SELECTED_SKILLS = 3,
	SELECTED_SCRIPTS = 5,
	ENV_VARS = 6,
	DEPLOY_ENV_VARS,
	TEST_USER_CREDENTIALS,
	CONVEX_DEPLOY_KEY,
	CONVEX_DEV_KEY,
	SETTINGS = 17
};

static const struct field fields[] = {
    PROMPT("sandboxSystemPrompt"),
    PROMPT("claudeMd"),
    PROMPT("issueDiscoveryPrompt"),
    SELECTED("selectedSkills"),
    SELECTED("selectedCommands"),
    SELECTED("selectedScripts"),
    [ENV_VARS] = ENV("envVars"),
    [DEPLOY_ENV_VARS] = ENV("deployEnvVars"),
    [TEST_USER_CREDENTIALS] = {.name = "testUserCredentials",
	.type = FIELD_OBJECT,
	.nullable = true,
	.in_bytes = true,
	.max = 65536},
    [CONVEX_DEPLOY_KEY] = SECRET_KEY("convexDeployKey"),
    [CONVEX_DEV_KEY] = SECRET_KEY("convexDevKey"),
    SHORT("learningTemplateId"),
    SHORT("learningModel"),
    SHORT("mergingTemplateId"),
    SHORT("mergingModel"),
    {.name = "gitCommitName",
	.nullable = true,
	.one_line = true,
	.max = 200,
	.valid = text_is_git_name,
	.rule = "Must have more than blanks and .,:;<>\"'\\, without < and >, "
		"or git refuses it."},
    {.name = "gitCommitEmail",
	.nullable = true,
	.max = 200,
	.valid = text_is_git_email,
	.rule = "Must be an e-mail address: printable ASCII, one @, without < "
		"and >."},
};
BODY(settings_update_body, fields, SETTINGS);

/* Columns that hold a sealed JSON text. */
static bool
is_sealed(int i)
{
	return i >= ENV_VARS && i <= TEST_USER_CREDENTIALS;
}

static bool
is_secret_key(int i)
{
	return i == CONVEX_DEPLOY_KEY || i == CONVEX_DEV_KEY;
}

static struct seal_name
place(int i)
{
	return (struct seal_name){"settings", fields[i].name};
}

/* A member's JSON text in the request's memory; NULL: none. */
static char *
text_of(struct req *r, struct json_object *v, size_t *len)
{
	char *text = json_text(v, len);
	char *out = text ? req_alloc(r, *len + 1) : NULL;

	if (out)
		memcpy(out, text, *len + 1);
	free(text);
	return out;
}

/* Column i of a row as JSON: the selected ones are JSON already. */
static enum err
reply_column(
    struct req *r, const struct vault *vault, int i, const char *v, size_t len)
{
	char *plain;

	if (!v) {
		reply_text(r, is_sealed(i) ? "{}" : "null");
	} else if (is_sealed(i)) {
		plain = vault_unseal(r, vault, place(i), v, len, &len);
		if (!plain)
			return r->err;
		reply_raw(r, plain, len);
		free(plain);
	} else if (is_secret_key(i)) {
		reply_text(r, "{\"last4\":");
		reply_quoted(r, v, len);
		reply_text(r, "}");
	} else if (fields[i].type == FIELD_STRING) {
		reply_quoted(r, v, len);
	} else {
		reply_raw(r, v, len);
	}
	return ERR_OK;
}

/* Bytes of the answer's text, at least. */
static size_t
settings_size(const struct db_query *q)
{
	size_t sum = 0;

	for (int i = 0; i < SETTINGS; i++) {
		size_t len = 0;
		const char *v = db_value(q, 0, i, &len);

		/* of long texts exactly: a buffer that has to grow is there
		 * twice for a moment */
		if (v && fields[i].type == FIELD_STRING && len > LONG_TEXT)
			len = json_quoted_size(v, len);
		sum += len + 64;
	}
	return sum;
}

/* The row of q as the answer's object; sealed columns are opened. */
static enum err
reply_settings(
    struct req *r, const struct db_query *q, const struct vault *vault)
{
	if (db_rows(q) == 0)
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	reply_reserve(r, settings_size(q));
	reply_text(r, "{\"data\":{");
	for (int i = 0; i < SETTINGS; i++) {
		size_t len = 0;
		const char *v = db_value(q, 0, i, &len);
		enum err e;

		reply_text(r, i > 0 ? ",\"" : "\"");
		reply_text(r, fields[i].name);
		reply_text(r, "\":");
		e = reply_column(r, vault, i, v, len);
		if (e)
			return e;
	}
	reply_text(r, "}}");
	return ERR_OK;
}

/* Opens the keys only where a column needs them: a keyring that is out of
 * reach does not stop settings that hold nothing sealed. */
static enum err
reply_opened(struct req *r, const struct db_query *q,
    const struct db_query *data_keys, struct vault *vault)
{
	bool needed = false;
	enum err e;

	for (int i = ENV_VARS; i <= TEST_USER_CREDENTIALS; i++)
		needed = needed || db_value(q, 0, i, NULL);
	if (needed && vault->n == 0) {
		e = vault_open(r, data_keys, vault);
		if (e)
			return e;
	}
	e = reply_settings(r, q, vault);
	vault_wipe(vault);
	return e;
}

enum err
settings_get(struct req *r)
{
	struct db_query *q = call_read(r, STMT_SETTINGS_GET);
	struct db_query *data_keys = call_read(r, STMT_DATA_KEYS);
	struct vault vault = {.n = 0};
	enum err e = call_run(r);

	return e ? e : reply_opened(r, q, data_keys, &vault);
}

/* The first trip of a sealed write: the data keys. */
static enum err
prepare_sealing(struct req *r, struct vault *vault)
{
	struct db_query *data_keys = call_read(r, STMT_DATA_KEYS);
	enum err e = call_run(r);

	return e ? e : vault_open(r, data_keys, vault);
}

/* The statement of a write-only key that the request gave. */
static bool
add_secret_key(struct req *r, const struct vault *vault, int i, enum stmt stmt)
{
	const char *key = req_text(r, i);
	const unsigned char *sealed;
	struct db_query *q;
	size_t len;

	if (!r->given[i])
		return true;
	q = call_write_part(r, stmt);
	if (!key) {
		db_text(q, NULL);
		db_text(q, NULL);
		return true;
	}
	sealed = vault_seal(r, vault, place(i), key, strlen(key), &len);
	if (!sealed)
		return false;
	db_bytes(q, sealed, len);
	db_text(q, key + strlen(key) - 4);
	return true;
}

/* Adds field i as the statement's next parameter. */
static bool
add_value(struct req *r, struct db_query *q, const struct vault *vault, int i)
{
	const unsigned char *sealed;
	char *text;
	size_t len;

	if (!r->value[i]) {
		db_text(q, NULL);
	} else if (is_sealed(i)) {
		text = json_text(r->value[i], &len);
		sealed = text ? vault_seal(r, vault, place(i), text, len, &len)
			      : NULL;
		free(text);
		if (!sealed)
			return false;
		db_bytes(q, sealed, len);
		req_drop_value(r, i);
	} else if (i >= SELECTED_SKILLS && i <= SELECTED_SCRIPTS) {
		text = text_of(r, r->value[i], &len);
		if (!text)
			return false;
		db_text(q, text);
	} else {
		db_text(q, req_text(r, i));
	}
	return true;
}

static enum err
run_update(struct req *r, struct vault *vault)
{
	struct db_query *q, *data_keys;
	size_t sizes[] = {field_env_size(r->value[ENV_VARS]),
	    field_env_size(r->value[DEPLOY_ENV_VARS])};
	bool ok = add_secret_key(
		      r, vault, CONVEX_DEPLOY_KEY, STMT_SETTINGS_DEPLOY_KEY) &&
	    add_secret_key(r, vault, CONVEX_DEV_KEY, STMT_SETTINGS_DEV_KEY);
	enum err e;

	q = call_write(r, STMT_SETTINGS_UPDATE);
	for (int i = 0; ok && i < SETTINGS; i++)
		if (!is_secret_key(i))
			ok = add_value(r, q, vault, i);
	if (!ok)
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	db_int(q, (int64_t)sizes[0]);
	db_int(q, (int64_t)sizes[1]);
	if (req_is_large(r->body_len, 0))
		malloc_trim(0);
	data_keys = call_read(r, STMT_DATA_KEYS);
	e = call_run(r);
	if (e == ERR_VALIDATION) /* the sum, of what is given and stored */
		req_complain(r,
		    fields[sizes[0] > 0 ? ENV_VARS : DEPLOY_ENV_VARS].name,
		    "Names and values of envVars and deployEnvVars must have "
		    "at most " TEXT_OF(FIELD_ENV_MAX) " bytes together.");
	if (e)
		return e;
	req_drop_json(r);
	return reply_opened(r, q, data_keys, vault);
}

enum err
settings_update(struct req *r)
{
	struct vault vault = {.n = 0};
	bool sealing = false;
	enum err e = ERR_OK;

	if (!req_given_any(r))
		return settings_get(r);
	for (int i = ENV_VARS; i <= CONVEX_DEV_KEY; i++)
		sealing = sealing || r->value[i];
	if (sealing)
		e = prepare_sealing(r, &vault);
	if (!e)
		e = run_update(r, &vault);
	vault_wipe(&vault);
	return e;
}
