/*
 * env.c: handlers of variables as text: one of the two maps of the settings
 * read in a form of base/dotenv.h, or made of one.
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/dotenv.h"
#include "base/text.h"
#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"
#include "http/value.h"
#include "json/json.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define JSON       (DOTENV_SHELL + 1) /* a format, behind those forms */
#define TRIES      64                 /* others who write between two trips */
#define REPLACE    1                  /* a mode */
#define LINE_FIELD (TEXT_DECIMAL + 8)

/* In the order of the query's `set`. */
static const struct field sets[] = {
    {.name = "envVars", .type = FIELD_ENV},
    {.name = "deployEnvVars", .type = FIELD_ENV},
};
const struct body env_import_body = {
    .fields = sets, .n = ARRAY_SIZE(sets), .text = true};

static const char *
set_name(const struct req *r)
{
	return sets[r->choice[CHOICE_SET]].name;
}

static struct seal_name
set_place(const struct req *r)
{
	return (struct seal_name){"settings", set_name(r)};
}

/* ---- what there is ---- */

struct stored {
	const char *sealed; /* NULL: nothing yet */
	size_t sealed_len;
	int64_t others; /* bytes of the other set */
	const char *tag;
	int64_t version;
	char *text, *room;
	size_t len;
	struct json_object *map;
	struct vault vault;
};

static void
drop_stored(struct stored *s)
{
	json_object_put(s->map);
	free(s->room);
	free(s->text);
	vault_wipe(&s->vault);
	memset(s, 0, sizeof(*s));
}

/* The map as text, and as an object. */
static enum err
open_stored(struct req *r, struct stored *s)
{
	enum err e;

	if (!s->sealed) {
		s->map = object_new();
		return s->map ? ERR_OK : ERR_INTERNAL;
	}
	e = vault_unseal(r, &s->vault, set_place(r), s->sealed, s->sealed_len,
	    &s->text, &s->len);
	s->room = e ? NULL : malloc(s->len + 1);
	if (!e && (!s->room || !json_build(s->text, s->len, s->room, &s->map)))
		e = ERR_INTERNAL;
	return e;
}

/* Keys are opened only where there is something to open or, for who `writes`,
 * to seal. drop_stored is the caller's, whatever is returned. */
static enum err
read_stored(struct req *r, bool writes, struct stored *s)
{
	struct db_query *q = guard_read(r, STMT_SETTINGS_VARIABLES), *data_keys;
	enum err e;

	db_text(q, set_name(r));
	data_keys = guard_read(r, STMT_DATA_KEYS);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0)
		return ERR_INTERNAL;
	s->sealed = db_value(q, 0, 0, &s->sealed_len);
	s->others = db_bigint(q, 0, 1);
	s->tag = db_value(q, 0, 2, NULL);
	s->version = db_bigint(q, 0, 3);
	if (writes)
		e = etag_judge(r, s->tag);
	if (e)
		return e;
	if (s->sealed || writes)
		e = vault_open(r, data_keys, &s->vault);
	return e ? e : open_stored(r, s);
}

/* ---- out ---- */

static void
put_text(void *arg, const char *text, size_t len)
{
	answer_raw(arg, text, len);
}

static enum err
reply_form(struct req *r, enum dotenv_form form, struct json_object *map)
{
	char field[512];

	text_copy(r->type, sizeof(r->type), "text/plain; charset=utf-8");
	json_object_object_foreach(map, name, value)
	{
		const char *s = json_object_get_string(value);
		size_t len = (size_t)json_object_get_string_len(value);
		const char *why = dotenv_refusal(form, name, s, len);

		if (why) {
			snprintf(
			    field, sizeof(field), "%s.%s", set_name(r), name);
			return req_fail(r, ERR_CONFLICT, field, why);
		}
		dotenv_write(form, name, s, len, put_text, r);
	}
	return ERR_OK;
}

