#!/bin/bash
# base.sh CACHE DEB: in CACHE/debian an empty Debian 12, in CACHE/empty a layer
# on top of it (overlayfs) with everything that DEB wants, PostgreSQL, nginx and
# Apache in apt's cache: downloaded, not installed, as the booted machines have no
# network. Both are made once; the layer again when DEB wants something else.
#
# The mirror is debootstrap's own choice. An existing CACHE/debian is taken as
# it is. What stands under its name is whole.
set -eu
umask 022
cache=$(realpath -m "$1")
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
	tree=$cache/empty.tree
	umount "$tree" 2>/dev/null || :	# of a run killed -9
	rm -rf --one-file-system "$cache"/empty*
	mkdir -p "$cache"/empty.{new,work,tree}
	mount -t overlay overlay "$tree" -o "lowerdir=$cache/debian,\
upperdir=$cache/empty.new,workdir=$cache/empty.work"
	trap 'umount "$tree"' EXIT
	cp "$deb" "$tree/root/wanted.deb"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	chroot "$tree" apt-get -q update
	chroot "$tree" apt-get -q -y install --download-only \
		-o APT::Sandbox::User=root /root/wanted.deb postgresql nginx \
		apache2 apache2-suexec-pristine
	rm "$tree/root/wanted.deb"
	# says what the administrator would on a terminal
	echo 'APT::Get::Assume-Yes "true";' >"$tree/etc/apt/apt.conf.d/yes"
	umount "$tree"
	trap - EXIT
	mv "$cache/empty.new" "$cache/empty"
	printf '%s\n' "$wants" >"$cache/wants"
fi
