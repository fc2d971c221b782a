# shellcheck shell=bash disable=SC2154,SC2034 # variables of serve.sh
# demo.sh: the demo project, its key, and RUN_DIR/env. Sourced by serve.sh.

ctl() {
	CODECOURIER_CONF=$RUN_DIR/api.conf stage/cgi-bin/codecourierctl "$@" \
		>>log/ctl.log 2>&1 9<&-
}

# Prints the status of GET /api/v1/project; the key is on nobody's argv.
get_project() {
	printf 'header = "Authorization: Bearer %s"\n' "$(<demo.key)" |
		curl -q -s -K - -o /dev/null -w '%{http_code}' -m 20 \
			"http://127.0.0.1:$PORT/api/v1/project"
}

make_key() {
	local status
	ctl project create --name Demo --slug demo \
		--owner-email owner@example.org
	status=$?
	((status == 0 || status == 4)) ||	# 4: there is one already
		die_of ctl.log 'cannot make the demo project'
	rm -f demo.key
	ctl key create demo --name 'make run' --out demo.key ||
		die_of ctl.log 'cannot make the demo key'
}

# Waits until the whole way answers 200 to the key. The key is made once; again
# only when it was revoked, or its project deleted, through the API.
make_demo() {
	local status tries=120 fresh=no
	[[ -s demo.key ]] || { make_key; fresh=yes; }
	while status=$(get_project); [[ $status != 200 ]]; do
		if [[ $status == 401 && $fresh == no ]]; then
			make_key
			fresh=yes
			continue
		fi
		is_alive "$nginx" ||
			die_of nginx-error.log 'nginx does not come up'
		is_alive "$pool" ||
			die_of pool.log 'the pool does not come up'
		((tries-- > 0)) || die_of pool.log \
			"GET /api/v1/project answers $status"
		pause 0.25
	done
}

write_env() {
	{
		printf 'BASE_URL=%s\n' "http://127.0.0.1:$PORT"
		printf 'API_KEY=%s\n' "$(<demo.key)"
		printf 'CODECOURIER_CONF=%s\n' "$(quoted "$RUN_DIR/api.conf")"
	} >env.new && mv env.new env
}

# shellcheck disable=SC2016 # expanded where it is pasted
announce() {
	say "Up: http://127.0.0.1:$PORT" \
		"(data and log/ in $shown; Ctrl-C ends it)"
	say "Metrics for Prometheus: http://127.0.0.1:$METRICS_PORT/metrics"
	say 'Try it from another shell; the line reads the key by itself:'
	say "( . $(quoted "$shown/env") &&" \
		'curl -sS -H "Authorization: Bearer $API_KEY"' \
		'"$BASE_URL/api/v1/project" )'
}
