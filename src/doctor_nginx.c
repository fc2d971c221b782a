/*
 * doctor_nginx.c: nginx's configuration, as `nginx -T` prints it, and the
 * site in it. What is ours in there are the files with "codecourier" in their
 * path.
 */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "banned.h"

#define NGINX       "/usr/sbin/nginx"
#define OPENSSL     "/usr/bin/openssl"
#define TWO_WEEKS   "1209600"
#define WANTED      4096 /* worker_connections: two a request, see the site */
#define FILE_MARK   "# configuration file "
#define MASTER_MARK "nginx: master process "
#define WORDS       10

/* One directive: its words, cut out of the text. */
struct directive {
	size_t n;
	char *word[WORDS];
};

/* The next word at *text, NUL-terminated in place; quotes are taken off. The
 * character that ended it stands in *end: a space, ';', '{', '}' or 0. */
static char *
next_word(char **text, char *end)
{
	char *p = *text, *start = p, quote;

	if (*p == '"' || *p == '\'') {
		quote = *p;
		start = ++p;
		while (*p && *p != quote)
			p += *p == '\\' && p[1] ? 2 : 1;
		if (*p)
			*p++ = '\0';
	} else {
		while (*p && !strchr(" \t\r\n;{}", *p))
			p += *p == '$' && p[1] == '{' ? 2 : 1;
	}
	*end = *p;
	if (*p)
		*p++ = '\0';
	*text = p;
	return start;
}

static void
keep(char *out, size_t size, const char *value)
{
	if (!out[0])
		snprintf(out, size, "%s", value);
}

static void
take(struct doctor *d, const struct directive *v, bool ours)
{
	struct nginx_conf *x = &d->nginx;
	size_t len = strlen(d->socket);

	for (size_t i = 0; i < v->n; i++)
		if (strncmp(v->word[i], "unix:", 5) == 0 &&
		    strncmp(v->word[i] + 5, d->socket, len) == 0 &&
		    strchr(":", v->word[i][5 + len]))
			x->site = true;
	if (v->n < 2)
		return;
	if (strcmp(v->word[0], "worker_connections") == 0)
		x->worker_connections = strtol(v->word[1], NULL, 10);
	else if (strcmp(v->word[0], "user") == 0)
		snprintf(x->user, sizeof(x->user), "%s", v->word[1]);
	if (!ours)
		return;
	if (strcmp(v->word[0], "client_body_temp_path") == 0)
		keep(x->body, sizeof(x->body), v->word[1]);
	else if (strcmp(v->word[0], "fastcgi_temp_path") == 0)
		keep(x->spool, sizeof(x->spool), v->word[1]);
	else if (strcmp(v->word[0], "ssl_certificate") == 0 &&
	    v->word[1][0] == '/' && x->certificates < 8)
		snprintf(x->certificate[x->certificates++],
		    sizeof(x->certificate[0]), "%s", v->word[1]);
}

/* Reads the dump, which is cut to pieces. */
static void
parse(struct doctor *d, char *text)
{
	struct directive v = {0};
	bool ours = false;
	char end;

	memset(&d->nginx, 0, sizeof(d->nginx));
	d->nginx.worker_connections = 512; /* nginx's own default */
	text = strstr(text, FILE_MARK);
	while (text && *text) {
		if (strchr(" \t\r\n;{}", *text)) {
			text++;
			continue;
		}
		if (*text == '#') {
			char *line = text;

			text += strcspn(text, "\n");
			if (*text)
				*text++ = '\0';
			if (strncmp(line, FILE_MARK, strlen(FILE_MARK)) == 0)
				ours = strstr(line, "codecourier");
			continue;
		}
		char *word = next_word(&text, &end);
		if (v.n < WORDS)
			v.word[v.n++] = word;
		while (end && strchr(" \t\r\n", end) && *text &&
		    strchr(" \t\r\n;{", *text))
			end = *text++;
		if (end == ';' || end == '{' || end == '}' || end == '\0') {
			take(d, &v, ours);
			v.n = 0;
		}
	}
}

/* The first line in which nginx says what is wrong. */
static void
complaint(const char *text, char *why, size_t size)
{
	const char *line = strstr(text, "[emerg]");

	if (!line)
		line = text;
	else
		line += strlen("[emerg] ");
	snprintf(why, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Runs nginx -T with the given arguments of a running one (changed). */
static bool
dump(struct doctor *d, char *arguments, char *why, size_t size)
{
	static char nginx[] = NGINX, test[] = "-T", quiet[] = "-q";
	char *argv[16] = {nginx, test, quiet}, *save, *text;
	size_t n = 3;
	int status;

	for (char *a = strtok_r(arguments, " ", &save); a && n < 15;
	     a = strtok_r(NULL, " ", &save))
		argv[n++] = a;
	status = doctor_run(argv, &text);
	if (status == 0)
		parse(d, text);
	else if (text)
		complaint(text, why, size);
	else
		snprintf(why, size, NGINX " is not there");
	free(text);
	return status == 0;
}

/*
 * A plain user's own nginx, which may have any configuration file, tells by
 * its title how it was started. Never for root: a title can say anything, and
 * a configuration can load code.
 */
static bool
is_own(const char *pid, char *title, size_t size)
{
	char path[300];
	struct stat st;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid())
		n = read(fd, title, size - 1);
	if (fd >= 0)
		close(fd);
	title[n > 0 ? n : 0] = '\0';
	return strncmp(title, MASTER_MARK, strlen(MASTER_MARK)) == 0;
}

/* False: none of them has our socket. */
static bool
read_own(struct doctor *d, char *why, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char title[4096], *arguments;
	bool found = false;

	while (proc && !found && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !is_own(e->d_name, title, sizeof(title)))
			continue;
		arguments = strchr(title + strlen(MASTER_MARK), ' ');
		found =
		    arguments && dump(d, arguments, why, size) && d->nginx.site;
	}
	if (proc)
		closedir(proc);
	return found;
}

