/*
 * invitation.c: who has been invited becomes a member by the token that the
 * invitation gave; no API key is needed.
 */
#include "api/handlers.h"

#include "base/text.h"
#include "crypt/token.h"
#include "http/answer.h"
#include "http/guard.h"
#include "http/once.h"

#include "base/banned.h"

static bool
is_token(const char *s, size_t len)
{
	return len == TOKEN_LENGTH && token_well_formed(s);
}

enum { ACCEPT_TOKEN, ACCEPT_NAME, ACCEPT_FIELDS };
static const struct field accept_fields[] = {
    [ACCEPT_TOKEN] = {.name = "token",
	.required = true,
	.valid = is_token,
	.rule = "Must be a whole token: cc_inv_, 40 characters of secret, 6 of "
		"checksum.",
	.not_found = "There is no such invitation any more: it was used, "
		     "withdrawn or sent anew, or has expired."},
    [ACCEPT_NAME] = {.name = "name",
	.nullable = true,
	.trimmed = true,
	.one_line = true,
	.min = 1,
	.max = 100},
};
BODY(invitation_accept_body, accept_fields, ACCEPT_FIELDS);

/* Whose invitation it is or was: the member stands in the key's place. One that
 * was used is found, too, for the answer that is kept under it. */
static enum err
find_invited(struct req *r, const unsigned char hash[TOKEN_HASH])
{
	struct db_query q;
	struct db_fault fault;
	enum err e;

	db_query_init(&q, STMT_INVITATION_FIND);
	db_bytes(&q, hash, TOKEN_HASH);
	e = db_ask(r->app->db, &q, r->deadline, &fault);
	if (e)
		req_fail(r, e, NULL, fault.message);
	else if (db_rows(&q) == 0)
		e = req_not_found(r, ACCEPT_TOKEN);
	else {
		text_copy(r->id.project_id, sizeof(r->id.project_id),
		    db_value(&q, 0, 0, NULL));
		text_copy(r->id.key_id, sizeof(r->id.key_id),
		    db_value(&q, 0, 1, NULL));
	}
	db_query_clear(&q);
	return e;
}

enum err
invitation_accept(struct req *r)
{
	unsigned char hash[TOKEN_HASH];
	struct db_query *q;
	enum err e;

	r->key = req_text(r, ACCEPT_TOKEN);
	if (!token_hash(r->key, hash))
		return ERR_INTERNAL;
	e = find_invited(r, hash);
	if (!e)
		e = once_begin(r);
	if (e)
		return e;
	q = guard_write(r, STMT_INVITATION_ACCEPT);
	db_bytes(q, hash, sizeof(hash));
	db_text(q, req_text(r, ACCEPT_NAME));
	e = guard_none(r);
	if (e)
		return e;
	return db_rows(q) > 0 ? answer_row(r, q)
			      : req_not_found(r, ACCEPT_TOKEN);
}
