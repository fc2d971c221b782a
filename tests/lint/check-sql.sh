#!/usr/bin/env bash
# check-sql.sh: no word of SQL in a string of C: statements, and what
# somebody is told to type into psql, stand in src/db/sql/*.sql.
set -u
cd "$(dirname "$0")/../.." || exit 1

sources=$(find cgi-bin src -name '*.[ch]' | sort)
if [ -z "$sources" ]; then
	echo "no C file found"
	exit 1
fi

# shellcheck disable=SC2086
bad=$(awk '
BEGIN {
	words = "SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES|RETURNING|FROM|WHERE|JOIN|" \
		"CREATE|ALTER|DROP|TRUNCATE|GRANT|REVOKE|SET|RESET|SHOW|BEGIN|" \
		"COMMIT|ROLLBACK|PREPARE|EXPLAIN"
	capitals = "(^|[^A-Z_])(" words ")([^A-Z_]|$)"
	small = "select .* from |insert into |delete from |update .* set "
}
{
	line = $0
	gsub(/\047["]\047/, "", line) # a quote as a character
	while (match(line, /"([^"\\]|\\.)*"/)) {
		text = substr(line, RSTART + 1, RLENGTH - 2)
		if (text ~ capitals || tolower(text) ~ small)
			print FILENAME ":" FNR ": SQL in a string: " text
		line = substr(line, RSTART + RLENGTH)
	}
}' $sources)
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
