/*
 * doors.c: what a request meets: at the workers' socket as the web
 * server's user, and at each address of the site.
 */
#include "ctl/doctor/doctor.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

void
doctor_site(struct doctor *d)
{
	const char *socket = d->socket;

	if (doctor_web(d, NULL))
		return;
	if (!d->web[WEB_NGINX].known && !d->web[WEB_APACHE].known)
		doctor_unseen(d, "nginx's or Apache's configuration");
	else
		doctor_error(d,
		    strcmp(d->unit, "codecourier-api.service") == 0
			? "ln -s ../sites-available/codecourier "
			  "/etc/nginx/sites-enabled/; nginx -t; systemctl "
			  "reload nginx"
			: "an upstream and a server of its own, see "
			  "nginx/README.md, \"A second instance\"",
		    "no site of nginx passes requests to %s", socket);
}

/* One question at the socket for each user that has to get through. */
static void
ask_as(struct doctor *d, const char *name, const char *user)
{
	struct answer *a = &d->answer;
	char fix[256];

	if (!ask_workers(d->socket, user, a)) {
		doctor_unseen(d, "whether %s (%s) reaches %s: we are not root",
		    name, user, d->socket);
		return;
	}
	d->asked = true;
	/* after a failure workers sit out a pause; the database is there */
	for (int i = 0; i < 4 && a->status == 503 && d->login; i++) {
		sleep(1);
		if (!ask_workers(d->socket, user, a))
			return;
	}
	if (a->error != EACCES && a->error != EPERM)
		return;
	snprintf(fix, sizeof(fix),
	    "the folder's group must be that of %s, mode 2750, the socket's "
	    "0660: systemd-tmpfiles --create, then restart the service",
	    user);
	doctor_error(
	    d, fix, "%s (%s) may not connect to %s", name, user, d->socket);
}

void
doctor_reach(struct doctor *d)
{
	struct web *w = NULL;
	const char *last = "";

	while ((w = doctor_web(d, w))) {
		if (strcmp(w->user, last) != 0)
			ask_as(d, w->name, w->user);
		last = w->user;
	}
	/* without a web server, or the right to be its user: as ourselves */
	if (!d->asked && (geteuid() == 0 || geteuid() == d->service))
		d->asked = ask_workers(d->socket, NULL, &d->answer);
}

bool
doctor_is_fine(const struct doctor *d)
{
	return d->asked && d->answer.status == 200;
}

/* What mends workers that say 503. */
static const char *
unavailable_fix(const struct doctor *d, char *fix, size_t size)
{
	if (strstr(d->answer.message, "keyring"))
		return "see keyring and sealed above, then reload the service";
	if (!d->login)
		return "see database-login above";
	if (!d->installed)
		return "the pool's log tells why; then start it again";
	snprintf(fix, size,
	    "the database lets us in as the workers, but not them: journalctl "
	    "-u %s -n 20 tells why; systemctl daemon-reload; systemctl restart "
	    "%s",
	    d->unit, d->unit);
	return fix;
}

void
doctor_answers(struct doctor *d)
{
	const struct answer *a = &d->answer;
	char fix[400];

	if (!d->asked)
		doctor_unseen(d, "how the workers answer");
	else if (a->error == EAGAIN)
		doctor_error(d,
		    "more CODECOURIER_WORKERS, if that is traffic; if they "
		    "hang, restart the service",
		    "the queue of %s is full: every worker is busy or hangs",
		    d->socket);
	else if (a->error)
		return; /* the socket's own check has said so */
	else if (a->silent)
		doctor_error(d, doctor_restart(d),
		    "no worker answers GET /readyz within 10 s: all are busy, "
		    "or hang");
	else if (a->status == 503)
		doctor_error(d, unavailable_fix(d, fix, sizeof(fix)),
		    "the workers answer 503 to everything: %s", a->message);
	else if (a->status != 200 || !a->ours)
		doctor_error(d, doctor_restart(d),
		    "at %s is no worker of ours: GET /readyz is answered %d",
		    d->socket, a->status);
}

/* What confines the web server by AppArmor or SELinux; "": nothing. */
static void
confined(const struct web *w, char *by, size_t size)
{
	char path[64], label[128] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/attr/current", (int)w->master);
	f = w->master ? fopen(path, "re") : NULL;
	if (f && !fgets(label, sizeof(label), f))
		label[0] = '\0';
	if (f)
		fclose(f);
	label[strcspn(label, "\n")] = '\0';
	by[0] = '\0';
	if (label[0] && !strstr(label, "unconfined"))
		snprintf(by, size, ", confined by %s", label);
}

