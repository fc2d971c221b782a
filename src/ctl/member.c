/*
 * member.c: members of a project.
 */
#include "ctl/project.h"

#include "base/text.h"
#include "base/uuid.h"

#include "base/banned.h"

/* The member that c->arg[1] names: by address, compared without case, or by
 * what has the form of an id, which no address has. */
static int
find_member(struct ctl *c, char user_id[UUID_TEXT])
{
	const char *given = c->arg[1];
	bool is_id = uuid_is(given);
	struct db_query q;
	int rc = project_find(c, c->arg[0]);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_MEMBER_FIND);
	db_text(&q, c->project_id);
	db_text(&q, is_id ? given : NULL);
	db_text(&q, is_id ? NULL : given);
	rc = ctl_ask(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) == 0)
		rc = ctl_fail(c, ERR_NOT_FOUND,
		    is_id ? "this project has no member with the userId \"%s\""
			  : "this project has no member \"%s\"",
		    given);
	else
		text_copy(user_id, UUID_TEXT, db_value(&q, 0, 0, NULL));
	db_query_clear(&q);
	return rc;
}

/* ---- the commands ---- */

int
ctl_member_list(struct ctl *c)
{
	struct db_query q;
	int rc = project_find(c, c->arg[0]);

	if (rc)
		return rc;
	db_query_init(&q, STMT_OP_MEMBER_LIST);
	db_text(&q, c->project_id);
	rc = ctl_ask(c, &q);
	return rc ? rc : ctl_print_rows(c, &q);
}

int
ctl_member_accept(struct ctl *c)
{
	const char *given = c->option[OPT_NAME];
	char name[CTL_NAME];
	struct db_query q;
	int rc;

	if ((given && (rc = ctl_name(c, given, name))) ||
	    (rc = project_find(c, c->arg[0])))
		return rc;
	ctl_write(c, &q, STMT_OP_MEMBER_ACCEPT, given ? "{name}" : "{}");
	db_text(&q, c->arg[1]);
	db_text(&q, given ? name : NULL);
	rc = ctl_do_locked(c, &q);
	if (rc)
		return rc;
	if (db_rows(&q) > 0)
		return ctl_print_row(c, &q);
	db_query_clear(&q);
	return ctl_fail(c, ERR_NOT_FOUND,
	    "\"%s\" has not been invited to this project", c->arg[1]);
}

int
ctl_member_role(struct ctl *c)
{
	char user_id[UUID_TEXT];
	struct db_query q;
	int rc;

	if (!text_is_one_of(c->arg[2], text_roles))
		return ctl_fail(
		    c, ERR_VALIDATION, "ROLE: owner, admin or member");
	rc = find_member(c, user_id);
	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_MEMBER_ROLE, "{role}");
	db_text(&q, user_id);
	db_text(&q, c->arg[2]);
	rc = ctl_do(c, &q);
	return rc ? rc : ctl_print_row(c, &q);
}

int
ctl_member_remove(struct ctl *c)
{
	char user_id[UUID_TEXT];
	struct db_query q;
	int rc = find_member(c, user_id);

	if (rc)
		return rc;
	ctl_write(c, &q, STMT_OP_MEMBER_REMOVE, "{}");
	db_text(&q, user_id);
	rc = ctl_do(c, &q);
	return rc ? rc : ctl_print_row(c, &q);
}
