/*
 * audit_verify.c: audit logs against their own chains, and against heads that
 * were kept elsewhere. What has been done to one is told by the statement that
 * looks (src/db/sql/audit.sql), a part of the log at a time.
 */
#include "ctl/audit.h"

#include "base/text.h"
#include "ctl/kept.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

#define BATCH 10000 /* rows: some hundred milliseconds */
#define FAULT 256   /* bytes of what is wrong, as told */

/* The columns of STMT_OP_AUDIT_VERIFY. */
enum {
	ROWS,
	LAST,
	LAST_HASH,
	HEAD,
	HEAD_HASH,
	WHAT,
	NUMBER,
	ID,
	BEFORE,
	BEFORE_ID
};

/* One log as far as it was looked at. */
struct log_end {
	int64_t number;
	char hash[KEPT_HASH];
	char fault[FAULT]; /* "": none */
};

/* "row 3 is" or "rows 3 to 5 are", and then the words. */
static void
tell_rows(char out[FAULT], const char *how, int64_t from, int64_t to,
    const char *words)
{
	if (from == to)
		snprintf(out, FAULT, "%srow %lld is %s", how, (long long)from,
		    words);
	else
		snprintf(out, FAULT, "%srows %lld to %lld are %s", how,
		    (long long)from, (long long)to, words);
}

/* The first row that does not fit. */
static void
tell_row(const struct db_query *q, char out[FAULT])
{
	const char *what = db_value(q, 0, WHAT, NULL), *id;
	int64_t number = db_bigint(q, 0, NUMBER), before;
	size_t len = strcspn(what, " ");
	bool other = what[len] != '\0'; /* "… before" */

	before = db_bigint(q, 0, BEFORE);
	id = db_value(q, 0, other ? BEFORE_ID : ID, NULL);
	if (strcmp(what, "missing") == 0 && number > before + 1)
		tell_rows(out, "", before + 1, number - 1, "missing");
	else if (strcmp(what, "missing") == 0)
		snprintf(out, FAULT, "a row before row %lld (%s) is missing",
		    (long long)number, id);
	else
		snprintf(out, FAULT, "row %lld (%s) was %.*s",
		    (long long)(other ? before : number), id ? id : "-",
		    (int)len, what);
}

/* All rows fit: the last one must be what the head says. */
static void
check_end(const struct db_query *q, struct log_end *l)
{
	int64_t head = db_bigint(q, 0, HEAD);
	const char *hash = db_value(q, 0, HEAD_HASH, NULL);

	if (!hash && l->number == 0) /* the first one tells of its making */
		text_copy(
		    l->fault, FAULT, "all of it is missing, its head, too");
	else if (!hash)
		text_copy(l->fault, FAULT, "its head is missing");
	else if (head > l->number)
		tell_rows(l->fault, "the tail is cut: ", l->number + 1, head,
		    "missing");
	else if (head < l->number)
		tell_rows(l->fault, "behind the head: ", head + 1, l->number,
		    "inserted");
	else if (strcmp(hash, l->hash) != 0)
		snprintf(l->fault, FAULT, "row %lld was edited, or the head",
		    (long long)head);
}

/* The next part of it; *more: there may be another one. */
static int
verify_part(struct ctl *c, const char *project, bool first, struct log_end *l,
    bool *more)
{
	struct db_query q;
	int rc;

	db_query_init(&q, STMT_OP_AUDIT_VERIFY);
	db_text(&q, project);
	if (first)
		db_text(&q, NULL);
	else
		db_int(&q, l->number);
	db_text(&q, l->hash);
	db_int(&q, BATCH);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_value(&q, 0, LAST_HASH, NULL)) {
		l->number = db_bigint(&q, 0, LAST);
		text_copy(l->hash, KEPT_HASH, db_value(&q, 0, LAST_HASH, NULL));
	}
	*more = db_bigint(&q, 0, ROWS) == BATCH;
	if (db_value(&q, 0, WHAT, NULL))
		tell_row(&q, l->fault);
	else if (!*more)
		check_end(&q, l);
	db_query_clear(&q);
	return CTL_DONE;
}

/* A head that was kept against the log, which is whole in itself. */
static int
compare(struct ctl *c, const struct kept_head *k, struct log_end *l)
{
	struct db_query q;
	const char *hash;
	int rc;

	if (k->number > l->number) {
		tell_rows(l->fault, "the tail is cut: ", l->number + 1,
		    k->number, "missing, as a head that was kept says");
		return CTL_DONE;
	}
	if (k->number == 0)
		return CTL_DONE;
	db_query_init(&q, STMT_OP_AUDIT_HASH);
	db_text(&q, k->project);
	db_int(&q, k->number);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	hash = db_rows(&q) > 0 ? db_value(&q, 0, 0, NULL) : NULL;
	if (!hash || strcmp(hash, k->hash) != 0)
		snprintf(l->fault, FAULT,
		    "row %lld, or one before it, is another than when the head "
		    "was kept: the chain was made anew",
		    (long long)k->number);
	db_query_clear(&q);
	return CTL_DONE;
}

