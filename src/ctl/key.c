/*
 * key.c: API keys from the host: the first owner's key comes from here.
 */
#include "ctl/key.h"

#include "base/secret.h"
#include "base/text.h"
#include "base/uuid.h"
#include "crypt/key.h"
#include "ctl/project.h"
#include "json/object.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

/* What the project's keys begin with. */
static int
find_room(struct ctl *c, char room[KEY_ROOM + 1])
{
	struct db_query q;
	int rc;

	db_query_init(&q, STMT_OP_KEY_ROOM);
	db_text(&q, c->project_id);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	text_copy(room, KEY_ROOM + 1, db_value(&q, 0, 0, NULL));
	db_query_clear(&q);
	return CTL_DONE;
}

/* One draw; q holds the row on CTL_DONE. */
static int
draw(struct ctl *c, struct db_query *q, const struct key_wanted *want,
    struct new_key *k)
{
	char room[KEY_ROOM + 1];
	int rc = find_room(c, room);

	if (rc)
		return rc;
	if (!key_draw(k, want->environment, room) ||
	    !key_hash(k->key, c->conf.scrypt_log2n, k->hash))
		return ctl_fail(c, ERR_INTERNAL, "out of memory");
	ctl_write(c, q, STMT_OP_KEY_CREATE,
	    want->environment ? "{name,environment}" : "{name}");
	db_text(q, want->name);
	db_text(q, k->prefix);
	db_text(q, k->environment);
	db_bytes(q, k->hash, strlen(k->hash));
	db_bytes(q, k->check, sizeof(k->check));
	db_int(q, c->conf.max_keys);
	db_text(q, "{projects:read,projects:write}");
	db_text(q, NULL);
	db_text(q, "{}");
	db_text(q, NULL);
	db_text(q, "f");
	rc = ctl_do_locked(c, q);
	if (rc || db_rows(q) > 0)
		return rc;
	db_query_clear(q);
	return ctl_fail(c, ERR_CONFLICT,
	    "the project has CODECOURIER_MAX_KEYS=%d live keys: revoke one, or "
	    "raise it",
	    c->conf.max_keys);
}

/* The key goes to the file that was opened before it was made. */
static bool
write_out(int fd, const char *key)
{
	return dprintf(fd, "%s\n", key) == KEY_LENGTH + 1 && fsync(fd) == 0;
}

int
key_create(
    struct ctl *c, const struct key_wanted *want, struct json_object **row)
{
	const char *out = want->out;
	struct new_key k = {0};
	struct db_query q;
	int fd = -1, rc;

	if (out) {
		fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return ctl_fail(
			    c, ERR_INTERNAL, "%s: %s", out, strerror(errno));
	}
	rc = draw(c, &q, want, &k);
	if (!rc && out && !write_out(fd, k.key)) {
		rc = ctl_fail(c, ERR_INTERNAL,
		    "%s: %s; the key was made, revoke it: %s", out,
		    strerror(errno), db_value(&q, 0, 1, NULL));
		db_query_clear(&q);
	} else if (!rc) {
		*row = ctl_row(&q);
		db_query_clear(&q);
		if (!out)
			object_text(*row, "key", k.key);
	}
	if (rc && out) /* it holds no key, or a part of one */
		unlink(out);
	if (fd >= 0)
		close(fd);
	secret_wipe(&k, sizeof(k));
	return rc;
}

int
key_list(struct ctl *c, struct json_object **list)
{
	struct json_object *page;
	char sort[80] = "", *colon;
	struct db_query q;
	bool more;
	int rc;

	*list = object_list();
	do { /* page by page: the statement is the API's */
		colon = strchr(sort, ':');
		if (colon)
			*colon++ = '\0';
		db_query_init(&q, STMT_API_KEY_LIST);
		db_text(&q, c->project_id);
		db_int(&q, 100);
		db_text(&q, colon ? sort : NULL);
		db_text(&q, colon);
		rc = ctl_ask(c, &q);
		if (rc) {
			json_object_put(*list);
			return rc;
		}
		page = ctl_row(&q);
		for (size_t i = 0; i < json_object_array_length(page); i++)
			object_push(*list,
			    json_object_get(
				json_object_array_get_idx(page, i)));
		json_object_put(page);
		more = db_bool(&q, 0, 1);
		if (more)
			snprintf(
			    sort, sizeof(sort), "%s", db_value(&q, 0, 2, NULL));
		db_query_clear(&q);
	} while (more);
	return CTL_DONE;
}

/* ---- the commands ---- */

int
ctl_key_create(struct ctl *c)
{
	struct key_wanted want = {.environment = c->option[OPT_ENVIRONMENT],
	    .out = c->option[OPT_OUT]};
	struct json_object *row;
	char name[CTL_NAME];
	int rc;

	if (want.environment &&
	    !text_is_one_of(want.environment, key_environments))
		return ctl_fail(
		    c, ERR_VALIDATION, "--environment: live or test");
	want.name = name;
	if ((rc = ctl_name(c, c->option[OPT_NAME], name)) ||
	    (rc = project_find(c, c->arg[0])) ||
	    (rc = key_create(c, &want, &row)))
		return rc;
	return ctl_print(c, row);
}

int
ctl_key_list(struct ctl *c)
{
	struct json_object *list;
	int rc;

	if ((rc = project_find(c, c->arg[0])) || (rc = key_list(c, &list)))
		return rc;
	return ctl_print(c, list);
}

int
ctl_key_find(struct ctl *c)
{
	char prefix[KEY_PREFIX + 1];
	struct db_query q;
	int rc;

	/* of a whole key nothing goes further than a list would show */
	text_copy(prefix, sizeof(prefix), c->arg[0]);
	if (!key_is_prefix(prefix))
		return ctl_fail(c, ERR_VALIDATION,
		    "PREFIX: the first 16 characters of a key, cc_live_ or "
		    "cc_test_ and eight letters or digits");
	rc = ctl_connect(c);
	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_KEY_WHOSE);
	db_text(&q, prefix);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) > 0)
		return ctl_print_row(c, &q);
	db_query_clear(&q);
	return ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", prefix);
}

int
ctl_key_revoke(struct ctl *c)
{
	const char *id = c->arg[0];
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	if (!uuid_is(id))
		return ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", id);
	db_query_init(&q, STMT_OP_KEY_FIND);
	db_text(&q, id);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", id);
	else
		snprintf(
		    c->project_id, UUID_TEXT, "%s", db_value(&q, 0, 0, NULL));
	db_query_clear(&q);
	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_KEY_REVOKE, "{}");
	db_text(&q, id);
	rc = ctl_do(c, &q);
	if (rc)
		return rc;
	rc = ctl_drain(c, id);
	if (!rc)
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}
