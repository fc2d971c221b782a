/*
 * stmt.c: the statements' table, which is made of src/db/sql.
 */
#include "db/stmt.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

const struct stmt_info *
stmt_info(enum stmt s)
{
	return &stmt_table[s];
}

bool
stmt_with(enum stmt s, const char *value, char *out, size_t size)
{
	const char *sql = stmt_info(s)->sql, *place = strstr(sql, "$1");
	int n = -1;

	if (place)
		n = snprintf(out, size, "%.*s%s%s", (int)(place - sql), sql,
		    value, place + 2);
	return n >= 0 && (size_t)n < size;
}
