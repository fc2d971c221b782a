#!/usr/bin/env bash
# check-lints.sh: plants one offence at a time in a small project of its own
# and sees that the lint script which is there for it names it.
set -u
cd "$(dirname "$0")/../.." || exit 1

tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{cgi-bin,src/{base,json,db,http,ctl/doctor},migrations,nginx} \
	"$tree"/{tests/lint,build,.git}
cp .clang-format "$tree"
cp tests/lint/* "$tree/tests/lint"
touch "$tree"/{Makefile,README.md,LICENSE}
red=0

# run LINT: its output in $out, its exit status.
run() {
	out=$("$tree/tests/lint/check-$1.sh" 2>&1)
}

# plant LINT FILE TEXT [WORD]: with this file the script fails and says WORD
# (the file's name). The text is a format of printf.
plant() {
	local status

	# shellcheck disable=SC2059
	printf "$3" >"$tree/$2"
	run "$1"
	status=$?
	if [ $status -ne 1 ] || [[ $out != *"${4:-$2}"* ]]; then
		printf '%s does not refuse %s (status %s): %s\n' \
			"$1" "$2" $status "$out"
		red=1
	fi
	rm -f "${tree:?}/$2"
}

# accept LINT FILE TEXT: with this file the script is green and silent.
accept() {
	# shellcheck disable=SC2059
	printf "$3" >"$tree/$2"
	if ! run "$1" || [ -n "$out" ]; then
		printf '%s refuses %s: %s\n' "$1" "$2" "$out"
		red=1
	fi
	rm -f "${tree:?}/$2"
}

ban='#include "base/banned.h"\n'
lines() { for ((i = 0; i < $1; i++)); do printf '\\t;\\n'; done; }

# A folder without anything to look at is no reason to be green.
for lint in c format layers man plain sql units; do
	run $lint && echo "$lint is green without a file" && red=1
done

printf '#include "base/banned.h"\n' >"$tree/src/base/good.c"
for lint in c format layers shell sizes sql top; do
	accept $lint src/base/good.h '\n'
done

plant format src/base/a.h 'int  a;\n'
plant format tests/a.c 'int a ;\n'

plant layers src/base/a.c "#include <fcgiapp.h>\n$ban"
plant layers cgi-bin/a.c "  #  include  <libpq-fe.h> /* x */\n$ban"
plant layers src/db/db.h '#include <libpq-fe.h>\n'
plant layers src/http/auth.c "#include <libscrypt.h>\n$ban"
plant layers src/base/conf.c "#include <sodium.h>\n$ban"
plant layers src/base/log.c "#include \"http/req.h\"\n$ban" 'src/base/log.c:1'
plant layers src/json/scan.h '\n#include "http/field.h"\n' 'src/json/scan.h:2'
plant layers src/db/error.c "#include \"http/req.h\"\n$ban"
plant layers src/base/a.c "int\nmain(void)\n$ban" 'src/base/a.c:2'
plant layers src/base/a.c "int main (int n)\n$ban" 'src/base/a.c:1'
plant layers src/a.c "$ban" 'in no wing'
plant layers src/http/guard.c '#include "api/handlers.h"\n#include "base/banned.h"\n' src/http/guard.c:1
printf '#include "base/a.h"\n' >"$tree/src/base/b.h"
plant layers src/base/a.h '#include "base/b.h"\n' circle
rm "$tree/src/base/b.h"
plant layers src/base/a.c '#include <stdio.h>\n'
plant layers src/base/a.c "$ban#include <stdio.h>\n"
accept layers src/http/fcgi.c "#include <fcgiapp.h>\n$ban"
accept layers src/db/query.c "#include <libpq-fe.h>\n#include \"db/db.h\"\n$ban"
accept layers src/http/serve.c "#include \"http/wire.h\"\n#include \"db/db.h\"\n$ban"
accept layers cgi-bin/a.c "#include \"http/req.h\"\nint\nmain(void)\n$ban"

plant sizes src/base/a.c "int\nlong_one(void)\n{\n$(lines 59)}\n" \
	'src/base/a.c:3: long_one has 61'
plant sizes src/base/a.c " * Size: long_one_2\nlong_one(void)\n{\n$(lines 59)}\n"
plant sizes src/base/a.c "$(lines 401)" 'src/base/a.c: 401 lines'
plant sizes tests/a.py "$(lines 501)"
plant sizes Makefile "$(lines 501)"
plant sizes tests/a.sh "$(lines 30)# Size: told too late\n$(lines 500)"
touch "$tree/Makefile"
accept sizes src/base/a.c "int\nlong_one(void)\n{\n$(lines 58)}\n"
accept sizes src/base/a.c " * Size: long_one, a table.\nlong_one(void)\n{\n$(lines 59)}\n"
accept sizes src/base/a.c "$(lines 400)"
accept sizes cgi-bin/a.c "$(lines 500)"
accept sizes tests/a.py "# Size: a table.\n$(lines 501)"
accept sizes build/a.c "$(lines 501)"

plant sql src/db/a.c 'x("a", "SELECT 1");\n' 'src/db/a.c:1'
plant sql src/ctl/a.h '#define A "x " \\\n\t"\\"WHERE a"\n' 'src/ctl/a.h:2'
plant sql cgi-bin/a.c "x('\"', \"insert into a\");\n"
accept sql src/db/a.c '/* SELECT */ x("a", STMT_SELECT, "unselected FROMAGE");\n'

plant plain src/ctl/a.c 'void\nf(void)\n{\n\tputs("a");\n}\n' 'src/ctl/a.c:4: puts'
plant plain src/ctl/doctor/doctor.c 'fprintf(stderr, "%s", a);\n' 'fprintf'
accept plain src/ctl/a.c 'snprintf(a, 1, "x"); plain_line(stdout, "x");\n'

plant c src/base/a.c 'int f(void);\nint f(void)\n{\n int a[2] = {0};\n return a[2];\n}\n'
plant c tests/a.c '#include <stdlib.h>\nint f(int n);\nint f(int n)\n{\n char *p = malloc(9);\n'\
' if (n)\n return 1;\n free(p);\n return 0;\n}\n'

plant shell cgi-bin/a.sh '#!/bin/sh\ncd /x\nrm a\n'
plant shell nginx/pool '#!/bin/sh\ncd /x\nrm a\n'
plant shell tests/b '#!/usr/bin/env bash\ncd /x\nrm a\n'
accept shell tests/b '#!/usr/bin/env python3\ncd /x\nrm a\n'

cp -r cgi-bin/{man,systemd,api.conf,project-api.c} "$tree/cgi-bin"
cp src/ctl/args.c "$tree/src/ctl"
accept units cgi-bin/systemd/a.sed ''
plant units cgi-bin/systemd/a.service '[Service]\nExecStart=/bin/true\n' 'a.service is too open'
plant units cgi-bin/systemd/a.socket '[Socket]\nListenStream=/a\nModeSocket=0660\n' 'ModeSocket'
accept man cgi-bin/man/a ''
plant man cgi-bin/man/a.8 '.Dd November 23, 2026\n.Dt A 8\n.Os\n.Sh NAME\n'
plant man cgi-bin/api.conf '#CODECOURIER_NEW=1\n' CODECOURIER_NEW
plant man src/ctl/args.c '    {"key burn", "", 0}, [OPT_NEW] = {"--new", NULL},\n' 'key burn'
rm -r "$tree"/cgi-bin/*

plant top notes.txt 'x' 'notes.txt'
plant top .secret 'x' '.secret'
accept top .gitignore 'x'
rm "$tree/LICENSE"
plant top build/x 'x' 'LICENSE is missing'
exit $red
