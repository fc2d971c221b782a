/*
 * project.c: handlers of the project's own data.
 */
#include "api/handlers.h"

#include "base/text.h"
#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"

#include "base/banned.h"

enum { UPDATE_NAME, UPDATE_SLUG, UPDATE_GITHUB_REPO_URL, UPDATE_FIELDS };
static const struct field update_fields[] = {
    [UPDATE_NAME] = {.name = "name",
	.trimmed = true,
	.one_line = true,
	.min = 1,
	.max = 100},
    [UPDATE_SLUG] = {.name = "slug",
	.min = 1,
	.max = 63,
	.valid = text_is_slug,
	.rule = "Must have a-z, 0-9 and hyphens only, none at either end, and "
		"not the form of an id."},
    [UPDATE_GITHUB_REPO_URL] = {.name = "githubRepoUrl",
	.nullable = true,
	.min = 1,
	.max = TEXT_REPO_URL,
	.valid = text_is_repo_url,
	.rule = "Must be an https URL with a host and an owner/repository "
		"path, without user, query, fragment, . and .. in the path."},
};
BODY(project_update_body, update_fields, UPDATE_FIELDS);
const struct body project_delete_body = {NULL, 0, true, false};

enum err
project_get(struct req *r)
{
	const struct db_query *q = guard_project(r);
	enum err e = guard_run(r);

	if (!e) /* of an update that gives nothing */
		e = etag_judge(r, db_value(q, 0, 2, NULL));
	return e ? e : etag_answer(r, q, 1);
}

enum err
project_update(struct req *r)
{
	const struct db_query *now;
	struct db_query *q;
	enum err e;

	if (!req_given_any(r))
		return project_get(r);
	q = guard_write(r, STMT_PROJECT_UPDATE);
	db_text(q, req_text(r, UPDATE_NAME));
	db_text(q, req_text(r, UPDATE_SLUG));
	db_text(q, req_text(r, UPDATE_GITHUB_REPO_URL));
	db_text(q, r->tags);
	now = etag_ask(r, STMT_PROJECT_TAG, NULL);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0) /* deleted after the guard looked */
		return etag_met_none(r, now, ERR_AUTH_INVALID);
	return etag_answer(r, q, 0);
}

enum err
project_delete(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_PROJECT_DELETE);
	const struct db_query *now;
	enum err e;

	db_int(q, r->app->conf.purge_days);
	db_text(q, r->tags);
	now = etag_ask(r, STMT_PROJECT_TAG, NULL);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) == 0) /* by another request, after the guard looked */
		return etag_met_none(r, now, ERR_AUTH_INVALID);
	e = guard_drain(r, NULL);
	return e ? e : answer_row(r, q);
}
