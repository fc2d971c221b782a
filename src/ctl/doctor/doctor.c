/*
 * doctor.c: the table of checks, running them, and what is printed.
 */
#include "ctl/doctor/doctor.h"

#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "ctl/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define OUTPUT_MAX ((size_t)4 << 20)

/* CONF: not without a configuration, as what it looks at could be somebody
 * else's. `what` is its line of --list. */
enum needs { ANYHOW, CONF };
static const struct check {
	const char *name;
	doctor_check *run;
	enum needs needs;
	const char *what;
} checks[] = {
    {"configuration", doctor_conf, ANYHOW,
	"its file can be read, by whom it should be"},
    {"keyring", doctor_keyring, CONF,
	"its file is whole, and the workers' alone"},
    {"sealed", doctor_sealed, CONF,
	"the keyring opens this database's data keys"},
    {"keyring-copy", doctor_copied, CONF,
	"somebody has said that a copy of the keyring is elsewhere"},
    {"runtime-folder", doctor_runtime, CONF,
	"owner, group and mode of the folder"},
    {"database", doctor_operator, CONF, "the operator's connection"},
    {"pooler", doctor_pooler, CONF,
	"PgBouncer, if there is one, keeps prepared statements"},
    {"database-login", doctor_login, CONF,
	"the workers' own connection, and all their statements"},
    {"schema", doctor_schema, CONF,
	"its version is one that this program serves"},
    {"connections", doctor_connections, CONF,
	"max_connections is enough for all workers"},
    {"clock", doctor_clock, CONF, "the database's clock is ours"},
    {"commit", doctor_commit, CONF, "a commit is safe, and returns"},
    {"role", doctor_role, CONF,
	"nobody has left anything with the workers' role"},
    {"texts", doctor_texts, CONF,
	"names and the like are one line, no slug looks like an id"},
    {"service", doctor_service, ANYHOW,
	"the unit is enabled, active, and loaded as it is on disk"},
    {"workers", doctor_workers, CONF, "as many run as are configured"},
    {"cores", doctor_cores, CONF, "no core of a worker, with keys in it"},
    {"backlog", doctor_backlog, ANYHOW,
	"the kernel's bound on connections that wait"},
    {"nginx", doctor_nginx, CONF, "it accepts its configuration"},
    {"apache", doctor_apache, CONF,
	"it accepts its configuration, where it is in front"},
    {"site", doctor_site, CONF, "some site passes requests to the workers"},
    {"socket", doctor_socket, CONF,
	"owner and mode, and the web server's user may connect"},
    {"answers", doctor_answers, CONF,
	"GET /readyz at the socket, as the web server's user"},
    {"drop-in", doctor_dropin, CONF,
	"the workers can reach a database over TCP"},
    {"running", doctor_running, CONF,
	"workers run the program, libraries and files that are installed"},
    {"front-doors", doctor_doors, CONF,
	"GET /readyz at each address of the site, with its name"},
    {"certificate", doctor_certificate, CONF,
	"dates, name and chain, in the files and as they are served"},
    {"web-server", doctor_web_server, CONF,
	"it runs the program and configuration that are installed"},
    {"spool", doctor_spool, CONF, "large bodies and answers wait in memory"},
    {"disk", doctor_disk, CONF,
	"room for the database, the logs and the runtime folder"},
};
#define CHECKS ARRAY_SIZE(checks)

/* Severity and fix are NULL for what is unseen. A finding is printed at once: a
 * later check may wait for long. */
static void PRINTF_LIKE(4, 0) add(struct doctor *d, const char *severity,
    const char *fix, const char *fmt, va_list ap)
{
	struct json_object *o = json_object_new_object();
	char what[768];

	vsnprintf(what, sizeof(what), fmt, ap);
	json_object_object_add(o, "check", json_object_new_string(d->check));
	json_object_object_add(o, "what", json_object_new_string(what));
	if (!severity) {
		json_object_array_add(d->unseen, o);
		return;
	}
	if (!d->c->json) {
		plain_line(stdout, "%s%s: %s: %s. Fix: %s",
		    log_priority(STDOUT_FILENO,
			severity[0] == 'e' ? LOG_ERROR : LOG_WARN),
		    severity, d->check, what, fix);
		fflush(stdout);
	}
	json_object_object_add(o, "severity", json_object_new_string(severity));
	json_object_object_add(o, "fix", json_object_new_string(fix));
	json_object_array_add(d->findings, o);
}

void
doctor_error(struct doctor *d, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, "error", fix, fmt, ap);
	va_end(ap);
	d->broken = true;
}

void
doctor_warn(struct doctor *d, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, "warning", fix, fmt, ap);
	va_end(ap);
}

void
doctor_unseen(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, NULL, NULL, fmt, ap);
	va_end(ap);
}

/* All that comes, until the other side is done; NULL without memory. */
static char *
read_all(int fd)
{
	size_t used = 0, room = 65536;
	char *text = malloc(room + 1), *more;
	ssize_t n;

	while (text && (n = read(fd, text + used, room - used)) > 0) {
		used += (size_t)n;
		if (used < room)
			continue;
		if (room >= OUTPUT_MAX)
			break;
		room *= 2;
		more = realloc(text, room + 1);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[used] = '\0';
	return text;
}

int
doctor_run(char *const argv[], char **out)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		    locale[] = "LC_ALL=C";
	char *const env[] = {path, locale, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	pid_t pid;

	*out = NULL;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, env) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (pid > 0)
		*out = read_all(ends[0]);
	close(ends[0]); /* one that prints on meets SIGPIPE */
	if (pid > 0 && waitpid(pid, &status, 0) == pid && *out)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	return -1;
}

