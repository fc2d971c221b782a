/*
 * project.c: projects: making, finding, deleting them and bringing them back.
 */
#include "ctl/project.h"

#include "base/text.h"
#include "base/uuid.h"
#include "crypt/data_key.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define NO_URL "none" /* --repo-url: the project has no repository */

static int
check_slug(struct ctl *c, const char *slug)
{
	if (text_is_slug(slug, strlen(slug)))
		return CTL_DONE;
	return ctl_fail(c, ERR_VALIDATION,
	    "--slug: 1 to 63 of a-z, 0-9 and inner hyphens, not of the form of "
	    "an id");
}

int
project_read(struct ctl *c, const char *name, const char *slug,
    const char *owner_email, struct project_wanted *p)
{
	int rc;

	if ((rc = ctl_name(c, name, p->name)) || (rc = check_slug(c, slug)))
		return rc;
	if (!text_is_email(owner_email, strlen(owner_email)))
		return ctl_fail(c, ERR_VALIDATION,
		    "--owner-email: printable ASCII, one @, at most 254");
	p->slug = slug;
	p->owner_email = owner_email;
	return CTL_DONE;
}

int
project_create(
    struct ctl *c, const struct project_wanted *p, struct json_object **row)
{
	unsigned char wrapped[DATA_KEY_WRAPPED];
	char master[KEYRING_ID];
	struct data_key key;
	struct db_query q;
	int rc;

	if ((rc = ctl_keyring(c)) || (rc = ctl_connect(c)))
		return rc;
	uuid_make(c->project_id);
	if (!data_key_make(c->keyring, c->project_id, &key, master, wrapped))
		return ctl_fail(c, ERR_INTERNAL, "cannot make a data key");
	ctl_write(c, &q, STMT_OP_PROJECT_CREATE, "{name,slug,ownerEmail}");
	db_text(&q, p->name);
	db_text(&q, p->slug);
	db_text(&q, p->owner_email);
	db_text(&q, key.id);
	db_text(&q, master);
	db_bytes(&q, wrapped, sizeof(wrapped));
	rc = ctl_do(c, &q);
	data_key_wipe(&key);
	if (rc)
		return rc;
	*row = ctl_row(&q);
	db_query_clear(&q);
	return CTL_DONE;
}

int
project_list(struct ctl *c, enum project_state state, struct json_object **list)
{
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&q,
	    state == PROJECT_DELETED ? STMT_OP_PROJECT_DELETED
				     : STMT_OP_PROJECT_LIST);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	*list = ctl_rows(&q);
	db_query_clear(&q);
	return CTL_DONE;
}

int
project_find(struct ctl *c, const char *name)
{
	struct db_query q;
	int rc = ctl_connect(c);
	bool is_id;

	if (rc)
		return rc;
	is_id = uuid_is(name);
	db_query_init(&q, STMT_OP_PROJECT_FIND);
	db_text(&q, is_id ? name : NULL);
	db_text(&q, is_id ? NULL : name);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND, "no live project \"%s\"", name);
	else
		snprintf(
		    c->project_id, UUID_TEXT, "%s", db_value(&q, 0, 0, NULL));
	db_query_clear(&q);
	return rc;
}

/* Which of those with this slug is meant is clear only for one. */
static int
choose_deleted(struct ctl *c, const struct db_query *q, const char *name)
{
	int deleted = 0;

	for (int i = 0; i < db_rows(q); i++) {
		if (!db_bool(q, i, 1))
			continue;
		deleted++;
		text_copy(c->project_id, UUID_TEXT, db_value(q, i, 0, NULL));
	}
	if (deleted == 1)
		return CTL_DONE;
	if (deleted > 1)
		return ctl_fail(c, ERR_CONFLICT,
		    "%d deleted projects had the slug \"%s\": give the id, see "
		    "codecourierctl project list --deleted",
		    deleted, name);
	if (db_rows(q) > 0)
		return ctl_fail(
		    c, ERR_CONFLICT, "project \"%s\" is not deleted", name);
	return ctl_fail(c, ERR_NOT_FOUND, "no deleted project \"%s\"", name);
}

int
project_find_deleted(struct ctl *c, const char *name)
{
	bool id = uuid_is(name);
	struct db_query q;
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_PROJECT_WHICH);
	db_text(&q, id ? name : NULL);
	db_text(&q, id ? NULL : name);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	rc = choose_deleted(c, &q, name);
	db_query_clear(&q);
	return rc;
}

