/*
 * audit.h: the audit logs of some projects, for the operator's commands.
 */
#ifndef CTL_AUDIT_H
#define CTL_AUDIT_H

#include "ctl/ctl.h"

/* Connects and asks for the heads of the logs of the project that `name` is id
 * or slug of, deleted or not, or with NULL of all: see STMT_OP_AUDIT_HEADS.
 * There may be none. Reports a failure; else `q` is to be cleared. */
MUST_CHECK int audit_heads(struct ctl *c, const char *name, struct db_query *q);

/* Reports that there is none. */
int audit_no_project(struct ctl *c, const char *name);

#endif
