/*
 * purge.c: removing deleted projects for good. It goes in steps, each a
 * transaction of its own that is safe to repeat (migrations/0007_purge.sql): a
 * run that was killed is taken up by the next one. `purge` also removes kept
 * answers that have ended, versions of settings and refusals that are too old,
 * and rows of mail that count no longer.
 */
#include "ctl/project.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"
#include "ctl/plain.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define BATCH     1000 /* rows in a transaction: some ten milliseconds */
#define MAX_PAUSE CLOCK_S(1)

/* Whatever its time, or only when that is over. */
enum purge_when { PURGE_NOW, PURGE_DUE };

/* Of a statement that answers a boolean. */
static int
ask_bool(struct ctl *c, struct db_query *q, bool *answer)
{
	int rc = ctl_ask(c, q);

	if (rc)
		return rc;
	*answer = db_bool(q, 0, 0);
	db_query_clear(q);
	return CTL_DONE;
}

/* As long as the last rows took nothing is done: others, too, want the disk. */
static void
pause_after(int64_t begin)
{
	int64_t took = clock_us() - begin;

	usleep((useconds_t)(took < MAX_PAUSE ? took : MAX_PAUSE));
}

/* Removes c->project_id; adds what is left of it to `list`, nothing if it is
 * not, or no longer, to be removed. */
static int
purge(struct ctl *c, enum purge_when when, struct json_object *list)
{
	struct db_query q;
	bool begun, finished = false;
	int rc;

	db_query_init(&q, STMT_OP_PURGE_BEGIN);
	db_text(&q, c->project_id);
	db_text(&q, c->operator_name);
	db_text(&q, c->request_id);
	db_text(&q, when == PURGE_DUE ? "t" : "f");
	rc = ask_bool(c, &q, &begun);
	if (rc || !begun)
		return rc;
	while (!finished) {
		int64_t begin = clock_us();

		db_query_init(&q, STMT_OP_PURGE_SOME);
		db_text(&q, c->project_id);
		db_int(&q, BATCH);
		rc = ask_bool(c, &q, &finished);
		if (rc)
			return rc;
		if (!finished)
			pause_after(begin);
	}
	db_query_init(&q, STMT_OP_PURGE_GET);
	db_text(&q, c->project_id);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	object_push(list, ctl_row(&q));
	db_query_clear(&q);
	return CTL_DONE;
}

int
ctl_project_purge(struct ctl *c)
{
	struct json_object *list;
	int rc = project_find_deleted(c, c->arg[0]);

	if (rc)
		return rc;
	list = object_list();
	rc = purge(c, PURGE_NOW, list);
	if (!rc && json_object_array_length(list) == 0)
		rc = ctl_fail(c, ERR_CONFLICT,
		    "project %s was restored meanwhile", c->project_id);
	else if (!rc)
		rc = ctl_print(
		    c, json_object_get(json_object_array_get_idx(list, 0)));
	json_object_put(list);
	return rc;
}

/* One that fails is no reason to keep the others. */
static int
purge_all(struct ctl *c, const struct db_query *due, struct json_object *list)
{
	int rc = CTL_DONE, one;

	for (int i = 0; i < db_rows(due); i++) {
		text_copy(c->project_id, UUID_TEXT, db_value(due, i, 0, NULL));
		one = purge(c, PURGE_DUE, list);
		rc = one ? one : rc;
		if (one && (c->json || one == CTL_UNAVAILABLE))
			break;
	}
	return rc;
}

/* Runs a statement that removes so many rows, $1, until there are no more;
 * `days`: its $2, or 0. */
static int
sweep(struct ctl *c, enum stmt stmt, int days)
{
	bool finished = false;

	while (!finished) {
		int64_t begin = clock_us();
		struct db_query q;
		int rc;

		db_query_init(&q, stmt);
		db_int(&q, BATCH);
		if (days > 0)
			db_int(&q, days);
		rc = ask_bool(c, &q, &finished);
		if (rc)
			return rc;
		if (!finished)
			pause_after(begin);
	}
	return CTL_DONE;
}

int
ctl_purge(struct ctl *c)
{
	struct json_object *list;
	struct db_query due;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&due, STMT_OP_PURGE_DUE);
	rc = ctl_ask(c, &due);
	if (rc)
		return rc;
	list = object_list();
	rc = purge_all(c, &due, list);
	/* workers take answers away, too, but only of a service that makes
	 * new ones (migrations/0010_idempotency.sql) */
	if (!rc)
		rc = sweep(c, STMT_OP_REPLAY_SWEEP, 0);
	if (!rc)
		rc = sweep(c, STMT_OP_SETTINGS_SWEEP, c->conf.history_days);
	if (!rc)
		rc = sweep(c, STMT_OP_MAIL_SWEEP, 0);
	if (!rc)
		rc = sweep(c, STMT_OP_REFUSAL_SWEEP, 0);
	db_query_clear(&due);
	if (!c->json && json_object_array_length(list) == 0 && !rc)
		plain_line(stdout, "nothing to do: no deleted project is due");
	if (rc && c->json)
		json_object_put(list); /* the failure is the answer */
	else
		ctl_print(c, list);
	return rc;
}
