/*
 * key_list.c: which API keys there are, and whose one is.
 */
#include "ctl/key.h"

#include "base/text.h"
#include "ctl/project.h"
#include "ctl/when.h"

#include "base/banned.h"

/* Adds what is wanted as parameters, runs it and takes the rows. */
static int
take_keys(struct ctl *c, struct db_query *q, bool ended, const int64_t *unused,
    struct json_object **list)
{
	int rc;

	db_text(q, ended ? "t" : "f");
	if (unused)
		db_int(q, *unused);
	else
		db_text(q, NULL);
	rc = ctl_ask(c, q);
	if (rc)
		return rc;
	*list = ctl_rows(q);
	db_query_clear(q);
	return CTL_DONE;
}

int
key_list(
    struct ctl *c, bool ended, const int64_t *unused, struct json_object **list)
{
	struct db_query q;

	db_query_init(&q, STMT_OP_KEY_LIST);
	db_text(&q, c->project_id);
	return take_keys(c, &q, ended, unused, list);
}

/* Of all projects. */
static int
list_unused(
    struct ctl *c, bool ended, const int64_t *unused, struct json_object **list)
{
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_KEY_UNUSED);
	return take_keys(c, &q, ended, unused, list);
}

/* ---- the commands ---- */

int
ctl_key_list(struct ctl *c)
{
	const char *project = c->arg[0], *given = c->option[OPT_UNUSED];
	bool ended = c->option[OPT_ALL] != NULL;
	struct json_object *list;
	int64_t unused;
	int rc;

	if (given && !when_length(given, &unused))
		return ctl_fail(
		    c, ERR_VALIDATION, "--unused: 90d, 12h, 30m or 45s");
	if (project)
		rc = project_find(c, project);
	else
		rc = given ? CTL_DONE
			   : ctl_fail(c, ERR_VALIDATION,
				 "key list: missing: P, or --unused");
	if (rc)
		return rc;
	rc = project ? key_list(c, ended, given ? &unused : NULL, &list)
		     : list_unused(c, ended, &unused, &list);
	return rc ? rc : ctl_print(c, list);
}

int
ctl_key_find(struct ctl *c)
{
	char prefix[KEY_PREFIX + 1];
	struct db_query q;
	int rc;

	/* of a whole key nothing goes further than a list would show */
	text_copy(prefix, sizeof(prefix), c->arg[0]);
	if (!key_is_prefix(prefix))
		return ctl_fail(c, ERR_VALIDATION,
		    "PREFIX: the first 16 characters of a key, cc_live_ or "
		    "cc_test_ and eight letters or digits");
	rc = ctl_connect(c);
	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_KEY_WHOSE);
	db_text(&q, prefix);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) > 0)
		return ctl_print_row(c, &q);
	db_query_clear(&q);
	return ctl_fail(c, ERR_NOT_FOUND, "no key \"%s\"", prefix);
}
