/*
 * apache.c: Apache in front of the workers, as
 * examples/apache/README.md has it. It has no dump of its configuration: read
 * are the enabled sites, as far as our own go.
 */
#include "ctl/doctor/doctor.h"

#include "base/array.h"
#include "base/file.h"
#include "base/text.h"
#include "ctl/program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/banned.h"

#define APACHE_PROGRAM "/usr/sbin/apache2"
#define APACHE_CTL     "/usr/sbin/apache2ctl"
#define APACHE_ETC     "/etc/apache2"
#define SITES          APACHE_ETC "/sites-enabled"
#define SOME           8

/* A <VirtualHost>, as far as it has been read. */
struct host {
	bool open, tls, guarded, passes;
	char address[SOME][80], name[SOME][256], file[256];
	size_t addresses, names;
};

struct site {
	struct doctor *d;
	char socket[120]; /* unix:SOCKET */
	char defined[80]; /* ${NAME} of a Define that has it */
	struct host host;
};

/* The next word of a line, without quotes; "" at its end. */
static void
take_word(char **line, char *out, size_t size)
{
	char *p = *line + strspn(*line, " \t\""), *end;

	end = p + strcspn(p, " \t\"\r\n>");
	snprintf(out, size, "%.*s", (int)(end - p), p);
	*line = end + strspn(end, " \t\"");
}

static void
end_host(struct site *s)
{
	struct host *h = &s->host;
	struct web *w = &s->d->web[WEB_APACHE];

	h->names += h->names == 0; /* one without a name */
	for (size_t a = 0; h->passes && a < h->addresses; a++)
		for (size_t n = 0; n < h->names; n++) {
			struct door *door = web_add(w);

			if (!door)
				return;
			text_copy(
			    door->listen, sizeof(door->listen), h->address[a]);
			text_copy(door->name, sizeof(door->name), h->name[n]);
			snprintf(door->path, sizeof(door->path), "/readyz");
			door->tls = h->tls;
			door->guarded = h->guarded;
			door->files = h->file[0] != '\0';
			text_copy(
			    door->file[0], sizeof(door->file[0]), h->file);
		}
	w->site = w->site || h->passes;
	memset(h, 0, sizeof(*h));
}

static void
add_server_names(struct host *h, char *line)
{
	char name[256];

	for (take_word(&line, name, sizeof(name)); name[0] && h->names < SOME;
	     take_word(&line, name, sizeof(name)))
		if (!strpbrk(name, "*?"))
			text_copy(
			    h->name[h->names++], sizeof(h->name[0]), name);
}

static void
take_of_host(struct site *s, const char *name, char *rest)
{
	struct host *h = &s->host;
	char value[256];

	if (strstr(rest, s->socket) ||
	    (s->defined[0] && strstr(rest, s->defined)))
		h->passes = true;
	if (strcasecmp(name, "ServerName") == 0 ||
	    strcasecmp(name, "ServerAlias") == 0) {
		add_server_names(h, rest);
		return;
	}
	take_word(&rest, value, sizeof(value));
	if (strcasecmp(name, "SSLEngine") == 0)
		h->tls = strcasecmp(value, "on") == 0;
	else if (strcasecmp(name, "SSLCertificateFile") == 0)
		text_copy(h->file, sizeof(h->file), value);
	else if (strcasecmp(name, "SSLVerifyClient") == 0)
		h->guarded = strcasecmp(value, "none") != 0;
}

static void
take_line(struct site *s, char *line)
{
	struct host *h = &s->host;
	char name[80], value[80];

	take_word(&line, name, sizeof(name));
	if (strcasecmp(name, "<VirtualHost") == 0) {
		memset(h, 0, sizeof(*h));
		h->open = true;
		while (h->addresses < SOME) {
			take_word(&line, h->address[h->addresses], 80);
			if (!h->address[h->addresses][0])
				break;
			h->addresses++;
		}
	} else if (strcasecmp(name, "</VirtualHost") == 0) {
		end_host(s);
	} else if (strcasecmp(name, "Define") == 0) {
		take_word(&line, value, sizeof(value) - 4);
		if (strstr(line, s->socket))
			snprintf(
			    s->defined, sizeof(s->defined), "${%.70s}", value);
	} else if (h->open && name[0] != '#') {
		take_of_host(s, name, line);
	}
}

