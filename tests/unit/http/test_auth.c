/*
 * test_auth.c: from the Authorization header to an identity: the form, the
 * table of verified keys, the key's row and scrypt; and who has to come again.
 */
#include "worker.h"

#include "base/clock.h"

#include "crypt/key.h"
#include "http/auth.h"
#include "shm/cold.h"
#include "shm/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/banned.h"

#define OTHER "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLp"

/* ---- the row of the key ---- */

static struct {
	char hash[KEY_HASH_TEXT];
	unsigned char digest[32], check[KEY_CHECK_VALUE];
	int digest_len;
	const char *state;
	bool found;
	struct identity id;
} stored;

static enum err
database_row(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	struct cell cells[IDENTITY_COLUMNS + 3] = {
	    [IDENTITY_COLUMNS] = {stored.hash, (int)strlen(stored.hash)},
	    {stored.check, sizeof(stored.check)},
	    {stored.state, (int)strlen(stored.state)}};

	(void)fault;
	assert_int_equal(n, 1);
	assert_int_equal(q[0]->stmt, STMT_KEY_ROW);
	assert_string_equal(q[0]->value[0], "cc_live_Ab3dE6gH");
	memcpy(stored.id.digest, stored.digest, sizeof(stored.digest));
	identity_cells(&stored.id, cells);
	cells[IDENTITY_DIGEST].len = stored.digest_len;
	give_cells(q[0], cells, COUNT(cells), stored.found);
	return ERR_OK;
}

static int
anew(void **state)
{
	static struct req r;

	forget(false);
	asked.answers = database_row;
	stored.digest_len = sizeof(stored.digest);
	memset(stored.digest, 'd', sizeof(stored.digest));
	stored.state = "live";
	stored.found = true;
	stored.id = caller();
	assert_true(key_check_value(KEY, stored.check));
	request(&r, "/api/v1/project");
	r.authorization = "Bearer " KEY;
	memset(&r.id, 0, sizeof(r.id));
	*state = &r;
	return 0;
}

static int
end(void **state)
{
	/* no place is left taken */
	assert_true(cold_has_room(app_of_tests.host, 1));
	req_end(*state);
	return 0;
}

static bool
is_warm(void)
{
	struct identity id;

	return verified_find(app_of_tests.host, KEY, &id);
}

/* ---- the header ---- */

static void
reads_headers(void **state)
{
	static const struct {
		const char *header;
		enum err want;
	} cases[] = {
	    {NULL, ERR_AUTH_MISSING},
	    {"", ERR_AUTH_MISSING},
	    {" \t ", ERR_AUTH_MISSING},
	    {"Bearer", ERR_AUTH_INVALID},
	    {"Bearer ", ERR_AUTH_INVALID},
	    {"Bearer\t" KEY, ERR_AUTH_INVALID},
	    {"Basic " KEY, ERR_AUTH_INVALID},
	    {KEY, ERR_AUTH_INVALID},
	    {"Bearer " OTHER, ERR_AUTH_INVALID},
	    {"Bearer " KEY "x", ERR_AUTH_INVALID},
	    {"Bearer " KEY, ERR_OK},
	    {"bEARER   " KEY, ERR_OK},
	    {"\t Bearer " KEY " \t", ERR_OK},
	};
	struct req *r = *state;

	forget(true);
	for (size_t i = 0; i < COUNT(cases); i++) {
		r->authorization = cases[i].header;
		r->key = NULL;
		if (auth_begin(r) != cases[i].want)
			fail_msg("%s", cases[i].header);
	}
	assert_int_equal(asked.n, 0); /* none of them */
}

/* ---- warm and cold ---- */

static void
knows_a_warm_key(void **state)
{
	struct identity id = caller();
	struct req *r = *state;

	forget(true);
	assert_int_equal(auth_begin(r), ERR_OK);
	assert_memory_equal(&r->id, &id, sizeof(id));
	assert_string_equal(r->key, KEY);
}

static void
verifies_a_cold_key(void **state)
{
	struct req *r = *state;

	assert_int_equal(auth_begin(r), ERR_OK);
	assert_string_equal(r->id.project_id, PROJECT);
	assert_string_equal(r->id.key_id, KEY_ID);
	assert_memory_equal(r->id.digest, stored.digest, 32);
	assert_true(is_warm());
	assert_int_equal(auth_begin(r), ERR_OK);
	assert_int_equal(asked.n, 1);
}