/* ---- the commands ---- */

int
ctl_project_create(struct ctl *c)
{
	struct project_wanted project;
	struct json_object *row;
	int rc = project_read(c, c->option[OPT_NAME], c->option[OPT_SLUG],
	    c->option[OPT_OWNER_EMAIL], &project);

	if (!rc)
		rc = project_create(c, &project, &row);
	return rc ? rc : ctl_print(c, row);
}

int
ctl_project_list(struct ctl *c)
{
	struct json_object *list;
	int rc = project_list(
	    c, c->option[OPT_DELETED] ? PROJECT_DELETED : PROJECT_LIVE, &list);

	return rc ? rc : ctl_print(c, list);
}

int
ctl_project_show(struct ctl *c)
{
	struct db_query q;
	int rc = project_find(c, c->arg[0]);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_PROJECT_GET);
	db_text(&q, c->project_id);
	rc = ctl_ask(c, &q);
	return rc ? rc : ctl_print_row(c, &q);
}

static int
check_repo_url(struct ctl *c, const char *url)
{
	if (strcmp(url, NO_URL) == 0 ||
	    (strlen(url) <= TEXT_REPO_URL &&
		text_is_repo_url(url, strlen(url))))
		return CTL_DONE;
	return ctl_fail(c, ERR_VALIDATION,
	    "--repo-url: an https URL with a host and an owner/repository "
	    "path, without user, query, fragment, . and .. in the path, at "
	    "most " TEXT_OF(TEXT_REPO_URL) " characters, or " NO_URL);
}

int
ctl_project_update(struct ctl *c)
{
	const char *given = c->option[OPT_NAME], *slug = c->option[OPT_SLUG];
	const char *url = c->option[OPT_REPO_URL];
	char name[CTL_NAME], fields[CTL_FIELDS];
	struct db_query q;
	int rc;

	if (!ctl_fields(c, fields))
		return ctl_fail(c, ERR_VALIDATION,
		    "nothing to update: give --name, --slug or --repo-url");
	if ((given && (rc = ctl_name(c, given, name))) ||
	    (slug && (rc = check_slug(c, slug))) ||
	    (url && (rc = check_repo_url(c, url))) ||
	    (rc = project_find(c, c->arg[0])))
		return rc;
	ctl_write(c, &q, STMT_OP_PROJECT_UPDATE, fields);
	db_text(&q, given ? name : NULL);
	db_text(&q, slug);
	db_text(&q, url && strcmp(url, NO_URL) ? url : NULL);
	rc = ctl_do(c, &q);
	return rc ? rc : ctl_print_row(c, &q);
}

int
ctl_project_delete(struct ctl *c)
{
	struct db_query q;
	int rc = project_find(c, c->arg[0]);

	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_PROJECT_DELETE, "{}");
	db_int(&q, c->conf.purge_days);
	rc = ctl_do(c, &q);
	if (!rc && db_rows(&q) == 0)
		rc = ctl_fail(
		    c, ERR_NOT_FOUND, "no live project \"%s\"", c->arg[0]);
	if (!rc)
		rc = ctl_drain(c, NULL, "deleted");
	if (!rc)
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}

int
ctl_project_restore(struct ctl *c)
{
	const char *slug = c->option[OPT_SLUG];
	struct db_query lock, q, *both[] = {&lock, &q};
	struct db_fault fault;
	enum err e;
	int rc;

	if ((slug && (rc = check_slug(c, slug))) ||
	    (rc = project_find_deleted(c, c->arg[0])))
		return rc;
	db_query_init(&lock, STMT_PROJECT_LOCK);
	db_text(&lock, c->project_id);
	ctl_write(c, &q, STMT_OP_PROJECT_RESTORE, slug ? "{slug}" : "{}");
	db_text(&q, slug);
	e = ctl_run(c, both, 2, &fault);
	db_query_clear(&lock);
	if (e == ERR_CONFLICT && !slug)
		fault.message = "The slug was taken by a live project "
				"meanwhile: give another one, --slug S.";
	if (e)
		rc = ctl_db_fail(c, e, &fault);
	else if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_CONFLICT,
		    "project %s is being purged: nothing restores it",
		    c->project_id);
	else
		rc = ctl_print(c, ctl_row(&q));
	db_query_clear(&q);
	return rc;
}