enum err
env_get(struct req *r)
{
	struct stored s = {.sealed = NULL};
	int format = r->choice[CHOICE_FORMAT];
	enum err e = read_stored(r, false, &s);

	if (!e)
		answer_reserve(r, s.len + 64);
	if (!e && format != JSON)
		e = reply_form(r, (enum dotenv_form)format, s.map);
	else if (!e && s.text)
		answer_raw(r, s.text, s.len);
	else if (!e)
		answer_text(r, "{}");
	drop_stored(&s);
	return e;
}

/* ---- in ---- */

struct incoming {
	struct req *r;
	struct json_object *map;
};

static void
complain_of_line(void *arg, size_t line, const char *message)
{
	const struct incoming *in = arg;
	char field[LINE_FIELD] = "line ";

	text_decimal(field + strlen(field), line);
	req_complain(in->r, field, message);
}

static void
take_variable(
    void *arg, size_t line, const char *name, const char *value, size_t len)
{
	struct incoming *in = arg;
	const char *fault = value_name_fault(name);

	if (!fault)
		fault = value_size_fault(len);
	if (!fault && json_object_object_length(in->map) == ENV_MAX &&
	    !json_object_object_get_ex(in->map, name, NULL))
		fault = ENV_RULE;
	if (fault)
		complain_of_line(arg, line, fault);
	else
		object_text(in->map, name, value);
}

/* The body as if it had been JSON: an object with the set, which is *map. */
static enum err
read_body(struct req *r, struct json_object **map)
{
	struct incoming in = {r, object_new()};
	const struct dotenv_reader reader = {
	    take_variable, complain_of_line, &in};

	*map = in.map;
	r->json = object_new();
	object_add(r->json, set_name(r), in.map);
	r->room = malloc(r->body_len + 1);
	if (!object_is_whole(r->json) || !r->room)
		return ERR_INTERNAL;
	dotenv_read((enum dotenv_form)r->choice[CHOICE_FORMAT], r->body,
	    r->body_len, r->room, &reader);
	if (r->no_memory || !object_is_whole(in.map))
		return ERR_INTERNAL;
	return r->details ? ERR_VALIDATION : ERR_OK;
}

/* What becomes of the map, and the names of which that tells. */
struct plan {
	struct json_object *map, *added, *changed, *removed;
	size_t unchanged;
	int64_t version; /* of the settings, then */
};

static void
drop_plan(struct plan *p)
{
	json_object_put(p->map);
	json_object_put(p->added);
	json_object_put(p->changed);
	json_object_put(p->removed);
}

/* One of those that were there; `new` is what has come for it, or NULL. */
static void
plan_old(struct plan *p, bool replaces, const char *name,
    struct json_object *old, struct json_object *new)
{
	if (!new &&replaces) {
		object_push_text(p->removed, name);
		return;
	}
	if (new && !json_object_equal(old, new))
		object_push_text(p->changed, name);
	else
		p->unchanged++;
	object_add(p->map, name, json_object_get(new ? new : old));
}

/* False: no memory. */
static bool
make_plan(const struct req *r, struct json_object *there,
    struct json_object *come, struct plan *p)
{
	*p = (struct plan){
	    object_new(), object_list(), object_list(), object_list(), 0, 0};
	json_object_object_foreach(there, old_name, old)
	{
		plan_old(p, r->choice[CHOICE_MODE] == REPLACE, old_name, old,
		    json_object_object_get(come, old_name));
	}
	json_object_object_foreach(come, name, value)
	{
		if (json_object_object_get_ex(there, name, NULL))
			continue;
		object_push_text(p->added, name);
		object_add(p->map, name, json_object_get(value));
	}
	return object_is_whole(p->map) && object_is_whole(p->added) &&
	    object_is_whole(p->changed) && object_is_whole(p->removed);
}

static bool
changes_nothing(const struct plan *p)
{
	return json_object_array_length(p->added) == 0 &&
	    json_object_array_length(p->changed) == 0 &&
	    json_object_array_length(p->removed) == 0;
}

