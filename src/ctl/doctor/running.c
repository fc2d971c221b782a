/*
 * running.c: what runs, beside what is installed: programs and
 * libraries that were replaced under their processes, configuration that was
 * changed since.
 */
#include "ctl/doctor/doctor.h"

#include "base/clock.h"
#include "ctl/dropin.h"
#include "shm/worker.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define DELETED " (deleted)"
#define SLACK   20 /* ms: a process' start is told in steps of 10 */

static bool
is_deleted(const char *path)
{
	size_t len = strlen(path);

	return len > strlen(DELETED) &&
	    strcmp(path + len - strlen(DELETED), DELETED) == 0;
}

/* A library that the process executes and that is no file any more. */
static bool
old_library(int pid, char *name, size_t size)
{
	char path[64], line[600], perms[8], *file;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	name[0] = '\0';
	while (f && !name[0] && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		file = strchr(line, '/');
		if (!file || sscanf(line, "%*s %7s", perms) != 1 ||
		    perms[2] != 'x' || !is_deleted(file) ||
		    !strstr(file, ".so"))
			continue;
		file[strlen(file) - strlen(DELETED)] = '\0';
		snprintf(name, size, "%s", file);
	}
	if (f)
		fclose(f);
	return name[0] != '\0';
}

/* -1: we may not see it. Else whether the program or a library of the process
 * was replaced; `name` is then its file. */
static int
is_old(int pid, char *name, size_t size)
{
	char path[64], exe[512];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -1; /* it has just ended */
	exe[n] = '\0';
	if (!is_deleted(exe))
		return old_library(pid, name, size);
	snprintf(name, size, "%.*s", (int)(n - (ssize_t)strlen(DELETED)), exe);
	return 1;
}

static int64_t
since_boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return clock_us_of(&t) / 1000;
}

