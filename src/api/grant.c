/*
 * grant.c: nobody gives what it does not have. The caller's own row is read in
 * the request, and the guard of the write that follows holds it to that row.
 */
#include "api/grant.h"

#include "http/allowed.h"
#include "http/auth.h"
#include "http/guard.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum {
	LOOK_ROW = IDENTITY_COLUMNS,
	LOOK_TAG,
	LOOK_ENVIRONMENT,
	LOOK_STATE,
	LOOK_ROTATED,
	LOOK_NOW
};

bool
grant_is_scope(const char *name, size_t len)
{
	return strlen(name) == len && scope_of(name) != SCOPE_OPEN;
}

bool
grant_block(const char *s, size_t len, char out[FIELD_FORM])
{
	struct cidr block;
	enum cidr_form form = cidr_parse(&block, s, len);

	_Static_assert(CIDR_TEXT <= FIELD_FORM, "it fits");
	out[0] = '\0';
	if (form != CIDR_NONE)
		cidr_text(&block, out);
	return form == CIDR_OK;
}

static struct db_query *
look_at(struct req *r, const char *key_id)
{
	struct db_query *q = guard_read(r, STMT_API_KEY_LOOK);

	db_text(q, key_id);
	return q;
}

static bool
take(const struct db_query *q, struct grant *g)
{
	if (!auth_identity(q, &g->id))
		return false;
	g->row = db_value(q, 0, LOOK_ROW, &g->row_len);
	g->etag = db_value(q, 0, LOOK_TAG, NULL);
	g->environment = db_value(q, 0, LOOK_ENVIRONMENT, NULL);
	g->scopes = db_value(q, 0, IDENTITY_SCOPES, NULL);
	g->addresses = db_value(q, 0, IDENTITY_ADDRESSES, NULL);
	if (!cidr_list_read(&g->allowed, g->addresses))
		return false;
	g->state = db_value(q, 0, LOOK_STATE, NULL);
	g->rotated = db_bool(q, 0, LOOK_ROTATED);
	g->now_ms = db_bigint(q, 0, LOOK_NOW);
	return true;
}

enum err
grant_look(
    struct req *r, struct grant *own, const char *key_id, struct grant *other)
{
	const struct db_query *mine = look_at(r, r->id.key_id);
	const struct db_query *its = key_id ? look_at(r, key_id) : NULL;
	enum err e = guard_run(r);

	if (e)
		return e;
	r->pinned = true;
	if (!take(mine, own))
		return ERR_INTERNAL;
	return !its || take(its, other) ? ERR_OK : ERR_NOT_FOUND;
}

/* ---- what the body gives ---- */

static scope_set
scopes_given(const struct req *r)
{
	struct json_object *list = r->value[GRANT_SCOPES];
	scope_set set = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		set |= (scope_set)1 << scope_of(json_object_get_string(
			   json_object_array_get_idx(list, i)));
	return set;
}

static void
check_scopes(struct req *r, const struct grant *own)
{
	char message[120];
	enum scope lacking;

	if (!r->value[GRANT_SCOPES])
		return;
	lacking = scope_lacking(scopes_given(r), own->id.scopes);
	if (lacking == SCOPE_OPEN)
		return;
	snprintf(message, sizeof(message),
	    "The calling key lacks \"%s\": it cannot give it.",
	    scope_name(lacking));
	req_complain(r, "scopes", message);
}

static void
check_expires(struct req *r, const struct grant *own)
{
	int64_t ms = json_object_get_int64(r->value[GRANT_EXPIRES]);

	if (r->value[GRANT_EXPIRES] &&
	    (ms < own->now_ms + KEY_LIFE_MIN ||
		ms > own->now_ms + KEY_LIFE_MAX))
		req_complain(r, "expiresAt",
		    "Must be from one minute to ten years ahead, in "
		    "milliseconds since 1970.");
	else if (r->given[GRANT_EXPIRES] && own->id.ends_ms != 0 &&
	    (!r->value[GRANT_EXPIRES] || ms > own->id.ends_ms))
		req_complain(r, "expiresAt",
		    "Must not be later than the calling key's.");
}

/* null: from anywhere, as []. */
static void
addresses_given(const struct req *r, struct cidr_list *list)
{
	list->n = 0;
	if (r->value[GRANT_ADDRESSES])
		allowed_of_json(list, r->value[GRANT_ADDRESSES]);
}

static void
complain_entry(struct req *r, int i, const char *message)
{
	char path[40];

	snprintf(path, sizeof(path), "allowedIps[%d]", i);
	req_complain(r, path, message);
}

static void
check_addresses(struct req *r, const struct grant *own)
{
	struct cidr_list list;
	int i;

	addresses_given(r, &list);
	if (!own->id.listed)
		return;
	i = cidr_list_beyond(&list, &own->allowed);
	if (i >= 0)
		complain_entry(
		    r, i, "Must lie within the calling key's addresses.");
	else if (list.n == 0)
		req_complain(r, "allowedIps",
		    "Must lie within the calling key's addresses: name some.");
}

