/*
 * admit.c: address, rate, scope.
 */
#include "http/admit.h"

#include "http/admit_rate.h"
#include "http/auth.h"
#include "http/route.h"

#include <stdio.h>

#include "base/banned.h"

/* Says which one, by r->route. */
static enum err
refuse_scope(struct req *r)
{
	char message[100];

	snprintf(message, sizeof(message),
	    "The API key lacks the scope \"%s\" that this call needs.",
	    scope_name(r->route->scope));
	return req_fail(r, ERR_SCOPE_DENIED, "scope", message);
}

/* False, too, when this worker has not read the list: the row is asked then. */
static bool
is_allowed(const struct req *r)
{
	const struct cidr_list *list =
	    allowed_find(&r->app->allowed, r->id.key_id, r->id.stamp);

	return list && cidr_list_has(list, &r->from);
}

/* A refused address counts nothing, a scope that is lacking does. */
static enum err
judge(struct req *r)
{
	enum err e;

	admit_rate_back(r);
	if (r->id.listed && !is_allowed(r))
		return req_fail(r, ERR_FORBIDDEN, NULL,
		    "The API key may not be used from this address.");
	e = admit_rate(r);
	if (e)
		return e;
	if (!scope_covers(r->id.scopes, r->route->scope))
		return refuse_scope(r);
	return ERR_OK;
}

/* By the row, so that it is told. */
static enum err
judge_row(struct req *r)
{
	enum err e = judge(r);

	r->refused = e == ERR_FORBIDDEN ? "address"
	    : e == ERR_RATE_LIMITED     ? "rate"
	    : e == ERR_SCOPE_DENIED     ? "scope"
					: NULL;
	return e;
}

enum err
admit(struct req *r)
{
	enum err e;

	if (r->asked)
		return judge_row(r);
	if (!judge(r))
		return ERR_OK;
	e = auth_again(r);
	return e ? e : judge_row(r);
}
