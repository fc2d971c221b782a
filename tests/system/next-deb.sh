#!/bin/bash
# next-deb.sh FOLDER: builds the package of this tree once more in FOLDER, as
# a later version with other programs and one more migration. Its deb is in
# FOLDER/build/deb then.
set -eu
folder=$1
cd "$(dirname "$0")/../.."

rm -rf "$folder"
mkdir -p "$folder"
# as in the work tree, committed or not
# shellcheck disable=SC2016 # expanded by the inner shell
git ls-files -z --cached --others --exclude-standard |
	xargs -0 sh -c 'for f; do [ ! -e "$f" ] || cp -a --parents "$f" "$0"; done' \
		"$folder"
cd "$folder"
log=cgi-bin/debian/changelog
version=$(dpkg-parsechangelog -l "$log" -S Version)
{
	printf '%s (%s) unstable; urgency=medium\n\n' codecourier-api \
		"${version%%-*}+next"
	printf '  * The next one, for the tests.\n\n'
	printf ' -- Tests <tests@example.org>  %s\n\n' "$(date -R)"
	cat "$log"
} >"$log.new"
mv "$log.new" "$log"
{
	grep -h '^-- oldest-program:' migrations/*.sql | tail -n 1
	echo 'CREATE TABLE codecourier.of_the_tests (n int);'
} >migrations/9000_of_the_tests.sql
# another site, another example
echo 'location = /of-the-tests { return 204; }' >>nginx/server.conf
echo '# of the tests' >>cgi-bin/apache/common.conf
# other machine code in each program; the same behaviour
export DEB_CFLAGS_APPEND=-O1 DEB_CFLAGS_STRIP=-O2
make deb
