# shellcheck shell=bash disable=SC2154,SC2034 # variables of serve.sh
# web.sh: the pool and the nginx of the stack. nginx gets the site exactly as
# a host would, in a folder that is laid out as /etc/nginx is; only the lines
# marked @name are written anew. Sourced by serve.sh.

start_pool() {
	child TERM pool.log env CODECOURIER_CONF="$RUN_DIR/api.conf" \
		"$sockets/run/stage/cgi-bin/pool" "$sockets/api.sock" \
		"$sockets/run/stage/cgi-bin/project-api.fcgi"
	pool=$child
}

# at_socket: paths of the socket, in the lines marked @socket
at_socket() {
	sed -i "/# @socket\$/s|unix:/run/codecourier/api.sock|unix:$sockets/api.sock|" \
		web/codecourier.conf web/codecourier/metrics.conf
}

# rewrite NAME LINE: the site's line marked @NAME
rewrite() {
	local file
	file=$(grep -ls "# @$1\$" web/codecourier.conf web/codecourier/*.conf) ||
		die "no file of nginx/ has a line marked @$1"
	sed -i "s|^.*# @$1\$|$2|" "$file"
}

configure_nginx() {
	rm -rf web
	mkdir web web/tmp
	cp -r stage/nginx web/codecourier
	mv web/codecourier/codecourier.conf web/
	cp stage/cgi-bin/stack/nginx.conf stage/openapi.json web/
	at_socket
	rewrite listen "listen 127.0.0.1:$PORT default_server;"
	rewrite access 'access_log log/nginx-access.log codecourier;'
	rewrite errors 'error_log log/nginx-error.log emerg;'
	rewrite body "client_body_temp_path $spool/body;"
	rewrite spool "fastcgi_temp_path $spool/fastcgi;"
	rewrite openapi 'alias web/openapi.json;'
	rewrite metrics "listen 127.0.0.1:$METRICS_PORT;"
}

start_nginx() {
	child TERM nginx-error.log nginx -e log/nginx-error.log \
		-p "$sockets/run/" -c web/nginx.conf
	nginx=$child
}
