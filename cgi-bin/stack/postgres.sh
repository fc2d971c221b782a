# shellcheck shell=bash disable=SC2154,SC2034 # variables of serve.sh
# postgres.sh: the stack's own cluster in RUN_DIR/pg. It listens on a socket in
# a folder only we can enter, and believes nobody: the kernel says who is
# there (peer), the map below says who may be whom. Sourced by serve.sh.

pg_major=15
pg_bin=/usr/lib/postgresql/$pg_major/bin

check_cluster_version() {
	local version
	[[ -e pg/PG_VERSION ]] || return 0
	version=$(<pg/PG_VERSION)
	[[ $version == "$pg_major" ]] || die "$shown/pg holds data of" \
		"PostgreSQL $version, not $pg_major; begin anew: rm -r" \
		"$(quoted "$shown/pg"), or name another folder: RUN_DIR="
}

# Made beside and renamed, so that a half made one is never taken for one.
make_cluster() {
	[[ ! -d pg ]] || return 0
	rm -rf pg.new
	if [[ -n $CLUSTER ]]; then
		cp -r "$CLUSTER" pg.new || die "cannot copy $CLUSTER"
		chmod -R go= pg.new
	else
		LANG=C "$pg_bin/initdb" -D pg.new -U postgres -A peer -E UTF8 \
			--locale=C --no-instructions >log/initdb.log 2>&1 9<&- ||
			die_of initdb.log 'initdb failed'
	fi
	echo "include 'stack.conf'" >>pg.new/postgresql.conf
	mv pg.new pg
}

# In files, not in arguments: pg_ctl -D RUN_DIR/pg start, by whoever stopped
# the database to see what happens, then starts the same thing.
configure_cluster() {
	local name wait=on
	[[ "$DURABLE" != off ]] || wait=off
	cat >pg/stack.conf <<-EOF
		listen_addresses = ''
		unix_socket_directories = '$sockets'
		unix_socket_permissions = 0700
		max_connections = $(($1 + 40))
		log_line_prefix = '%m [%p] %q%u@%d '
		fsync = $wait
		synchronous_commit = $wait
		full_page_writes = $wait
	EOF
	echo 'local all all peer map=stack' >pg/pg_hba.conf
	for name in "$USER" root; do
		echo "stack \"$name\" postgres"
		echo "stack \"$name\" codecourier"
	done >pg/pg_ident.conf
}

start_postgres() {
	child INT postgresql.log "$pg_bin/postgres" -D "$RUN_DIR/pg"
	postgres=$child
}

await_postgres() {
	local tries=300
	until "$pg_bin/pg_isready" -q -h "$sockets" -U postgres; do
		if ! is_alive "$postgres" || ((tries-- == 0)); then
			die_of postgresql.log 'PostgreSQL does not come up'
		fi
		pause 0.2
	done
}
