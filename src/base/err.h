/*
 * err.h: every way a function of this program can fail, and what the caller
 * of the API gets to see of it. The table in err.c is the only place that
 * knows codes and statuses.
 */
#ifndef ERR_H
#define ERR_H

#include <stdbool.h>

enum err {
	ERR_OK = 0,
	ERR_VALIDATION,
	ERR_AUTH_MISSING,
	ERR_AUTH_INVALID,
	ERR_FORBIDDEN,
	ERR_SCOPE_DENIED,
	ERR_NOT_FOUND,
	ERR_METHOD,
	ERR_CONFLICT,
	ERR_REPLAY,   /* done before: not a failure, see http/once.h */
	ERR_MISMATCH, /* of an Idempotency-Key: another request */
	ERR_RUNNING,  /* the first one is still running */
	ERR_PRECONDITION,
	ERR_TOO_LARGE,
	ERR_MEDIA_TYPE,
	ERR_RATE_LIMITED,
	ERR_FULL,        /* no room for the answer to be kept */
	ERR_INTERNAL,    /* our fault; the reason is in the log */
	ERR_UNAVAILABLE, /* nothing was written: safe to try again */
	ERR_IN_DOUBT,    /* a write that may or may not be committed */
	ERR__MAX
};

#define MUST_CHECK          __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, a) __attribute__((format(printf, fmt, a)))

struct err_info {
	const char *code;    /* "VALIDATION": stable, part of the contract */
	int status;          /* HTTP status */
	bool retryable;      /* the same request may succeed later */
	const char *message; /* used where nothing better is known */
};

/* The table's row; never NULL, an unknown value is ERR_INTERNAL's row. */
const struct err_info *err_info(enum err e);

#endif
