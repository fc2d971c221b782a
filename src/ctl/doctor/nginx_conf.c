/*
 * nginx_conf.c: reads the dump of `nginx -T`: its files one behind the
 * other, each once, their includes not followed. What is ours in there are the
 * servers that pass to our socket, and those of files with "codecourier" in
 * their path.
 */
#include "ctl/doctor/doctor.h"

#include "base/cidr.h"
#include "base/text.h"
#include "ctl/doctor/directive.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define FILE_MARK "# configuration file "
#define FILES     400
#define SERVERS   64
#define SOME      16 /* addresses, names and locations of a server */
#define DEPTH     32

enum block { OTHER, EVENTS, HTTP, UPSTREAM, SERVER, LOCATION };

struct server {
	bool ours, guarded, believing;
	size_t listens, names, files, passes, proxies;
	struct {
		char address[80];
		bool tls, proxied, other;
	} listen[SOME];
	char name[SOME][256];
	char file[2][256];
	struct {
		char path[64], target[128];
	} pass[SOME];
	char body[256], spool[256];
};

struct parse {
	struct doctor *d;
	char target[120]; /* unix:SOCKET */
	struct {
		const char *name, *text;
	} file[FILES];
	size_t files;
	char folder[256]; /* of the main file */
	bool ours;        /* the file that is read is one of ours */
	int includes;
	enum block block[DEPTH];
	int depth;
	char location[64], upstream[64]; /* the block's */
	char leads[8][64];               /* upstreams to our socket */
	size_t leading;
	struct server http, server[SERVERS];
	size_t servers;
};

/* "unix:SOCKET" or "unix:SOCKET:", as proxies have it. */
static bool
is_our_socket(const struct parse *p, const char *target)
{
	size_t len = strlen(p->target);

	return strncmp(target, p->target, len) == 0 &&
	    (target[len] == '\0' || target[len] == ':');
}

static void
keep(char *out, size_t size, const char *value)
{
	if (!out[0])
		text_copy(out, size, value);
}

static void
take_listen(struct server *s, const struct directive *v)
{
	size_t n = s->listens;

	if (n == SOME)
		return;
	text_copy(
	    s->listen[n].address, sizeof(s->listen[n].address), v->word[1]);
	s->listen[n].tls = directive_has(v, "ssl");
	s->listen[n].proxied = directive_has(v, "proxy_protocol");
	s->listen[n].other = directive_has(v, "quic") ||
	    (directive_has(v, "http2") && !directive_has(v, "ssl")) ||
	    strncmp(v->word[1], "unix:", 5) == 0;
	s->listens++;
}

/* A path, from the folder of the main file where it is a relative one. */
static void
place_path(const struct parse *p, const char *name, char *path, size_t size)
{
	bool whole = name[0] == '/';

	snprintf(path, size, "%s%s%s", whole ? "" : p->folder, whole ? "" : "/",
	    name);
}

static void
take_file(struct parse *p, struct server *s, const char *name)
{
	char path[600];

	if (s->files == 2 || strchr(name, '$'))
		return;
	place_path(p, name, path, sizeof(path));
	text_copy(s->file[s->files++], sizeof(s->file[0]), path);
}

static void
take_pass(const struct parse *p, struct server *s, const char *target)
{
	if (s->passes == SOME)
		return;
	text_copy(
	    s->pass[s->passes].path, sizeof(s->pass[0].path), p->location);
	text_copy(s->pass[s->passes].target, sizeof(s->pass[0].target), target);
	s->passes++;
}

/* One whose word on a client's address counts; or everybody. */
static void
take_proxy(struct server *s, const char *word)
{
	struct cidr c;

	s->proxies++;
	if (cidr_parse(&c, word, strlen(word)) != CIDR_NONE && c.length == 0)
		s->believing = true;
}

