#!/bin/bash
# The private stack in the foreground: PostgreSQL, worker pool and nginx of
# its own, all in RUN_DIR. It ends with Ctrl-C, TERM, HUP, and when the process
# that started it ends (make; started by hand: your shell).
#
#   PORT=8080         on 127.0.0.1
#   METRICS_PORT=n    for /metrics; default: the next free one after PORT
#   RUN_DIR=.run      keeps the data; RUN_DIR/env has URL and key when it is up
#   WORKERS=n         default: what the worker takes by itself
#   LIMITS=off        no limit by address or project; or a file in place of limits.conf
#   DURABLE=off       the database does not wait for the disk; for tests
#   PROGRAMS=cgi-bin  folder of the two programs; for tests
#   BUILD=build       folder of openapi.json; for tests
#   CLUSTER=folder    a fresh cluster, copied in place of initdb; for tests
#
# This file does what may need root: it picks the one unprivileged user of the
# stack, makes RUN_DIR his, copies the programs into it (he may be unable to
# reach the checkout), and becomes serve.sh as that user.
set -u -o pipefail
umask 077

die() {
	printf 'make run: %s\n' "$*" >&2
	exit 1
}

stack_user() {
	local name
	((EUID == 0)) || { id -un; return; }
	for name in "${SUDO_USER:-root}" "$(stat -c %U "$checkout")" www-data
	do
		[[ $(id -u "$name" 2>/dev/null || echo 0) == 0 ]] || break
	done
	echo "$name"
}

# as_user COMMAND...; root writes nothing into a folder of the user itself,
# who could have put a link there.
as_user() {
	"${drop[@]}" "$@"
}

make_run_dir() {
	local parent away
	parent=$(dirname "$run_dir")
	[[ -d $parent ]] || die "$parent does not exist"
	# A folder that root made for us, still empty (mktemp -d), is the same
	# as none; a link into nowhere, too.
	if [[ -L $run_dir && ! -e $run_dir ]]; then
		rm "$run_dir"
	elif ((EUID == 0)) && [[ -d $run_dir && ! -L $run_dir && -O $run_dir ]]
	then
		rmdir "$run_dir" 2>/dev/null
	fi
	[[ ! -e $run_dir ]] || return 0
	as_user mkdir "$run_dir" 2>/dev/null && return
	((EUID == 0)) ||
		die "cannot make $run_dir; name another folder: RUN_DIR="
	if as_user test -x "$parent"; then
		mkdir "$run_dir" && chown "$user:" "$run_dir"
	else
		away=$(mktemp -d /var/tmp/codecourier.XXXXXX) &&
			chown "$user:" "$away" && ln -s "$away" "$run_dir"
	fi || die "cannot make $run_dir"
}

stage() {
	# shellcheck disable=SC2016 # expanded by that sh
	tar -C "$checkout" -cf - nginx cgi-bin/stack cgi-bin/pool \
		--transform 's,^[a-z-]*\(\.fcgi\|ctl\)$,cgi-bin/&,' \
		-C "$programs" project-api.fcgi codecourierctl \
		-C "$build" openapi.json |
		as_user sh -c 'cd "$1" && rm -rf stage && mkdir stage &&
			tar -C stage -xf -' sh "$real_dir" &&
		as_user tee "$real_dir/stage/nginx/limits.conf" \
			<"$limits" >/dev/null
}

checkout=$(cd "$(dirname "$0")/../.." && pwd -P)
run_dir=$(realpath -sm "${RUN_DIR:-$checkout/.run}")
programs=$(realpath "${PROGRAMS:-$checkout/cgi-bin}")
build=$(realpath "${BUILD:-$checkout/build}")
[[ $run_dir != *[[:cntrl:]]* ]] || die 'a control character in RUN_DIR'
(($(printf %s "$run_dir" | wc -c) <= 900)) ||
	die 'the path RUN_DIR is too long for PostgreSQL: 900 bytes at most'
case ${LIMITS:-on} in
on) limits=$checkout/nginx/limits.conf ;;
off)
	limits=$checkout/nginx/limits-off.conf
	share=100
	;;
*) limits=$(realpath "$LIMITS") ;;
esac
cd /

user=$(stack_user)
drop=(env)
if ((EUID == 0)); then
	[[ $user != root ]] || die 'there is no unprivileged user to run as'
	drop=(setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups)
fi

[[ -x $programs/project-api.fcgi && -x $programs/codecourierctl &&
	-r $build/openapi.json ]] || die 'the programs are not built: make'
make_run_dir
real_dir=$(readlink -f "$run_dir")
as_user test -d "$real_dir" -a -O "$real_dir" -a -w "$real_dir" ||
	die "$run_dir does not belong to $user; remove it, or name another" \
		"folder: RUN_DIR="
as_user chmod 700 "$real_dir"

# The folder itself is the lock; the descriptor goes on to serve.sh.
exec 9<"$real_dir" || die "cannot open $real_dir"
flock -n 9 || die "another run is alive in $run_dir (process" \
	"$(cat "$real_dir/pid" 2>/dev/null)); stop it, or name another" \
	"folder and port: RUN_DIR= PORT="
stage || die "cannot copy the programs to $real_dir"

# A clean environment: nothing of PG*, CODECOURIER_*, LD_*, LC_* gets in.
# pdeathsig: when make is killed -9, we are told.
((EUID == 0)) || drop=(setpriv)
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$real_dir" \
	LANG=C.UTF-8 TERM="${TERM:-dumb}" USER="$user" \
	RUN_DIR="$real_dir" SHOWN_DIR="$run_dir" PORT="${PORT:-8080}" \
	METRICS_PORT="${METRICS_PORT:-}" \
	WORKERS="${WORKERS:-}" SHARE="${share:-}" CLUSTER="${CLUSTER:-}" DURABLE="${DURABLE:-on}" PARENT="$PPID" \
	ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" \
	LSAN_OPTIONS="${LSAN_OPTIONS:-}" GCOV_PREFIX="${GCOV_PREFIX:-}" \
	"${drop[@]}" --pdeathsig TERM \
	/bin/bash "$real_dir/stage/cgi-bin/stack/serve.sh"