static enum err
check_plan(struct req *r, const struct plan *p, int64_t others)
{
	if (json_object_object_length(p->map) > ENV_MAX) {
		req_complain(r, set_name(r), ENV_RULE);
		return ERR_VALIDATION;
	}
	if ((int64_t)field_env_size(p->map) + others <= FIELD_ENV_MAX)
		return ERR_OK;
	req_complain(r, set_name(r), FIELD_ENV_TOGETHER);
	return ERR_VALIDATION;
}

/* Who may write settings and not read them is not told what was there, but for
 * version and tag. */
static enum err
reply_plan(struct req *r, const struct plan *p)
{
	struct json_object *answer = object_new();
	char *text;
	size_t len;

	if (scope_covers(r->id.scopes, SCOPE_SETTINGS_READ)) {
		object_add(answer, "added", json_object_get(p->added));
		object_add(answer, "changed", json_object_get(p->changed));
		object_add(answer, "removed", json_object_get(p->removed));
		object_uint(answer, "unchanged", p->unchanged);
	}
	object_bool(answer, "dryRun", r->choice[CHOICE_DRY_RUN]);
	object_int(answer, "version", p->version);
	object_text(answer, "etag", r->etag);
	text = object_is_whole(answer) ? json_text(answer, &len) : NULL;
	json_object_put(answer);
	if (!text)
		return ERR_INTERNAL;
	answer_text(r, "{\"data\":");
	answer_raw(r, text, len);
	answer_text(r, "}");
	free(text);
	return ERR_OK;
}

/* *done: it was written; else somebody else has written meanwhile. */
static enum err
write_plan(struct req *r, const struct stored *s, struct plan *p, bool *done)
{
	size_t len;
	char *text = json_text(p->map, &len);
	const unsigned char *sealed = text
	    ? vault_seal(r, &s->vault, set_place(r), text, len, &len)
	    : NULL;
	struct db_query *q;
	enum err e;

	free(text);
	if (!sealed)
		return ERR_INTERNAL;
	q = guard_write(r, STMT_SETTINGS_IMPORT);
	db_bytes(q, sealed, len);
	db_int(q, (int64_t)field_env_size(p->map));
	db_text(q, s->tag);
	e = guard_run(r);
	if (e == ERR_VALIDATION) /* the other set has grown */
		req_complain(r, set_name(r), FIELD_ENV_TOGETHER);
	*done = !e && db_rows(q) > 0;
	if (*done)
		etag_set(r, db_value(q, 0, 0, NULL));
	p->version = *done ? db_bigint(q, 0, 1) : 0;
	return e;
}

static enum err
try_import(struct req *r, struct json_object *come, bool *done)
{
	struct stored s = {.sealed = NULL};
	struct plan p = {.map = NULL};
	enum err e = read_stored(r, true, &s);

	if (!e && !make_plan(r, s.map, come, &p))
		e = ERR_INTERNAL;
	if (!e)
		e = check_plan(r, &p, s.others);
	p.version = s.version;
	*done = !e && (r->choice[CHOICE_DRY_RUN] || changes_nothing(&p));
	if (*done)
		etag_set(r, s.tag);
	else if (!e)
		e = write_plan(r, &s, &p, done);
	if (*done)
		e = reply_plan(r, &p);
	drop_plan(&p);
	drop_stored(&s);
	return e;
}

enum err
env_import(struct req *r)
{
	struct json_object *come;
	bool done = false;
	enum err e = read_body(r, &come);

	if (e)
		e = guard_refuse(r, e);
	for (int n = 0; !e && !done; n++) {
		guard_forget(r);
		e = n < TRIES ? try_import(r, come, &done)
			      : req_fail(r, ERR_UNAVAILABLE, NULL,
				    "Others were changing the variables. "
				    "Nothing was done; try again.");
	}
	return e;
}
