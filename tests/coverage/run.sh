#!/usr/bin/env bash
# run.sh: the whole suite on programs that count what they run, then lines and
# branches of src. `make coverage` builds them.
#
#	tests/coverage/run.sh BUILD
#
# The workers run as another user than the unit tests, and root has a host of
# its own (test_installed.py): each has a folder of its own for its counts. Prints the summary; the page with every line is
# BUILD/html/index.html. Red below 95 % of the lines or 85 % of the branches.
set -u
cd "$(dirname "$0")/../.." || exit 1

build=$1
counts=$(mktemp -d) || exit 1
trap 'rm -rf "$counts"' EXIT
chmod 711 "$counts"
export BUILD=$build PROGRAMS=$build

mkdir -m 1777 "$counts/unit" "$counts/stack" "$counts/host"
export HOST_COUNTS=$counts/host

# count FOLDER SUITE...
count() {
	local folder=$counts/$1

	shift
	(
		umask 0
		GCOV_PREFIX=$folder tests/check "$@"
	) || exit 1
}

count unit unit || exit 1
count stack fcgi sql http faults || exit 1
folders=()
for folder in "$counts"/*; do
	found=$folder$PWD/$build
	[ -d "$found" ] || continue # a plain user has no host
	# the notes of the compiler beside the counts
	(cd "$build" && find . -name '*.gcno' -exec cp --parents {} "$found" \;) || exit 1
	folders+=("$found")
done
gcovr --root . --filter src/ --json "$counts/all.json" "${folders[@]}" ||
	exit 1
mkdir -p "$build/html"
report() {
	gcovr --root . --add-tracefile "$counts/all.json" "$@"
}
report --txt --branches --html-details "$build/html/index.html"
report --txt --print-summary --fail-under-line 95 --fail-under-branch 85
