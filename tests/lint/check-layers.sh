#!/usr/bin/env bash
# check-layers.sh: reads the #include lines of the programs and the library
# and says who may not see whom: one file for each foreign library, a wing sees
# itself and those below, and no file includes itself by way of others.
set -u
cd "$(dirname "$0")/../.." || exit 1

# A foreign header and the only files that may include it (patterns). What is
# absent, json-c and the system's headers, is open to all.
libraries='
fcgi(app|misc|o|os|_stdio|_config)\.h|fastcgi\.h	src/http/fcgi\.c
libpq[-/a-z]*\.h|pg_config.*\.h	src/db/[a-z]+\.c
libscrypt\.h			src/crypt/key\.c
openssl/[a-z0-9_]+\.h		src/ctl/doctor/tls\.c
sodium(/[a-z_]+)?\.h		src/(base/(secret|random|base64)|crypt/[a-z_]+|shm/verified)\.c
'

# A wing, and those below it that it may see.
wings='
base
json	base
db	base
crypt	base
shm	base
http	base json db crypt shm
api	base json db crypt shm http
ctl	base json db crypt shm
'

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
		wing=${file#src/} wing=${wing%%/*}
		sees=" $wing $(sed -nE "s/^$wing\t//p" <<<"$wings") "
		[[ $sees == *" ${header%%/*} "* ]] ||
			echo "$file:$line: may not include $name"
	done <<<"$includes"

	# who includes whom, file by file, must have an order
	sed -nE 's,^([^:]*):[0-9]+:"(.*)"$,\1 src/\2,p' <<<"$includes" |
		tsort 2>&1 >/dev/null | sed 's/^tsort: /circle: /'

	while read -r file; do
		wing=${file#src/} wing=${wing%%/*}
		grep -q "^$wing\b" <<<"$wings" || echo "$file: in no wing"
	done < <(grep '^src/' <<<"$sources")

	# One library: the programs' mains stand in cgi-bin.
	find src -name '*.c' -exec grep -HnE '^([a-z]+[[:space:]]+)?main[[:space:]]*\(' {} + |
		sed 's/$/: no main in src/'

	# What is included behind banned.h could use what it bans; rows of a
	# table (.def) call nothing.
	for file in $(echo "$sources" | grep '\.c$') $(find tests -name '*.c'); do
		last=$(grep '^#include.*\.h[">]' "$file" | tail -n 1)
		[ "$last" = '#include "base/banned.h"' ] ||
			echo "$file: base/banned.h is not included last"
	done
)
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
