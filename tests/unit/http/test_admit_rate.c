/*
 * test_admit_rate.c: which requests of a key with a limit count, and on which
 * answers it says so.
 */
#include "worker.h"

#include "answers.h"
#include "base/clock.h"
#include "crypt/key.h"
#include "http/guard.h"
#include "http/serve.h"

#include "base/banned.h"

#define LIMIT    3
#define POLICY   "RateLimit-Policy: \"key\";q=3;w=60"
#define LEFT(n)  "RateLimit: \"key\";r=" #n ";t=60"
#define UNTOLD   "!RateLimit-Policy", "!RateLimit"
#define OK       "Status: 200 OK"
#define FINE     "{\"data\":1}"
#define FAULT(c) "{\"error\":{\"code\":\"" c "\""

static enum err
works(struct req *r)
{
	enum err e = guard_run(r);

	answer_text(r, FINE);
	return e;
}

static enum err
is_absent(struct req *r)
{
	return guard_refuse(r, ERR_NOT_FOUND);
}

static const struct body no_body = {NULL, 0, true, false};
static const struct route table[] = {
    {.method = "GET",
	.path = "/read",
	.scope = SCOPE_PROJECTS_READ,
	.handler = works},
    {.method = "GET",
	.path = "/absent",
	.scope = SCOPE_PROJECTS_READ,
	.handler = is_absent},
    {.method = "POST",
	.path = "/write",
	.scope = SCOPE_PROJECTS_WRITE,
	.body = &no_body,
	.handler = works},
    {.path = NULL},
};

/* ---- the row of the key, and what the table remembers of it ---- */

static struct {
	struct identity id;
	const char *state;
	bool down;
} row;

/* Good is who comes with the row's stamp. */
static enum err
database_key(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	static const struct cell good = {"", 1};
	unsigned char check[KEY_CHECK_VALUE];
	struct cell cells[IDENTITY_COLUMNS + 3] = {
	    [IDENTITY_COLUMNS] = {"no hash", 7},
	    {check, sizeof(check)},
	    {row.state, (int)strlen(row.state)}};

	if (row.down)
		return database_down(q, n, fault);
	if (q[0]->stmt != STMT_KEY_ROW) {
		if (strcmp(row.state, "live") != 0 ||
		    memcmp(q[0]->value[3], row.id.stamp, 8) != 0)
			return ERR_AUTH_INVALID;
		give_cells(q[0], &good, 1, true);
		return ERR_OK;
	}
	assert_true(key_check_value(KEY, check));
	identity_cells(&row.id, cells);
	give_cells(q[0], cells, COUNT(cells), true);
	return ERR_OK;
}

static void
remember(void)
{
	verified_add(app_of_tests.host, KEY, &row.id);
}

static void
ask(const char *method, const char *path, const char *address)
{
	const char *const params[] = {"REQUEST_ID", RID, "REQUEST_METHOD",
	    method, "REQUEST_URI", path, "HTTP_AUTHORIZATION", "Bearer " KEY,
	    "REMOTE_ADDR", address, NULL, NULL};

	memset(&memory, 0, sizeof(memory));
	asked.n = 0;
	memory.params = params;
	serve(&app_of_tests);
	memory.params = NULL;
}

/* Seconds of a full minute, or of somewhat less on a busy machine. */
static void
level(const char *before)
{
	char *at = strstr(memory.answer, before);
	long seconds = at ? strtol(at + strlen(before), NULL, 10) : 60;

	assert_in_range(seconds, 10, 60);
	if (at)
		memcpy(at + strlen(before), "60", 2);
}

/* What stands before the message, which is not what this is about. */
static void
cut(void)
{
	char *end = strstr(memory.answer, ",\"message\"");

	if (end)
		*end = '\0';
	level(";t=");
	if (strncmp(memory.answer, "Status: 429", 11) == 0)
		level("Retry-After: ");
}

#define TOLD(method, path, status, body, ...)                                  \
	do {                                                                   \
		ask(method, path, "192.0.2.1");                                \
		cut();                                                         \
		ASSERT_ANSWER(status, body, __VA_ARGS__);                      \
	} while (0)

static int
anew(void **state)
{
	static unsigned char number;

	(void)state;
	forget(false);
	asked.answers = database_key;
	app_of_tests.routes = table;
	app_of_tests.rates = host_rates(app_of_tests.host);
	row.id = caller();
	row.id.rate = LIMIT;
	row.id.window[4] = ++number;
	row.id.stamp[0] = number;
	row.state = "live";
	row.down = false;
	remember();
	return 0;
}

static size_t
in_use(void)
{
	return rate_in_use(app_of_tests.rates, clock_us());
}

/* ---- what counts ---- */

static void
counts_to_the_limit(void **state)
{
	(void)state;
	TOLD("GET", "/read", OK, FINE, POLICY, LEFT(2), "!Retry-After");
	TOLD("HEAD", "/read", OK, "", POLICY, LEFT(1));
	TOLD("GET", "/absent", "Status: 404 Not Found", FAULT("NOT_FOUND"),
	    POLICY, LEFT(0));
	for (int i = 0; i < 2; i++)
		TOLD("GET", "/read", "Status: 429 Too Many Requests",
		    FAULT("RATE_LIMITED"), POLICY, LEFT(0), "Retry-After: 60");
	row.id.rate = 0; /* and a limit that is gone refuses nobody */
	row.id.stamp[1] = 1;
	TOLD("GET", "/read", OK, FINE, UNTOLD, "!Retry-After");
}

