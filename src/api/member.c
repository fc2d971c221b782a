/*
 * member.c: handlers of members and their roles.
 */
#include "api/handlers.h"

#include "base/text.h"
#include "http/answer.h"
#include "http/etag.h"
#include "http/guard.h"
#include "http/page.h"

#include <stdio.h>

#include "base/banned.h"

#define ROLE                                                                   \
	{                                                                      \
		.name = "role", .required = true, .one_of = text_roles         \
	}
/* Members have two ids, and the wrong one is easily sent. */
#define TARGET                                                                 \
	{                                                                      \
		.name = "targetUserId", .required = true, .is_id = true,       \
		.not_found = "The project has no member with this userId. "    \
			     "Send the member's \"userId\", not its \"id\"."   \
	}

enum { INVITE_EMAIL, INVITE_ROLE, INVITE_FIELDS };
static const struct field invite_fields[] = {
    [INVITE_EMAIL] = {.name = "email",
	.required = true,
	.min = 1,
	.max = 254,
	.valid = text_is_email,
	.rule = "Must be an e-mail address: printable ASCII, one @."},
    [INVITE_ROLE] = ROLE,
};
BODY(member_invite_body, invite_fields, INVITE_FIELDS);

enum { REMOVE_TARGET, REMOVE_FIELDS };
static const struct field remove_fields[] = {[REMOVE_TARGET] = TARGET};
BODY(member_remove_body, remove_fields, REMOVE_FIELDS);

enum { UPDATE_ROLE_TARGET, UPDATE_ROLE_ROLE, UPDATE_ROLE_FIELDS };
static const struct field update_role_fields[] = {
    [UPDATE_ROLE_TARGET] = TARGET, [UPDATE_ROLE_ROLE] = ROLE};
BODY(member_update_role_body, update_role_fields, UPDATE_ROLE_FIELDS);

static const struct page_list member_pages = {
    "members", /* status, role, µs, id */
    {PAGE_NUMBER, PAGE_NUMBER, PAGE_NUMBER, PAGE_ID}};

enum err
member_list(struct req *r)
{
	const char *sort[4];
	struct db_query *q;
	enum err e;

	e = page_cursor(r, &member_pages, sort);
	if (e)
		return guard_refuse(r, e);
	q = guard_read(r, STMT_MEMBER_LIST);
	db_int(q, r->limit);
	for (int i = 0; i < 4; i++)
		db_text(q, sort[i]);
	e = guard_run(r);
	return e ? e : page_answer(r, &member_pages, q);
}

enum err
member_invite(struct req *r)
{
	char full[80];
	struct db_query *q;
	enum err e;

	q = guard_write_part(r, STMT_MEMBER_LOCK);
	db_text(q, req_text(r, INVITE_EMAIL));
	guard_write_part(r, STMT_PROJECT_LOCK);
	q = guard_write(r, STMT_MEMBER_INVITE);
	db_text(q, req_text(r, INVITE_EMAIL));
	db_text(q, req_text(r, INVITE_ROLE));
	db_int(q, r->app->conf.max_members);
	e = guard_run(r);
	if (e)
		return e;
	if (db_rows(q) > 0)
		return etag_answer(r, q, 0);
	snprintf(full, sizeof(full), "A project has at most %d members.",
	    r->app->conf.max_members);
	return req_fail(r, ERR_CONFLICT, NULL, full);
}

/* Runs a write whose last parameter are the tags. */
static enum err
run_member(struct req *r, struct db_query *q, int target)
{
	const struct db_query *now;
	enum err e;

	db_text(q, r->tags);
	now = etag_ask(r, STMT_MEMBER_TAG, req_text(r, target));
	e = guard_run(r);
	if (e || db_rows(q) > 0)
		return e;
	return etag_met_none(r, now, req_not_found(r, target));
}

enum err
member_remove(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_MEMBER_REMOVE);
	enum err e;

	db_text(q, req_text(r, REMOVE_TARGET));
	e = run_member(r, q, REMOVE_TARGET);
	return e ? e : answer_row(r, q);
}

enum err
member_update_role(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_MEMBER_UPDATE_ROLE);
	enum err e;

	db_text(q, req_text(r, UPDATE_ROLE_TARGET));
	db_text(q, req_text(r, UPDATE_ROLE_ROLE));
	e = run_member(r, q, UPDATE_ROLE_TARGET);
	return e ? e : etag_answer(r, q, 0);
}
