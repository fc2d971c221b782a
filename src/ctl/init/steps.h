/*
 * steps.h: the steps of init, in their order. Each looks first, so that a
 * second run changes nothing, and a dry one is the same way without the doing.
 * They return CTL_DONE, or the exit status of the failure that they reported.
 */
#ifndef INIT_STEPS_H
#define INIT_STEPS_H

#include "ctl/init/run.h"

/* database.c: roles and database, with the role's password; the schema. */
int database_make(struct init *i);
int database_migrate(struct init *i);

/* files.c: the keyring; owners and modes; the unit's way to the database. */
int files_keyring(struct init *i);
int files_owners(struct init *i);
int files_network(struct init *i);

/* A password file for the role, with a new password, seen by nobody. */
bool files_make_passfile(const char *path, char *why, size_t size);

/* first.c: the first project, its owner and key. */
int first_project(struct init *i);

/* hints.c: says what init cannot do itself. */
void hints_say(struct init *i);

#endif
