/*
 * stmt.h: every SQL statement of the project, by name: src/db/sql/NAME.sql has
 * them, with their parameters and columns. Nobody else holds SQL.
 *
 * Conventions: $1 is the project id in every statement of a handler, so that
 * no object of another project can be reached. A statement that writes takes
 * the actor next ($2 API key id or the operator's name, $3 request id, $4 the
 * client's address, $5 the names of the fields that the request gave, as
 * text[]) and writes its audit row itself, in the same statement.
 * Result columns are text, json, bytea, boolean, bigint or uuid: results travel
 * in binary format, in which text and json are their own bytes.
 */
#ifndef STMT_H
#define STMT_H

#include "base/err.h"
#include "db/statements.h" /* enum stmt, made */

#include <stddef.h>

/* Why a server is not served from, as a reason begins. What a standby holds
 * may be old: a key that was revoked on the primary is still good there. */
#define DB_STANDBY   "connected to a standby"
#define DB_READ_ONLY "the server is read-only"

struct stmt_info {
	const char *name; /* as prepared */
	int params;
	const char *sql;
};
extern const struct stmt_info stmt_table[STMT__MAX];

/* The row of a statement; `s` must be a value of the enum below STMT__MAX. */
const struct stmt_info *stmt_info(enum stmt s);

/* The text of one that takes no parameters with `value`, a literal, in the
 * place of its $1. False: no room. */
MUST_CHECK bool stmt_with(
    enum stmt s, const char *value, char *out, size_t size);

#endif
