#!/usr/bin/env bash
# check-c.sh: cppcheck over programs, library and unit tests, everything on
# but the few checks that cppcheck-suppressions.txt takes out with a reason.
set -u
cd "$(dirname "$0")/../.." || exit 1

# Only what has C files: cppcheck takes an empty folder for an error.
mapfile -t folders < <(find cgi-bin src tests -name '*.c' -printf '%h\n' | sort -u)
if [ "${#folders[@]}" -eq 0 ]; then
	echo "no C file found"
	exit 1
fi
cppcheck --quiet --error-exitcode=1 --template=gcc -j 2 \
	--enable=warning,style,performance,portability --inline-suppr \
	--suppressions-list=tests/lint/cppcheck-suppressions.txt \
	--std=c11 --platform=unix64 --library=posix \
	--library=tests/lint/cmocka.cfg -Isrc -Ibuild "${folders[@]}"
