#!/usr/bin/env bash
# check-layers.sh: reads the #include lines of the programs and the library
# and says who may not see whom. DESIGN in short: one file for each foreign
# library, and the lower layers know nothing of the upper ones.
set -u
cd "$(dirname "$0")/../.." || exit 1

# What nobody's business is: pure helpers, failures, log, configuration.
base='banned|clock|conf|err|file|json|log|number|scan|secret|stats|text|utf8'
database='db|db_[a-z]+|stmt'

# A foreign header and the only files that may include it (patterns). What is
# absent, json-c and the system's headers, is open to all.
libraries='
fcgi(app|misc|o|os|_stdio|_config)\.h|fastcgi\.h	src/fcgi\.c
libpq[-/a-z]*\.h|pg_config.*\.h	src/db(_[a-z]+)?\.c
libscrypt\.h			src/keyhash\.c
openssl/[a-z0-9_]+\.h		src/doctor_tls\.c
sodium(/[a-z_]+)?\.h		src/(seal|secret|keyhash|verified)\.c
'

# Files of src (without .c and .h) and which of our headers they may include.
layers="
($base)		($base)
(cgi|fcgi|field)	($base|cgi|fcgi|field)
($database)	($base|$database)
"

sources=$(find cgi-bin src -name '*.[ch]' | sort)
if [ -z "$sources" ]; then
	echo "no C file found"
	exit 1
fi

# Every include as file:line:<name> or file:line:"name".
includes=$(echo "$sources" | xargs grep -Hn '^[[:space:]]*#[[:space:]]*include' |
	sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*/:/; s/([>"])[^>"]*$/\1/')

bad=$(
	while IFS=: read -r file line name; do
		header=${name:1:-1}
		while read -r pattern allowed; do
			[ -n "$pattern" ] || continue
			[[ $header =~ ^($pattern)$ ]] || continue
			[[ $file =~ ^($allowed)$ ]] ||
				echo "$file:$line: may not include $name"
		done <<<"$libraries"
		[[ $name == \"* && $file =~ ^src/ ]] || continue
		module=$(basename "${file%.[ch]}")
		while read -r pattern allowed; do
			[ -n "$pattern" ] || continue
			[[ $module =~ ^$pattern$ ]] || continue
			[[ ${header%.h} =~ ^$allowed$ ]] ||
				echo "$file:$line: may not include $name"
		done <<<"$layers"
	done <<<"$includes"

	# One library: the programs' mains stand in cgi-bin.
	find src -name '*.c' -exec grep -HnE '^([a-z]+[[:space:]]+)?main[[:space:]]*\(' {} + |
		sed 's/$/: no main in src/'

	# What is included behind banned.h could use what it bans.
	for file in $(echo "$sources" | grep '\.c$') $(find tests -name '*.c'); do
		last=$(grep '^#include' "$file" | tail -n 1)
		[ "$last" = '#include "banned.h"' ] ||
			echo "$file: banned.h is not included last"
	done
)
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
