/*
 * worker.h: a worker without socket and database: its requests are in memory
 * (wire.h), and db_run is a function of the test's (linked with
 * --wrap=db_run), which is told what every batch was.
 */
#ifndef WORKER_H
#define WORKER_H

#include "base/log.h"
#include "crypt/key.h"
#include "http/auth.h"
#include "base/secret.h"
#include "requests.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY    "cc_live_Ab3dE6gH0123456789ABCDEFGHIJKLMNOPQRSTUV2NMmLo"
#define KEY_ID "00000000-0000-4000-8000-000000000002"

struct batch {
	enum stmt stmt[REQ_QUERIES + 6];
	const char *param[REQ_QUERIES + 6][STMT__PARAMS];
	size_t n;
	bool write;
};

/* What stands for the database: it fills the results, or says why not. */
typedef enum err database(
    struct db_query *const q[], size_t n, struct db_fault *fault);

static struct {
	database *answers; /* NULL: nobody is to ask */
	struct batch batch[16];
	size_t n;
} asked;

enum err __wrap_db_run(struct db *db, struct db_query *const q[], size_t n,
    bool write, int64_t deadline, struct db_fault *fault);
enum err __wrap_db_go_on(struct db *db, struct db_query *const q[], size_t n,
    bool commits, int64_t deadline, struct db_fault *fault);

enum err
__wrap_db_run(struct db *db, struct db_query *const q[], size_t n, bool write,
    int64_t deadline, struct db_fault *fault)
{
	struct batch *b = &asked.batch[asked.n];

	assert_non_null(db);
	assert_non_null(asked.answers);
	assert_true(deadline > 0);
	assert_true(asked.n++ < COUNT(asked.batch));
	memset(fault, 0, sizeof(*fault));
	b->n = n;
	b->write = write;
	for (size_t i = 0; i < n; i++) {
		b->stmt[i] = q[i]->stmt;
		for (int p = 0; p < q[i]->n; p++)
			b->param[i][p] = q[i]->value[p];
	}
	return asked.answers(q, n, fault);
}

/* In a transaction that is open, which is nobody's to look at here. */
enum err
__wrap_db_go_on(struct db *db, struct db_query *const q[], size_t n,
    bool commits, int64_t deadline, struct db_fault *fault)
{
	return __wrap_db_run(db, q, n, commits, deadline, fault);
}

/* A database that is content with everything: the key is good, and was used
 * just now; all else is a row of one text. */
static inline enum err
database_content(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	static const char *const row[] = {"{}", NULL, NULL};
	static const struct cell good = {"", 1};

	(void)fault;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || q[i]->stmt == STMT_GUARD_READ)
			give_cells(q[i], &good, 1, true);
		else
			give_row(q[i], row, 3, true);
	return ERR_OK;
}

static inline enum err
database_refuses(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	(void)q;
	(void)n;
	(void)fault;
	return ERR_AUTH_INVALID;
}

static inline enum err
database_down(struct db_query *const q[], size_t n, struct db_fault *fault)
{
	(void)q;
	(void)n;
	(void)fault;
	return ERR_UNAVAILABLE;
}

static char worker_folder[] = "/tmp/worker.XXXXXX";

/* Whom KEY stands for. */
static inline struct identity
caller(void)
{
	struct identity id;

	memset(&id, 0, sizeof(id));
	memcpy(id.project_id, PROJECT, sizeof(PROJECT));
	memcpy(id.key_id, KEY_ID, sizeof(KEY_ID));
	id.scopes = scope_set_of("{projects:read,projects:write}");
	return id;
}

/* The same as the database tells it: the columns of IDENTITY, see auth.h. */
static inline void
identity_cells(const struct identity *id, struct cell cells[IDENTITY_COLUMNS])
{
	static char rate[8], ends[8], scopes[SCOPE_TEXT];

	memset(rate, 0, sizeof(rate));
	memset(ends, 0, sizeof(ends));
	for (int i = 0; i < 4; i++)
		rate[7 - i] = (char)(id->rate >> 8 * i);
	for (int i = 0; i < 8; i++)
		ends[7 - i] = (char)(id->ends_ms >> 8 * i);
	scope_array(id->scopes, scopes);
	cells[IDENTITY_KEY] = (struct cell){id->key_id, UUID_TEXT - 1};
	cells[IDENTITY_PROJECT] = (struct cell){id->project_id, UUID_TEXT - 1};
	cells[IDENTITY_DIGEST] = (struct cell){id->digest, 32};
	cells[IDENTITY_STAMP] = (struct cell){id->stamp, 8};
	cells[IDENTITY_SCOPES] = (struct cell){scopes, (int)strlen(scopes)};
	cells[IDENTITY_RATE] = (struct cell){rate, 8};
	cells[IDENTITY_WINDOW] = (struct cell){id->window, 16};
	cells[IDENTITY_ENDS] = (struct cell){ends, 8};
	cells[IDENTITY_ROOM] = (struct cell){id->room, KEY_ROOM};
	cells[IDENTITY_ADDRESSES] = id->listed
	    ? (struct cell){"{192.0.2.0/24}", 14}
	    : (struct cell){"{}", 2};
}

/* As group setup: app_of_tests is a worker with a shared file of its own. */
static inline int
begin_worker(void **state)
{
	struct app *app = &app_of_tests;
	char why[256];

	(void)state;
	log_set_level(LOG_NONE);
	if (!secret_init() || !mkdtemp(worker_folder) ||
	    !conf_parse(&app->conf, "none", "CODECOURIER_SCRYPT_LOG2N=10\n",
		why, sizeof(why)))
		return -1;
	app->routes = routes;
	app->wire = &memory_wire;
	/* no such folder: it cannot be connected to */
	app->db = db_new("host=/nonexistent", DB_API, 1000);
	app->host = host_open(worker_folder, HOST_WORK, why, sizeof(why));
	app->rates = host_rates(app->host);
	return app->db && app->host ? 0 : -1;
}

static inline int
end_worker(void **state)
{
	struct app *app = &app_of_tests;
	char path[64];

	(void)state;
	db_free(app->db);
	host_close(app->host);
	conf_free(&app->conf);
	snprintf(path, sizeof(path), "%s/%s", worker_folder, HOST_FILE);
	unlink(path);
	return rmdir(worker_folder);
}

/* Before a test: nobody has asked, and KEY is known (`warm`) or not. */
static inline void
forget(bool warm)
{
	struct identity id = caller();

	memset(&memory, 0, sizeof(memory));
	memset(&asked, 0, sizeof(asked));
	verified_drop(app_of_tests.host, KEY);
	if (warm)
		verified_add(app_of_tests.host, KEY, &id);
}

#endif
