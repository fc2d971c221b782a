/*
 * settings.c: handlers of the settings, of which db/settings.def is the list.
 * STMT_SETTINGS_GET has a column for each of them, then the version and the
 * tag, STMT_SETTINGS_UPDATE a parameter for each that is not write-only, in
 * its order.
 */
#include "api/settings.h"

#include "api/handlers.h"
#include "base/text.h"
#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"
#include "json/json.h"

#include <json-c/json.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LONG_TEXT 131072 /* bytes */

/* What a body may say of a setting, beside its maximum. */
#define PROMPT    .in_bytes = true
#define STRINGS   .type = FIELD_STRINGS
#define VARIABLES .type = FIELD_ENV
#define OBJECT    .type = FIELD_OBJECT, .in_bytes = true
#define KEY                                                                    \
	.min = 8, .valid = text_is_printable, .rule = "Must be printable ASCII."
#define SHORT .one_line = true
#define GIT_NAME                                                               \
	.one_line = true, .valid = text_is_git_name,                           \
	.rule =                                                                \
	    "Must have more than blanks and .,:;<>\"'\\, without < and >, "    \
	    "or git refuses it."
#define GIT_EMAIL                                                              \
	.valid = text_is_git_email,                                            \
	.rule = "Must be an e-mail address: printable ASCII, one @, without "  \
		"< and >."

#define SETTING(name, column, kind, rule, most) SETTING_##name,
enum setting {
#include "db/settings.def"
	SETTINGS
};
enum { VERSION = SETTINGS, TAG }; /* the columns behind them */

