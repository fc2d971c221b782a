/*
 * purge.c: the end of a project: deleting it, bringing it back, and
 * removing it for good. The last goes in steps, each a transaction of its own
 * that is safe to repeat (migrations/0007_purge.sql): a run that was killed is
 * taken up by the next one.
 */
#include "ctl/ctl.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"
#include "ctl/plain.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define BATCH     1000 /* rows in a transaction: some ten milliseconds */
#define MAX_PAUSE CLOCK_S(1)

int
ctl_project_delete(struct ctl *c)
{
	struct db_query q;
	int rc = ctl_project(c);

	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_PROJECT_DELETE, "{}");
	db_int(&q, c->conf.purge_days);
	rc = ctl_run(c, &q, true);
	if (!rc && db_rows(&q) == 0)
		rc = ctl_fail(
		    c, ERR_NOT_FOUND, "no live project \"%s\"", c->arg[0]);
	if (!rc)
		rc = ctl_drain(c, NULL);
	if (!rc)
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}

/* Whether the schema knows of purging; else reports it. */
static int
check_schema(struct ctl *c)
{
	int rc = ctl_connect(c);

	if (rc || db_schema_version(c->db) >= DB_PURGE_SCHEMA)
		return rc;
	return ctl_fail(c, ERR_UNAVAILABLE,
	    "this needs schema version %d, the database has %d: codecourierctl "
	    "migrate",
	    DB_PURGE_SCHEMA, db_schema_version(c->db));
}

/* Which of those with this slug is meant is clear only for one. */
static int
choose(struct ctl *c, const struct db_query *q)
{
	int deleted = 0;

	for (int i = 0; i < db_rows(q); i++) {
		if (!db_bool(q, i, 1))
			continue;
		deleted++;
		text_copy(c->project_id, UUID_TEXT, db_value(q, i, 0, NULL));
	}
	if (deleted == 1)
		return CTL_DONE;
	if (deleted > 1)
		return ctl_fail(c, ERR_CONFLICT,
		    "%d deleted projects had the slug \"%s\": give the id, see "
		    "codecourierctl project list --deleted",
		    deleted, c->arg[0]);
	if (db_rows(q) > 0)
		return ctl_fail(c, ERR_CONFLICT,
		    "project \"%s\" is not deleted", c->arg[0]);
	return ctl_fail(
	    c, ERR_NOT_FOUND, "no deleted project \"%s\"", c->arg[0]);
}

/* Finds the deleted project that arg[0] names. */
static int
find_deleted(struct ctl *c)
{
	bool id = uuid_is(c->arg[0]);
	struct db_query q;
	int rc = check_schema(c);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_PROJECT_WHICH);
	db_text(&q, id ? c->arg[0] : NULL);
	db_text(&q, id ? NULL : c->arg[0]);
	rc = ctl_run(c, &q, false);
	if (rc)
		return rc;
	rc = choose(c, &q);
	db_query_clear(&q);
	return rc;
}

int
ctl_project_restore(struct ctl *c)
{
	const char *slug = c->option[OPT_SLUG];
	struct db_query lock, q, *both[] = {&lock, &q};
	struct db_fault fault;
	enum err e;
	int rc;

	if ((slug && (rc = ctl_slug(c))) || (rc = find_deleted(c)))
		return rc;
	db_query_init(&lock, STMT_PROJECT_LOCK);
	db_text(&lock, c->project_id);
	ctl_write(c, &q, STMT_OP_PROJECT_RESTORE, slug ? "{slug}" : "{}");
	db_text(&q, slug);
	e = db_run(c->db, both, 2, true, clock_us() + CTL_DEADLINE, &fault);
	db_query_clear(&lock);
	if (e == ERR_CONFLICT && !slug)
		fault.message = "The slug was taken by a live project "
				"meanwhile: give another one, --slug S.";
	if (e)
		rc = ctl_db_fail(c, e, &fault);
	else if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_CONFLICT,
		    "project %s is being purged: nothing restores it",
		    c->project_id);
	else
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}

/* Of a statement that answers a boolean. */
static int
ask(struct ctl *c, struct db_query *q, bool *answer)
{
	int rc = ctl_run(c, q, false); /* safe to repeat */

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
purge(struct ctl *c, bool due, struct json_object *list)
{
	struct db_query q;
	bool begun, finished = false;
	int rc;

	db_query_init(&q, STMT_OP_PURGE_BEGIN);
	db_text(&q, c->project_id);
	db_text(&q, c->operator_name);
	db_text(&q, c->request_id);
	db_text(&q, due ? "t" : "f");
	rc = ask(c, &q, &begun);
	if (rc || !begun)
		return rc;
	while (!finished) {
		int64_t begin = clock_us();

		db_query_init(&q, STMT_OP_PURGE_SOME);
		db_text(&q, c->project_id);
		db_int(&q, BATCH);
		rc = ask(c, &q, &finished);
		if (rc)
			return rc;
		if (!finished)
			pause_after(begin);
	}
	db_query_init(&q, STMT_OP_PURGE_GET);
	db_text(&q, c->project_id);
	rc = ctl_run(c, &q, false);
	if (rc)
		return rc;
	json_object_array_add(list, ctl_row(&q));
	db_query_clear(&q);
	return CTL_DONE;
}

int
ctl_project_purge(struct ctl *c)
{
	struct json_object *list;
	int rc = find_deleted(c);

	if (rc)
		return rc;
	list = json_object_new_array();
	rc = purge(c, false, list);
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
		one = purge(c, true, list);
		rc = one ? one : rc;
		if (one && (c->json || one == CTL_UNAVAILABLE))
			break;
	}
	return rc;
}

int
ctl_purge(struct ctl *c)
{
	struct json_object *list;
	struct db_query due;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	if (!c->json && db_schema_version(c->db) < DB_PURGE_SCHEMA) {
		/* The timer's first days after an upgrade. */
		plain_line(
		    stderr, "nothing is removed before codecourierctl migrate");
		return CTL_DONE;
	}
	db_query_init(&due, STMT_OP_PURGE_DUE);
	if ((rc = check_schema(c)) || (rc = ctl_run(c, &due, false)))
		return rc;
	list = json_object_new_array();
	rc = purge_all(c, &due, list);
	db_query_clear(&due);
	if (!c->json && json_object_array_length(list) == 0 && !rc)
		plain_line(stdout, "nothing to do: no deleted project is due");
	if (rc && c->json)
		json_object_put(list); /* the failure is the answer */
	else
		ctl_print(c, list);
	return rc;
}
