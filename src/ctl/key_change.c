/*
 * key_change.c: API keys that are changed or revoked.
 */
#include "ctl/key.h"

#include "base/text.h"
#include "base/uuid.h"

#include <string.h>

#include "base/banned.h"

int
key_find(struct ctl *c, const char *id, struct key_found *k)
{
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	if (!uuid_is(id))
		return ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", id);
	db_query_init(&q, STMT_OP_KEY_FIND);
	db_text(&q, id);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0) {
		db_query_clear(&q);
		return ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", id);
	}
	k->id = id;
	text_copy(c->project_id, UUID_TEXT, db_value(&q, 0, 0, NULL));
	k->project_deleted = db_bool(&q, 0, 1);
	text_copy(k->room, sizeof(k->room), db_value(&q, 0, 2, NULL));
	text_copy(
	    k->environment, sizeof(k->environment), db_value(&q, 0, 3, NULL));
	text_copy(k->stamp, sizeof(k->stamp), db_value(&q, 0, 4, NULL));
	text_copy(k->state, sizeof(k->state), db_value(&q, 0, 5, NULL));
	k->rotated = db_bool(&q, 0, 6);
	k->end_ms = db_bigint(&q, 0, 7);
	k->now_ms = db_bigint(&q, 0, 8);
	db_query_clear(&q);
	return CTL_DONE;
}

int
key_changed(struct ctl *c, const struct key_found *k)
{
	return ctl_fail(c, ERR_CONFLICT,
	    "key %s was being changed at the same moment: run this again",
	    k->id);
}

/* ---- update ---- */

static int
may_change(
    struct ctl *c, const struct key_found *k, const struct key_terms *terms)
{
	bool later = terms->end == KEY_ENDS_NEVER || terms->end_ms > k->end_ms;

	if (strcmp(k->state, "revoked") == 0 ||
	    strcmp(k->state, "expired") == 0)
		return ctl_fail(c, ERR_CONFLICT,
		    "key %s is %s, for good: make another one", k->id,
		    k->state);
	if (k->rotated && c->option[OPT_EXPIRES] && later)
		return ctl_fail(c, ERR_VALIDATION,
		    "--expires: key %s has been rotated, its end can only come "
		    "nearer",
		    k->id);
	return CTL_DONE;
}

int
ctl_key_update(struct ctl *c)
{
	const char *given = c->option[OPT_NAME];
	char name[CTL_NAME], fields[CTL_FIELDS];
	struct key_terms terms;
	struct key_found k;
	struct db_query q;
	int rc;

	if (!ctl_fields(c, fields))
		return ctl_fail(c, ERR_VALIDATION,
		    "nothing to update: give --name, --scope, --expires, "
		    "--allow-ip, --rate, --disable or --enable");
	if ((given && (rc = ctl_name(c, given, name))) ||
	    (rc = key_terms_read(c, &terms)) ||
	    (rc = key_find(c, c->arg[0], &k)) ||
	    (rc = key_terms_date(c, &terms, k.now_ms)) ||
	    (rc = may_change(c, &k, &terms)))
		return rc;
	ctl_write(c, &q, STMT_OP_KEY_UPDATE, fields);
	db_text(&q, k.id);
	db_text(&q, k.stamp);
	db_text(&q, given ? name : NULL);
	key_terms_add(&q, &terms);
	rc = ctl_do(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0)
		rc = key_changed(c, &k);
	else /* it may be narrower now */
		rc = ctl_drain(c, k.id, "changed");
	if (!rc)
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}

/* ---- revoke ---- */

int
ctl_key_revoke(struct ctl *c)
{
	struct key_found k;
	struct db_query q;
	int rc = key_find(c, c->arg[0], &k);

	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_KEY_REVOKE, "{}");
	db_text(&q, k.id);
	rc = ctl_do(c, &q);
	if (rc)
		return rc;
	rc = ctl_drain(c, k.id, "revoked");
	if (!rc)
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}
