/*
 * project.c: projects, members, revealing a provider key, counters.
 */
#include "ctl/ctl.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/uuid.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

int
ctl_slug(struct ctl *c)
{
	const char *slug = c->option[OPT_SLUG];

	if (text_is_slug(slug, strlen(slug)))
		return CTL_DONE;
	return ctl_fail(c, ERR_VALIDATION,
	    "--slug: 1 to 63 of a-z, 0-9 and inner hyphens, not of the form of "
	    "an id");
}

int
ctl_project_check(struct ctl *c)
{
	const char *email = c->option[OPT_OWNER_EMAIL];
	int rc;

	if ((rc = ctl_name(c)) || (rc = ctl_slug(c)))
		return rc;
	if (!text_is_email(email, strlen(email)))
		return ctl_fail(c, ERR_VALIDATION,
		    "--owner-email: printable ASCII, one @, at most 254");
	return CTL_DONE;
}

int
ctl_project_create(struct ctl *c)
{
	unsigned char wrapped[DATA_KEY_WRAPPED];
	char master[KEYRING_ID];
	struct data_key key;
	struct db_query q;
	int rc;

	if ((rc = ctl_project_check(c)) || (rc = ctl_keyring(c)) ||
	    (rc = ctl_connect(c)))
		return rc;
	uuid_make(c->project_id);
	if (!data_key_make(c->keyring, c->project_id, &key, master, wrapped))
		return ctl_fail(c, ERR_INTERNAL, "cannot make a data key");
	ctl_write(c, &q, STMT_OP_PROJECT_CREATE, "{name,slug,ownerEmail}");
	db_text(&q, c->name);
	db_text(&q, c->option[OPT_SLUG]);
	db_text(&q, c->option[OPT_OWNER_EMAIL]);
	db_text(&q, key.id);
	db_text(&q, master);
	db_bytes(&q, wrapped, sizeof(wrapped));
	rc = ctl_run(c, &q, true);
	data_key_wipe(&key);
	return rc ? rc : ctl_print_row(c, &q);
}

int
ctl_project_list(struct ctl *c)
{
	struct json_object *list;
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&q,
	    c->option[OPT_DELETED] ? STMT_OP_PROJECT_DELETED
				   : STMT_OP_PROJECT_LIST);
	rc = ctl_run(c, &q, false);
	if (rc)
		return rc;
	list = json_object_new_array();
	for (int i = 0; i < db_rows(&q); i++)
		json_object_array_add(
		    list, json_tokener_parse(db_value(&q, i, 0, NULL)));
	db_query_clear(&q);
	return ctl_print(c, list);
}

int
ctl_project_show(struct ctl *c)
{
	struct db_query q;
	int rc = ctl_project(c);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_PROJECT_GET);
	db_text(&q, c->project_id);
	rc = ctl_run(c, &q, false);
	return rc ? rc : ctl_print_row(c, &q);
}

int
ctl_member_accept(struct ctl *c)
{
	bool named = c->option[OPT_NAME];
	struct db_query lock, q, *both[] = {&lock, &q};
	struct db_fault fault;
	enum err e;
	int rc;

	if ((named && (rc = ctl_name(c))) || (rc = ctl_project(c)))
		return rc;
	db_query_init(&lock, STMT_PROJECT_LOCK);
	db_text(&lock, c->project_id);
	ctl_write(c, &q, STMT_OP_MEMBER_ACCEPT, named ? "{name}" : "{}");
	db_text(&q, c->arg[1]);
	db_text(&q, named ? c->name : NULL);
	e = db_run(c->db, both, 2, true, clock_us() + CTL_DEADLINE, &fault);
	db_query_clear(&lock);
	if (e)
		rc = ctl_db_fail(c, e, &fault);
	else if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND,
		    "\"%s\" has not been invited to this project", c->arg[1]);
	else
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}

/* Opens the sealed key with the project's data keys and prints it. The audit
 * row was committed with the statement that read it. */