static void
check_rate(struct req *r, const struct grant *own)
{
	int64_t rate = json_object_get_int64(r->value[GRANT_RATE]);

	if (r->given[GRANT_RATE] && own->id.rate != 0 &&
	    (!r->value[GRANT_RATE] || rate > own->id.rate))
		req_complain(
		    r, "rateLimit", "Must not be more than the calling key's.");
}

enum err
grant_check(struct req *r, const struct grant *own)
{
	check_scopes(r, own);
	check_expires(r, own);
	if (r->given[GRANT_ADDRESSES])
		check_addresses(r, own);
	check_rate(r, own);
	return r->details ? ERR_VALIDATION : ERR_OK;
}

enum err
grant_scope(struct req *r, const struct grant *other)
{
	enum scope lacking = scope_lacking(other->id.scopes, r->id.scopes);
	char message[120];

	if (lacking == SCOPE_OPEN)
		return ERR_OK;
	snprintf(message, sizeof(message),
	    "The key has the scope \"%s\", which the calling key lacks: it may "
	    "only revoke or disable it.",
	    scope_name(lacking));
	return req_fail(r, ERR_SCOPE_DENIED, "scope", message);
}

const char *
grant_beyond(const struct grant *own, const struct grant *other)
{
	if (own->id.ends_ms != 0 &&
	    (other->id.ends_ms == 0 || other->id.ends_ms > own->id.ends_ms))
		return "expiresAt";
	if (own->id.rate != 0 &&
	    (other->id.rate == 0 || other->id.rate > own->id.rate))
		return "rateLimit";
	if (own->id.listed &&
	    (!other->id.listed ||
		cidr_list_beyond(&other->allowed, &own->allowed) >= 0))
		return "allowedIps";
	return NULL;
}

/* What a key will be: what the body gives, and else what it is. */
static void
apply(const struct req *r, struct grant *key)
{
	if (r->value[GRANT_SCOPES])
		key->id.scopes = scopes_given(r);
	if (r->given[GRANT_EXPIRES])
		key->id.ends_ms =
		    json_object_get_int64(r->value[GRANT_EXPIRES]);
	if (r->given[GRANT_RATE])
		key->id.rate = json_object_get_int(r->value[GRANT_RATE]);
	if (!r->given[GRANT_ADDRESSES])
		return;
	addresses_given(r, &key->allowed);
	key->id.listed = key->allowed.n > 0;
}

void
grant_more(struct req *r, const struct grant *own, const struct grant *key)
{
	struct grant after = *key;
	const char *more, *beyond;
	char message[120];

	apply(r, &after);
	more = grant_beyond(key, &after);
	if (scope_lacking(after.id.scopes, key->id.scopes) != SCOPE_OPEN)
		more = "scopes";
	else if (!more && strcmp(key->state, "disabled") == 0 &&
	    r->given[GRANT_DISABLED] &&
	    !json_object_get_boolean(r->value[GRANT_DISABLED]))
		more = "disabled";
	beyond = more ? grant_beyond(own, &after) : NULL;
	if (!beyond)
		return;
	snprintf(message, sizeof(message),
	    "The key's %s would go further than the calling key's: it cannot "
	    "be given more.",
	    beyond);
	req_complain(r, more, message);
}

/* ---- as parameters ---- */

static bool
add_scopes(struct req *r, const struct grant *own, struct db_query *q)
{
	char *text;

	if (!r->value[GRANT_SCOPES]) {
		db_text(q, own->scopes);
		return true;
	}
	text = req_alloc(r, SCOPE_TEXT);
	if (!text)
		return false;
	scope_array(scopes_given(r), text);
	db_text(q, text);
	return true;
}

static bool
add_addresses(struct req *r, const struct grant *own, struct db_query *q)
{
	struct cidr_list list;
	char *text;

	if (!r->given[GRANT_ADDRESSES]) {
		db_text(q, own->addresses);
		return true;
	}
	addresses_given(r, &list);
	text = req_alloc(r, CIDR_LIST_TEXT);
	if (!text)
		return false;
	cidr_list_write(&list, text);
	db_text(q, text);
	return true;
}

/* A number that may be null; `own` is the caller's, 0 for none. */
static void
add_number(const struct req *r, int field, int64_t own, struct db_query *q)
{
	int64_t n =
	    r->given[field] ? json_object_get_int64(r->value[field]) : own;

	if (n == 0)
		db_text(q, NULL);
	else
		db_int(q, n);
}

bool
grant_add(struct req *r, const struct grant *own, struct db_query *q)
{
	bool ok = add_scopes(r, own, q);

	add_number(r, GRANT_EXPIRES, own->id.ends_ms, q);
	ok = ok && add_addresses(r, own, q);
	add_number(r, GRANT_RATE, own->id.rate, q);
	db_text(
	    q, json_object_get_boolean(r->value[GRANT_DISABLED]) ? "t" : "f");
	return ok;
}
