#!/usr/bin/env bash
# check-plain.sh: what the operator's command prints goes through src/ctl/plain.c,
# which lets nothing through that a terminal would act on.
set -u
cd "$(dirname "$0")/../.." || exit 1

files=$(find cgi-bin src -path 'src/ctl/*.c' ! -path src/ctl/plain.c \
	-o -name codecourierctl.c | sort)
if [ -z "$files" ]; then
	echo "no C file found"
	exit 1
fi
# shellcheck disable=SC2086 # names without blanks
bad=$(grep -HnE '(^|[^a-z_])(v?f?printf|f?puts|f?putc|putchar|fwrite|perror)\(' \
	$files | sed -E 's/^([^:]+:[0-9]+:)[^a-z]*/\1 /')
[ -z "$bad" ] && exit 0
echo "$bad"
exit 1