static int
print_revealed(
    struct ctl *c, const struct db_query *keys, const struct db_query *q)
{
	struct seal_name what = {"provider_key", c->arg[1]};
	struct json_object *o;
	unsigned char plain[1024];
	struct data_key key;
	size_t len, wrapped_len, sealed_len;
	const char *sealed = db_value(q, 0, 0, &sealed_len);

	for (int i = 0; i < db_rows(keys); i++) {
		const char *wrapped = db_value(keys, i, 2, &wrapped_len);

		if (sealed_len > sizeof(plain) + SEAL_OVERHEAD ||
		    data_key_open(c->keyring, c->project_id,
			db_value(keys, i, 0, NULL), db_value(keys, i, 1, NULL),
			wrapped, wrapped_len, &key) ||
		    !seal_open(&key, what, sealed, sealed_len, plain, &len))
			continue;
		data_key_wipe(&key);
		o = json_object_new_object();
		json_object_object_add(
		    o, "provider", json_object_new_string(c->arg[1]));
		json_object_object_add(o, "key",
		    json_object_new_string_len((char *)plain, (int)len));
		secret_wipe(plain, sizeof(plain));
		return ctl_print(c, o);
	}
	return ctl_fail(
	    c, ERR_UNAVAILABLE, "the keyring does not open this key");
}

int
ctl_provider_key_reveal(struct ctl *c)
{
	struct db_query keys, q, *both[] = {&keys, &q};
	struct db_fault fault;
	enum err e;
	int rc;

	if ((rc = ctl_keyring(c)) || (rc = ctl_project(c)))
		return rc;
	db_query_init(&keys, STMT_DATA_KEYS);
	db_text(&keys, c->project_id);
	ctl_write(c, &q, STMT_OP_PROVIDER_KEY_REVEAL, "{}");
	db_text(&q, c->arg[1]);
	e = db_run(c->db, both, 2, true, clock_us() + CTL_DEADLINE, &fault);
	if (e)
		rc = ctl_db_fail(c, e, &fault);
	else if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND,
		    "this project has no provider key \"%s\"", c->arg[1]);
	else
		rc = print_revealed(c, &keys, &q);
	db_query_clear(&keys);
	db_query_clear(&q);
	return rc;
}

int
ctl_counter_add(struct ctl *c)
{
	static const char *const names[] = {"runs", "sandboxes", "workflows",
	    "personas", "issueSessions", "issues", "learnings"};
	struct db_query lock, q, *both[] = {&lock, &q};
	struct db_fault fault;
	struct json_object *o;
	bool known = false;
	long long n, sum;
	char *end;
	enum err e;
	int rc;

	n = strtoll(c->arg[2], &end, 10);
	if (*end || end == c->arg[2] || n == 0 || n > INT32_MAX ||
	    n < -INT32_MAX)
		return ctl_fail(c, ERR_VALIDATION,
		    "N: a whole number from -2147483647 to 2147483647, not 0");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		known = known || strcmp(names[i], c->arg[1]) == 0;
	if (!known)
		return ctl_fail(
		    c, ERR_NOT_FOUND, "no counter \"%s\"", c->arg[1]);
	rc = ctl_project(c);
	if (rc)
		return rc;
	db_query_init(&lock, STMT_PROJECT_LOCK);
	db_text(&lock, c->project_id);
	ctl_write(c, &q, STMT_OP_COUNTER_ADD, "{n}");
	db_text(&q, c->arg[1]);
	db_int(&q, n);
	e = db_run(c->db, both, 2, true, clock_us() + CTL_DEADLINE, &fault);
	db_query_clear(&lock);
	if (e) {
		db_query_clear(&q);
		return ctl_db_fail(c, e, &fault);
	}
	if (db_rows(&q) == 0) {
		db_query_clear(&q);
		return ctl_fail(
		    c, ERR_CONFLICT, "the counter would fall below zero");
	}
	sum = strtoll(db_value(&q, 0, 0, NULL), NULL, 10);
	db_query_clear(&q);
	o = json_object_new_object();
	json_object_object_add(o, "counter", json_object_new_string(c->arg[1]));
	json_object_object_add(o, "value", json_object_new_int64(sum));
	return ctl_print(c, o);
}
