#!/bin/bash
# Installs the Debian packages that `make run`, `make check`, `make coverage`,
# `make fuzz`, `make bench`, `make deb` or `make check-system` needs and this
# machine lacks, as a guest: nothing that comes along is started or enabled,
# nothing that was there before is touched.
#
#   packages.sh run|check|coverage|fuzz|bench|deb|system [--names]
#                                      ASSUME_YES=1: do not ask on a terminal
#                                      --names: only prints all of them
set -u
umask 022

# package, then what we need it for
build_packages='
make                builds the programs
gcc                 builds the programs
libc6-dev           headers of the C library
pkgconf             finds the libraries
libfcgi-dev         FastCGI protocol of the worker
libpq-dev           PostgreSQL client library
libjson-c-dev       JSON
libscrypt-dev       hashes of the API keys
libsodium-dev       encryption of stored secrets
libssl-dev          TLS as a client has it, for codecourierctl doctor
zlib1g-dev          checksum in the API keys
jq                  makes openapi.json of its parts'
deb_packages='
build-essential     what every Debian package builds with
dpkg-dev            builds the package
debhelper           builds the package
lintian             lint of the package'
run_packages=$build_packages'
postgresql-15       the private database of the stack
nginx               the web server in front of the workers
spawn-fcgi          opens the socket of the workers
multiwatch          keeps the workers alive
curl                asks the stack whether it is up'
check_packages='
libcmocka-dev       unit tests
git                 tests of what a commit would take
python3-pytest      HTTP tests
python3-pytest-xdist  HTTP tests, in several processes
python3-pytest-timeout  HTTP tests, each in its time
python3-requests    HTTP tests
python3-dotenv      another reader of variables as text
python3-h2          HTTP tests over HTTP/2
openssl             a certificate for the tests of TLS
python3-jsonschema  holds the answers against openapi.json
openapi-specification  the standard that openapi.json is held against
unicode-data        which characters show nothing
git                 commits with the names that settings take
nodejs              clients made of openapi.json
npm                 clients made of openapi.json
openjdk-17-jre-headless  clients made of openapi.json
php8.2-cli          clients made of openapi.json
libre-engine-re2-perl  tries the patterns of openapi.json and of scanners
python3-yaml        reads a file of scanners
shellcheck          lint of the shell scripts
systemd             lint of the units (systemd-analyze)
mandoc              lint of the manual pages
cppcheck            lint of the C files
clang-format        lint of the layout
strace              counts the round trips to the database
prometheus          promtool: checks the metrics and the alerts
faketime            a clock that is wrong, for tests
pgbouncer           a pooler before the database, for tests
apache2-bin         the other web server that our sites are for'
coverage_packages='
gcovr               lines and branches that were run'
fuzz_packages='
clang               compiler with libFuzzer
libclang-rt-14-dev  libFuzzer and its sanitizers'
bench_packages='
wrk                 load
php8.2-fpm          what we are measured against
php8.2-pgsql        what we are measured against
php8.2-opcache      what we are measured against
python3-matplotlib  the plot
strace              counts system calls'
system_packages='
debootstrap         makes the Debian 12 that is booted
systemd-container   boots it
iproute2            a network between two of them'

# Read by postgresql-15's installation script, which would else make a
# cluster, start it and open port 5432 at every boot from then on.
no_cluster=/etc/postgresql-common/createcluster.d/codecourier-guest.conf

die() {
	printf '%s: %s\n' "$0" "$*" >&2
	exit 1
}

# A nodejs that is not Debian's brings npm along, and conflicts with its package.
is_installed() {
	[[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) \
		== installed ]] ||
		[[ $1 == npm && -x $(command -v npm) ]]
}

# Prints "package reason" for everything of the list that is missing.
missing() {
	local package reason
	while read -r package reason; do
		[[ -n $package ]] || continue
		is_installed "$package" ||
			printf '  %-18s %s\n' "$package" "$reason"
	done
}