#define SETTING(setting, column, kind, rule, most)                             \
	[SETTING_##setting] = {                                                \
	    .name = #setting, .nullable = true, .max = (most), rule},
static const struct field fields[] = {
#include "db/settings.def"
};
BODY(settings_update_body, fields, SETTINGS);

#define SETTING(name, column, kind, rule, most) [SETTING_##name] = kind,
static const enum kind {
	TEXT,
	LINE,
	JSON,
	SEALED,
	WRITE_ONLY
} kinds[] = {
#include "db/settings.def"
};

/* What sets a write-only one. */
static const enum stmt setters[SETTINGS] = {
    [SETTING_convexDeployKey] = STMT_SETTINGS_DEPLOY_KEY,
    [SETTING_convexDevKey] = STMT_SETTINGS_DEV_KEY,
};

static struct seal_name
place(int i)
{
	return (struct seal_name){"settings", fields[i].name};
}

/* A member's JSON text in the request's memory; NULL: none. */
static char *
text_of(struct req *r, struct json_object *v)
{
	size_t len;
	char *text = json_text(v, &len);

	return text && req_adopt(r, text) ? text : NULL;
}

/* Column i of a row as JSON. */
static enum err
reply_column(
    struct req *r, struct vault *vault, int i, const char *v, size_t len)
{
	char *plain;
	enum err e;

	if (!v) {
		answer_text(r, kinds[i] == SEALED ? "{}" : "null");
	} else if (kinds[i] == SEALED) {
		e = vault_unseal(r, vault, place(i), v, len, &plain, &len);
		if (e)
			return e;
		answer_raw(r, plain, len);
		free(plain);
	} else if (kinds[i] == WRITE_ONLY) {
		answer_text(r, "{\"last4\":");
		answer_quoted(r, v, len);
		answer_text(r, "}");
	} else if (kinds[i] == JSON) {
		answer_raw(r, v, len);
	} else {
		answer_quoted(r, v, len);
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

/* The last members of the answer's object; a version of before has no tag. */
static void
reply_version(struct req *r, const struct db_query *q)
{
	char version[TEXT_DECIMAL];

	text_decimal(version, (uint64_t)db_bigint(q, 0, VERSION));
	answer_text(r, "\"version\":");
	answer_text(r, version);
	if (r->etag[0]) {
		answer_text(r, ",\"etag\":");
		answer_quoted(r, r->etag, strlen(r->etag));
	}
	answer_text(r, "}}");
}

/* The row of q as the answer's object; sealed columns are opened. */
static enum err
reply_settings(struct req *r, const struct db_query *q, struct vault *vault)
{
	answer_reserve(r, settings_size(q));
	answer_text(r, "{\"data\":{");
	for (int i = 0; i < SETTINGS; i++) {
		size_t len = 0;
		const char *v = db_value(q, 0, i, &len);
		enum err e;

		answer_text(r, i > 0 ? ",\"" : "\"");
		answer_text(r, fields[i].name);
		answer_text(r, "\":");
		e = reply_column(r, vault, i, v, len);
		if (e)
			return e;
	}
	answer_text(r, ",");
	reply_version(r, q);
	return ERR_OK;
}

enum err
settings_reply_values(struct req *r, const struct db_query *q,
    const struct db_query *data_keys, struct vault *vault)
{
	bool needed = false;
	enum err e = ERR_OK;

	for (int i = 0; i < SETTINGS; i++)
		needed =
		    needed || (kinds[i] == SEALED && db_value(q, 0, i, NULL));
	if (needed && !vault->data_keys)
		e = vault_open(r, data_keys, vault);
	if (!e)
		e = reply_settings(r, q, vault);
	vault_wipe(vault);
	return e;
}

enum err
settings_reply(struct req *r, const struct db_query *q,
    const struct db_query *data_keys, struct vault *vault)
{
	const char *tag = db_value(q, 0, TAG, NULL);

	if (!tag)
		return ERR_INTERNAL;
	etag_set(r, tag);
	if (etag_unchanged(r))
		return ERR_OK;
	if (scope_covers(r->id.scopes, SCOPE_SETTINGS_READ))
		return settings_reply_values(r, q, data_keys, vault);
	answer_text(r, "{\"data\":{");
	reply_version(r, q);
	return ERR_OK;
}

enum err
settings_get(struct req *r)
{
	struct db_query *q = guard_read(r, STMT_SETTINGS_GET);
	struct db_query *data_keys = guard_read(r, STMT_DATA_KEYS);
	struct vault vault = {.data_keys = NULL};
	enum err e = guard_run(r);

	if (!e) /* of an update that gives nothing */
		e = etag_judge(r, db_value(q, 0, TAG, NULL));
	return e ? e : settings_reply(r, q, data_keys, &vault);
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
	} else if (kinds[i] == SEALED) {
		text = json_text(r->value[i], &len);
		sealed = text ? vault_seal(r, vault, place(i), text, len, &len)
			      : NULL;
		free(text);
		if (!sealed)
			return false;
		db_bytes(q, sealed, len);
		req_drop_value(r, i);
	} else if (kinds[i] == JSON) {
		text = text_of(r, r->value[i]);
		if (!text)
			return false;
		db_text(q, text);
	} else {
		db_text(q, req_text(r, i));
	}
	return true;
}

/* The statements of an update; NULL: no memory. The values of sealed fields
 * are gone then. */
static struct db_query *
add_update(struct req *r, const struct vault *vault)
{
	size_t sizes[SETTINGS];
	struct db_query *q;
	bool ok = true;

	for (int i = 0; i < SETTINGS; i++) {
		sizes[i] = 0;
		if (fields[i].type == FIELD_ENV)
			sizes[i] = field_env_size(r->value[i]);
		if (ok && kinds[i] == WRITE_ONLY && r->given[i]) {
			q = guard_write_part(r, setters[i]);
			ok = vault_add_key(
			    r, vault, place(i), req_text(r, i), q);
			db_text(q, r->tags);
		}
	}
	q = guard_write(r, STMT_SETTINGS_UPDATE);
	db_text(q, r->tags);
	for (int i = 0; ok && i < SETTINGS; i++)
		if (kinds[i] != WRITE_ONLY)
			ok = add_value(r, q, vault, i);
	for (int i = 0; ok && i < SETTINGS; i++)
		if (fields[i].type == FIELD_ENV)
			db_int(q, (int64_t)sizes[i]);
	return ok ? q : NULL;
}

static enum err
run_update(struct req *r, struct vault *vault)
{
	bool has_vars = r->value[SETTING_envVars] &&
	    json_object_object_length(r->value[SETTING_envVars]) > 0;
	struct db_query *q = add_update(r, vault), *data_keys = NULL;
	const struct db_query *now;
	enum err e;

	if (!q)
		return ERR_INTERNAL;
	now = etag_ask(r, STMT_SETTINGS_TAG, NULL);
	if (req_is_large(r->body_len, 0))
		malloc_trim(0);
	if (!vault->data_keys)
		data_keys = guard_read(r, STMT_DATA_KEYS);
	e = guard_run(r);
	if (e == ERR_VALIDATION) /* the sum, of what is given and stored */
		req_complain(r,
		    fields[has_vars ? SETTING_envVars : SETTING_deployEnvVars]
			.name,
		    FIELD_ENV_TOGETHER);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return etag_met_none(r, now, ERR_INTERNAL);
	req_drop_json(r);
	return settings_reply(r, q, data_keys, vault);
}

enum err
settings_update(struct req *r)
{
	struct vault vault = {.data_keys = NULL};
	bool sealing = false; /* or nothing but clearing */
	enum err e = ERR_OK;

	if (!req_given_any(r))
		return settings_get(r);
	for (int i = 0; i < SETTINGS; i++)
		sealing = sealing ||
		    (r->value[i] &&
			(kinds[i] == SEALED || kinds[i] == WRITE_ONLY));
	if (sealing)
		e = vault_read(r, &vault);
	if (!e)
		e = run_update(r, &vault);
	vault_wipe(&vault);
	return e;
}
