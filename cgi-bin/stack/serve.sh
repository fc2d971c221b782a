#!/bin/bash
# serve.sh: the stack itself, as the unprivileged user; started by run.sh.
# Starts PostgreSQL, pool and nginx, keeps them up, and ends them in order.
# shellcheck disable=SC1091,SC2154 # the sourced files are linted by themselves
set -u
umask 077
cd "$RUN_DIR" || exit 1
shown=$SHOWN_DIR
. stage/cgi-bin/stack/lib.sh
. stage/cgi-bin/stack/postgres.sh
. stage/cgi-bin/stack/web.sh
. stage/cgi-bin/stack/demo.sh

is_taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# check_port NAME
check_port() {
	local value=${!1}
	if ! [[ $value =~ ^[1-9][0-9]{0,4}$ && $value -lt 65536 ]]; then
		die "$1=$value is not a port"
	fi
	if is_taken "$value"; then
		die "port $value is taken; stop its owner, or take another" \
			"one: make run $1=$((value % 65535 + 1))"
	fi
}

# That of the metrics is the next one that is free, unless it is given.
find_metrics_port() {
	[[ -z $METRICS_PORT ]] || return 0
	METRICS_PORT=$PORT
	while
		METRICS_PORT=$((METRICS_PORT < 65535 ? METRICS_PORT + 1 : 1024))
		is_taken "$METRICS_PORT"
	do :; done
}

check_settings() {
	[[ -x stage/cgi-bin/codecourierctl ]] || die "$shown lies on a file" \
		"system without executables; name another folder: RUN_DIR="
	check_port PORT
	find_metrics_port
	check_port METRICS_PORT
	[[ $METRICS_PORT != "$PORT" ]] || die 'PORT and METRICS_PORT are the same'
}

# Sockets lie in a short path (107 bytes is the limit), bodies in transit on
# a tmpfs if there is one. Both folders change with each run; the links tell
# the next run what one that was killed has left.
remove_folders() {
	local link folder
	for link in sockets spool; do
		folder=$(readlink "$link") || continue
		[[ ! -O $folder || $folder != */codecourier.?????? ]] ||
			rm -rf "$folder"
		rm -f "$link"
	done
}

make_folders() {
	local shm=/dev/shm
	[[ $(stat -f -c %T $shm 2>/dev/null) == tmpfs && -w $shm ]] || shm=/tmp
	sockets=$(mktemp -d /tmp/codecourier.XXXXXX) ||
		die 'cannot make a folder in /tmp'
	ln -s "$sockets" sockets
	# for programs that do not take every path: multiwatch wants ASCII,
	# nginx no $
	ln -s "$RUN_DIR" "$sockets/run"
	spool=$(mktemp -d $shm/codecourier.XXXXXX) ||
		die "cannot make a folder in $shm"
	ln -s "$spool" spool
	rm -rf log.old
	[[ ! -d log ]] || mv log log.old
	mkdir log
}

write_configuration() {
	cat >api.conf <<-EOF
		# written by make run at each start
		CODECOURIER_DATABASE=host=$sockets dbname=codecourier user=codecourier
		CODECOURIER_ADMIN_DATABASE=host=$sockets dbname=postgres user=postgres
		CODECOURIER_KEYRING=$RUN_DIR/keyring
		CODECOURIER_RUNTIME_DIR=$sockets
	EOF
	[[ -z $WORKERS ]] || echo "CODECOURIER_WORKERS=$WORKERS" >>api.conf
	[[ -z $SHARE ]] || echo "CODECOURIER_PROJECT_SHARE=$SHARE" >>api.conf
}

# worker OPTION: what the program says by itself
worker() {
	CODECOURIER_CONF=$RUN_DIR/api.conf \
		stage/cgi-bin/project-api.fcgi "$1" 2>>log/pool.log 9<&-
}

start() {
	local workers
	make_folders
	write_configuration
	workers=$(worker -w) || die_of pool.log 'the worker does not start'
	make_cluster
	configure_cluster "$workers"
	configure_nginx
	start_postgres
	await_postgres
	ctl init || die_of ctl.log 'codecourierctl init failed'
	worker -t >>log/pool.log || die_of pool.log \
		'the worker finds a fault (project-api.fcgi -t)'
	start_pool
	start_nginx
	make_demo
	write_env
	announce
}

# revive NAME STATUS: a part ended by itself; begin again, more slowly if it
# does so often. What it has left goes first.
declare -A revived_at=() delay=()
revive() {
	local name=$1 status=$2 seconds=${delay[$1]:-0}
	((SECONDS - ${revived_at[$name]:--60} < 60)) || seconds=0
	say "$name ended by itself (status $status); starting it again." \
		"See $shown/log/"
	kill -s KILL -- "-${!name}" 2>/dev/null
	pause "$seconds.2"
	revived_at[$name]=$SECONDS
	delay[$name]=$((seconds < 16 ? seconds * 2 + 1 : seconds))
	"start_$name"
}

supervise() {
	local name status
	while pause 1; do
		for name in postgres pool nginx; do
			if [[ -z ${!name} ]] || is_alive "${!name}"; then
				continue
			fi
			wait "${!name}"
			status=$?
			if [[ $name == postgres && $status == 0 ]]; then
				say "PostgreSQL was stopped by someone; to" \
					"start it: $pg_bin/pg_ctl -D" \
					"$(quoted "$shown/pg") -l" \
					"$(quoted "$shown/log/postgresql.log")" \
					"start"
				postgres=
				continue
			fi
			revive "$name" "$status"
		done
	done
}

# The order of the end: nobody comes in, those inside are served, then the
# database. sweep finds what was started past us (pg_ctl).
finish() {
	trap '' INT TERM HUP
	trap - EXIT
	rm -f env
	end_child "$nginx" 5 QUIT TERM
	end_child "$pool" 10 TERM TERM
	end_child "$postgres" 30 INT QUIT
	sweep
	remove_folders
	rm -f pid
}

nginx='' pool='' postgres=''
[[ $PPID == "$PARENT" ]] || exit 1	# make died while run.sh worked
trap : PIPE
trap finish EXIT
trap 'exit 0' INT TERM HUP
# A run that was killed leaves nothing that stops this one. We hold the lock and
# nothing of it lives: its postmaster.pid may name somebody else's process now.
sweep
remove_folders
rm -f env env.new pg/postmaster.pid
check_settings
check_cluster_version
echo $$ >pid
# nginx wants two descriptors a request; the hard limit may be lower
ulimit -Sn 16384 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"
say "Starting PostgreSQL, $USER's own, the worker pool and nginx in $shown"
start
supervise
