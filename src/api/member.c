/*
 * member.c: handlers of members and their roles.
 */
#include "api/handlers.h"

#include "base/text.h"
#include "http/call.h"
#include "http/query.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static bool
is_role(const char *s, size_t len)
{
	(void)len;
	return strcmp(s, "owner") == 0 || strcmp(s, "admin") == 0 ||
	    strcmp(s, "member") == 0;
}

#define ROLE                                                                   \
	{                                                                      \
		.name = "role", .required = true, .max = REQ_BODY_MAX,         \
		.valid = is_role,                                              \
		.rule = "Must be \"owner\", \"admin\" or \"member\"."          \
	}
/* An id of any other form is simply not found, so anything goes here. */
#define TARGET                                                                 \
	{                                                                      \
		.name = "targetUserId", .required = true, .max = REQ_BODY_MAX  \
	}

static const struct field invite_fields[] = {
    {.name = "email",
	.required = true,
	.min = 1,
	.max = 254,
	.valid = text_is_email,
	.rule = "Must be an e-mail address: printable ASCII, one @."},
    ROLE,
};
static const struct field remove_fields[] = {TARGET};
static const struct field role_fields[] = {TARGET, ROLE};

const struct body member_invite_body = {invite_fields, 2, false};
const struct body member_remove_body = {remove_fields, 1, false};
const struct body member_update_role_body = {role_fields, 2, false};

enum err
member_list(struct req *r)
{
	const char *sort[4]; /* status, role, µs, id */
	struct db_query *q;
	enum err e;

	e = cursor_read(r, "members", sort, 4);
	if (e)
		return call_refuse(r, e);
	q = call_read(r, STMT_MEMBER_LIST);
	db_int(q, r->limit);
	for (int i = 0; i < 4; i++)
		db_text(q, sort[i]);
	e = call_run(r);
	return e ? e : reply_page(r, "members", q);
}

enum err
member_invite(struct req *r)
{
	char full[80];
	struct db_query *q;
	enum err e;

	q = call_write_part(r, STMT_MEMBER_LOCK);
	db_text(q, req_text(r, 0));
	call_write_part(r, STMT_PROJECT_LOCK);
	q = call_write(r, STMT_MEMBER_INVITE);
	db_text(q, req_text(r, 0));
	db_text(q, req_text(r, 1));
	db_int(q, r->app->conf.max_members);
	e = call_run(r);
	if (e)
		return e;
	if (db_rows(q) > 0)
		return reply_row(r, q);
	snprintf(full, sizeof(full), "A project has at most %d members.",
	    r->app->conf.max_members);
	return req_fail(r, ERR_CONFLICT, NULL, full);
}

/* Members have two ids, and the wrong one is easily sent. */
static enum err
no_member(struct req *r)
{
	return req_fail(r, ERR_NOT_FOUND, "targetUserId",
	    "The project has no member with this userId. Send the member's "
	    "\"userId\", not its \"id\".");
}

static enum err
reply_member(struct req *r, const struct db_query *q)
{
	enum err e = call_run(r);

	if (e)
		return e;
	return db_rows(q) > 0 ? reply_row(r, q) : no_member(r);
}

enum err
member_remove(struct req *r)
{
	struct db_query *q;

	if (!text_is_uuid(req_text(r, 0), true))
		return call_refuse(r, no_member(r));
	q = call_write(r, STMT_MEMBER_REMOVE);
	db_text(q, req_text(r, 0));
	return reply_member(r, q);
}

enum err
member_update_role(struct req *r)
{
	struct db_query *q;

	if (!text_is_uuid(req_text(r, 0), true))
		return call_refuse(r, no_member(r));
	q = call_write(r, STMT_MEMBER_UPDATE_ROLE);
	db_text(q, req_text(r, 0));
	db_text(q, req_text(r, 1));
	return reply_member(r, q);
}
