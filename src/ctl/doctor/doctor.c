/*
 * doctor.c: the table of checks, running them, and what is printed.
 */
#include "ctl/doctor/doctor.h"

#include "base/array.h"
#include "base/log.h"
#include "ctl/copied.h"
#include "ctl/plain.h"
#include "json/object.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

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
    {"mail", doctor_mail, CONF,
	"invitations go out, or somebody knows that they do not"},
    {"service", doctor_service, ANYHOW,
	"the unit is enabled, active, and loaded as it is on disk"},
    {"timers", doctor_timers, ANYHOW,
	"those of the package wait for their time, none has failed"},
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
	struct json_object *o = object_new();
	char what[768];

	vsnprintf(what, sizeof(what), fmt, ap);
	object_text(o, "check", d->check);
	object_text(o, "what", what);
	if (!severity) {
		object_push(d->unseen, o);
		return;
	}
	if (!d->c->json) {
		plain_line(stdout, "%s%s: %s: %s. Fix: %s",
		    log_priority(STDOUT_FILENO,
			severity[0] == 'e' ? LOG_ERROR : LOG_WARN),
		    severity, d->check, what, fix);
		fflush(stdout);
	}
	object_text(o, "severity", severity);
	object_text(o, "fix", fix);
	object_push(d->findings, o);
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

static void
look_around(struct doctor *d)
{
	struct passwd *pw = getpwnam("codecourier");
	struct stat st;

	d->findings = object_list();
	d->unseen = object_list();
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
print_sum(struct doctor *d, size_t findings, size_t unseen)
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
print_all(struct doctor *d)
{
	size_t findings = json_object_array_length(d->findings);
	size_t unseen = json_object_array_length(d->unseen);
	struct json_object *o;
	int rc = CTL_DONE;

	if (!d->c->json) {
		print_sum(d, findings, unseen);
	} else {
		o = object_new();
		object_int(o, "checks", CHECKS);
		object_add(o, "findings", json_object_get(d->findings));
		object_add(o, "unseen", json_object_get(d->unseen));
		rc = ctl_print(d->c, o);
	}
	return d->broken ? CTL_FAILED : rc;
}

/* doctor --list */
static int
list(struct ctl *c)
{
	struct json_object *all = object_list(), *o;

	for (const struct check *k = checks; k < checks + CHECKS; k++) {
		if (!c->json) {
			plain_line(stdout, "%-16s %s", k->name, k->what);
			continue;
		}
		o = object_new();
		object_text(o, "check", k->name);
		object_text(o, "what", k->what);
		object_push(all, o);
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
		rc = copied_confirm(c);
		if (rc)
			return rc;
	}
	look_around(&d);
	for (const struct check *k = checks; k < checks + CHECKS; k++) {
		d.check = k->name;
		if (c->no_conf && k->needs == CONF)
			doctor_unseen(&d, "there is no configuration to go by");
		else
			k->run(&d);
	}
	rc = print_all(&d);
	json_object_put(d.findings);
	json_object_put(d.unseen);
	for (int w = 0; w < WEBS; w++)
		free(d.web[w].door);
	admin_close(d.admin);
	return rc;
}
