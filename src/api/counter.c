/*
 * counter.c: handler of the usage counters. Who raises them: counter_add in
 * the database, and the operator's command.
 */
#include "api/handlers.h"

#include "http/call.h"

#include "base/banned.h"

enum err
counters_get(struct req *r)
{
	struct db_query *q = call_read(r, STMT_COUNTERS_GET);
	enum err e = call_run(r);

	return e ? e : reply_row(r, q);
}
