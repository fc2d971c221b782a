/*
 * project.h: projects, for the operator's commands and init.
 */
#ifndef CTL_PROJECT_H
#define CTL_PROJECT_H

#include "ctl/ctl.h"

/* One to be made. */
struct project_wanted {
	char name[CTL_NAME];
	const char *slug;
	const char *owner_email;
};

/* Takes name, slug and the owner's address of a new one: reports a bad one. */
MUST_CHECK int project_read(struct ctl *c, const char *name, const char *slug,
    const char *owner_email, struct project_wanted *p);

/* Makes it, with its first owner: c->project_id, *row. Loads the keyring and
 * connects. */
MUST_CHECK int project_create(
    struct ctl *c, const struct project_wanted *p, struct json_object **row);

/* Connects and lists them. */
enum project_state { PROJECT_LIVE, PROJECT_DELETED };
MUST_CHECK int project_list(
    struct ctl *c, enum project_state state, struct json_object **list);

/* Connects and finds the live project that is named: c->project_id. What has
 * the form of a UUID, in upper or lower case, is an id and nothing else; the
 * rest a slug. */
MUST_CHECK int project_find(struct ctl *c, const char *name);

/* The same of the deleted ones. */
MUST_CHECK int project_find_deleted(struct ctl *c, const char *name);

#endif
