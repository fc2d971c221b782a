#!/usr/bin/env bash
# check-format.sh: every C file is as clang-format leaves it. `make format`
# mends what this finds.
set -u
cd "$(dirname "$0")/../.." || exit 1

mapfile -d '' files < <(find cgi-bin src tests -name '*.[ch]' -print0 | sort -z)
if [ "${#files[@]}" -eq 0 ]; then
	echo "no C file found"
	exit 1
fi
out=$(clang-format --dry-run -Werror -- "${files[@]}" 2>&1) && exit 0
# One line a file says enough; what else went wrong is shown whole.
echo "$out" | sed -n 's/^\([^ :]*\):[0-9:]* error: code should be/\1: should be/p' |
	sort | uniq -c
echo "$out" | grep -q 'error: code should be' || echo "$out"
exit 1
