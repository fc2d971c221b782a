#!/usr/bin/env bash
# check-units.sh: the units as they are installed, with each of their drop-ins:
# systemd finds nothing to say about them, and rates the exposure of the pool at
# 1.0 at most, those of root at 3.0, the daily check at 3.5.
set -u
cd "$(dirname "$0")/../.." || exit 1

from=cgi-bin/systemd
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
units=$root/usr/lib/systemd/system
drop_ins=$units/codecourier-api.service.d
status=0

# show COMMAND...: what it says is a finding, whatever its exit status is.
show() {
	local out

	out=$("$@" 2>&1 >/dev/null) && [ -z "$out" ] && return
	printf '%s:\n%s\n' "$what" "$out"
	status=1
}

# rate UNIT
rate() {
	local out tenths=10

	[[ $1 != codecourier-@(doctor|mail)* ]] || tenths=35
	[[ $1 != codecourier-@(audit|purge)* ]] || tenths=30
	out=$(systemd-analyze security --offline=true --root="$root" \
		--threshold=$tenths --no-pager "$1" 2>&1) && return
	printf '%s is too open:\n' "$what"
	# the settings that count, the rating last
	grep -v '^✓' <<<"$out"
	status=1
}

# check NAME UNIT
check() {
	what=$1
	show systemd-analyze verify --man=no --root="$root" "$2"
	[[ $2 != *.service ]] || rate "$2"
}

mkdir -p "$units"
cp "$from"/*.{service,socket,timer,mount} "$units" || exit 1
for unit in "$from"/*.service "$from"/*.timer; do
	name=${unit##*/}
	sed -f "$from/instance.sed" "$unit" \
		>"$units/${name%.*}@.${name##*.}" || exit 1
done
# verify wants to see what they depend on and what is executed
cp /usr/lib/systemd/system/*.target "$units" || exit 1
sed -nE 's,^Exec[A-Za-z]*=([^ ]+).*,\1,p' "$units"/*.service | sort -u |
	while read -r program; do
		install -D /dev/null "$root$program"
	done

for unit in "$units"/*.{service,socket,timer,mount}; do
	name=${unit##*/}
	check "$name" "${name/@/@one}"
done
mkdir "$drop_ins"
cp "$from/socket-activation.conf" "$drop_ins/"
check 'codecourier-api.service with a socket' codecourier-api.service
rm "$drop_ins/socket-activation.conf"
# Not rated: the network is what it opens.
sed 's/@ADDRESSES@/192.0.2.7 2001:db8::7/' "$from/remote-database.conf" \
	>"$drop_ins/database.conf"
what='codecourier-api.service with a remote database'
show systemd-analyze verify --man=no --root="$root" codecourier-api.service
exit $status
