#!/bin/sh
# embed.sh: prints the C file that holds the given migrations, roles.sql and database.sql,
# so that a program always carries the schema it was built for.
set -eu

embed() { # symbol file
	cat <<EOF
__asm__(".section .rodata\n.global $1\n$1:\n"
    ".incbin \"$2\"\n.byte 0\n.previous");
EOF
}

echo '#include "db/admin.h"'
embed roles_sql migrations/roles.sql
embed database_sql migrations/database.sql
for file; do
	name=$(basename "$file" .sql)
	embed "sql_$name" "$file"
	echo "extern const char sql_${name}[];"
done
echo 'const struct migration migrations[] = {'
for file; do
	name=$(basename "$file" .sql)
	version=${name%%_*}
	while [ "${version#0}" != "$version" ]; do version=${version#0}; done
	echo "	{$version, \"$name\", sql_$name},"
done
echo '	{0, 0, 0},'
echo '};'
