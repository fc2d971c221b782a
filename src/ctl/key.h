/*
 * key.h: API keys, for the operator's commands and init.
 */
#ifndef CTL_KEY_H
#define CTL_KEY_H

#include "crypt/key.h"
#include "ctl/key_terms.h"

/* One to be made. */
struct key_wanted {
	const char *name;        /* as ctl_name gives it */
	const char *environment; /* NULL: live */
	const char *fields;      /* of the audit row */
	struct key_terms terms;
	const char *out; /* a new file that takes it; NULL: *row does */
};

/* Makes a key of c->project_id. */
MUST_CHECK int key_create(
    struct ctl *c, struct key_wanted *want, struct json_object **row);

/* Lists the keys of c->project_id, newest first: those that have ended only if
 * wanted, and if `unused` is not NULL those alone that were not used for so
 * many seconds. */
MUST_CHECK int key_list(struct ctl *c, bool ended, const int64_t *unused,
    struct json_object **list);

/* One that is to be changed, as it was when it was looked at. */
struct key_found {
	const char *id; /* as it was given */
	bool project_deleted;
	char room[KEY_ROOM + 1]; /* what its project's keys begin with */
	char environment[8], stamp[24];
	char state[16]; /* live, disabled, expired, revoked */
	bool rotated;   /* it has a successor */
	int64_t end_ms; /* since 1970; 0: never */
	int64_t now_ms; /* the database's clock */
};

/* Connects and finds a key, of all projects: c->project_id, *k. */
MUST_CHECK int key_find(struct ctl *c, const char *id, struct key_found *k);

/* Reports that the key was changed since it was looked at. */
int key_changed(struct ctl *c, const struct key_found *k);

#endif