/* Of a server, its locations, or all of them (http). */
static void
take_of_server(struct parse *p, struct server *s, const struct directive *v)
{
	if (directive_is(v, "listen"))
		take_listen(s, v);
	else if (directive_is(v, "server_name"))
		for (size_t i = 1; i < v->n && s->names < SOME; i++)
			text_copy(s->name[s->names++], sizeof(s->name[0]),
			    v->word[i]);
	else if (directive_is(v, "ssl_certificate"))
		take_file(p, s, v->word[1]);
	else if (directive_is(v, "fastcgi_pass"))
		take_pass(p, s, v->word[1]);
	else if (directive_is(v, "set_real_ip_from"))
		take_proxy(s, v->word[1]);
	else if (directive_is(v, "client_body_temp_path"))
		keep(s->body, sizeof(s->body), v->word[1]);
	else if (directive_is(v, "fastcgi_temp_path"))
		keep(s->spool, sizeof(s->spool), v->word[1]);
	else if (directive_is(v, "deny") ||
	    (directive_is(v, "ssl_verify_client") &&
		strcmp(v->word[1], "off") != 0))
		s->guarded = true;
}

static void
take_directive(struct parse *p, const struct directive *v)
{
	struct nginx_conf *x = &p->d->nginx;
	struct web *w = &p->d->web[WEB_NGINX];
	enum block in = p->depth ? p->block[p->depth - 1] : OTHER;

	if (v->n < 2)
		return;
	if (in == EVENTS && directive_is(v, "worker_connections"))
		x->worker_connections = strtol(v->word[1], NULL, 10);
	else if (p->depth == 0 && directive_is(v, "user"))
		text_copy(w->user, sizeof(w->user), v->word[1]);
	else if (p->depth == 0 && directive_is(v, "pid"))
		text_copy(x->pid, sizeof(x->pid), v->word[1]);
	else if (in == UPSTREAM && directive_is(v, "server") &&
	    is_our_socket(p, v->word[1]) && p->leading < 8)
		text_copy(
		    p->leads[p->leading++], sizeof(p->leads[0]), p->upstream);
	else if (in == HTTP)
		take_of_server(p, &p->http, v);
	else if ((in == SERVER || in == LOCATION) && p->servers)
		take_of_server(p, &p->server[p->servers - 1], v);
}

static void
open_block(struct parse *p, const struct directive *v)
{
	enum block in = p->depth ? p->block[p->depth - 1] : OTHER, b = OTHER;

	if (p->depth == 0 && directive_is(v, "events")) {
		b = EVENTS;
	} else if (p->depth == 0 && directive_is(v, "http")) {
		b = HTTP;
	} else if (in == HTTP && directive_is(v, "upstream")) {
		b = UPSTREAM;
		text_copy(p->upstream, sizeof(p->upstream), v->word[1]);
	} else if (in == HTTP && directive_is(v, "server") &&
	    p->servers < SERVERS) {
		b = SERVER;
		p->server[p->servers++].ours = p->ours;
		p->location[0] = '\0';
	} else if (in == SERVER || in == LOCATION) {
		/* also `if` and the like: what stands in there is this one's */
		b = LOCATION;
		if (directive_is(v, "location") && v->n > 1)
			text_copy(p->location, sizeof(p->location),
			    v->word[v->n - 1]);
	}
	if (p->depth < DEPTH)
		p->block[p->depth] = b;
	p->depth++;
}

static void walk(struct parse *p, size_t file);

static void
include(struct parse *p, const char *name)
{
	char pattern[600];
	bool ours = p->ours;

	place_path(p, name, pattern, sizeof(pattern));
	for (size_t i = 0; i < p->files; i++)
		if (fnmatch(pattern, p->file[i].name,
			FNM_PATHNAME | FNM_PERIOD) == 0)
			walk(p, i);
	p->ours = ours;
}

static void
walk(struct parse *p, size_t file)
{
	const char *text = p->file[file].text;
	struct directive *v = malloc(sizeof(*v));
	char end;

	if (v && p->includes < 10) {
		p->includes++;
		p->ours = strstr(p->file[file].name, "codecourier");
		while ((end = directive_next(&text, v))) {
			if (end == '{' && p->depth < DEPTH)
				open_block(p, v);
			else if (end == '}' && p->depth > 0)
				p->depth--;
			else if (end == ';' && directive_is(v, "include"))
				include(p, v->word[1]);
			else if (end == ';')
				take_directive(p, v);
		}
		p->includes--;
	}
	free(v);
}