/* Its parent, and when it was started, ms since the epoch; 0: it is gone. */
static int64_t
started(int pid, int *parent)
{
	char path[64], text[1024] = "", *p;
	unsigned long long ticks = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	p = strrchr(text, ')'); /* the name may hold anything */
	*parent = 0;
	if (!p ||
	    sscanf(p + 1,
		" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
		"%*d %*d %*d %*d %llu",
		parent, &ticks) != 2)
		return 0;
	return clock_wall_ms() - since_boot_ms() +
	    (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

bool
doctor_is_newer(const char *path, int pid)
{
	struct stat st;
	int parent;
	int64_t start = started(pid, &parent);

	return start && stat(path, &st) == 0 &&
	    clock_us_of(&st.st_mtim) / 1000 > start + SLACK;
}

static void
reload_fix(const struct doctor *d, char *fix, size_t size)
{
	if (d->installed)
		snprintf(fix, size, "systemctl reload %s", d->unit);
	else
		snprintf(fix, size, "kill -USR2 the pool (multiwatch)");
}

/* Programs and libraries. */
static void
check_programs(struct doctor *d, const struct worker_seen *w, int n)
{
	char name[512] = "", fix[200];
	int old = 0, hidden = 0;

	for (int i = 0; i < n; i++) {
		int rc = is_old(w[i].pid, name, sizeof(name));

		old += rc > 0;
		hidden += rc < 0;
	}
	reload_fix(d, fix, sizeof(fix));
	if (old)
		doctor_warn(d, fix,
		    "%d of %d workers run what was replaced since: %s", old, n,
		    name);
	if (hidden)
		doctor_unseen(d,
		    "programs and libraries of the workers: we are not root");
}

/* The file as it is now, and what the workers have in memory. */
static void
check_configuration(struct doctor *d, const struct worker_seen *w, int n)
{
	const char *path = ctl_conf_path();
	struct keyring *ring;
	char fix[200], why[256], print[17] = "0";
	struct stat st;
	int older = 0, other = 0;

	if (stat(path, &st) != 0)
		memset(&st, 0, sizeof(st));
	ring = keyring_load(d->c->conf.keyring, why, sizeof(why));
	if (ring)
		keyring_fingerprint(ring, print);
	for (int i = 0; i < n; i++) {
		older += clock_us_of(&st.st_mtim) / 1000 > w[i].started_ms;
		other += ring && w[i].keyring &&
		    w[i].keyring != strtoull(print, NULL, 16);
	}
	keyring_free(ring);
	reload_fix(d, fix, sizeof(fix));
	if (older)
		doctor_warn(d, fix,
		    "%s was changed since %d of %d workers have read it", path,
		    older, n);
	if (other)
		doctor_warn(d, fix,
		    "%d of %d workers work with another keyring than %s, "
		    "fingerprint %s",
		    other, n, d->c->conf.keyring, print);
}

void
doctor_running(struct doctor *d)
{
	struct worker_seen w[HOST_WORKERS];
	char why[256];
	int n = doctor_find_workers(d, w, why, sizeof(why));

	if (n < 0) {
		doctor_unseen(d, "the workers: %s", why);
		return;
	}
	check_programs(d, w, n);
	check_configuration(d, w, n);
}

/* When the processes that serve have read the configuration. nginx's workers
 * are made anew by a reload and then stay, so the oldest tells, without those
 * that are about to end; Apache's come and go: the newest. 0: not known. */
static int64_t
loaded(const struct web *w)
{
	bool oldest = strcmp(w->unit, "nginx") == 0;
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int64_t found = 0;

	while (proc && w->master && (e = readdir(proc))) {
		int pid = (int)strtol(e->d_name, NULL, 10), parent;
		int64_t start = pid > 0 ? started(pid, &parent) : 0;
		char path[64], title[64] = "";
		FILE *f;

		if (!start || parent != w->master)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		f = fopen(path, "re");
		if (f && fread(title, 1, sizeof(title) - 1, f) == 0)
			title[0] = '\0';
		if (f)
			fclose(f);
		if (strstr(title, "shutting down"))
			continue;
		if (!found || (oldest ? start < found : start > found))
			found = start;
	}
	if (proc)
		closedir(proc);
	return found;
}

void
doctor_web_server(struct doctor *d)
{
	struct web *w = NULL;
	char name[512], fix[128];

	if (!doctor_web(d, NULL))
		doctor_unseen(d, "which web server serves the site");
	while ((w = doctor_web(d, w))) {
		int old = w->master ? is_old(w->master, name, sizeof(name)) : 0;
		int64_t at = loaded(w);

		if (w->master && (old < 0 || !at))
			doctor_unseen(d, "the processes of %s", w->name);
		snprintf(fix, sizeof(fix), "systemctl restart %s", w->unit);
		if (old > 0)
			doctor_warn(d, fix,
			    "%s runs what was replaced since: %s", w->name,
			    name);
		snprintf(fix, sizeof(fix), "systemctl reload %s", w->unit);
		if (at && clock_us_of(&w->changed) / 1000 > at + SLACK)
			doctor_warn(d, fix,
			    "%s was changed since %s has read it", w->newest,
			    w->name);
	}
}

/* Whether a worker has a network of its own, with nobody in it; -1: we may not
 * see it. */
static int
is_alone(int pid)
{
	char path[64], theirs[64], ours[64];
	ssize_t n, m;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	n = readlink(path, theirs, sizeof(theirs));
	m = readlink("/proc/self/ns/net", ours, sizeof(ours));
	if (n <= 0 || m <= 0)
		return -1;
	return n != m || memcmp(theirs, ours, (size_t)n) != 0;
}

/* The unit's own sandbox lets the workers meet nobody over TCP. */
void
doctor_dropin(struct doctor *d)
{
	struct worker_seen w[HOST_WORKERS];
	char path[128], why[256], fix[400];
	bool changed, known;
	int n, alone = 0;

	if (!d->installed)
		return;
	known =
	    dropin_write(d->c, DROPIN_LOOK, path, &changed, why, sizeof(why));
	if (known && !path[0])
		return; /* the database is on a socket */
	n = doctor_find_workers(d, w, why, sizeof(why));
	for (int i = 0; i < n && alone == 0; i++)
		alone = is_alone(w[i].pid);
	if (!known)
		doctor_unseen(d, "%s", why);
	if (alone < 0)
		doctor_unseen(d, "the workers' network: we are not root");
	snprintf(fix, sizeof(fix),
	    "%ssystemctl daemon-reload; systemctl restart %s",
	    changed ? "codecourierctl init; " : "", d->unit);
	if (alone > 0)
		doctor_error(d, fix,
		    "the database is reached over TCP, and the workers have no "
		    "network: %s %s",
		    path,
		    changed ? "is missing, or not init's" : "was not taken up");
	else if (changed)
		(doctor_is_fine(d) || !d->login ? doctor_warn : doctor_error)(d,
		    fix,
		    "%s is missing, or lets the workers reach other addresses "
		    "than the database's",
		    path);
}
