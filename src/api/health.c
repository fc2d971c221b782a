/*
 * health.c: is this process alive, can it serve. For load balancers: no key.
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/clock.h"
#include "http/answer.h"

#include "base/banned.h"

enum err
health_live(struct req *r)
{
	answer_text(r, "{\"data\":{\"status\":\"ok\"}}");
	return ERR_OK;
}

enum err
health_ready(struct req *r)
{
	struct db_query q;
	struct db_fault fault;
	enum err e;

	db_query_init(&q, STMT_SCHEMA_VERSION);
	e = db_ask(r->app->db, &q, r->start + CLOCK_S(3), &fault);
	/* since it was connected to, an administrator can have made it so */
	if (!e && db_value(&q, 0, 2, NULL)) {
		e = ERR_UNAVAILABLE;
		fault.message = "The database is read-only.";
	}
	db_query_clear(&q);
	if (e)
		return req_fail(r, ERR_UNAVAILABLE, NULL,
		    fault.message ? fault.message
				  : "The database is not ready.");
	if (!vault_load(r->app))
		return req_fail(
		    r, ERR_UNAVAILABLE, NULL, "The keyring is not ready.");
	return health_live(r);
}
