# shellcheck shell=bash disable=SC2154,SC2034 # variables of serve.sh
# lib.sh: what the stack's scripts share: messages, and children that never
# outlive us. Sourced, in RUN_DIR.

# A reader that has gone (make run | head) must not end us half way.
say() {
	printf '%s\n' "$*" 2>/dev/null || :
}

die() {
	printf 'make run: %s\n' "$*" >&2
	exit 1
}

# die_of LOG MESSAGE: with the end of a log that tells more
die_of() {
	local log=$1
	shift
	{
		printf 'make run: %s; the end of %s:\n' "$*" "$shown/log/$log"
		tail -n 20 "log/$log"
	} >&2
	exit 1
}

# Quotes for sh: a'b -> 'a'\''b'
quoted() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

# pause SECONDS, without a process; a signal's trap runs at once
exec {never}<> <(:)
pause() {
	read -r -t "$1" -u "$never" || :
}

# child SIGNAL LOG COMMAND...: starts it in a session of its own, so that
# Ctrl-C reaches only us and we decide the order; SIGNAL is what the kernel
# sends it when we die. Its id, also that of its process group, is in $child.
child() {
	local signal=$1 log=$2
	shift 2
	# shellcheck disable=SC2016 # expanded by that sh; it looks whether we
	# died before the kernel knew of the wish
	setsid setpriv --pdeathsig "$signal" sh -c \
		'[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"' sh $$ "$@" \
		</dev/null >>"log/$log" 2>&1 9<&- {never}<&- &
	child=$!
}

# Inside a trap bash does not reap: a zombie counts as ended.
is_alive() {
	local stat
	[[ -n $1 ]] && { read -r stat <"/proc/$1/stat"; } 2>/dev/null &&
		[[ ${stat##*) } != Z* ]]
}

# await_end SECONDS PID: true when it has ended
await_end() {
	local tries=$(($1 * 20))
	while is_alive "$2"; do
		((tries-- > 0)) || return 1
		pause 0.05
	done
}

# end_child PID SECONDS SIGNAL...: one signal after the other, with SECONDS
# to obey each; then its whole process group is killed.
end_child() {
	local pid=$1 seconds=$2 signal
	shift 2
	[[ -n $pid ]] || return 0
	for signal; do
		kill -s "$signal" "$pid" 2>/dev/null || break
		if await_end "$seconds" "$pid"; then break; fi
	done
	kill -s KILL -- "-$pid" 2>/dev/null
}

# Ids of processes of this run or of one that was killed: our programs, run
# by us, working in RUN_DIR. (A shell that only stands there is not meant.)
# Workers are not dumpable, so that only root sees where and what they run:
# they are known by the path that they were started by.
our_processes() {
	local folder name there cwd=${RUN_DIR//[\[\]*?\\]/\\&}
	find /proc/[0-9]* -maxdepth 1 -name cwd -user "$EUID" \
		\( -lname "$cwd" -o -lname "$cwd/*" \) -printf '%h\n' \
		2>/dev/null | while read -r folder; do
		case $(readlink "$folder/exe") in
		*/nginx* | */postgres* | */multiwatch*)
			printf '%s\n' "${folder#/proc/}" ;;
		esac
	done
	there=$(readlink "$RUN_DIR/sockets") || return 0
	find /proc/[0-9]* -maxdepth 0 -user "$EUID" 2>/dev/null |
		while read -r folder; do
			name=
			{ IFS= read -r -d '' name <"$folder/cmdline"; } 2>/dev/null
			[[ $name != "$there"/run/stage/*/project-api.fcgi ]] ||
				printf '%s\n' "${folder#/proc/}"
		done
}

# Ends whatever our_processes finds: politely, after 10 seconds by force.
# INT is a quick and clean end to all of them.
sweep() {
	local signal tries left
	for signal in INT KILL; do
		tries=200
		left=$(our_processes)
		# shellcheck disable=SC2086 # one word an id
		[[ -z $left ]] || kill -s "$signal" $left 2>/dev/null
		while [[ -n $left ]] && ((tries-- > 0)); do
			pause 0.05
			left=$(our_processes)
		done
		[[ -n $left ]] || return 0
	done
}
