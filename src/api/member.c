/*
 * member.c: handlers of members, their roles and their invitations, whose token
 * is told once, in the answer that makes it.
 */
#include "api/handlers.h"

#include "api/vault.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypt/token.h"
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

enum { RESEND_TARGET, RESEND_FIELDS };
static const struct field resend_fields[] = {[RESEND_TARGET] = TARGET};
BODY(member_resend_body, resend_fields, RESEND_FIELDS);

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

/* {"data": {<row>, "token": "…"}} */
static void
reply_token(struct req *r, const struct db_query *q, const struct token *t)
{
	size_t len;
	const char *row = db_value(q, 0, 0, &len);

	etag_set(r, db_value(q, 0, 1, NULL));
	answer_text(r, "{\"data\":");
	answer_raw(r, row, len - 1); /* without its closing brace */
	answer_text(r, ",\"token\":\"");
	answer_text(r, t->text);
	answer_text(r, "\"}}");
}

/* A new token, and the same sealed for the host's mailer. */
struct invitation {
	struct token token;
	const unsigned char *sealed; /* NULL: there is no mailer */
	size_t len;
};

/* Draws one; where there is a mailer with a trip for the data keys. */
static enum err
draw_invitation(struct req *r, struct invitation *i)
{
	struct seal_name what = {"mail_queue", "token"};
	struct vault vault;
	enum err e;

	i->sealed = NULL;
	if (!token_draw(&i->token))
		return ERR_INTERNAL;
	if (!r->app->conf.sendmail)
		return ERR_OK;
	e = vault_read(r, &vault);
	if (e)
		return e;
	i->sealed =
	    vault_seal(r, &vault, what, i->token.text, TOKEN_LENGTH, &i->len);
	vault_wipe(&vault);
	return i->sealed ? ERR_OK : ERR_INTERNAL;
}

/* Behind the write: queues it for the member of that address, or userId. */
static void
add_mail(struct req *r, const struct invitation *i, const char *email,
    const char *user)
{
	struct db_query *q;

	if (!i->sealed)
		return;
	q = guard_write_part(r, STMT_MAIL_ADD);
	db_text(q, email);
	db_text(q, user);
	db_bytes(q, i->sealed, i->len);
}

static enum err
refuse_more_members(struct req *r)
{
	char full[80];

	snprintf(full, sizeof(full), "A project has at most %d members.",
	    r->app->conf.max_members);
	return req_fail(r, ERR_CONFLICT, NULL, full);
}

enum err
member_invite(struct req *r)
{
	struct db_query *q;
	struct invitation i;
	enum err e = draw_invitation(r, &i);

	if (e)
		return e;
	q = guard_write_part(r, STMT_MEMBER_LOCK);
	db_text(q, req_text(r, INVITE_EMAIL));
	guard_write_part(r, STMT_PROJECT_LOCK);
	q = guard_write(r, STMT_MEMBER_INVITE);
	db_text(q, req_text(r, INVITE_EMAIL));
	db_text(q, req_text(r, INVITE_ROLE));
	db_int(q, r->app->conf.max_members);
	db_bytes(q, i.token.hash, sizeof(i.token.hash));
	add_mail(r, &i, req_text(r, INVITE_EMAIL), NULL);
	e = guard_run(r);
	if (!e && db_rows(q) > 0)
		reply_token(r, q, &i.token);
	else if (!e)
		e = refuse_more_members(r);
	secret_wipe(&i, sizeof(i));
	return e;
}

enum err
member_resend(struct req *r)
{
	const char *user = req_text(r, RESEND_TARGET);
	struct db_query *q, *there;
	struct invitation i;
	enum err e = draw_invitation(r, &i);

	if (e)
		return e;
	q = guard_write(r, STMT_MEMBER_RESEND);
	db_text(q, user);
	db_bytes(q, i.token.hash, sizeof(i.token.hash));
	add_mail(r, &i, NULL, user);
	there = guard_read(r, STMT_MEMBER_TAG);
	db_text(there, user);
	e = guard_run(r);
	if (!e && db_rows(q) > 0)
		reply_token(r, q, &i.token);
	else if (!e && db_rows(there) > 0)
		e = req_fail(r, ERR_CONFLICT, "targetUserId",
		    "The member is active: there is no invitation to send.");
	else if (!e)
		e = req_not_found(r, RESEND_TARGET);
	secret_wipe(&i, sizeof(i));
	return e;
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
