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

if [ ! -d "$cache/debian" ]; then
	echo "Debian 12 into $cache/debian: some minutes"
	mkdir -p "$cache"
	rm -rf --one-file-system "$cache/debian.new"
	debootstrap --include=dbus,curl,ca-certificates bookworm \
		"$cache/debian.new" >"$cache/debootstrap.log" 2>&1 || {
		tail -n 20 "$cache/debootstrap.log" >&2
		exit 1
	}
	mv "$cache/debian.new" "$cache/debian"
fi

# this script is part of what decides how the tree comes out
wants=$(dpkg-deb -f "$deb" Depends Recommends; cat "$0")
if [ ! -d "$cache/empty" ] || [ "$wants" != "$(cat "$cache/wants")" ]; then
	echo "What the package wants into $cache/empty"
	rm -rf --one-file-system "$cache/empty.new" "$cache/empty"
	cp -a --reflink=auto "$cache/debian" "$cache/empty.new"
	cp "$deb" "$cache/empty.new/root/wanted.deb"
	cp -L /etc/resolv.conf "$cache/empty.new/etc/resolv.conf"
	chroot "$cache/empty.new" apt-get -q update
	chroot "$cache/empty.new" apt-get -q -y install --download-only \
		-o APT::Sandbox::User=root /root/wanted.deb postgresql nginx
	rm "$cache/empty.new/root/wanted.deb"
	# says what the administrator would on a terminal
	echo 'APT::Get::Assume-Yes "true";' >"$cache/empty.new/etc/apt/apt.conf.d/yes"
	mv "$cache/empty.new" "$cache/empty"
	printf '%s\n' "$wants" >"$cache/wants"
fi
