/*
 * once.c: the record of a POST with an Idempotency-Key. Kept is
 * "status LF ETag LF body", sealed by crypt/replay.h.
 */
#include "http/once.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypt/replay.h"
#include "http/answer.h"
#include "http/guard.h"
#include "http/route.h"

#include <json-c/printbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define KEY_MAX   255
#define FULL_WAIT 60   /* seconds; room comes as answers of before end */
#define SWEEP     16   /* answers, once in eight times: more than come */
#define SWEEP_OWN 1000 /* of a project that has no more room */
#define HEAD_MAX  (REQ_TAG + 16) /* bytes of the lines before the body */

struct once {
	struct replay keys;
	struct db_query begin, claim, look, halt;
	bool open;
	bool looks; /* nothing is to be kept */
	bool kept;
	char drained[UUID_TEXT]; /* of a key, or of the project; or "" */
};

bool
once_is_key(const char *key)
{
	size_t len = 0;

	while (key[len] >= 0x21 && key[len] <= 0x7e)
		len++;
	return key[len] == '\0' && len >= 1 && len <= KEY_MAX;
}

enum err
once_begin(struct req *r)
{
	struct once *o;
	struct replay_request of = {r->method, r->target, r->body, r->body_len};

	if (!r->idempotency_key || !r->route->body ||
	    !once_is_key(r->idempotency_key))
		return ERR_OK;
	o = req_alloc(r, sizeof(*o));
	if (!o) {
		r->no_memory = true;
		return ERR_INTERNAL;
	}
	memset(o, 0, sizeof(*o));
	r->once = o;
	return replay_derive(r->key, r->idempotency_key, &of, &o->keys)
	    ? ERR_OK
	    : ERR_INTERNAL;
}

void
once_only_look(struct req *r)
{
	if (r->once)
		r->once->looks = true;
}

struct db_query *
once_opening(struct req *r)
{
	if (!r->once || r->once->open)
		return NULL;
	db_query_init(&r->once->begin, STMT_REPLAY_BEGIN);
	return &r->once->begin;
}

static int64_t
most_bytes(const struct req *r)
{
	return (int64_t)r->app->conf.kept_mib << 20;
}

/* Which record. */
static void
add_record(const struct req *r, struct db_query *q, enum stmt stmt)
{
	db_query_init(q, stmt);
	db_text(q, r->id.project_id);
	db_text(q, r->id.key_id);
	db_bytes(q, r->once->keys.name, sizeof(r->once->keys.name));
}

size_t
once_add(struct req *r, struct db_query **all)
{
	struct once *o = r->once;

	if (!o || o->open)
		return 0;
	db_query_init(&o->claim, STMT_REPLAY_CLAIM);
	db_int(&o->claim, replay_number(&o->keys));
	add_record(r, &o->look, STMT_REPLAY_LOOK);
	add_record(r, &o->halt, STMT_REPLAY_HALT);
	db_int(&o->halt, o->looks ? INT64_MAX : most_bytes(r));
	all[0] = &o->claim;
	all[1] = &o->look;
	all[2] = &o->halt;
	return ONCE_STATEMENTS;
}

bool
once_is_open(const struct req *r)
{
	return r->once && r->once->open;
}

/* ---- the answer of the first time ---- */

/* One line of `text`, up to `end`; the rest begins behind it. */
static char *
take_line(char **text, const char *end)
{
	char *line = *text;
	char *lf = memchr(line, '\n', (size_t)(end - line));

	if (!lf)
		return NULL;
	*lf = '\0';
	*text = lf + 1;
	return line;
}

static bool
take_answer(struct req *r, char *text, size_t len)
{
	const char *end = text + len, *status = take_line(&text, end);
	const char *etag = status ? take_line(&text, end) : NULL;

	if (!etag)
		return false;
	r->status = (int)strtol(status, NULL, 10);
	text_copy(r->etag, sizeof(r->etag), etag);
	answer_raw(r, text, (size_t)(end - text));
	return true;
}

static bool
open_answer(struct req *r)
{
	size_t len = 0;
	const char *sealed = db_value(&r->once->look, 0, 1, &len);
	char *text = malloc(len + 1);
	bool ok;

	if (!text) {
		r->no_memory = true;
		return false;
	}
	ok = sealed &&
	    replay_open(&r->once->keys, r->id.project_id, r->id.key_id, sealed,
		len, (unsigned char *)text, &len);
	db_query_clear(&r->once->look); /* as large as what is made of it */
	ok = ok && take_answer(r, text, len);
	free(text);
	if (!ok)
		log_msg(LOG_ERROR, "a kept answer of key %s does not open",
		    r->id.key_id);
	return ok;
}

static enum err
found_answer(struct req *r)
{
	struct once *o = r->once;
	size_t len = 0;
	const char *request = db_value(&o->look, 0, 0, &len);
	const char *drained = db_value(&o->look, 0, 2, NULL);

	if (!request || len != sizeof(o->keys.request))
		return ERR_INTERNAL;
	if (memcmp(request, o->keys.request, len) != 0)
		return ERR_MISMATCH;
	if (drained)
		text_copy(o->drained, sizeof(o->drained), drained);
	return open_answer(r) ? ERR_REPLAY : ERR_INTERNAL;
}

