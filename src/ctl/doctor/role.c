/*
 * role.c: what somebody who got at the API's role could leave behind, texts in
 * the database that deceive whoever reads them, and messages that lie there.
 */
#include "ctl/doctor/doctor.h"

#include "db/admin.h"

#include "base/banned.h"

/* A row a finding: what, and its fix. */
static void
warn_rows(struct doctor *d, const struct db_query *q)
{
	for (int i = 0; i < db_rows(q); i++)
		doctor_warn(
		    d, db_value(q, i, 1, NULL), "%s", db_value(q, i, 0, NULL));
}

void
doctor_role(struct doctor *d)
{
	struct db_query q;
	char why[256];

	if (!d->admin) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	db_query_init(&q, STMT_ADMIN_ROLE);
	db_text(&q, roles_sql);
	if (!admin_ask(d->admin, "role", &q, why, sizeof(why))) {
		doctor_unseen(d, "what the role codecourier has");
		return;
	}
	warn_rows(d, &q);
	db_query_clear(&q);
}

/* The rows of `stmt`, if `has` says that the schema has what it asks for, from
 * this version on. */
static void
look_for(struct doctor *d, enum stmt has, int version, enum stmt stmt)
{
	const char *name = stmt_info(stmt)->name;
	struct db_query q;
	char why[256];
	bool is_there;

	db_query_init(&q, has);
	if (!d->admin || !admin_ask(d->admin, name, &q, why, sizeof(why))) {
		doctor_unseen(d, "no connection to the database");
		return;
	}
	is_there = db_bool(&q, 0, 0);
	db_query_clear(&q);
	if (!is_there) {
		doctor_unseen(d, "a schema older than version %d", version);
		return;
	}
	db_query_init(&q, stmt);
	if (!admin_ask(d->admin, name, &q, why, sizeof(why))) {
		doctor_unseen(d, "%s", why);
		return;
	}
	warn_rows(d, &q);
	db_query_clear(&q);
}

void
doctor_texts(struct doctor *d)
{
	look_for(d, STMT_ADMIN_GUARDS_TEXTS, 6, STMT_ADMIN_TEXTS);
}

void
doctor_mail(struct doctor *d)
{
	look_for(d, STMT_ADMIN_QUEUES_MAIL, 14, STMT_ADMIN_MAIL);
}
