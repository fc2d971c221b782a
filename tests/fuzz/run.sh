#!/usr/bin/env bash
# run.sh: runs fuzz targets one after another, each for so many seconds of CPU
# time; what `make fuzz` calls when they have been built.
#
#	tests/fuzz/run.sh FOLDER SECONDS TARGET...
#
# FOLDER has the programs fuzz_TARGET and gets the grown corpora (corpus/, kept
# for the next time), the logs and the inputs that made a target fail
# (crashes/). Prints a line a target; the exit status is 0 when none failed.
set -u
cd "$(dirname "$0")/../.." || exit 1

[ $# -ge 3 ] || {
	echo "usage: $0 FOLDER SECONDS TARGET..." >&2
	exit 2
}
folder=$1 seconds=$2
shift 2
here=tests/fuzz
tick=$(getconf CLK_TCK)
pid=
# libFuzzer ends without the target's own cleaning up.
TMPDIR=$(mktemp -d) || exit 1
export TMPDIR
# libfcgi 2.4.2 loses 48 bytes with a management record
echo 'leak:libfcgi.so' >"$TMPDIR/leaks"
export LSAN_OPTIONS=suppressions=$TMPDIR/leaks:print_suppressions=0
trap 'rm -rf "$TMPDIR"' EXIT
trap '[ -z "$pid" ] || kill -USR1 "$pid"; exit 130' INT TERM HUP

# Seconds of CPU time that a process has used; nothing when it is gone.
cpu() {
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return
	# behind the name, which may hold anything: user and system time
	awk -v tick="$tick" '{ print int(($12 + $13) / tick) }' <<<"${stat##*) }"
}

# The last number behind a word of the log.
figure() {
	sed -n "s/.*$1 *\([0-9]\+\).*/\1/p" "$log" | tail -n 1
}

fuzz() {
	local corpus=$folder/corpus/$1 log=$folder/$1.log
	local options=() used=0 now status runs

	mkdir -p "$corpus" "$folder/crashes/$1"
	[ ! -e "$here/$1.dict" ] || options=("-dict=$here/$1.dict")
	# USR1 makes libFuzzer end in good order: it knows wall time only.
	nice -n 19 "$folder/fuzz_$1" "${options[@]}" -max_len=8192 -timeout=10 \
		-rss_limit_mb=4096 -print_final_stats=1 \
		-artifact_prefix="$folder/crashes/$1/" \
		"$corpus" "$here/corpus/$1" >"$log" 2>&1 </dev/null &
	pid=$!
	while now=$(cpu "$pid") && [ -n "$now" ] && kill -0 "$pid" 2>/dev/null; do
		used=$now
		[ "$used" -lt "$seconds" ] || kill -USR1 "$pid" 2>/dev/null
		sleep 1
	done
	wait "$pid"
	status=$?
	pid=
	runs=$(figure executed_units:)
	printf '%-8s %5s s CPU %10s runs %6s/s %5s edges  %s\n' "$1" "$used" \
		"$runs" $((runs / (used > 0 ? used : 1))) "$(figure cov:)" \
		"$([ $status -eq 0 ] && echo clean || echo "FAILED, see $log")"
	return $status
}

failed=0
for target in "$@"; do
	fuzz "$target" || failed=1
done
exit $failed
