/*
 * host.c: the service, its processes, and what the kernel does.
 */
#include "ctl/doctor/doctor.h"

#include "base/array.h"
#include "base/text.h"
#include "ctl/program.h"
#include "shm/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define BACKLOG 4096 /* what the pool asks for; the site lets 2000 in */

/* The first line of a file of the kernel; "" where there is none. */
static void
first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");

	line[0] = '\0';
	if (f && fgets(line, (int)size, f))
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
}

/* The value of a NAME=value line of systemctl show. */
static void
property(const char *text, const char *name, char *value, size_t size)
{
	size_t len = strlen(name);
	const char *p = text;

	value[0] = '\0';
	for (; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			snprintf(value, size, "%.*s",
			    (int)strcspn(p + len + 1, "\n"), p + len + 1);
}

/* A drop-in that is loaded counts from the next start on. */
static void
check_dropins(struct doctor *d, const char *text)
{
	char pid[16], paths[2048], fix[300], *save, *path;

	property(text, "MainPID", pid, sizeof(pid));
	property(text, "DropInPaths", paths, sizeof(paths));
	snprintf(fix, sizeof(fix), "systemctl restart %s", d->unit);
	for (path = strtok_r(paths, " ", &save); path;
	     path = strtok_r(NULL, " ", &save))
		if (doctor_is_newer(path, (int)strtol(pid, NULL, 10)))
			doctor_warn(d, fix,
			    "%s was changed since %s was started", path,
			    d->unit);
}

/* These properties of a unit, a line each; free it. NULL: no systemd here,
 * which was told. */
static char *
unit_shows(struct doctor *d, char *unit, char *properties)
{
	static char systemctl[] = "/usr/bin/systemctl", show[] = "show";
	char *argv[] = {systemctl, show, properties, unit, NULL}, *text = NULL;

	if (access("/run/systemd/system", F_OK) == 0 &&
	    program_run(argv, &text) == 0)
		return text;
	free(text);
	doctor_unseen(d, "%s: no systemd here", unit);
	return NULL;
}

void
doctor_service(struct doctor *d)
{
	static char all[] = "--property=LoadState,ActiveState,SubState,Result,"
			    "UnitFileState,NeedDaemonReload,MainPID,"
			    "DropInPaths";
	char active[32], state[32], result[64], load[32], reload[8], fix[300];
	char *text = d->installed ? unit_shows(d, d->unit, all) : NULL;

	if (!text)
		return;
	property(text, "LoadState", load, sizeof(load));
	property(text, "ActiveState", active, sizeof(active));
	property(text, "UnitFileState", state, sizeof(state));
	property(text, "Result", result, sizeof(result));
	property(text, "NeedDaemonReload", reload, sizeof(reload));
	if (strcmp(reload, "yes") != 0)
		check_dropins(d, text);
	free(text);
	if (strcmp(load, "loaded") != 0)
		doctor_error(d, "install the package codecourier-api", "%s: %s",
		    d->unit, load);
	else if (strcmp(active, "active") != 0)
		doctor_error(d, doctor_restart(d), "%s is %s (%s)", d->unit,
		    active, result);
	if (strcmp(state, "disabled") == 0) {
		snprintf(fix, sizeof(fix), "systemctl enable %s", d->unit);
		doctor_warn(d, fix, "%s will not start at boot", d->unit);
	}
	if (strcmp(reload, "yes") == 0) {
		snprintf(fix, sizeof(fix),
		    "systemctl daemon-reload; systemctl restart %s", d->unit);
		doctor_warn(
		    d, fix, "%s was changed on disk and not loaded", d->unit);
	}
}

/* What runs beside the service. What looks at the database is the first
 * instance's; further ones share that with it. */
static const struct timer {
	const char *name, *lack;
	bool each; /* instance has its own: doctor itself */
} timers[] = {
    {"audit", "nothing outside of the database tells where its audit logs end",
	false},
    {"doctor", "nobody looks daily for what is wrong", true},
    {"mail", "no invitation is handed to the mailer", false},
    {"purge", "deleted projects, kept answers and old versions stay", false},
};

/* The timer `unit` waits for its time. False: no systemd here. */
static bool
check_timer(struct doctor *d, const struct timer *t, char *unit)
{
	static char all[] = "--property=ActiveState,UnitFileState";
	char active[32], state[32], fix[200], *text = unit_shows(d, unit, all);

	if (!text)
		return false;
	property(text, "ActiveState", active, sizeof(active));
	property(text, "UnitFileState", state, sizeof(state));
	free(text);
	snprintf(fix, sizeof(fix), "systemctl enable --now %s", unit);
	if (strcmp(active, "active") != 0)
		doctor_warn(d, fix, "%s is %s: %s", unit, active, t->lack);
	else if (strcmp(state, "disabled") == 0)
		doctor_warn(
		    d, fix, "%s will not start at boot: %s", unit, t->lack);
	return true;
}

/* What it starts did not fail the last time. */
static void
check_last_run(struct doctor *d, const struct timer *t, char *unit)
{
	static char one[] = "--property=ActiveState";
	char active[32] = "", fix[400], *text = unit_shows(d, unit, one);

	if (text)
		property(text, "ActiveState", active, sizeof(active));
	free(text);
	snprintf(fix, sizeof(fix),
	    "systemctl start %s; journalctl -u %s -n 20 tells why it failed",
	    unit, unit);
	if (strcmp(active, "failed") == 0)
		doctor_warn(d, fix, "%s has failed: %s", unit, t->lack);
}

void
doctor_timers(struct doctor *d)
{
	const char *instance = strchr(d->unit, '@');
	char unit[120];

	for (size_t i = 0; d->installed && i < ARRAY_SIZE(timers); i++) {
		const struct timer *t = &timers[i];
		int len =
		    snprintf(unit, sizeof(unit) - 10, "codecourier-%s%.*s",
			t->name, instance ? (int)strcspn(instance, ".") : 0,
			instance ? instance : "");

		if ((instance && !t->each) ||
		    (!d->c->conf.sendmail && strcmp(t->name, "mail") == 0))
			continue;
		text_copy(unit + len, 10, ".timer");
		if (!check_timer(d, t, unit))
			return; /* told once */
		text_copy(unit + len, 10, ".service");
		if (!t->each) /* each: that is us */
			check_last_run(d, t, unit);
	}
}

int
doctor_find_workers(
    struct doctor *d, struct worker_seen *w, char *why, size_t size)
{
	struct host *h =
	    host_open(d->c->conf.runtime_dir, HOST_LOOK, why, size);
	size_t n = worker_list(h, w, HOST_WORKERS);

	host_close(h);
	return h ? (int)n : -1;
}

const char *
doctor_restart(const struct doctor *d)
{
	static char fix[300];

	if (!d->installed)
		return "start the pool again; the end of its log tells why it "
		       "ended";
	snprintf(fix, sizeof(fix),
	    "systemctl restart %s; journalctl -u %s -n 20 tells why it ended",
	    d->unit, d->unit);
	return fix;
}

void
doctor_workers(struct doctor *d)
{
	const char *fix = doctor_restart(d);
	struct worker_seen w[HOST_WORKERS];
	char why[256], path[256];
	int n = doctor_find_workers(d, w, why, sizeof(why));

	snprintf(path, sizeof(path), "%s/" HOST_FILE, d->c->conf.runtime_dir);
	if (n < 0 && access(path, R_OK) == 0)
		doctor_error(d, "remove it and restart the service",
		    "%s: %s; without it each worker verifies keys and counts "
		    "their rate limits alone",
		    path, why);
	else if (n < 0 && access(path, F_OK) == 0)
		doctor_unseen(d, "%s: %s", path, why);
	else if (n < 0)
		doctor_error(d, fix,
		    "no worker runs, or none could make %s: each then verifies "
		    "keys and counts their rate limits alone",
		    path);
	else if (n == 0)
		doctor_error(d, fix, "no worker runs");
	else if (n < d->c->conf.workers)
		doctor_warn(
		    d, fix, "%d of %d workers run", n, d->c->conf.workers);
}

/* A core of a worker holds keys, and who may read its memory has them. The
 * kernel gives the files in /proc/PID of one that is not dumpable to root
 * (proc(5)): such a one leaves no core, whatever limit and core_pattern say. */
void
doctor_cores(struct doctor *d)
{
	struct worker_seen w[HOST_WORKERS];
	char why[256], path[64];
	int n = doctor_find_workers(d, w, why, sizeof(why));
	struct stat st;

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/maps", w[i].pid);
		if (stat(path, &st) != 0 || st.st_uid == 0)
			continue;
		doctor_error(d, doctor_restart(d),
		    "worker %d is dumpable: it may leave a core, with keys in "
		    "it",
		    w[i].pid);
		break;
	}
}

void
doctor_backlog(struct doctor *d)
{
	char text[32];

	first_line("/proc/sys/net/core/somaxconn", text, sizeof(text));
	if (!text[0])
		doctor_unseen(d, "net.core.somaxconn");
	else if (strtol(text, NULL, 10) < BACKLOG)
		doctor_warn(d,
		    "sysctl net.core.somaxconn=4096 (and in /etc/sysctl.d/), "
		    "then restart the service",
		    "net.core.somaxconn is %s: a burst finds the socket full "
		    "and gets 502",
		    text);
}