/* The path to ask for at a server; NULL: it leads nowhere near the workers. */
static const char *
path_of(const struct parse *p, const struct server *s)
{
	/* one that passes elsewhere is another instance's */
	const char *path = s->ours && s->passes == 0 ? "" : NULL;

	for (size_t i = 0; i < s->passes; i++) {
		bool leads = is_our_socket(p, s->pass[i].target);

		for (size_t k = 0; k < p->leading; k++)
			leads = leads ||
			    strcmp(s->pass[i].target, p->leads[k]) == 0;
		if (!leads)
			continue;
		if (strcmp(s->pass[i].path, "/metrics") != 0)
			return "/readyz";
		path = "/metrics";
	}
	return path;
}

static void
add_door(struct web *w, const struct server *s, size_t listen, const char *name,
    const char *path)
{
	struct door *door = web_add(w);

	if (!door)
		return;
	text_copy(door->listen, sizeof(door->listen),
	    s->listens ? s->listen[listen].address : "*:80");
	text_copy(door->name, sizeof(door->name), name);
	text_copy(door->path, sizeof(door->path), path);
	door->tls = s->listen[listen].tls;
	door->proxied = s->listen[listen].proxied;
	door->guarded = s->guarded;
	door->files = s->files;
	memcpy(door->file, s->file, sizeof(door->file));
}

/* A name that a client could ask for; NULL: a pattern that tells none. */
static const char *
askable(const char *name, char *made, size_t size)
{
	if (name[0] == '~' || (strchr(name, '*') && name[0] != '*'))
		return NULL;
	if (strcmp(name, "_") == 0)
		return "";
	if (name[0] == '*')
		snprintf(made, size, "doctor%s", name + 1);
	else
		text_copy(made, size, name + (name[0] == '.'));
	return made;
}

static void
add_server(struct parse *p, struct server *s)
{
	struct web *w = &p->d->web[WEB_NGINX];
	const char *path = path_of(p, s), *name;
	char made[300];

	if (!path)
		return;
	w->site = w->site || path[0];
	if (path[0]) {
		keep(
		    p->d->nginx.body, 256, s->body[0] ? s->body : p->http.body);
		keep(p->d->nginx.spool, 256,
		    s->spool[0] ? s->spool : p->http.spool);
		if (s->proxies ? s->believing : p->http.believing)
			p->d->nginx.believing = true;
	}
	if (!s->files) {
		s->files = p->http.files;
		memcpy(s->file, p->http.file, sizeof(s->file));
	}
	for (size_t i = 0; i < s->listens || i == 0; i++) {
		if (s->listen[i].other)
			continue;
		if (!s->names)
			add_door(w, s, i, "", path);
		for (size_t k = 0; k < s->names; k++) {
			name = askable(s->name[k], made, sizeof(made));
			if (name)
				add_door(w, s, i, name, path);
		}
	}
}

/* Cuts the dump into its files. */
static void
cut(struct parse *p, char *dump)
{
	char *mark = strstr(dump, FILE_MARK), *end, *slash;

	while (mark && p->files < FILES) {
		char *name = mark + strlen(FILE_MARK);

		end = strchr(name, '\n');
		if (!end)
			break;
		*end = '\0';
		if (end[-1] == ':')
			end[-1] = '\0';
		*mark = '\0'; /* of the file before */
		p->file[p->files].name = name;
		p->file[p->files++].text = end + 1;
		mark = strstr(end + 1, "\n" FILE_MARK);
		mark = mark ? mark + 1 : NULL;
		web_changed(&p->d->web[WEB_NGINX], name);
	}
	if (!p->files)
		return;
	text_copy(p->folder, sizeof(p->folder), p->file[0].name);
	slash = strrchr(p->folder, '/');
	if (slash)
		*slash = '\0';
}

bool
doctor_parse_nginx(struct doctor *d, char *dump)
{
	struct parse *p = calloc(1, sizeof(*p));

	if (!p)
		return false;
	p->d = d;
	snprintf(p->target, sizeof(p->target), "unix:%s", d->socket);
	d->nginx.worker_connections = 512; /* nginx's own default */
	cut(p, dump);
	if (p->files)
		walk(p, 0);
	for (size_t i = 0; i < p->servers; i++)
		add_server(p, &p->server[i]);
	free(p);
	return true;
}
