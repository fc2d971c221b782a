/*
 * test_guard.c: guard and statements go out as one batch, and what the guard
 * says goes before all else.
 */
#include "worker.h"

#include "http/guard.h"

#include "base/banned.h"

#define ADDRESS "192.0.2.1"

static int
anew(void **state)
{
	static struct req r;

	forget(true);
	asked.answers = database_content;
	request(&r, "/api/v1/project");
	r.id = caller();
	r.key = KEY;
	r.address = ADDRESS;
	*state = &r;
	return 0;
}

static int
end(void **state)
{
	req_end(*state);
	return 0;
}

/* ---- one batch ---- */

static void
goes_first(void **state)
{
	struct req *r = *state;
	struct db_query *q = guard_read(r, STMT_SETTINGS_GET);
	const struct batch *b = &asked.batch[0];

	assert_int_equal(guard_run(r), ERR_OK);
	assert_int_equal(asked.n, 1);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->stmt[0], STMT_GUARD_READ);
	assert_string_equal(b->param[0][0], PROJECT);
	assert_string_equal(b->param[0][1], KEY_ID);
	assert_ptr_equal(b->param[0][2], r->id.digest);
	assert_int_equal(b->stmt[1], STMT_SETTINGS_GET);
	assert_string_equal(b->param[1][0], PROJECT);
	assert_false(b->write);
	assert_false(r->committed);
	assert_string_equal(db_value(q, 0, 0, NULL), "{}");
}

static void
knows_which_guard(void **state)
{
	struct req *r = *state;

	guard_project(r);
	assert_int_equal(guard_run(r), ERR_OK);
	guard_write_part(r, STMT_PROJECT_LOCK);
	guard_write(r, STMT_PROJECT_UPDATE);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_int_equal(asked.batch[0].stmt[0], STMT_GUARD_PROJECT);
	assert_int_equal(asked.batch[0].n, 1);
	assert_int_equal(asked.batch[1].stmt[0], STMT_GUARD_WRITE);
	/* with the lock in hand, the rows once more */
	assert_int_equal(asked.batch[1].stmt[1], STMT_GUARD_READ);
	assert_string_equal(asked.batch[1].param[1][1], KEY_ID);
	assert_int_equal(asked.batch[1].n, 4);
	assert_true(asked.batch[1].write);
	assert_true(r->committed);
}

/* The good key's row and locks, but none for what shall change. */
static enum err
database_empty(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	static const char *const none[] = {NULL};
	enum err e = database_content(q, n, fault);

	for (size_t i = 0; i < n; i++)
		if (q[i]->stmt == STMT_MEMBER_REMOVE)
			give_row(q[i], none, 1, false);
	return e;
}

/* What met no row has changed nothing: nobody is told that it may have. */
static void
knows_what_was_written(void **state)
{
	struct req *r = *state;

	asked.answers = database_empty;
	guard_write_part(r, STMT_PROJECT_LOCK);
	guard_write(r, STMT_MEMBER_REMOVE);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_true(asked.batch[0].write);
	assert_false(r->committed);
	guard_read(r, STMT_SETTINGS_GET);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_false(r->committed);
	guard_write(r, STMT_PROJECT_UPDATE);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_true(r->committed);
	guard_write(r, STMT_MEMBER_REMOVE);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_true(r->committed); /* as long as the request lives */
}

static void
says_who_writes(void **state)
{
	struct req *r = *state;
	const char *const *p = asked.batch[0].param[2];

	guard_write(r, STMT_PROJECT_UPDATE);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_string_equal(p[0], PROJECT);
	assert_string_equal(p[1], KEY_ID);
	assert_string_equal(p[2], RID);
	assert_string_equal(p[3], ADDRESS);
	assert_string_equal(p[4], "{}");
}

/* Each runs once; the results of the first stay. */
static void
runs_what_is_new(void **state)
{
	struct req *r = *state;
	const struct db_query *q = guard_read(r, STMT_DATA_KEYS);

	assert_int_equal(guard_run(r), ERR_OK);
	guard_read(r, STMT_SETTINGS_GET);
	assert_int_equal(guard_run(r), ERR_OK);
	assert_int_equal(asked.batch[1].n, 2);
	assert_int_equal(asked.batch[1].stmt[1], STMT_SETTINGS_GET);
	assert_string_equal(db_value(q, 0, 0, NULL), "{}");
}

