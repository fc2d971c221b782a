#!/bin/bash
# deb.sh FOLDER: builds the Debian package in FOLDER, which is made anew, and
# lets lintian look at it. Needs no root. The top of the checkout is fixed, so
# debian/ comes into being in a copy: it is cgi-bin/debian. The copy lies in a
# path of plain letters, as dpkg's flags for the compiler name it unquoted.
set -eu -o pipefail
umask 022

folder=$1
cd "$(dirname "$0")/../.."
rm -rf "$folder"
mkdir -p "$folder"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/tree"
# What a build takes and nothing that one has left.
tar -cf - --exclude=project-api.fcgi --exclude=cgi-bin/codecourierctl \
	Makefile README.md LICENSE cgi-bin src migrations nginx \
	tests/fuzz/fuzz.mk tests/bench/bench.mk |
	tar -C "$copy/tree" -xf -
cp -r cgi-bin/debian "$copy/tree/debian"
cd "$folder"

# The package is built alike whoever builds it: nothing of the caller's make.
(cd "$copy/tree" && env -u MAKEFLAGS -u MAKEOVERRIDES -u MAKELEVEL -u MFLAGS \
	dpkg-buildpackage -b -us -uc) >build.log 2>&1 || {
	tail -n 20 build.log >&2
	exit 1
}
mv "$copy"/codecourier-api_* .
lintian --fail-on error,warning,info --display-info ./*.changes
ls -1 "$PWD"/*.deb
