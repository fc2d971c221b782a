/*
 * key.c: making API keys from the host: the first owner's key comes from here,
 * and a key's successor.
 */
#include "ctl/key.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "ctl/plain.h"
#include "ctl/project.h"
#include "ctl/when.h"
#include "db/drain.h"
#include "json/object.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

/* What the project's keys begin with, and the database's clock. */
static int
find_room(struct ctl *c, char room[KEY_ROOM + 1], int64_t *now_ms)
{
	struct db_query q;
	int rc;

	db_query_init(&q, STMT_OP_KEY_ROOM);
	db_text(&q, c->project_id);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	text_copy(room, KEY_ROOM + 1, db_value(&q, 0, 0, NULL));
	*now_ms = db_bigint(&q, 0, 1);
	db_query_clear(&q);
	return CTL_DONE;
}

static int
draw_key(
    struct ctl *c, const char *environment, const char *room, struct new_key *k)
{
	if (key_draw(k, environment, room) &&
	    key_hash(k->key, c->conf.scrypt_log2n, k->hash))
		return CTL_DONE;
	return ctl_fail(c, ERR_INTERNAL, "out of memory");
}

/* What is kept of the key, as parameters. */
static void
add_kept(struct db_query *q, const struct new_key *k)
{
	db_bytes(q, k->hash, strlen(k->hash));
	db_bytes(q, k->check, sizeof(k->check));
}

static int
refuse_one_more(struct ctl *c)
{
	return ctl_fail(c, ERR_CONFLICT,
	    "the project has CODECOURIER_MAX_KEYS=%d live keys: revoke one, or "
	    "raise it",
	    c->conf.max_keys);
}

/* Opens the new file that takes a key, before it is made: -1 without one. */
static int
open_out(struct ctl *c, const char *out, int *fd)
{
	*fd = -1;
	if (!out)
		return CTL_DONE;
	*fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return CTL_DONE;
	return ctl_fail(c, ERR_INTERNAL, "%s: %s", out, strerror(errno));
}

/* Ends what open_out began: `rc` says whether there is a key, q then holds row
 * and id, which is cleared. */
static int
hand_over(struct ctl *c, const char *out, int fd, int rc, struct db_query *q,
    struct new_key *k, struct json_object **row)
{
	if (!rc && out &&
	    (dprintf(fd, "%s\n", k->key) != KEY_LENGTH + 1 || fsync(fd) != 0)) {
		rc = ctl_fail(c, ERR_INTERNAL,
		    "%s: %s; the key was made, revoke it: %s", out,
		    strerror(errno), db_value(q, 0, 1, NULL));
		db_query_clear(q);
	} else if (!rc) {
		*row = ctl_row(q);
		db_query_clear(q);
		if (!out)
			object_text(*row, "key", k->key);
	}
	if (rc && out) /* it holds no key, or a part of one */
		unlink(out);
	if (fd >= 0)
		close(fd);
	secret_wipe(k, sizeof(*k));
	return rc;
}

/* One draw; q holds the row on CTL_DONE. */
static int
make(struct ctl *c, struct db_query *q, struct key_wanted *want,
    struct new_key *k)
{
	char room[KEY_ROOM + 1];
	int64_t now_ms;
	int rc;

	if ((rc = find_room(c, room, &now_ms)) ||
	    (rc = key_terms_date(c, &want->terms, now_ms)) ||
	    (rc = draw_key(c, want->environment, room, k)))
		return rc;
	ctl_write(c, q, STMT_OP_KEY_CREATE, want->fields);
	db_text(q, want->name);
	db_text(q, k->prefix);
	db_text(q, k->environment);
	add_kept(q, k);
	db_int(q, c->conf.max_keys);
	key_terms_add(q, &want->terms);
	rc = ctl_do_locked(c, q);
	if (rc || db_rows(q) > 0)
		return rc;
	db_query_clear(q);
	return refuse_one_more(c);
}

int
key_create(struct ctl *c, struct key_wanted *want, struct json_object **row)
{
	struct new_key k = {0};
	struct db_query q;
	int fd, rc = open_out(c, want->out, &fd);

	if (rc)
		return rc;
	rc = make(c, &q, want, &k);
	return hand_over(c, want->out, fd, rc, &q, &k, row);
}

