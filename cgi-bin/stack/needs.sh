#!/bin/sh
# needs.sh: names what a host lacks to serve after `make install`: programs and
# accounts that the package would have brought along. ROOT= looks elsewhere.
set -u
root=${ROOT:-}
said=

# lack NAME FOR-WHAT
lack() {
	[ -n "$said" ] || echo 'Needed to serve, and not here yet:'
	said=yes
	printf '  %-20s %s\n' "$1" "$2"
}

# need PACKAGE FOR-WHAT PROGRAM...: one of these, which may be a pattern
need() {
	package=$1 what=$2
	shift 2
	for pattern; do
		# shellcheck disable=SC2086 # a pattern
		for program in $root$pattern; do
			[ ! -x "$program" ] || return 0
		done
	done
	lack "$package" "$what"
}

need spawn-fcgi 'opens the socket of the workers: /usr/bin/spawn-fcgi' \
	/usr/bin/spawn-fcgi
need multiwatch 'keeps the workers alive: /usr/bin/multiwatch' \
	/usr/bin/multiwatch
need systemd 'starts the workers, makes /run/codecourier' /usr/bin/systemctl \
	/bin/systemctl
need nginx 'the web server, or Apache' /usr/sbin/nginx /usr/sbin/apache2 \
	/usr/sbin/httpd
need postgresql 'the database, if it is not on another host' \
	'/usr/lib/postgresql/*/bin/postgres' /usr/bin/postgres
grep -qs '^codecourier:' "$root/etc/passwd" ||
	lack codecourier 'the user of the workers: README.md, "Install"'
grep -qs '^www-data:' "$root/etc/group" ||
	lack www-data 'the group of the web server, for the socket'
exit 0
