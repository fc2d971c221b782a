#!/usr/bin/env bash
# check-install.sh: `make install` below a prefix of one's own names no place
# of the package, and leaves what the administrator has changed, as uninstall
# leaves all configuration. What the host lacks to serve is named.
set -u
cd "$(dirname "$0")/../.." || exit 1

root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
conf=$root/etc/codecourier/api.conf
site=$root/etc/nginx/sites-available/codecourier
status=0

# red COMMAND...: a finding unless the command succeeds
red() {
	"$@" && return
	echo "not so: $*"
	status=1
}

run() {
	env -u MAKEFLAGS -u MAKEOVERRIDES make --no-print-directory "$1" \
		DESTDIR="$root" prefix=/opt/cc || exit 1
}

run install-files
units=$root/opt/cc/lib/systemd/system
for unit in codecourier-api.service codecourier-api@.service; do
	red grep -q '^ExecStart=/opt/cc/lib/codecourier/pool ' "$units/$unit"
done
red test -x "$root/opt/cc/lib/codecourier/pool"
red test -z "$(grep -rlE '/usr/(sbin|share|lib/codecourier)' "$root")"
red test "$(stat -c %a "$conf" "$site" | xargs)" = '640 644'

echo '# mine' >>"$conf"
chmod 600 "$conf"
red test "$(run install-files)" = "yours stays, ours is $conf.new"
red test "$(tail -n 1 "$conf"; stat -c %a "$conf")" = $'# mine\n600'
red cmp -s "$conf.new" cgi-bin/api.conf
red test ! -e "$site.new"

red grep -q '^ExecStart=/opt/cc/sbin/codecourierctl doctor$' \
	"$units/codecourier-doctor.service"
red grep -q %i "$units/codecourier-doctor@.timer"
red grep -q '^ExecStart=/opt/cc/sbin/codecourierctl purge$' \
	"$units/codecourier-purge@.service"
red test -e "$units/codecourier-purge.timer"
red grep -q '^ExecStart=/opt/cc/sbin/codecourierctl audit head$' \
	"$units/codecourier-audit@.service"
red test -e "$units/codecourier-audit.timer"
red grep -q '^ExecStart=/opt/cc/sbin/codecourierctl mail send$' \
	"$units/codecourier-mail@.service"
red test -e "$units/codecourier-mail.timer"
red grep -q '^complete -F' \
	"$root/opt/cc/share/bash-completion/completions/codecourierctl"

# names HOST: of what it lacks
names() {
	ROOT=$1 cgi-bin/stack/needs.sh | sed -n 's/^  \([^ ]*\).*/\1/p' | xargs
}
host=$root/host
mkdir "$host"
red test "$(names "$host")" = \
	'spawn-fcgi multiwatch systemd nginx postgresql codecourier www-data'
for program in usr/bin/spawn-fcgi bin/systemctl usr/sbin/apache2 \
	usr/lib/postgresql/17/bin/postgres; do
	install -D /dev/null "$host/$program"
done
mkdir "$host/etc"
echo codecourier:x:999:999::/:/bin/false >"$host/etc/passwd"
echo www-data:x:33: >"$host/etc/group"
red test "$(names "$host")" = multiwatch
install -D /dev/null "$host/usr/bin/multiwatch"
red test -z "$(ROOT=$host cgi-bin/stack/needs.sh)"
red grep -q 'cgi-bin/stack/needs.sh' <(make -n install)

run uninstall
red test -e "$conf" -a -e "$site"
red test -z "$(find "$root/opt" -type f)"
exit $status
