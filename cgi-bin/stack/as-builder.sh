#!/bin/bash
# as-builder.sh COMMAND...: runs it as the person the checkout belongs to, so
# that a build started by root leaves no file of root's in it. Root's own
# checkout, and one its person cannot write, is built by root.
set -u
checkout=$(cd "$(dirname "$0")/../.." && pwd -P)
as_user=(env)
if ((EUID == 0)); then
	for user in "${SUDO_USER:-root}" "$(stat -c %U "$checkout")"; do
		[[ $(id -u "$user" 2>/dev/null || echo 0) != 0 ]] || continue
		try=(setpriv --reuid "$user" --regid "$(id -g "$user")"
			--init-groups)
		"${try[@]}" test -w "$checkout" -a -x "$checkout" || continue
		as_user=("${try[@]}" env USER="$user"
			HOME="$(getent passwd "$user" | cut -d : -f 6)")
		break
	done
fi
exec "${as_user[@]}" "$@"
