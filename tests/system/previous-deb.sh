#!/bin/bash
# previous-deb.sh FOLDER: builds in FOLDER the package of the version before
# this one: of its tag (v1.2.3), or else of the tree that last changed the
# changelog before it got its newest version. Its deb is in FOLDER/build/deb
# then. Needs the history of the repository.
set -eu -o pipefail
folder=$1
cd "$(dirname "$0")/../.."

log=cgi-bin/debian/changelog
version=$(dpkg-parsechangelog -l "$log" -o 1 -c 1 -S Version)
newest=$(git log -n 1 --format=%H -G '^codecourier-api \(' -- "$log")
tree=$(git rev-parse -q --verify "v$version^{commit}" ||
	git log -n 1 --format=%H "$newest^" -- "$log")
rm -rf "$folder"
mkdir -p "$folder"
git archive "$tree" | tar -C "$folder" -xf -
cd "$folder"
[ "$(dpkg-parsechangelog -l "$log" -S Version)" = "$version" ] || {
	echo "$tree is not version $version"
	exit 1
}
make deb