static void
set_wait(struct req *r, enum err e)
{
	if (e == ERR_RUNNING)
		r->retry_after = 1;
	else if (e == ERR_FULL)
		r->retry_after = FULL_WAIT;
}

enum err
once_began(struct req *r, enum err e)
{
	struct once *o = r->once;

	if (!o)
		return e;
	o->open = !e;
	if (e == ERR_REPLAY)
		e = found_answer(r);
	set_wait(r, e);
	db_query_clear(&o->begin);
	db_query_clear(&o->claim);
	db_query_clear(&o->look);
	db_query_clear(&o->halt);
	return e;
}

/* ---- the end ---- */

bool
once_defers(struct req *r, const char *key_id)
{
	if (!once_is_open(r))
		return false;
	text_copy(r->once->drained, sizeof(r->once->drained),
	    key_id ? key_id : r->id.project_id);
	return true;
}

/* What the first time waited for: its own answer may never have come. */
static enum err
drain_late(struct req *r)
{
	const char *id = r->once->drained;

	if (!id[0])
		return ERR_OK;
	return guard_drain(r, strcmp(id, r->id.project_id) == 0 ? NULL : id);
}

/* The answer as it is kept, in the request's memory; NULL: none. It may have
 * ten megabytes: the rows that it was made of go first. */
static const unsigned char *
seal_answer(struct req *r, size_t *len)
{
	const struct printbuf *out = r->out;
	size_t body = (size_t)out->bpos, n;
	unsigned char *sealed, *text;

	guard_forget(r);
	sealed = req_alloc(r, HEAD_MAX + body + REPLAY_OVERHEAD);
	if (!sealed)
		return NULL;
	text = sealed + REPLAY_FRONT;
	n = (size_t)snprintf(
	    (char *)text, HEAD_MAX, "%d\n%s\n", r->status, r->etag);
	memcpy(text + n, out->buf, body);
	*len = n + body + REPLAY_OVERHEAD;
	return replay_seal(&r->once->keys, r->id.project_id, r->id.key_id,
		   sealed, n + body)
	    ? sealed
	    : NULL;
}

/* The second trip: the record, and all is done. */
static enum err
commit_answer(struct req *r, const unsigned char *sealed, size_t len)
{
	const struct once *o = r->once;
	struct db_query keep, commit, *all[] = {&keep, &commit};
	struct db_fault fault;
	enum err e;

	add_record(r, &keep, STMT_REPLAY_KEEP);
	db_bytes(&keep, o->keys.request, sizeof(o->keys.request));
	db_bytes(&keep, sealed, len);
	db_text(&keep, o->drained[0] ? o->drained : NULL);
	db_int(&keep, most_bytes(r));
	db_query_init(&commit, STMT_REPLAY_COMMIT);
	e = db_go_on(r->app->db, all, 2, true, r->deadline, &fault);
	db_query_clear(&keep);
	db_query_clear(&commit);
	if (e == ERR_IN_DOUBT)
		return req_fail(r, e, NULL,
		    "The connection to the database was lost while the change "
		    "was being committed: it may or may not have been made. "
		    "Send the request again with the same Idempotency-Key: it "
		    "is done once.");
	set_wait(r, e);
	return e ? req_fail(r, e, fault.field, fault.message) : ERR_OK;
}

static enum err
keep_and_commit(struct req *r)
{
	const unsigned char *sealed;
	size_t len;
	enum err e;

	sealed = r->no_memory || !r->out ? NULL : seal_answer(r, &len);
	if (!sealed) {
		db_roll_back(r->app->db);
		return ERR_INTERNAL;
	}
	e = commit_answer(r, sealed, len);
	r->once->kept = !e;
	return e;
}

enum err
once_end(struct req *r, enum err e)
{
	struct once *o = r->once;
	bool was_open = once_is_open(r);

	if (!o)
		return e;
	o->open = false;
	if (e == ERR_REPLAY)
		r->replayed = true;
	else if (e || o->looks)
		db_roll_back(r->app->db);
	else if (was_open)
		e = keep_and_commit(r);
	return e && e != ERR_REPLAY ? e : drain_late(r);
}

void
once_sweep(const struct req *r)
{
	bool full = r->result == ERR_FULL;
	struct db_query q;
	struct db_fault fault;

	if (!full &&
	    (!r->once || !r->once->kept || r->once->keys.name[0] % 8 != 0))
		return;
	db_query_init(&q, STMT_REPLAY_SWEEP);
	db_int(&q, full ? SWEEP_OWN : SWEEP);
	db_text(&q, full ? r->id.project_id : NULL);
	if (db_ask(r->app->db, &q, clock_us() + CLOCK_S(2), &fault))
		log_msg(LOG_WARN, "kept answers that have ended stay");
	db_query_clear(&q);
}
