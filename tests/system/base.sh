#!/bin/bash
# base.sh CACHE DEB: in CACHE/minbase the smallest Debian 12 that boots
# (debootstrap --variant=minbase, and systemd as its init), and two layers for
# on top of it (overlayfs), with packages in apt's cache: downloaded, not
# installed, as the booted machines have no network. CACHE/empty: everything that
# DEB wants, the web servers, what tests use on a host. CACHE/checkout: make and
# git, with which README begins, and what `make` installs then.
#
# All is made once; a layer again when it wants something else. The mirror is
# debootstrap's own choice. What stands under its name is whole.
set -eu
umask 022
cache=$(realpath -m "$1")
deb=$2
packages=$(dirname "$0")/../../cgi-bin/stack/packages.sh

# fetch TREE PACKAGE...
fetch() {
	local tree=$1
	shift
	chroot "$tree" apt-get -q update
	chroot "$tree" apt-get -q -y install --download-only \
		-o APT::Sandbox::User=root "$@"
}

# download NAME PACKAGE...: the layer NAME; a path is a package of ours, which
# may only come first
download() {
	local name=$1 tree=$cache/$1.tree wants
	shift
	# this script is part of what decides how the tree comes out
	wants=$(cat "$0"; for want; do
		[[ $want != /* ]] || want=$(dpkg-deb -f "$want" Depends Recommends)
		echo "$want"
	done)
	if [ -d "$cache/$name" ] &&
		[ "$wants" = "$(cat "$cache/$name.wants")" ]; then
		return
	fi
	echo "Packages into $cache/$name"
	umount "$tree" 2>/dev/null || :	# of a run killed -9
	rm -rf --one-file-system "${cache:?}/$name" "$cache/$name".*
	mkdir -p "$cache/$name".{new,work,tree}
	mount -t overlay overlay "$tree" -o "lowerdir=$cache/minbase,\
upperdir=$cache/$name.new,workdir=$cache/$name.work"
	# shellcheck disable=SC2064 # this tree
	trap "umount '$tree'" EXIT
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	if [[ $1 == /* ]]; then
		cp "$1" "$tree/root/wanted.deb"
		set -- /root/wanted.deb "${@:2}"
	fi
	fetch "$tree" "$@" >"$cache/$name.log" 2>&1 || {
		tail -n 20 "$cache/$name.log" >&2
		exit 1
	}
	rm -f "$tree/root/wanted.deb"
	# says what the administrator would on a terminal
	echo 'APT::Get::Assume-Yes "true";' >"$tree/etc/apt/apt.conf.d/yes"
	umount "$tree"
	trap - EXIT
	mv "$cache/$name.new" "$cache/$name"
	printf '%s\n' "$wants" >"$cache/$name.wants"
}

if [ ! -d "$cache/minbase" ]; then
	echo "Debian 12 into $cache/minbase: some minutes"
	mkdir -p "$cache"
	rm -rf --one-file-system "$cache/minbase.new"
	debootstrap --variant=minbase --include=systemd-sysv bookworm \
		"$cache/minbase.new" >"$cache/debootstrap.log" 2>&1 || {
		tail -n 20 "$cache/debootstrap.log" >&2
		exit 1
	}
	mv "$cache/minbase.new" "$cache/minbase"
fi
download empty "$(realpath "$deb")" curl postgresql nginx apache2 \
	apache2-suexec-pristine openssl
# shellcheck disable=SC2046 # names
download checkout --no-install-recommends make git $("$packages" check --names) \
	$("$packages" deb --names)
