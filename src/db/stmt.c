/*
 * stmt.c: the statements' table, which is made of src/db/sql.
 */
#include "db/stmt.h"

#include "base/banned.h"

const struct stmt_info *
stmt_info(enum stmt s)
{
	return &stmt_table[s];
}
