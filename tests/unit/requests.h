/*
 * requests.h: a request without a wire and a result without a database.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "unit.h"

#include "api/routes.h"
#include "http/answer.h"

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

struct cell {
	const void *value; /* NULL is NULL */
	int len;
};

/* The statement's result: one row of `n` cells, or none. */
static inline void
give_cells(struct db_query *q, const struct cell *cells, int n, bool row)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	static char name[] = "c";
	PGresAttDesc columns[16];

	assert_true(n <= (int)COUNT(columns));
	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < n; i++)
		columns[i].name = name;
	assert_true(PQsetResultAttrs(result, n, columns));
	for (int i = 0; row && i < n; i++) {
		char bytes[4000] = "";

		assert_in_range(cells[i].len, 0, sizeof(bytes) - 1);
		if (cells[i].value)
			memcpy(bytes, cells[i].value, (size_t)cells[i].len);
		assert_true(PQsetvalue(
		    result, 0, i, bytes, cells[i].value ? cells[i].len : -1));
	}
	db_query_clear(q);
	q->result = result;
}

/* The same of texts. */
static inline void
give_row(struct db_query *q, const char *const values[], int n, bool row)
{
	struct cell cells[8];

	assert_true(n <= (int)COUNT(cells));
	for (int i = 0; i < n; i++)
		cells[i] = (struct cell){
		    values[i], values[i] ? (int)strlen(values[i]) : 0};
	give_cells(q, cells, n, row);
}

/* Adds a statement to a request, as guard.h does. */
static inline struct db_query *
add_query(struct req *r)
{
	struct db_query *q = &r->queries[r->n++];

	db_query_init(q, STMT_SESSION_ANY);
	return q;
}

/* As setup and teardown of a test: one in *state, which leaves nothing. */
static inline int
begin_request(void **state)
{
	static struct req r;

	request(&r, "/api/v1/project");
	*state = &r;
	return 0;
}

static inline int
end_request(void **state)
{
	static const struct req zeros;
	struct req *r = *state;

	req_end(r);
	return memcmp(r, &zeros, offsetof(struct req, guard)) == 0 ? 0 : -1;
}

/* The answer so far as a text of its own, until the next call. */
static inline const char *
answer(const struct req *r)
{
	return r->out ? r->out->buf : "(none)";
}

#endif
