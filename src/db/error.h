/*
 * error.h: from SQLSTATE and constraint name to our errors.
 */
#ifndef DB_ERROR_H
#define DB_ERROR_H

#include "base/err.h"

#include <stddef.h>

/* Why a statement was refused, where the database knew more than the code. */
struct db_fault {
	const char *field;      /* of the request's body; or NULL */
	const char *message;    /* static; or NULL */
	const char *constraint; /* static name, or NULL */
};

/* The constraint's name decides, else the SQLSTATE's class. Messages of the
 * server are never looked at: they are in its language and may hold values. */
enum err db_error_map(
    const char *sqlstate, const char *constraint, struct db_fault *fault);

/* A failure that rolled everything back and may not happen again. */
bool db_error_again(const char *sqlstate);

/* The connection's prepared statements do not fit any more: make a new one. */
bool db_error_stale(const char *sqlstate);

/* What it means for the operator, in a few words; "" where the SQLSTATE alone
 * has to do. */
const char *db_error_cause(const char *sqlstate);

/* "what: message" in one line, as libpq's messages are not; "" for `what`: the
 * message alone. */
void db_error_line(
    char *why, size_t size, const char *what, const char *message);

/* The server is going away and says so: nothing of the pipeline is kept. */
bool db_error_shutdown(const char *sqlstate);

#endif
