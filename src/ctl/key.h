/*
 * key.h: API keys, for the operator's commands and init.
 */
#ifndef CTL_KEY_H
#define CTL_KEY_H

#include "ctl/ctl.h"

/* One to be made. */
struct key_wanted {
	const char *name;        /* as ctl_name gives it */
	const char *environment; /* NULL: live */
	const char *out;         /* a new file that takes it; NULL: *row does */
};

/* Makes a key of c->project_id. */
MUST_CHECK int key_create(
    struct ctl *c, const struct key_wanted *want, struct json_object **row);

/* Lists the keys of c->project_id. */
MUST_CHECK int key_list(struct ctl *c, struct json_object **list);

#endif