/* ---- refusals ---- */

static enum err
database_taken(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	(void)q;
	(void)n;
	fault->field = "slug";
	fault->message = "Taken.";
	return ERR_CONFLICT;
}

static void
forgets_a_failed_batch(void **state)
{
	struct req *r = *state;

	asked.answers = database_taken;
	guard_write(r, STMT_PROJECT_UPDATE);
	assert_int_equal(guard_run(r), ERR_CONFLICT);
	assert_int_equal(r->fault, ERR_CONFLICT);
	assert_string_equal(r->field, "slug");
	assert_string_equal(r->message, "Taken.");
	assert_false(r->committed);
	assert_int_equal(r->n, 0);
	asked.answers = database_content;
	guard_read(r, STMT_SETTINGS_GET); /* in the place of a write */
	assert_int_equal(guard_run(r), ERR_OK);
	assert_int_equal(asked.batch[1].n, 3); /* the guards of a write */
	assert_false(r->committed);
}

/* The row is not what the table of verified keys says: it is asked itself, and
 * says no. */
static enum err
database_revoked(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	static const char *const none[] = {NULL};

	(void)n;
	(void)fault;
	if (q[0]->stmt != STMT_KEY_ROW)
		return ERR_AUTH_INVALID;
	give_row(q[0], none, 1, false);
	return ERR_OK;
}

static void
asks_the_row_once_more(void **state)
{
	struct req *r = *state;
	struct identity id;

	asked.answers = database_revoked;
	guard_write(r, STMT_PROJECT_UPDATE);
	assert_int_equal(guard_run(r), ERR_AUTH_INVALID);
	assert_int_equal(asked.n, 2);
	assert_int_equal(asked.batch[1].stmt[0], STMT_KEY_ROW);
	assert_false(verified_find(app_of_tests.host, KEY, &id));
	assert_false(r->committed);
}

/* A complaint is told to a good key only, and is then the same as before. */
static void
refuses_good_keys_only(void **state)
{
	struct req *r = *state;
	enum err e = req_fail(r, ERR_NOT_FOUND, "keyId", "No such key.");

	assert_int_equal(guard_refuse(r, e), ERR_NOT_FOUND);
	assert_int_equal(r->fault, ERR_NOT_FOUND);
	assert_string_equal(r->field, "keyId");
	assert_string_equal(r->message, "No such key.");
	asked.answers = database_revoked;
	assert_int_equal(guard_refuse(r, e), ERR_AUTH_INVALID);
	asked.answers = database_down;
	assert_int_equal(guard_refuse(r, e), ERR_UNAVAILABLE);
	assert_int_equal(r->fault, ERR_UNAVAILABLE);
}

/* ---- drain ---- */

/* Somebody else's write is open at first. */
static enum err
database_locked(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	return asked.n < 3 ? database_down(q, n, fault)
			   : database_content(q, n, fault);
}

static void
waits_for_open_writes(void **state)
{
	struct req *r = *state;

	asked.answers = database_locked;
	assert_int_equal(guard_drain(r, KEY_ID), ERR_OK);
	assert_int_equal(asked.n, 3);
	assert_int_equal(asked.batch[2].stmt[0], STMT_API_KEY_DRAIN);
	assert_int_equal(asked.batch[0].n, 1);
	assert_string_equal(asked.batch[2].param[0][0], PROJECT);
	assert_string_equal(asked.batch[2].param[0][1], KEY_ID);
}

static void
does_not_wait_for_ever(void **state)
{
	struct req *r = *state;

	asked.answers = database_down;
	r->deadline = 1;
	assert_int_equal(guard_drain(r, NULL), ERR_IN_DOUBT);
	assert_int_equal(asked.n, 1);
	assert_int_equal(asked.batch[0].stmt[0], STMT_PROJECT_DRAIN);
	assert_non_null(strstr(r->message, "still open"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, anew, end)

int
main(void)
{
	const struct CMUnitTest guard_tests[] = {
	    ONE(goes_first),
	    ONE(knows_which_guard),
	    ONE(knows_what_was_written),
	    ONE(says_who_writes),
	    ONE(runs_what_is_new),
	    ONE(forgets_a_failed_batch),
	    ONE(asks_the_row_once_more),
	    ONE(refuses_good_keys_only),
	    ONE(waits_for_open_writes),
	    ONE(does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(guard_tests, begin_worker, end_worker);
}
