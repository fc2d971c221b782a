/*
 * query.c: parameters of a statement before it runs, its result after.
 */
#include "db/query.h"

#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

void
db_query_init(struct db_query *q, enum stmt stmt)
{
	q->stmt = stmt;
	q->n = 0;
	q->result = NULL;
}

static void
add(struct db_query *q, const void *value, size_t len, int format)
{
	if (q->n >= STMT__PARAMS || len > INT32_MAX)
		abort(); /* a statement of ours, not anybody's input */
	q->value[q->n] = value;
	q->length[q->n] = (int)len;
	q->format[q->n] = format;
	q->n++;
}

void
db_text(struct db_query *q, const char *value)
{
	add(q, value, 0, 0);
}

void
db_bytes(struct db_query *q, const void *value, size_t len)
{
	add(q, value, len, 1);
}

void
db_int(struct db_query *q, int64_t value)
{
	char *text = q->number[q->n % STMT__PARAMS];

	snprintf(text, sizeof(q->number[0]), "%lld", (long long)value);
	add(q, text, 0, 0);
}

void
db_query_clear(struct db_query *q)
{
	PQclear(q->result);
	q->result = NULL;
}

int
db_rows(const struct db_query *q)
{
	return PQntuples(q->result);
}

const char *
db_value(const struct db_query *q, int row, int column, size_t *len)
{
	if (row >= db_rows(q) || PQgetisnull(q->result, row, column))
		return NULL;
	if (len)
		*len = (size_t)PQgetlength(q->result, row, column);
	return PQgetvalue(q->result, row, column);
}

bool
db_bool(const struct db_query *q, int row, int column)
{
	const char *v = db_value(q, row, column, NULL);

	return v && v[0] != 0;
}

/* In the network's order, as results come in binary form. */
int64_t
db_bigint(const struct db_query *q, int row, int column)
{
	uint64_t n = 0;
	size_t len;
	const char *v = db_value(q, row, column, &len);

	for (size_t i = 0; v && i < len; i++)
		n = n << 8 | (unsigned char)v[i];
	return (int64_t)n;
}