as_root() {
	if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

add_no_cluster() {
	as_root install -d "${no_cluster%/*}" || return
	echo 'create_main_cluster = false' |
		as_root tee "$no_cluster" >/dev/null
}

remove_no_cluster() {
	as_root rm -f "$no_cluster"
	as_root rmdir --ignore-fail-on-non-empty -p "${no_cluster%/*}" \
		2>/dev/null
}

# packages_that_are PATTERN: those whose state matches, one a line
packages_that_are() {
	dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' |
		sed -nE "s/^($1) //p" | sort
}

# The units and init scripts of packages that were not installed before,
# also of those that an interrupted apt left half configured.
brought_services() {
	local units='(/usr)?/lib/systemd/system'
	comm -13 <(printf '%s\n' "$before") \
		<(packages_that_are 'installed|unpacked|half.*|triggers.*') |
		xargs -r dpkg-query -L | sed -nE \
		-e "s,^$units/([^/@]*\.(service|socket|timer|path))$,\2,p" \
		-e 's,^/etc/init\.d/([^/]*)$,\1.service,p' | sort -u
}

# What was made for the time of the installation goes away, and what it
# enabled is disabled. Runs however the installation ended.
restore() {
	local unit
	trap '' INT TERM HUP
	remove_no_cluster
	for unit in $(brought_services); do
		if ! command -v systemctl >/dev/null; then
			as_root update-rc.d "${unit%.service}" disable
		elif [[ $(systemctl is-enabled "$unit" 2>/dev/null) \
			== enabled ]]; then
			as_root systemctl --quiet disable "$unit" 2>/dev/null ||
				echo "could not disable $unit" >&2
		fi
	done
}

install_quietly() {
	# SYSTEMD_OFFLINE: systemctl in installation scripts ignores "start".
	# RUNLEVEL: without systemd invoke-rc.d asks runlevel(8), which believes
	# this; in single-user mode no service of ours has a start link.
	# NEEDRESTART_SUSPEND: nobody's services are restarted on our account.
	as_root env SYSTEMD_OFFLINE=1 RUNLEVEL=1 PREVLEVEL=N \
		NEEDRESTART_SUSPEND=1 DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Use-Pty=0 "$@" </dev/null
}

ask() {
	local answer
	[[ -t 0 && ${ASSUME_YES:-} != 1 ]] || return 0
	read -r -p 'Install them now with apt? [Y/n] ' answer
	[[ $answer == '' || $answer == [Yy]* ]]
}

case ${1:-} in
run) wanted=$run_packages ;;
check) wanted=$run_packages$check_packages ;;
coverage) wanted=$run_packages$check_packages$coverage_packages ;;
fuzz) wanted=$run_packages$fuzz_packages ;;
bench) wanted=$run_packages$bench_packages ;;
deb) wanted=$build_packages$deb_packages ;;
system) wanted=$run_packages$check_packages$system_packages ;;
*) die 'usage: packages.sh run|check|coverage|fuzz|bench|deb|system' ;;
esac

if [[ ${2:-} == --names ]]; then
	awk 'NF { print $1 }' <<<"$wanted"
	exit
fi
if ! command -v dpkg-query >/dev/null; then
	printf 'This is not Debian. Needed, as Debian names it:%s\n' "$wanted" >&2
	exit 1
fi
[[ ! -e $no_cluster ]] || remove_no_cluster	# of a run killed -9
list=$(missing <<<"$wanted")
[[ -n $list ]] || exit 0
read -r -d '' -a names < <(awk '{print $1}' <<<"$list")
printf 'Debian packages that "make %s" needs and this machine lacks:\n%s\n' \
	"$1" "$list"
command -v apt-get >/dev/null ||
	die 'no apt-get here: install the packages above and come again'
((EUID == 0)) || command -v sudo >/dev/null ||
	die "neither root nor sudo; as root: apt-get install ${names[*]}"
ask || die 'nothing installed'
echo 'Installing them, without recommendations; services that come along are'
echo 'neither started nor enabled. This takes a minute or two.'

before=$(packages_that_are installed)
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
is_installed postgresql-15 || add_no_cluster ||
	die "cannot write $no_cluster"
log=$(mktemp) || die 'no temporary file'
install_quietly update >"$log" 2>&1 || tail -n 5 "$log" >&2
# Not shown: nginx's installation script believes that nginx runs, "upgrades"
# it and says that this failed, in red.
if ! install_quietly install --no-install-recommends "${names[@]}" \
	>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	die "apt-get failed; all it said is in $log"
fi
rm -f "$log"