/* Whatever comes of it. */
static void
counts_what_fails(void **state)
{
	(void)state;
	row.id.scopes = scope_set_of("{projects:read}");
	remember();
	/* judged twice: by what is remembered, and by the row */
	TOLD("POST", "/write", "Status: 403 Forbidden", FAULT("SCOPE_DENIED"),
	    POLICY, LEFT(2));
	TOLD("GET", "/read?x", "Status: 400 Bad Request", FAULT("VALIDATION"),
	    POLICY, LEFT(1));
	row.down = true;
	TOLD("GET", "/read", "Status: 503 Service Unavailable",
	    FAULT("UNAVAILABLE"), POLICY, LEFT(0), "Retry-After: 1");
}

static void
counts_no_other(void **state)
{
	size_t before = in_use();

	(void)state;
	TOLD("GET", "/none", "Status: 404 Not Found", FAULT("NOT_FOUND"),
	    UNTOLD);
	TOLD("PUT", "/read", "Status: 405 Method Not Allowed",
	    FAULT("METHOD_NOT_ALLOWED"), UNTOLD);
	row.id.listed = 1; /* 192.0.2.0/24 */
	remember();
	ask("GET", "/read", "198.51.100.1");
	cut();
	ASSERT_ANSWER("Status: 403 Forbidden", FAULT("FORBIDDEN"), UNTOLD);
	assert_int_equal(in_use(), before);
	TOLD("GET", "/read", OK, FINE, POLICY, LEFT(2));
	row.id.rate = 0;
	remember();
	TOLD("GET", "/read", OK, FINE, UNTOLD);
}

/* By the time the guard has looked, the key is another: it is judged anew, and
 * counts once. */
static void
counts_once(void **state)
{
	(void)state;
	row.id.stamp[1] = 1;
	row.id.rate = 2;
	TOLD("GET", "/read", OK, FINE, "RateLimit-Policy: \"key\";q=2;w=60",
	    LEFT(1));
	row.id.stamp[1] = 2;
	row.id.rate = 1;
	TOLD("GET", "/read", "Status: 429 Too Many Requests",
	    FAULT("RATE_LIMITED"), "RateLimit-Policy: \"key\";q=1;w=60",
	    LEFT(0), "Retry-After: 60");
	row.id.rate = 3;
	row.id.stamp[1] = 3;
	TOLD("GET", "/read", OK, FINE, POLICY, LEFT(1));
	/* nor does the one that the list of addresses then refuses */
	row.id.stamp[1] = 4;
	row.id.listed = 1;
	ask("GET", "/read", "198.51.100.1");
	cut();
	ASSERT_ANSWER("Status: 403 Forbidden", FAULT("FORBIDDEN"), UNTOLD);
	TOLD("GET", "/read", OK, FINE, POLICY, LEFT(0));
}

/* A key that is no longer good, let in or not, takes nothing from the window,
 * which its successor has; and learns nothing of it. */
static void
counts_no_dead_key(void **state)
{
	struct identity live = row.id;

	(void)state;
	for (int left = LIMIT - 1; left >= 0; left--) {
		row.state = "revoked";
		for (int i = 0; i < 4; i++) {
			remember();
			TOLD("GET", "/read", "Status: 401 Unauthorized",
			    FAULT("AUTH_INVALID"), UNTOLD, "!Retry-After");
		}
		row.state = "live";
		row.id = live;
		remember();
		TOLD("GET", "/read", OK, FINE, POLICY);
	}
	row.state = "revoked";
	remember();
	TOLD("GET", "/read", "Status: 401 Unauthorized", FAULT("AUTH_INVALID"),
	    UNTOLD, "!Retry-After");
}

/* Nobody is let in uncounted. */
static void
refuses_what_it_cannot_count(void **state)
{
	(void)state;
	app_of_tests.rates = NULL;
	TOLD("GET", "/read", "Status: 503 Service Unavailable",
	    FAULT("UNAVAILABLE"), UNTOLD, "Retry-After: 1");
	row.id.rate = 0;
	remember();
	TOLD("GET", "/read", OK, FINE, UNTOLD);
}

int
main(void)
{
	const struct CMUnitTest admit_rate_tests[] = {
	    cmocka_unit_test_setup(counts_to_the_limit, anew),
	    cmocka_unit_test_setup(counts_what_fails, anew),
	    cmocka_unit_test_setup(counts_no_other, anew),
	    cmocka_unit_test_setup(counts_once, anew),
	    cmocka_unit_test_setup(counts_no_dead_key, anew),
	    cmocka_unit_test_setup(refuses_what_it_cannot_count, anew),
	};

	return cmocka_run_group_tests(
	    admit_rate_tests, begin_worker, end_worker);
}
