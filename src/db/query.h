/*
 * query.h: a statement with its parameters before it runs, its result after.
 */
#ifndef DB_QUERY_H
#define DB_QUERY_H

#include "base/err.h"
#include "db/stmt.h"

#include <stddef.h>
#include <stdint.h>

struct db_query {
	enum stmt stmt;
	int n;
	const char *value[STMT__PARAMS];
	int length[STMT__PARAMS];
	int format[STMT__PARAMS];
	char number[STMT__PARAMS][24];
	void *result; /* PGresult, owned; see db_query_clear */
};

/* Parameters, in the order $1, $2, …; NULL is SQL's NULL. Text and bytes are
 * not copied and must live until the query has run; numbers are. */
void db_query_init(struct db_query *q, enum stmt stmt);
void db_text(struct db_query *q, const char *value);
void db_bytes(struct db_query *q, const void *value, size_t len);
void db_int(struct db_query *q, int64_t value);
void db_query_clear(struct db_query *q); /* frees the result */

/* Results of a query that ran: rows, and a column's bytes (terminated by NUL,
 * valid until db_query_clear); NULL where it is SQL's NULL. `len` may be
 * NULL. */
int db_rows(const struct db_query *q);
const char *db_value(
    const struct db_query *q, int row, int column, size_t *len);
bool db_bool(const struct db_query *q, int row, int column);
int64_t db_bigint(const struct db_query *q, int row, int column); /* NULL: 0 */

#endif
