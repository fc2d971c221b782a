/*
 * audit.c: the handler of the audit log.
 */
#include "api/handlers.h"

#include "base/utf8.h"
#include "base/uuid.h"
#include "http/answer.h"
#include "http/guard.h"
#include "http/page.h"
#include "http/query.h"

#include <string.h>

#include "base/banned.h"

/* What src/db/sql writes: tests/unit/db/test_stmt.c holds it against that. */
const char *const audit_actions[] = {"api-key.generate", "api-key.revoke",
    "api-key.rotate", "api-key.update", "counter.add", "member.accept",
    "member.invite", "member.remove", "member.resend", "member.update-role",
    "project.create", "project.delete", "project.restore", "project.update",
    "provider-key.remove", "provider-key.reveal", "provider-key.set",
    "settings.import", "settings.rollback", "settings.update", NULL};

static const struct page_list audit_pages = {
    "audit-log", {PAGE_NUMBER, PAGE_NUMBER, PAGE_ID}}; /* µs, number, id */

static bool
is_action(const char *s)
{
	for (size_t i = 0; audit_actions[i]; i++)
		if (strcmp(audit_actions[i], s) == 0)
			return true;
	return strcmp(s, "refused") == 0; /* no change: see refusals.h */
}

static bool
is_actor(const char *s)
{
	return uuid_is_ours(s, strlen(s)) || strcmp(s, "operator") == 0 ||
	    strcmp(s, "holder") == 0;
}

/* Milliseconds since the epoch, to the year 5138. */
static bool
is_ms(const char *s)
{
	size_t len = strlen(s);

	return len >= 1 && len <= 14 && strspn(s, "0123456789") == len;
}

static bool
is_object(const char *s)
{
	return s[0] != '\0' && utf8_is_valid(s);
}

static enum err
check_filters(struct req *r)
{
	static const struct {
		bool (*is_good)(const char *);
		const char *rule;
	} rules[] = {
	    [QUERY_ACTION] = {is_action, "Is not an action of the audit log."},
	    [QUERY_ACTOR] = {is_actor,
		"Must be a key's id, operator or holder."},
	    [QUERY_OBJECT] = {is_object, "Must be a kind of object, or an id."},
	    [QUERY_SINCE] = {is_ms, "Must be a time in milliseconds."},
	    [QUERY_UNTIL] = {is_ms, "Must be a time in milliseconds."},
	};

	for (size_t i = 0; i < REQ_FILTERS; i++)
		if (r->filter[i] && !rules[i].is_good(r->filter[i]))
			req_complain(r, query_filters[i], rules[i].rule);
	return r->details ? ERR_VALIDATION : ERR_OK;
}

enum err
audit_list(struct req *r)
{
	const char *sort[3], *actor = r->filter[QUERY_ACTOR];
	bool is_id = actor && uuid_is_ours(actor, strlen(actor));
	struct db_query *q;
	enum err e = check_filters(r);

	if (!e)
		e = page_cursor(r, &audit_pages, sort);
	if (e)
		return guard_refuse(r, e);
	q = guard_read(r, STMT_AUDIT_LIST);
	db_int(q, r->limit);
	for (int i = 0; i < 3; i++)
		db_text(q, sort[i]);
	db_text(q, r->filter[QUERY_ACTION]);
	db_text(q, is_id ? NULL : actor);
	db_text(q, is_id ? actor : NULL);
	db_text(q, r->filter[QUERY_OBJECT]);
	db_text(q, r->filter[QUERY_SINCE]);
	db_text(q, r->filter[QUERY_UNTIL]);
	e = guard_run(r);
	return e ? e : page_answer(r, &audit_pages, q);
}