/* Its configuration as nginx sees it, into d->nginx. */
static bool
read_nginx(struct doctor *d, char *why, size_t size)
{
	struct passwd *pw = getpwuid(geteuid());
	char none[1] = "";

	why[0] = '\0';
	if (access(NGINX, X_OK) != 0)
		return false; /* Apache, perhaps */
	if (geteuid() != 0 && !d->installed) {
		if (!read_own(d, why, size))
			return false;
		snprintf(d->nginx.user, sizeof(d->nginx.user), "%s",
		    pw ? pw->pw_name : "");
		return true;
	}
	if (!dump(d, none, why, size))
		return false;
	if (!d->nginx.user[0]) /* Debian builds it so */
		snprintf(d->nginx.user, sizeof(d->nginx.user), "www-data");
	return true;
}

void
doctor_nginx(struct doctor *d)
{
	char why[512];

	d->has_nginx = read_nginx(d, why, sizeof(why));
	if (d->has_nginx && d->nginx.worker_connections < WANTED)
		doctor_warn(d,
		    "worker_connections 4096; in events, and "
		    "worker_rlimit_nofile 16384; in /etc/nginx/nginx.conf; "
		    "then reload nginx",
		    "worker_connections is %ld, the site lets 2000 requests "
		    "in, two connections each",
		    d->nginx.worker_connections);
	if (d->has_nginx)
		return;
	if (why[0] && (geteuid() == 0 || !d->installed))
		doctor_error(d,
		    "mend that line; nginx -t tells when it is right, then "
		    "systemctl reload nginx",
		    "nginx refuses its configuration: %s", why);
	else
		doctor_unseen(d, "nginx's configuration: %s",
		    access(NGINX, X_OK) != 0 ? "no " NGINX " here"
			: d->installed       ? "we are not root"
				       : "no nginx of ours has this socket");
}

void
doctor_site(struct doctor *d)
{
	if (!d->has_nginx)
		doctor_unseen(d, "nginx's configuration");
	else if (!d->nginx.site)
		doctor_error(d,
		    strcmp(d->unit, "codecourier-api.service") == 0
			? "ln -s ../sites-available/codecourier "
			  "/etc/nginx/sites-enabled/; nginx -t; systemctl "
			  "reload nginx"
			: "an upstream and a server of its own, see "
			  "nginx/README.md, \"A second instance\"",
		    "no site of nginx passes requests to %s", d->socket);
}

/* The file system of the path, or of the next folder above that exists. */
static bool
is_in_memory(const char *path)
{
	char name[300], *slash;
	struct statfs fs;

	snprintf(name, sizeof(name), "%s", path);
	while (statfs(name, &fs) != 0) {
		slash = strrchr(name, '/');
		if (!slash || slash == name)
			return false;
		*slash = '\0';
	}
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
}

static void
check_spool(struct doctor *d, const char *name, const char *path)
{
	if (!path[0])
		path = "/var/lib/nginx"; /* Debian's default */
	if (!is_in_memory(path))
		doctor_error(d,
		    "client_body_temp_path and fastcgi_temp_path below /run "
		    "in the site; shred what lies in the old ones",
		    "%s is %s, a disk: large bodies and answers lie there with "
		    "secrets in the clear",
		    name, path);
}

void
doctor_spool(struct doctor *d)
{
	if (!d->has_nginx) {
		doctor_unseen(d, "nginx's configuration");
		return;
	}
	if (!d->nginx.site)
		return;
	check_spool(d, "client_body_temp_path", d->nginx.body);
	check_spool(d, "fastcgi_temp_path", d->nginx.spool);
}

/* Whether it is still good after so many seconds; false with *unseen: it
 * cannot be read. */
static bool
is_good(char *path, const char *seconds, bool *unseen)
{
	static char openssl[] = OPENSSL, x509[] = "x509", noout[] = "-noout",
		    checkend[] = "-checkend", in[] = "-in";
	char after[16], *text;
	char *argv[] = {openssl, x509, noout, checkend, after, in, path, NULL};
	int status;

	snprintf(after, sizeof(after), "%s", seconds);
	status = doctor_run(argv, &text);
	*unseen = status != 0 && (!text || !strstr(text, "will expire"));
	free(text);
	return status == 0;
}

void
doctor_certificate(struct doctor *d)
{
	static const char fix[] =
	    "renew it (certbot renew, or your CA), then systemctl reload nginx";

	if (!d->has_nginx) {
		doctor_unseen(d, "nginx's configuration");
		return;
	}
	for (size_t i = 0; i < d->nginx.certificates; i++) {
		char *path = d->nginx.certificate[i];
		bool unseen;

		if (is_good(path, TWO_WEEKS, &unseen))
			continue;
		if (unseen)
			doctor_unseen(
			    d, "%s: not readable, or no " OPENSSL, path);
		else if (is_good(path, "0", &unseen))
			doctor_warn(
			    d, fix, "%s expires within two weeks", path);
		else
			doctor_error(d, fix, "%s has expired", path);
	}
}