static void
refuses_what_the_row_does_not_bear_out(void **state)
{
	static const char *const not_live[] = {
	    "revoked", "expired", "disabled", "its project is deleted", ""};
	struct req *r = *state;

	stored.found = false;
	assert_int_equal(auth_begin(r), ERR_AUTH_INVALID);
	stored.found = true;
	for (size_t i = 0; i < COUNT(not_live); i++) {
		stored.state = not_live[i];
		assert_int_equal(auth_begin(r), ERR_AUTH_INVALID);
	}
	stored.state = "live";
	stored.check[0] ^= 1;
	assert_int_equal(auth_begin(r), ERR_AUTH_INVALID);
	stored.check[0] ^= 1;
	stored.digest_len = 31;
	assert_int_equal(auth_begin(r), ERR_AUTH_INVALID);
	assert_false(is_warm());
}

/* The check value fits, the hash is another key's, or none. */
static void
believes_scrypt(void **state)
{
	struct req *r = *state;
	char good[KEY_HASH_TEXT];

	memcpy(good, stored.hash, sizeof(good));
	assert_true(key_hash(OTHER, 10, stored.hash));
	assert_int_equal(auth_begin(r), ERR_AUTH_INVALID);
	memcpy(stored.hash, "damaged", sizeof("damaged"));
	assert_int_equal(auth_begin(r), ERR_INTERNAL);
	memcpy(stored.hash, good, sizeof(good));
	assert_false(is_warm());
}

static void
says_that_the_database_is_down(void **state)
{
	struct req *r = *state;

	asked.answers = database_down;
	assert_int_equal(auth_begin(r), ERR_UNAVAILABLE);
	assert_int_equal(r->retry_after, 0);
}

/* ---- come again ---- */

/* Takes the one place there is for another process; end it to have it back. */
static pid_t
take_place(uint32_t key)
{
	int ready[2];
	char byte = 0;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!cold_enter(app_of_tests.host, 1, key) ||
		    write(ready[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return child;
}

/* Two workers have one place; it is taken, and others wait. */
static void
has_few_cold_places(void **state)
{
	struct req *r = *state;
	pid_t child = take_place(1);

	app_of_tests.conf.workers = 2;
	memory.others = true;
	assert_int_equal(auth_begin(r), ERR_UNAVAILABLE);
	assert_in_range(r->retry_after, 1, 3);
	assert_non_null(strstr(r->message, "Too many keys"));
	assert_int_equal(asked.n, 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(auth_begin(r), ERR_OK);
}

/* Somebody else has the place for this very key: it is over in a moment. */
static void
waits_for_who_verifies_the_same_key(void **state)
{
	struct req *r = *state;
	pid_t child = take_place(verified_number(app_of_tests.host, KEY));
	int64_t before = clock_us();

	app_of_tests.conf.workers = 2;
	memory.others = true;
	assert_int_equal(auth_begin(r), ERR_UNAVAILABLE);
	assert_true(clock_us() - before >= CLOCK_S(1)); /* but not for ever */
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(auth_begin(r), ERR_OK);
}

/* A project that is alone may have all workers; so may one that nobody waits
 * behind. */
static void
shares_workers(void **state)
{
	struct req *r = *state;
	struct worker_death dead;
	struct host *h = app_of_tests.host;

	worker_start(h, DB_PROGRAM, &dead);
	r->id = caller();
	app_of_tests.conf.workers = 1;
	app_of_tests.conf.project_share = 50;
	assert_int_equal(auth_share(r), ERR_OK);
	memory.others = true;
	assert_int_equal(auth_share(r), ERR_OK); /* one is always fine */
	worker_is_free(h);
}

static int
begin(void **state)
{
	return begin_worker(state) == 0 && key_hash(KEY, 10, stored.hash) ? 0
									  : -1;
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, anew, end)

int
main(void)
{
	const struct CMUnitTest auth_tests[] = {
	    ONE(reads_headers),
	    ONE(knows_a_warm_key),
	    ONE(verifies_a_cold_key),
	    ONE(refuses_what_the_row_does_not_bear_out),
	    ONE(believes_scrypt),
	    ONE(says_that_the_database_is_down),
	    ONE(has_few_cold_places),
	    ONE(waits_for_who_verifies_the_same_key),
	    ONE(shares_workers),
	};

	return cmocka_run_group_tests(auth_tests, begin, end_worker);
}
