/*
 * db_admin.h: what needs an administrator's connection and plain SQL: roles,
 * the database, migrations. For codecourierctl only.
 */
#ifndef DB_ADMIN_H
#define DB_ADMIN_H

#include "err.h"

#include <stddef.h>

/* Made from migrations/ by the Makefile; the last has sql NULL. */
struct migration {
	int version;
	const char *name; /* "0001_schema" */
	const char *sql;
};
extern const struct migration migrations[];
extern const char roles_sql[];

struct admin;

/* Connects; NULL with `why` (no password in it). `database`: instead of the
 * conninfo's, or NULL. */
struct admin *admin_open(
    const char *conninfo, const char *database, char *why, size_t size);
void admin_close(struct admin *a);

/* Roles, then the database where it is missing. Safe to repeat. */
MUST_CHECK bool admin_create(struct admin *a, char *why, size_t size);

/* The schema's version, 0 for none, -1 on failure. */
int admin_version(struct admin *a, char *why, size_t size);

/*
 * Applies every migration above the schema's version, each in a transaction
 * of its own together with its row in schema_version, under an advisory lock
 * and a lock timeout. `done` is called after each one. False: stopped at the
 * one that `why` names; those before it stay.
 */
MUST_CHECK bool admin_migrate(struct admin *a,
    void (*done)(const struct migration *m), char *why, size_t size);

#endif
