/*
 * guard.c: guard and statements in one pipeline.
 */
#include "http/guard.h"

#include "base/log.h"
#include "db/drain.h"
#include "http/admit.h"
#include "http/auth.h"
#include "http/once.h"
#include "http/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

static struct db_query *
guard_add(struct req *r, enum stmt stmt)
{
	struct db_query *q;

	if (r->n == REQ_QUERIES)
		abort(); /* a handler of ours, not anybody's input */
	r->changes[r->n] = false;
	q = &r->queries[r->n++];
	db_query_init(q, stmt);
	db_text(q, r->id.project_id);
	return q;
}

const struct db_query *
guard_project(struct req *r)
{
	r->wants_project = true;
	return &r->guard;
}

struct db_query *
guard_read(struct req *r, enum stmt stmt)
{
	return guard_add(r, stmt);
}

struct db_query *
guard_write(struct req *r, enum stmt stmt)
{
	struct db_query *q = guard_add(r, stmt);

	db_text(q, r->id.key_id);
	db_text(q, r->rid);
	db_text(q, r->address);
	db_text(q, req_given_names(r));
	r->write = r->changes[q - r->queries] = true;
	return q;
}

struct db_query *
guard_write_part(struct req *r, enum stmt stmt)
{
	r->write = true;
	return guard_add(r, stmt);
}

/* A guard for the identity at hand. */
static void
make_guard(const struct req *r, struct db_query *guard, enum stmt stmt)
{
	db_query_clear(guard);
	db_query_init(guard, stmt);
	db_text(guard, r->id.project_id);
	db_text(guard, r->id.key_id);
	db_bytes(guard, r->id.digest, sizeof(r->id.digest));
	db_bytes(guard, r->id.stamp, sizeof(r->id.stamp));
}

/* The handler's statements behind `n` others, which begin with replay_begin
 * where the transaction is to stay open: nothing of that is committed yet. */
static enum err
run_batch(
    struct req *r, struct db_query **all, size_t n, struct db_fault *fault)
{
	bool write = r->write && !r->once;

	n += once_add(r, all + n);
	for (size_t i = r->ran; i < r->n; i++)
		all[n++] = &r->queries[i];
	if (once_is_open(r))
		return db_go_on(r->app->db, all, n, false, r->deadline, fault);
	return once_began(
	    r, db_run(r->app->db, all, n, write, r->deadline, fault));
}

/* The batch once, behind its guard, which one that goes on has behind it. A
 * write's has locked the rows as its snapshot saw them, and PostgreSQL lets it:
 * a revocation that was being committed may be over by then, drained and
 * answered. So they are looked at once more, by a statement that began when the
 * lock was there; who revokes from then on waits for us. */
static enum err
run_guarded(struct req *r, struct db_fault *fault)
{
	struct db_query *guard = &r->guard, lock = {.result = NULL};
	struct db_query *all[REQ_QUERIES + ONCE_STATEMENTS + 3];
	size_t n = 0;
	enum err e;

	if (once_is_open(r))
		return run_batch(r, all, 0, fault);
	if ((all[0] = once_opening(r)))
		n++;
	if (r->write || r->once) {
		make_guard(r, &lock, STMT_GUARD_WRITE);
		all[n++] = &lock;
	}
	make_guard(
	    r, guard, r->wants_project ? STMT_GUARD_PROJECT : STMT_GUARD_READ);
	all[n++] = guard;
	e = run_batch(r, all, n, fault);
	if (!e)
		r->key_used = db_bool(guard, 0, 0);
	db_query_clear(&lock);
	return e;
}

/* The key's row, and whether it still allows the call. */
static enum err
ask_again(struct req *r)
{
	enum err e = auth_again(r);

	if (!e)
		e = admit(r);
	if (e || !r->pinned)
		return e;
	return req_fail(r, ERR_UNAVAILABLE, NULL,
	    "The calling key was being changed. Nothing was done; try again.");
}

/* What becomes of a batch that has run. */
static enum err
end_batch(struct req *r, enum err e, const struct db_fault *fault)
{
	if (e) {
		while (r->n > r->ran)
			db_query_clear(&r->queries[--r->n]);
		return req_fail(r, e, fault->field, fault->message);
	}
	for (; r->ran < r->n; r->ran++)
		if (r->changes[r->ran] && db_rows(&r->queries[r->ran]) > 0)
			r->committed = !r->once;
	r->write = r->wants_project = false;
	return ERR_OK;
}

enum err
guard_run(struct req *r)
{
	struct db_fault fault;
	enum err e = run_guarded(r, &fault);

	while (e == ERR_AUTH_INVALID) {
		/* The row is not what the identity was taken from: ask the row
		 * itself, which may say so, too, and however often it changes.
		 * The parameters point into r->id, which changes. */
		e = ask_again(r);
		if (e)
			return e;
		e = run_guarded(r, &fault);
	}
	return end_batch(r, e, &fault);
}

void
guard_forget(struct req *r)
{
	while (r->n > 0)
		db_query_clear(&r->queries[--r->n]);
	r->ran = 0;
}

enum err
guard_none(struct req *r)
{
	struct db_query *all[REQ_QUERIES + ONCE_STATEMENTS + 1];
	struct db_fault fault;
	enum err e;

	all[0] = once_opening(r);
	e = run_batch(r, all, all[0] ? 1 : 0, &fault);
	return end_batch(r, e, &fault);
}

enum err
guard_refuse(struct req *r, enum err e)
{
	enum err guard = guard_run(r);

	return guard ? guard : e;
}

enum err
guard_drain(struct req *r, const char *key_id)
{
	if (once_defers(r, key_id))
		return ERR_OK;
	if (!db_drain(r->app->db, r->id.project_id, key_id, r->deadline))
		return ERR_OK;
	if (r->route->told_once) {
		log_msg(LOG_WARN,
		    "key %s has ended: a write begun with it is "
		    "still open",
		    key_id);
		return ERR_OK;
	}
	return req_fail(r, ERR_IN_DOUBT, NULL,
	    "It takes effect for every new request, but a write that began "
	    "before was still open when time ran out. Call again to wait for "
	    "it.");
}
