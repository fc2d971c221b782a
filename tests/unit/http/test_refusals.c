/*
 * test_refusals.c: refusals of known keys while the database lets them wait.
 */
#include "worker.h"

#include "http/refusals.h"
#include "http/serve.h"

#include "base/banned.h"

static struct refusals *const list = &app_of_tests.refusals;

/* As many refusals, each of another key. */
static void
refuse(int from, int to)
{
	struct req r;

	for (int n = from; n < to; n++) {
		request(&r, "/api/v1/project");
		snprintf(r.id.key_id, UUID_TEXT, "%s%04u",
		    "00000000-0000-4000-8000-00000000", (unsigned)n % 10000);
		r.refused = "scope";
		r.status = 403;
		refusals_note(&r);
		req_end(&r);
	}
}

static int
anew(void **state)
{
	(void)state;
	forget(false);
	list->n = 0;
	return 0;
}

/* Each would wait as long as the first, and the worker serves nobody. */
static void
waits_once(void **state)
{
	(void)state;
	asked.answers = database_down;
	refuse(0, 10);
	refusals_write(&app_of_tests, REFUSALS_DUE);
	assert_int_equal(asked.n, 1);
	assert_int_equal(list->n, 10);
	refusals_write(&app_of_tests, REFUSALS_DUE);
	assert_int_equal(asked.n, 1);
	assert_true(refusals_wait(&app_of_tests) > 0);
	refusals_write(&app_of_tests, REFUSALS_ALL);
	assert_int_equal(asked.n, 2);
	asked.answers = database_content;
	refuse(9, 10);
	refusals_write(&app_of_tests, REFUSALS_ALL);
	assert_int_equal(asked.n, 12);
	for (size_t i = 2; i < asked.n; i++)
		assert_int_equal(asked.batch[i].stmt[0], STMT_REFUSAL_ADD);
	assert_int_equal(refusals_wait(&app_of_tests), -1);
}

static void
waits_once_when_full(void **state)
{
	(void)state;
	asked.answers = database_down;
	refuse(0, REFUSALS_MAX);
	assert_int_equal(asked.n, 0);
	refuse(REFUSALS_MAX, REFUSALS_MAX + 1);
	assert_int_equal(asked.n, 1);
	assert_in_range(list->n, 1, REFUSALS_MAX);
}

static int told; /* refusals that were written when the answer was out */

/* KEY has ended. */
static enum err
database_ended(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	struct cell cells[IDENTITY_COLUMNS + 3];
	unsigned char check[KEY_CHECK_VALUE];
	struct identity id = caller();

	(void)n;
	(void)fault;
	if (q[0]->stmt == STMT_REFUSAL_ADD) {
		told += memory.finished;
		return ERR_UNAVAILABLE;
	}
	assert_int_equal(q[0]->stmt, STMT_KEY_ROW);
	assert_true(key_check_value(KEY, check));
	identity_cells(&id, cells);
	cells[IDENTITY_COLUMNS] = (struct cell){"x", 1};
	cells[IDENTITY_COLUMNS + 1] = (struct cell){check, sizeof(check)};
	cells[IDENTITY_COLUMNS + 2] = (struct cell){"disabled", 8};
	give_cells(q[0], cells, COUNT(cells), true);
	return ERR_OK;
}

/* Not even where there is no room to remember it. */
static void
no_answer_waits(void **state)
{
	static const char *const params[] = {"REQUEST_METHOD", "GET",
	    "REQUEST_URI", "/api/v1/project", "HTTP_AUTHORIZATION",
	    "Bearer " KEY, NULL};

	(void)state;
	refuse(0, REFUSALS_MAX);
	asked.answers = database_ended;
	memory.params = params;
	serve(&app_of_tests);
	assert_non_null(strstr(memory.answer, "Status: 401"));
	assert_int_equal(told, 1);
}

int
main(void)
{
	const struct CMUnitTest refusals_tests[] = {
	    cmocka_unit_test_setup(waits_once, anew),
	    cmocka_unit_test_setup(waits_once_when_full, anew),
	    cmocka_unit_test_setup(no_answer_waits, anew),
	};

	return cmocka_run_group_tests(refusals_tests, begin_worker, end_worker);
}
