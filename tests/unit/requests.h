/*
 * requests.h: a request without a wire and a result without a database. For
 * test_query.c and test_req.c.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "unit.h"

#include "http/req.h"
#include "api/routes.h"

#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <libpq-fe.h>

#define PROJECT "11111111-2222-4333-8444-555555555555"
#define RID     "99999999-8888-4777-8666-555555555555"

static struct app app_of_tests;

/* A request for this path; req_end it. */
static inline void
request(struct req *r, const char *path)
{
	char allow[40];

	req_begin(r, &app_of_tests);
	memcpy(r->rid, RID, sizeof(RID));
	memcpy(r->id.project_id, PROJECT, sizeof(PROJECT));
	assert_int_equal(
	    route_find(routes, "GET", path, strlen(path), &r->route, allow),
	    ERR_OK);
}

/* The statement's result: one row of `n` values, or none; NULL is NULL. */
static inline void
give_row(struct db_query *q, const char *const values[], int n, bool row)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	static char name[] = "c";
	PGresAttDesc columns[4] = {{name, 0, 0, 0, 0, 0, 0},
	    {name, 0, 0, 0, 0, 0, 0}, {name, 0, 0, 0, 0, 0, 0},
	    {name, 0, 0, 0, 0, 0, 0}};

	assert_true(n <= 4);
	assert_true(PQsetResultAttrs(result, n, columns));
	for (int i = 0; row && i < n; i++) {
		char text[4000] = "";
		size_t len = values[i] ? strlen(values[i]) : 0;

		assert_true(len < sizeof(text));
		if (values[i])
			memcpy(text, values[i], len + 1);
		assert_true(PQsetvalue(result, 0, i, values[i] ? text : NULL,
		    values[i] ? (int)len : -1));
	}
	db_query_init(q, STMT_OP_PROJECT_GET);
	q->result = result;
}

/* The answer so far as a text of its own, until the next call. */
static inline const char *
answer(const struct req *r)
{
	return r->out ? r->out->buf : "(none)";
}

#endif
