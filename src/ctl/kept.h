/*
 * kept.h: heads of audit logs that were written down where the database's owner
 * does not get at them: in a journal, a file on another host.
 */
#ifndef CTL_KEPT_H
#define CTL_KEPT_H

#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_HASH 65 /* bytes: 64 hex digits and the end */

struct kept_head {
	char project[UUID_TEXT];
	int64_t number;
	char hash[KEPT_HASH];
};

struct kept {
	struct kept_head *head;
	size_t n;
};

/*
 * Adds the heads of a line of text, whatever stands between and around them: a
 * project's id, then its number, then 64 hex digits. So a journal will do, the
 * columns of `audit head`, and its JSON. False: no memory.
 */
MUST_CHECK bool kept_line(struct kept *k, const char *line);

/* The same of all lines of a file. False: `why` (a static text) says it. */
MUST_CHECK bool kept_file(struct kept *k, const char *path, const char **why);

void kept_free(struct kept *k);

#endif
