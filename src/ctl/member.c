/*
 * member.c: members of a project.
 */
#include "ctl/project.h"

#include "base/banned.h"

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
