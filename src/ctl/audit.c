/*
 * audit.c: the audit log given away: where it ends, and all of it.
 */
#include "ctl/audit.h"

#include "base/text.h"
#include "ctl/plain.h"
#include "ctl/when.h"

#include <json-c/json.h>
#include <string.h>

#include "base/banned.h"

#define BATCH 1000 /* rows */

int
audit_heads(struct ctl *c, const char *name, struct db_query *q)
{
	bool id = name && uuid_is(name);
	int rc = ctl_connect(c);

	if (rc)
		return rc;
	db_query_init(q, STMT_OP_AUDIT_HEADS);
	db_text(q, id ? name : NULL);
	db_text(q, id ? NULL : name);
	return ctl_ask(c, q);
}

int
audit_no_project(struct ctl *c, const char *name)
{
	return ctl_fail(c, ERR_NOT_FOUND, "no project \"%s\"", name);
}

int
ctl_audit_head(struct ctl *c)
{
	struct db_query q;
	int rc = audit_heads(c, c->arg[0], &q);

	if (rc)
		return rc;
	if (!c->arg[0] || db_rows(&q) > 0)
		return ctl_print_rows(c, &q);
	db_query_clear(&q);
	return audit_no_project(c, c->arg[0]);
}

/* ---- export ---- */

struct export
{
	const char *since; /* ms, or NULL */
	bool csv, begun;
};

static int
put_row(struct ctl *c, struct export *to, const char *text)
{
	struct json_object *row = json_tokener_parse(text);

	if (!row)
		return ctl_fail(c, ERR_INTERNAL, "out of memory");
	if (to->csv && !to->begun)
		plain_csv_head(row);
	to->begun = true;
	if (to->csv)
		plain_csv(row);
	else
		plain_json(row);
	json_object_put(row);
	return CTL_DONE;
}

/* So many rows at a time: a log may be longer than memory. */
static int
export_project(struct ctl *c, struct export *to, const char *project)
{
	int64_t number = 0;
	int n = BATCH, rc = CTL_DONE;

	for (bool first = true; !rc && n == BATCH; first = false) {
		struct db_query q;

		db_query_init(&q, STMT_OP_AUDIT_EXPORT);
		db_text(&q, project);
		if (first)
			db_text(&q, NULL);
		else
			db_int(&q, number);
		db_text(&q, to->since);
		db_int(&q, BATCH);
		rc = ctl_ask(c, &q);
		if (rc)
			return rc;
		n = db_rows(&q);
		for (int i = 0; !rc && i < n; i++)
			rc = put_row(c, to, db_value(&q, i, 0, NULL));
		if (n > 0)
			number = db_bigint(&q, n - 1, 1);
		db_query_clear(&q);
	}
	return rc;
}

/* --since and --format. */
static int
read_export(struct ctl *c, struct export *to, char since[TEXT_DECIMAL])
{
	const char *format = c->option[OPT_FORMAT],
		   *from = c->option[OPT_SINCE];
	int64_t ms;

	if (from && !(when_moment(from, &ms) && ms >= 0))
		return ctl_fail(c, ERR_VALIDATION,
		    "--since: 2027-03-31 or 2027-03-31T18:30:00Z");
	if (from)
		text_decimal(since, (uint64_t)ms);
	to->since = from ? since : NULL;
	to->csv = format && strcmp(format, "csv") == 0;
	if (format && !to->csv && strcmp(format, "jsonl") != 0)
		return ctl_fail(c, ERR_VALIDATION, "--format: jsonl or csv");
	return CTL_DONE;
}

int
ctl_audit_export(struct ctl *c)
{
	char since[TEXT_DECIMAL];
	struct export to = {0};
	struct db_query q;
	int rc = read_export(c, &to, since);

	if (!rc)
		rc = audit_heads(c, c->arg[0], &q);
	if (rc)
		return rc;
	if (c->arg[0] && db_rows(&q) == 0)
		rc = audit_no_project(c, c->arg[0]);
	for (int i = 0; !rc && i < db_rows(&q); i++)
		rc = export_project(c, &to, db_value(&q, i, 1, NULL));
	db_query_clear(&q);
	return rc;
}