static void
begin(struct doctor *d)
{
	struct passwd *pw = getpwnam("codecourier");
	struct stat st;

	d->findings = json_object_new_array();
	d->unseen = json_object_new_array();
	d->installed = ctl_installed(d->unit);
	if (d->c->no_conf)
		return;
	snprintf(d->socket, sizeof(d->socket), "%s/api.sock",
	    d->c->conf.runtime_dir);
	if (d->installed && pw)
		d->service = pw->pw_uid;
	else if (stat(d->c->conf.runtime_dir, &st) == 0)
		d->service = st.st_uid;
	else
		d->service = geteuid();
	d->admin = admin_open(d->c->conf.admin_database, DB_NAME, d->admin_why,
	    sizeof(d->admin_why));
	d->has_facts = d->admin &&
	    admin_facts(
		d->admin, &d->facts, d->admin_why, sizeof(d->admin_why));
	doctor_read_nginx(d);
	doctor_read_apache(d);
	doctor_choose_web(d);
	/* It was the administrator's; the workers have to do without. */
	unsetenv("PGPASSWORD");
}

static const char *
text(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

static void
print(struct doctor *d, size_t findings, size_t unseen)
{
	for (size_t n = 0; n < unseen; n++) {
		struct json_object *o = json_object_array_get_idx(d->unseen, n);

		plain_line(stdout, "cannot see: %s: %s", text(o, "check"),
		    text(o, "what"));
	}
	plain_line(stdout, "%zu checks, %zu findings, %zu not seen", CHECKS,
	    findings, unseen);
}

static int
finish(struct doctor *d)
{
	size_t findings = json_object_array_length(d->findings);
	size_t unseen = json_object_array_length(d->unseen);
	struct json_object *o;

	if (!d->c->json) {
		print(d, findings, unseen);
	} else {
		o = json_object_new_object();
		json_object_object_add(
		    o, "checks", json_object_new_int((int)CHECKS));
		json_object_object_add(
		    o, "findings", json_object_get(d->findings));
		json_object_object_add(o, "unseen", json_object_get(d->unseen));
		ctl_print(d->c, o);
	}
	return d->broken ? CTL_FAILED : CTL_DONE;
}

/* The marker stands beside the keyring and names it: another keyring, or one
 * with another key, wants another copy. */
static void
marker_of(const struct ctl *c, char path[4200])
{
	snprintf(path, 4200, "%s.copied", c->conf.keyring);
}

bool
ctl_keyring_copied(const struct ctl *c, const char *fingerprint)
{
	char path[4200], text[64] = "";
	const char *why;
	ssize_t n = -1;
	int fd;

	marker_of(c, path);
	fd = file_open(path, O_NOFOLLOW, &why);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	return n > 0 && strncmp(text, fingerprint, strlen(fingerprint)) == 0;
}

/* doctor --keyring-copied: the operator's word, with fingerprint and time. */
static int
confirm(struct ctl *c)
{
	char path[4200], why[256], print[17], when[32], text[64];
	time_t now = time(NULL);
	struct keyring *ring;
	const char *fault;
	struct tm tm;

	if (c->no_conf)
		return ctl_fail(
		    c, ERR_INTERNAL, "configuration: %s", c->no_conf);
	ring = keyring_load(c->conf.keyring, why, sizeof(why));
	if (!ring)
		return ctl_fail(c, ERR_UNAVAILABLE, "keyring: %s", why);
	keyring_fingerprint(ring, print);
	keyring_free(ring);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	marker_of(c, path);
	snprintf(text, sizeof(text), "%s %s\n", print, when);
	if (file_replace(path, text, 0644, &fault))
		return CTL_DONE;
	return ctl_fail(c, ERR_INTERNAL, "%s: %s", path, fault);
}

/* doctor --list */
static int
list(struct ctl *c)
{
	struct json_object *all = json_object_new_array(), *o;

	for (const struct check *k = checks; k < checks + CHECKS; k++) {
		if (!c->json) {
			plain_line(stdout, "%-16s %s", k->name, k->what);
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(
		    o, "check", json_object_new_string(k->name));
		json_object_object_add(
		    o, "what", json_object_new_string(k->what));
		json_object_array_add(all, o);
	}
	if (c->json)
		return ctl_print(c, all);
	json_object_put(all);
	return CTL_DONE;
}

int
ctl_doctor(struct ctl *c)
{
	struct doctor d = {.c = c};
	int rc;

	if (c->option[OPT_LIST])
		return list(c);
	log_set_level(LOG_NONE); /* what is wrong stands in the findings */
	if (c->option[OPT_KEYRING_COPIED]) {
		rc = confirm(c);
		if (rc)
			return rc;
	}
	begin(&d);
	for (const struct check *k = checks; k < checks + CHECKS; k++) {
		d.check = k->name;
		if (c->no_conf && k->needs == CONF)
			doctor_unseen(&d, "there is no configuration to go by");
		else
			k->run(&d);
	}
	rc = finish(&d);
	json_object_put(d.findings);
	json_object_put(d.unseen);
	for (int w = 0; w < WEBS; w++)
		free(d.web[w].door);
	admin_close(d.admin);
	return rc;
}