/* Whether its purge has begun, or it is gone, since all were asked for. */
static int
ask_going(struct ctl *c, const char *project, bool *going)
{
	struct db_query q;
	int rc = audit_heads(c, project, &q);

	if (rc)
		return rc;
	*going = db_rows(&q) == 0;
	db_query_clear(&q);
	return CTL_DONE;
}

/* The row of the answer; `held`: number of the last head that the log was held
 * against, or 0. */
static void
add_result(struct json_object *list, const char *slug, const char *project,
    const struct log_end *l, int64_t held)
{
	struct json_object *o = object_new();

	object_text(o, "projectSlug", slug);
	object_text(o, "projectId", project);
	object_int(o, "number", l->number);
	if (held > 0)
		object_int(o, "head", held);
	else
		object_text(o, "head", NULL);
	object_text(o, "fault", l->fault[0] ? l->fault : NULL);
	object_push(list, o);
}

static int
verify_project(struct ctl *c, const struct kept *k, const char *slug,
    const char *project, struct json_object *list, bool *bad)
{
	struct log_end l = {0};
	bool more = true, going = false;
	int64_t held = 0;
	int rc = CTL_DONE;

	memset(l.hash, '0', KEPT_HASH - 1);
	for (bool first = true; !rc && more && !l.fault[0]; first = false)
		rc = verify_part(c, project, first, &l, &more);
	for (size_t i = 0; !rc && i < k->n && !l.fault[0]; i++) {
		if (strcmp(k->head[i].project, project) != 0)
			continue;
		if (k->head[i].number > held)
			held = k->head[i].number;
		rc = compare(c, &k->head[i], &l);
	}
	if (!rc && l.fault[0])
		rc = ask_going(c, project, &going);
	if (rc || going)
		return rc;
	*bad = *bad || l.fault[0];
	add_result(list, slug, project, &l, held);
	return rc;
}

/* ---- projects that are gone ---- */

static bool
is_listed(const struct db_query *heads, const char *project)
{
	for (int i = 0; i < db_rows(heads); i++)
		if (strcmp(db_value(heads, i, 1, NULL), project) == 0)
			return true;
	return false;
}

/* What its purge has left must be what was kept, or come after it. */
static int
verify_purged(struct ctl *c, const struct kept_head *k,
    struct json_object *list, bool *bad)
{
	struct log_end l = {0};
	struct db_query q;
	const char *hash;
	int rc;

	db_query_init(&q, STMT_OP_AUDIT_PURGED);
	db_text(&q, k->project);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	hash = db_rows(&q) > 0 ? db_value(&q, 0, 2, NULL) : NULL;
	l.number = hash ? db_bigint(&q, 0, 1) : 0;
	if (db_rows(&q) == 0)
		text_copy(l.fault, FAULT, "it is gone, and was not purged");
	else if (!hash && !db_bool(&q, 0, 0))
		text_copy(l.fault, FAULT, "its purge has kept no end");
	else if (hash && k->number > l.number)
		tell_rows(l.fault,
		    "the tail was cut before its purge: ", l.number + 1,
		    k->number, "missing");
	else if (hash && k->number == l.number && strcmp(hash, k->hash) != 0)
		text_copy(l.fault, FAULT,
		    "its last row at its purge was another than the one kept");
	db_query_clear(&q);
	if (l.fault[0]) {
		*bad = true;
		add_result(list, NULL, k->project, &l, k->number);
	}
	return CTL_DONE;
}

/* Those of the heads kept that no log is there for; `only` this project. */
static int
verify_gone(struct ctl *c, const struct kept *k, const struct db_query *heads,
    struct json_object *list, bool *bad)
{
	const char *only = c->arg[0];
	bool known = !only || db_rows(heads) > 0;
	int rc = CTL_DONE;

	for (size_t i = 0; !rc && i < k->n; i++) {
		const struct kept_head *head = &k->head[i];

		if (is_listed(heads, head->project) ||
		    (only && strcmp(only, head->project) != 0))
			continue;
		known = true;
		rc = verify_purged(c, head, list, bad);
	}
	return rc || known ? rc : audit_no_project(c, only);
}

static int
verify_all(struct ctl *c, const struct kept *k)
{
	struct db_query heads;
	struct json_object *list;
	bool bad = false;
	int rc = audit_heads(c, c->arg[0], &heads);

	if (rc)
		return rc;
	list = object_list();
	for (int i = 0; !rc && i < db_rows(&heads); i++)
		rc = verify_project(c, k, db_value(&heads, i, 2, NULL),
		    db_value(&heads, i, 1, NULL), list, &bad);
	if (!rc)
		rc = verify_gone(c, k, &heads, list, &bad);
	db_query_clear(&heads);
	if (rc) {
		json_object_put(list); /* the failure is the answer */
		return rc;
	}
	rc = ctl_print(c, list);
	return rc || !bad ? rc : CTL_FAILED;
}

int
ctl_audit_verify(struct ctl *c)
{
	const char *path = c->option[OPT_HEAD], *why;
	struct kept k = {0};
	int rc;

	if (path && !kept_file(&k, path, &why))
		rc = ctl_fail(c, ERR_VALIDATION, "--head: %s: %s", path, why);
	else
		rc = verify_all(c, &k);
	kept_free(&k);
	return rc;
}
