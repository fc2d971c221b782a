#!/usr/bin/env bash
# check-man.sh: mandoc finds nothing to say about the manual pages, and they
# name every command, every option of the programs and every setting.
set -u
cd "$(dirname "$0")/../.." || exit 1

pages=cgi-bin/man
status=0
# Which other manuals there are is a matter of the machine.
out=$(mandoc -T lint -W all "$pages"/*.[1-9] 2>&1 |
	grep -vE 'outdated mandoc\.db|STYLE: referenced manual not found')
if [ -n "$out" ]; then
	echo "$out"
	status=1
fi

# names PAGE: of the lines on standard input each stands on the page.
names() {
	local text name some=0

	# bold is a letter, a backspace and the letter again
	text=$(mandoc -T ascii -O width=300 "$pages/$1" | sed 's/.\x08//g')
	while read -r name; do
		some=1
		[[ $text == *"$name"* ]] && continue
		echo "$pages/$1 does not have: $name"
		status=1
	done
	[ $some = 1 ] && return
	echo "nothing found that $pages/$1 should have"
	status=1
}

names codecourierctl.8 < <(
	sed -nE 's/^ +\{"([a-z -]+)",.*/\1/p; s/.* \{"(--[a-z-]+)".*/\1/p' \
		src/ctl/args.c
)
names codecourier-api.conf.5 < <(
	sed -nE 's/^#?(CODECOURIER_[A-Z0-9_]+)=.*/\1/p' cgi-bin/api.conf
)
names project-api.fcgi.8 < <(
	sed -nE 's/.*strcmp\(option, "(-.)"\).*/\1/p' cgi-bin/project-api.c
)
exit $status
