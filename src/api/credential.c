/*
 * credential.c: whoever holds an API key can end it: no key is needed but the
 * one that is named. The answer is the same whatever it was.
 */
#include "api/handlers.h"

#include "crypt/key.h"
#include "http/answer.h"
#include "http/auth.h"
#include "http/guard.h"
#include "http/once.h"

#include "base/banned.h"

static bool
is_key(const char *s, size_t len)
{
	return len == KEY_LENGTH && key_well_formed(s);
}

enum { REVOKE_KEY, REVOKE_FIELDS };
static const struct field revoke_fields[] = {
    [REVOKE_KEY] = {.name = "key",
	.required = true,
	.valid = is_key,
	.rule = "Must be a whole API key: cc_live_ or cc_test_, 8 characters "
		"of id, 32 of secret, 6 of checksum."},
};
BODY(credential_revoke_body, revoke_fields, REVOKE_FIELDS);

/* Of a deleted project it ends, too: the project may be restored, and its keys
 * with it. */
static enum err
end_key(struct req *r)
{
	struct db_query *q = guard_write(r, STMT_API_KEY_REVOKE_HELD);

	db_bytes(q, r->id.digest, sizeof(r->id.digest));
	return guard_none(r);
}

/* Of one that is revoked this changes nothing, and keeps nothing: who has found
 * it fills no room of its project. */
static enum err
end_known(struct req *r, bool revoked)
{
	enum err e = once_begin(r);

	if (revoked)
		once_only_look(r);
	if (!e && (!revoked || r->once))
		e = end_key(r);
	/* Whoever has revoked it may still be waiting for the last write. */
	return e ? e : guard_drain(r, r->id.key_id);
}

enum err
credential_revoke(struct req *r)
{
	enum err e;

	r->key = req_text(r, REVOKE_KEY);
	e = auth_holder(r);
	if (!e || (e == ERR_AUTH_INVALID && r->refused))
		e = end_known(r, e != ERR_OK);
	else if (e == ERR_AUTH_INVALID) /* nobody's, or not with this secret */
		e = ERR_OK;
	if (e)
		return e;
	answer_text(r, "{\"data\":{\"revoked\":true}}");
	return ERR_OK;
}
