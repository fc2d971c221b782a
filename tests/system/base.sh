#!/bin/bash
# base.sh CACHE DEB: in CACHE/debian an empty Debian 12, in CACHE/empty a copy
# of it that has DEB in /root, and everything DEB wants, PostgreSQL and nginx
# in apt's cache: downloaded, not installed, as the booted machines have no
# network. Both are made once; the copy again when DEB wants something else.
#
# The mirror is debootstrap's own choice. An existing CACHE/debian is taken as
# it is. A tree that stands under its name is whole.
set -eu
umask 022
cache=$1
deb=$2

tree() {
	rm -rf --one-file-system "$cache/$1.new"
}

if [ ! -d "$cache/debian" ]; then
	echo "Debian 12 into $cache/debian: some minutes"
	tree debian
	mkdir -p "$cache"
	debootstrap --include=dbus,curl,ca-certificates bookworm \
		"$cache/debian.new" >"$cache/debootstrap.log" 2>&1 || {
		tail -n 20 "$cache/debootstrap.log" >&2
		exit 1
	}
	mv "$cache/debian.new" "$cache/debian"
fi

wants=$(dpkg-deb -f "$deb" Depends Recommends; cat "$0")
if [ ! -d "$cache/empty" ] || [ "$wants" != "$(cat "$cache/wants")" ]; then
	echo "What the package wants into $cache/empty"
	tree empty
	rm -rf --one-file-system "$cache/empty"
	cp -a --reflink=auto "$cache/debian" "$cache/empty.new"
	cp "$deb" "$cache/empty.new/root/wanted.deb"
	cp -L /etc/resolv.conf "$cache/empty.new/etc/resolv.conf"
	chroot "$cache/empty.new" apt-get -q update
	chroot "$cache/empty.new" apt-get -q -y install --download-only \
		-o APT::Sandbox::User=root /root/wanted.deb postgresql nginx
	rm "$cache/empty.new/root/wanted.deb"
	mv "$cache/empty.new" "$cache/empty"
	printf '%s\n' "$wants" >"$cache/wants"
fi
