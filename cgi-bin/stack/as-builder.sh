#!/bin/bash
# as-builder.sh COMMAND...: runs it as the person the checkout belongs to, so
# that a build started by root leaves no file of root's in it. Root's own
# checkout, and one its person cannot write, is built by root.
set -u
checkout=$(cd "$(dirname "$0")/../.." && pwd -P)
((EUID == 0)) || exec "$@"
for user in "${SUDO_USER:-root}" "$(stat -c %U "$checkout")"; do
	[[ $(id -u "$user" 2>/dev/null || echo 0) != 0 ]] || continue
	as_user=(setpriv --reuid "$user" --regid "$(id -g "$user")"
		--init-groups)
	"${as_user[@]}" test -w "$checkout" -a -x "$checkout" || continue
	HOME=$(getent passwd "$user" | cut -d : -f 6) USER=$user \
		exec "${as_user[@]}" "$@"
done
exec "$@"