/* The workers answer its user, but not itself. */
static void
report_apart(struct doctor *d, struct web *w, const char *door)
{
	char fix[512], by[160];

	if (w->apart)
		return; /* at another door */
	w->apart = true;
	confined(w, by, sizeof(by));
	snprintf(fix, sizeof(fix),
	    "%s; systemctl restart %s, if it still runs as another user; its "
	    "error log tells",
	    by[0] ? "let that profile have the socket, read and write"
		  : "look for AppArmor or SELinux (journalctl -k)",
	    w->unit);
	doctor_error(d, fix,
	    "%s answers 502, though the workers answer its user: %s%s does not "
	    "reach %s",
	    door, w->name, by, d->socket);
}

/* The answer was not what the site would give. */
static void
judge_status(struct doctor *d, struct web *w, const struct door *door)
{
	const struct answer *a = &door->answer;
	int want = door->path[0] ? 200 : 403;
	char text[400], fix[512];

	web_label(door, text);
	if (a->status == want && a->ours)
		return;
	if (door->guarded && a->status >= 400) {
		doctor_unseen(d,
		    "%s: it lets only some clients in, and answers us %d", text,
		    a->status);
		return;
	}
	if (a->ours && a->status >= 502 && !doctor_is_fine(d))
		return; /* the workers' fault, which is told */
	if (a->ours && a->status == 502) {
		report_apart(d, w, text);
		return;
	}
	snprintf(fix, sizeof(fix),
	    "reload %s; if that is not it, another site has this address and "
	    "name, too, and comes first: %s",
	    w->unit,
	    strcmp(w->unit, "nginx") == 0
		? "nginx -T | grep -E 'file |listen|server_name'"
		: "apache2ctl -S");
	doctor_error(d, fix, "%s: GET %s is answered %d%s, not %d by our site",
	    text, door->path[0] ? door->path : "/readyz", a->status,
	    a->status ? "" : " (no HTTP)", want);
}

static void
judge_answer(struct doctor *d, struct web *w, const struct door *door)
{
	const struct answer *a = &door->answer;
	char text[400], fix[256];

	web_label(door, text);
	snprintf(fix, sizeof(fix),
	    "systemctl reload %s; systemctl status %s tells what keeps it",
	    w->unit, w->unit);
	if (a->error) {
		doctor_error(
		    d, fix, "nobody answers %s: %s", text, strerror(a->error));
	} else if (a->tls[0]) {
		doctor_error(d, fix, "%s: no TLS: %s", text, a->tls);
	} else if (!a->silent) {
		judge_status(d, w, door);
	} else if (doctor_is_fine(d) || !door->path[0]) {
		doctor_error(d, fix, "%s: no answer in time", text);
	}
}

/* Nothing at any door is one fault, not one for each. */
static bool
is_stopped(struct doctor *d, const struct web *w)
{
	char all[400] = "", fix[256];
	size_t used = 0;

	for (size_t i = 0; i < w->doors; i++) {
		const char *listen = w->door[i].listen;

		if (!w->door[i].answer.error)
			return false;
		if (!strstr(all, listen) && used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used,
			    "%s%s", used ? ", " : "", listen);
	}
	if (!w->doors)
		return false;
	snprintf(fix, sizeof(fix),
	    d->installed ? "systemctl restart %s; journalctl -u %s -n 20 tells "
			   "why it does not run"
			 : "start %s again; its log tells why it ended (%s)",
	    w->unit, w->unit);
	doctor_error(
	    d, fix, "%s does not run: nobody answers on %s", w->name, all);
	return true;
}

void
doctor_doors(struct doctor *d)
{
	struct web *w = NULL;
	/* workers that hang are told of: no need to wait for them again */
	int64_t limit = CLOCK_S(doctor_is_fine(d) ? 10 : 3);

	if (!doctor_web(d, NULL))
		doctor_unseen(d, "the addresses of the site");
	while ((w = doctor_web(d, w))) {
		for (size_t i = 0; i < w->doors; i++)
			ask_door(&w->door[i], limit);
		if (is_stopped(d, w))
			continue;
		for (size_t i = 0; i < w->doors; i++)
			judge_answer(d, w, &w->door[i]);
	}
}