int
ctl_key_create(struct ctl *c)
{
	struct key_wanted want = {.environment = c->option[OPT_ENVIRONMENT],
	    .out = c->option[OPT_OUT]};
	char name[CTL_NAME], fields[CTL_FIELDS];
	struct json_object *row;
	int rc;

	if (want.environment &&
	    !text_is_one_of(want.environment, key_environments))
		return ctl_fail(
		    c, ERR_VALIDATION, "--environment: live or test");
	want.name = name;
	ctl_fields(c, fields);
	want.fields = fields;
	if ((rc = ctl_name(c, c->option[OPT_NAME], name)) ||
	    (rc = key_terms_read(c, &want.terms)) ||
	    (rc = project_find(c, c->arg[0])) ||
	    (rc = key_create(c, &want, &row)))
		return rc;
	return ctl_print(c, row);
}

/* ---- rotate ---- */

static int
may_rotate(struct ctl *c, const struct key_found *k)
{
	if (k->project_deleted)
		return ctl_fail(
		    c, ERR_CONFLICT, "the project of key %s is deleted", k->id);
	if (k->rotated)
		return ctl_fail(c, ERR_CONFLICT,
		    "key %s has been rotated already: it has a successor",
		    k->id);
	if (strcmp(k->state, "live") != 0)
		return ctl_fail(c, ERR_CONFLICT,
		    "key %s is %s: only a live one can be rotated", k->id,
		    k->state);
	return CTL_DONE;
}

/* No row: it is another key by now, or there is one key too many. */
static int
refuse_rotated(struct ctl *c, const struct key_found *k)
{
	struct key_found now;
	int rc = key_find(c, k->id, &now);

	if (rc)
		return rc;
	return strcmp(now.stamp, k->stamp) ? key_changed(c, k)
					   : refuse_one_more(c);
}

/* One draw, as `make`. */
static int
make_successor(struct ctl *c, struct db_query *q, const struct key_found *old,
    int64_t grace, struct new_key *k)
{
	struct db_query key, project, *all[] = {&key, &project, q};
	struct db_fault fault;
	enum err e;
	int rc = draw_key(c, old->environment, old->room, k);

	if (rc)
		return rc;
	db_query_init(&key, STMT_API_KEY_LOCK);
	db_text(&key, c->project_id);
	db_text(&key, old->id);
	db_query_init(&project, STMT_PROJECT_LOCK);
	db_text(&project, c->project_id);
	ctl_write(c, q, STMT_OP_KEY_ROTATE, grace ? "{graceSeconds}" : "{}");
	db_text(q, old->id);
	db_text(q, old->stamp);
	db_text(q, k->prefix);
	add_kept(q, k);
	db_int(q, c->conf.max_keys);
	db_int(q, grace);
	e = ctl_run(c, all, 3, &fault);
	db_query_clear(&key);
	db_query_clear(&project);
	if (!e && db_rows(q) > 0)
		return CTL_DONE;
	db_query_clear(q);
	return e ? ctl_db_fail(c, e, &fault) : refuse_rotated(c, old);
}

/* The new key is told first: by now the old one is good for nothing. */
static int
await_end(struct ctl *c, const char *id)
{
	if (!db_drain(c->db, c->project_id, id, clock_us() + CTL_DEADLINE))
		return CTL_DONE;
	plain_line(stderr,
	    "codecourierctl: the old key is revoked for every new request, but "
	    "a write that began before is still open: codecourierctl key "
	    "revoke %s waits for it",
	    id);
	return CTL_UNAVAILABLE;
}

int
ctl_key_rotate(struct ctl *c)
{
	const char *out = c->option[OPT_OUT], *given = c->option[OPT_GRACE];
	struct json_object *row;
	struct key_found old;
	struct new_key k = {0};
	struct db_query q;
	int64_t grace = 0;
	int fd, rc;

	if (given && (!when_length(given, &grace) || grace > KEY_GRACE))
		return ctl_fail(c, ERR_VALIDATION,
		    "--grace: 0s to 30d, as in 45s, 30m, 12h or 7d");
	if ((rc = key_find(c, c->arg[0], &old)) || (rc = may_rotate(c, &old)) ||
	    (rc = open_out(c, out, &fd)))
		return rc;
	rc = make_successor(c, &q, &old, grace, &k);
	rc = hand_over(c, out, fd, rc, &q, &k, &row);
	if (!rc)
		rc = ctl_print(c, row);
	return rc || grace > 0 ? rc : await_end(c, old.id);
}
