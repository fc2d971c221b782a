/*
 * error.h: from SQLSTATE and constraint name to our errors.
 */
#ifndef DB_ERROR_H
#define DB_ERROR_H

#include "db/db.h"

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

/* The server is going away and says so: nothing of the pipeline is kept. */
bool db_error_shutdown(const char *sqlstate);

#endif
