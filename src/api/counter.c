/*
 * counter.c: handler of the usage counters. Who raises them: counter_add in
 * the database, and the operator's command.
 */
#include "api/handlers.h"

#include "http/answer.h"
#include "http/guard.h"

#include "base/banned.h"

enum err
counters_get(struct req *r)
{
	struct db_query *q = guard_read(r, STMT_COUNTERS_GET);
	enum err e = guard_run(r);

	return e ? e : answer_row(r, q);
}