static void
read_site(struct doctor *d, const char *path)
{
	struct site s = {.d = d};
	FILE *f = file_stream(path);
	char line[1024];

	snprintf(s.socket, sizeof(s.socket), "unix:%s", d->socket);
	while (f && fgets(line, sizeof(line), f))
		take_line(&s, line);
	if (f)
		fclose(f);
}

/* Each file of a folder of Apache's: it counts for when the configuration was
 * changed, and a site is read. False: there is no such folder for us. */
static bool
each_file(struct doctor *d, const char *folder)
{
	DIR *files = opendir(folder);
	struct dirent *e;
	char path[600];

	while (files && (e = readdir(files))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		web_changed(&d->web[WEB_APACHE], path);
		if (strcmp(folder, SITES) == 0)
			read_site(d, path);
	}
	if (files)
		closedir(files);
	return files != NULL;
}

/* export NAME=value in the file that Debian's apache2ctl reads. */
static void
variable(const char *name, char *value, size_t size)
{
	FILE *f = file_stream(APACHE_ETC "/envvars");
	char line[256], *p;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, name);
		if (!p || line[0] == '#' || p[strlen(name)] != '=')
			continue;
		p += strlen(name) + 1;
		snprintf(value, size, "%.*s", (int)strcspn(p, " \t\r\n$"), p);
	}
	if (f)
		fclose(f);
}

void
doctor_read_apache(struct doctor *d)
{
	static const char *const more[] = {APACHE_ETC "/conf-enabled",
	    APACHE_ETC "/mods-enabled", APACHE_ETC "/codecourier"};
	struct web *w = &d->web[WEB_APACHE];

	w->name = "Apache";
	w->unit = "apache2";
	if (!d->installed || access(APACHE_PROGRAM, X_OK) != 0)
		return;
	w->known = each_file(d, SITES);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		each_file(d, more[i]);
	web_changed(w, APACHE_ETC "/apache2.conf");
	web_changed(w, APACHE_ETC "/ports.conf");
	snprintf(w->user, sizeof(w->user), "www-data");
	variable("APACHE_RUN_USER", w->user, sizeof(w->user));
	w->master = web_master("/run/apache2/apache2.pid", APACHE_PROGRAM);
}

void
doctor_apache(struct doctor *d)
{
	static char control[] = APACHE_CTL, test[] = "configtest";
	char *argv[] = {control, test, NULL}, *text, *line;
	int status;

	if (!d->web[WEB_APACHE].serves)
		return;
	if (geteuid() != 0 || access(APACHE_CTL, X_OK) != 0) {
		doctor_unseen(d, "Apache's configuration: %s",
		    geteuid() ? "we are not root" : "no " APACHE_CTL " here");
		return;
	}
	status = program_run(argv, &text);
	if (status != 0 && text) {
		line = strstr(text, "Syntax error");
		line = line ? line : text;
		line[strcspn(line, "\n")] = '\0';
		doctor_error(d,
		    "mend that line; apache2ctl configtest tells when it is "
		    "right, then systemctl reload apache2",
		    "Apache refuses its configuration: %.300s", line);
	}
	free(text);
}

/* Whether nginx is meant to run: an enabled site alone may be one that Apache
 * has taken over. */
static bool
nginx_is_enabled(void)
{
	static char systemctl[] = "/usr/bin/systemctl", is[] = "is-enabled",
		    quiet[] = "-q", nginx[] = "nginx";
	char *argv[] = {systemctl, is, quiet, nginx, NULL}, *text = NULL;
	bool enabled = access("/run/systemd/system", F_OK) == 0 &&
	    program_run(argv, &text) == 0;

	free(text);
	return enabled;
}

void
doctor_choose_web(struct doctor *d)
{
	struct web *nginx = &d->web[WEB_NGINX], *apache = &d->web[WEB_APACHE];

	apache->serves = apache->site;
	nginx->serves = nginx->site &&
	    (!apache->site || nginx->master || nginx_is_enabled());
}

struct web *
doctor_web(struct doctor *d, struct web *w)
{
	for (w = w ? w + 1 : d->web; w < d->web + WEBS; w++)
		if (w->serves)
			return w;
	return NULL;
}
