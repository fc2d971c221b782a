/*
 * err.c: the table of failures: code, status, retryable, default message.
 */
#include "base/err.h"

#include "base/array.h"

#include <stddef.h>

#include "base/banned.h"

static const struct err_info infos[] = {
    [ERR_OK] = {"OK", 200, false, ""},
    [ERR_VALIDATION] = {"VALIDATION", 400, false, "The request is invalid."},
    [ERR_AUTH_MISSING] = {"AUTH_MISSING", 401, false,
	"Send your API key as \"Authorization: Bearer <key>\"."},
    [ERR_AUTH_INVALID] = {"AUTH_INVALID", 401, false,
	"The API key is not valid."},
    [ERR_FORBIDDEN] = {"FORBIDDEN", 403, false, "Not allowed."},
    [ERR_SCOPE_DENIED] = {"SCOPE_DENIED", 403, false,
	"The API key lacks the scope that this call needs."},
    [ERR_NOT_FOUND] = {"NOT_FOUND", 404, false, "Not found."},
    [ERR_METHOD] = {"METHOD_NOT_ALLOWED", 405, false,
	"This path does not support the method; see the Allow header."},
    [ERR_CONFLICT] = {"CONFLICT", 409, false,
	"The change conflicts with the present state."},
    [ERR_REPLAY] = {"INTERNAL", 500, true, ""},
    [ERR_MISMATCH] = {"IDEMPOTENCY_MISMATCH", 409, false,
	"This Idempotency-Key was sent with another request before; a new "
	"request needs a new one."},
    [ERR_RUNNING] = {"IDEMPOTENCY_IN_PROGRESS", 409, true,
	"The first request with this Idempotency-Key is still running. Nothing "
	"was changed by this one; send it again in a second."},
    [ERR_PRECONDITION] = {"PRECONDITION_FAILED", 412, false,
	"The object has changed since the version named."},
    [ERR_TOO_LARGE] = {"PAYLOAD_TOO_LARGE", 413, false,
	"The body is larger than 2 MiB."},
    [ERR_MEDIA_TYPE] = {"UNSUPPORTED_MEDIA_TYPE", 415, false,
	"Send the body as \"Content-Type: application/json\", without a "
	"Content-Encoding."},
    [ERR_RATE_LIMITED] = {"RATE_LIMITED", 429, true,
	"The API key has made as many requests as it may within a minute. "
	"Nothing was changed; try again after the seconds in Retry-After."},
    [ERR_FULL] = {"RATE_LIMITED", 429, true,
	"The project's kept answers (Idempotency-Key) take all the room that "
	"they may. Nothing was changed; try again later, or without the "
	"header."},
    [ERR_INTERNAL] = {"INTERNAL", 500, true,
	"Something failed on our side. Nothing was changed."},
    [ERR_UNAVAILABLE] = {"UNAVAILABLE", 503, true,
	"The service cannot answer right now. Nothing was changed; try again "
	"shortly."},
    [ERR_IN_DOUBT] = {"TIMEOUT", 504, false,
	"The connection to the database was lost while the change was being "
	"committed: it may or may not have been made. Read the object before "
	"you try again."},
};

_Static_assert(ARRAY_SIZE(infos) == ERR__MAX, "every error has its row");

const struct err_info *
err_info(enum err e)
{
	if ((unsigned)e >= ERR__MAX)
		e = ERR_INTERNAL;
	return &infos[e];
}
