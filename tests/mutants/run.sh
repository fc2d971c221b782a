#!/usr/bin/env bash
# run.sh: plants one mistake at a time in a copy of the project and sees the
# tests that are there for it turn red, each time. `make mutants`; TIMES (3)
# says how often. Before that the same tests must be green without a mistake.
#
#	tests/mutants/run.sh [NAME...]
set -u
cd "$(dirname "$0")/../.." || exit 1

here=$PWD
times=${TIMES:-3}
tree=$(mktemp -d) || exit 1
chmod 711 "$tree"
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT TERM HUP
failed=0

# Each mutant: a sed command for one file or a macro, and the tests.
declare -A file=() edit=() macro=() suite=() only=()

# an entry of the verified-key table is trusted without the guard
file[guard]=src/stmt.c
edit[guard]='s/AND k.digest = \(.3::bytea\) AND k.revoked_at IS NULL /AND \1 IS NOT NULL /'
suite[guard]=http only[guard]=tests/http/test_revoke.py

# the last-owner trigger takes no lock
file[owner]=migrations/0001_schema.sql
edit[owner]='/PERFORM FROM project .* FOR NO KEY UPDATE;/d'
suite[owner]=sql only[owner]=tests/sql/test_constraints.py

# a sealed value is not tied to its project
file[seal]=src/seal.c
edit[seal]='s/{"value", what.table, k->project_id, what.name}/{"value", what.table, what.name, what.name}/'
suite[seal]=unit only[seal]=

# memory behind a block's end is written
macro[overflow]=-DPLANTED_OVERFLOW
suite[overflow]=asan-http only[overflow]=tests/http/test_headers.py

# memory is lost
macro[leak]=-DPLANTED_LEAK
suite[leak]=asan-http only[leak]=tests/http/test_headers.py

names=(guard owner seal overflow leak)

copy() {
	rm -rf "${tree:?}/project"
	mkdir "$tree/project"
	tar -cf - --exclude '*.o' --exclude '*.fcgi' \
		--exclude codecourierctl cgi-bin src migrations nginx tests \
		Makefile .clang-format | tar -C "$tree/project" -xf -
	cd "$tree/project" || exit 1
}

# build NAME [MACRO]
build() {
	local target='all unit'

	case ${suite[$1]} in asan-*) target=build-asan ;; esac
	# shellcheck disable=SC2086 # two targets
	if ! make $target CPPFLAGS="${2:-}" >"$tree/log" 2>&1; then
		cat "$tree/log"
		echo "$1 does not build"
		exit 1
	fi
}

# The last line of tests/check, and its exit status.
check() {
	ONLY=$2 tests/check "$1" >"$tree/log" 2>&1
	status=$?
	last=$(tail -n 1 "$tree/log")
}

# wrong TEXT: says it, with what the tests said
wrong() {
	tail -n 60 "$tree/log"
	echo "$1"
	failed=1
}

green() {
	local name

	copy
	for name; do
		build "$name"
		check "${suite[$name]}" "${only[$name]}"
		[ $status -eq 0 ] || wrong "$name: red without a mistake"
	done
}

red() {
	local name=$1 n

	copy
	if [ -n "${edit[$name]:-}" ]; then
		sed -i "${edit[$name]}" "${file[$name]}"
		if cmp -s "${file[$name]}" "$here/${file[$name]}"; then
			wrong "$name: ${file[$name]} has no such place"
			return
		fi
	fi
	build "$name" "${macro[$name]:-}"
	for ((n = 1; n <= times; n++)); do
		check "${suite[$name]}" "${only[$name]}"
		case $status:$last in
		1:*" passed, "[1-9]*" failed") ;;
		*) wrong "$name: not caught, time $n of $times: $last" ;;
		esac
	done
	printf '%-9s %s\n' "$name" "$last"
}

[ $# -gt 0 ] || set -- "${names[@]}"
green "$@"
for name; do
	cd "$here" || exit 1
	red "$name"
done
[ $failed -eq 0 ] && echo "all caught, $times times each"
exit $failed
