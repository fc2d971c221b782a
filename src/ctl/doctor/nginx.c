/*
 * nginx.c: nginx and its configuration, as `nginx -T` prints it.
 */
#include "ctl/doctor/doctor.h"

#include "ctl/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define NGINX       "/usr/sbin/nginx"
#define WANTED      4096 /* worker_connections: two a request, see the site */
#define MASTER_MARK "nginx: master process "

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
	status = program_run(argv, &text);
	if (status == 0)
		doctor_parse_nginx(d, text);
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
	struct web *w = &d->web[WEB_NGINX];
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char title[4096], *arguments;
	bool found = false;

	while (proc && !found && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !is_own(e->d_name, title, sizeof(title)))
			continue;
		arguments = strchr(title + strlen(MASTER_MARK), ' ');
		found = arguments && dump(d, arguments, why, size) && w->site;
		if (found)
			w->master = (pid_t)strtol(e->d_name, NULL, 10);
		else
			w->doors = 0; /* another one's */
	}
	if (proc)
		closedir(proc);
	return found;
}

void
doctor_read_nginx(struct doctor *d)
{
	struct passwd *pw = getpwuid(geteuid());
	struct web *w = &d->web[WEB_NGINX];
	char none[1] = "", *why = d->nginx.why;

	w->name = "nginx";
	w->unit = "nginx";
	if (access(NGINX, X_OK) != 0)
		return;
	if (geteuid() != 0 && !d->installed) {
		w->known = read_own(d, why, sizeof(d->nginx.why));
		snprintf(w->user, sizeof(w->user), "%s", pw ? pw->pw_name : "");
		return;
	}
	w->known = dump(d, none, why, sizeof(d->nginx.why));
	if (!w->user[0]) /* Debian builds it so */
		snprintf(w->user, sizeof(w->user), "www-data");
	w->master = web_master(
	    d->nginx.pid[0] ? d->nginx.pid : "/run/nginx.pid", NGINX);
}

void
doctor_nginx(struct doctor *d)
{
	const struct web *w = &d->web[WEB_NGINX];
	const char *why = d->nginx.why;

	if (d->web[WEB_APACHE].serves && !w->serves)
		return; /* nginx is not what is in front */
	if (w->known && d->nginx.worker_connections < WANTED)
		doctor_warn(d,
		    "worker_connections 4096; in events, and "
		    "worker_rlimit_nofile 16384; in /etc/nginx/nginx.conf; "
		    "then reload nginx",
		    "worker_connections is %ld, the site lets 2000 requests "
		    "in, two connections each",
		    d->nginx.worker_connections);
	if (d->nginx.believing)
		doctor_warn(d,
		    "name your proxies alone in "
		    "/etc/nginx/codecourier/trusted-proxies.conf; then reload "
		    "nginx",
		    "set_real_ip_from names everybody: a client is taken for "
		    "whatever address it tells, by limits, audit and the keys "
		    "that only some addresses may use");
	if (w->known)
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
doctor_spool(struct doctor *d)
{
	const struct web *w = &d->web[WEB_NGINX];

	if (!w->known && !d->web[WEB_APACHE].serves)
		doctor_unseen(d, "nginx's configuration");
	if (!w->serves)
		return;
	doctor_spool_at(d, "client_body_temp_path", d->nginx.body, w->user);
	doctor_spool_at(d, "fastcgi_temp_path", d->nginx.spool, w->user);
}
