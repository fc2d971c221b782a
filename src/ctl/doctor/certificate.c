/*
 * certificate.c: the site's certificates, in the files and as the doors have
 * shown them.
 */
#include "ctl/doctor/doctor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define TWO_WEEKS (14 * 86400)

/* "has expired" and the like; NULL: nothing. */
static const char *
age(const struct certificate *c, bool *error)
{
	int64_t now = (int64_t)time(NULL);

	*error = c->ends <= now || c->starts > now;
	if (c->ends <= now)
		return "has expired";
	if (c->starts > now)
		return "is not valid yet";
	return c->ends - now < TWO_WEEKS ? "expires within two weeks" : NULL;
}

static bool
is_same(const struct certificate *a, const struct certificate *b)
{
	return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static void
report_age(struct doctor *d, const struct web *w, const char *what,
    const struct certificate *c)
{
	char fix[256];
	bool error;
	const char *said = age(c, &error);

	snprintf(fix, sizeof(fix),
	    "renew it (certbot renew, or your CA), then systemctl reload %s",
	    w->unit);
	if (said && error)
		doctor_error(d, fix, "%s %s", what, said);
	else if (said)
		doctor_warn(d, fix, "%s %s", what, said);
}

enum shown_to { TO_SAME, TO_ANY };

/* Whether a door before it has shown the same certificate, to whom wanted the
 * same name or to anybody: what is wrong with that has been said. */
static bool
was_shown(const struct web *w, const struct door *door, enum shown_to to)
{
	for (const struct door *o = w->door; o < door; o++)
		if (o->answer.certificate.there &&
		    is_same(
			&o->answer.certificate, &door->answer.certificate) &&
		    (to == TO_ANY || strcmp(o->name, door->name) == 0))
			return true;
	return false;
}

/* Beside the files that it should be from. */
static void
judge_origin(struct doctor *d, const struct web *w, const struct door *door)
{
	const struct certificate *c = &door->answer.certificate;
	struct certificate file = {0};
	char text[400], what[900], fix[128];
	bool differs = door->files > 0, error;
	const char *said = age(c, &error);

	web_label(door, text);
	for (size_t i = 0; i < door->files && differs; i++)
		differs = tls_read(door->file[i], &file) && !is_same(c, &file);
	if (!door->files) {
		snprintf(what, sizeof(what), "%s: its certificate", text);
		report_age(d, w, what, c);
	}
	if (!differs)
		return; /* judge_files has said how old it is */
	snprintf(fix, sizeof(fix), "systemctl reload %s", w->unit);
	snprintf(what, sizeof(what),
	    "%s: another certificate is served than %s holds%s%s", text,
	    door->file[0], said ? "; it " : "", said ? said : "");
	if (said && error)
		doctor_error(d, fix, "%s", what);
	else
		doctor_warn(d, fix, "%s", what);
}

static void
judge_served(struct doctor *d, const struct web *w, const struct door *door)
{
	const struct certificate *c = &door->answer.certificate;
	char text[400];

	web_label(door, text);
	if (!c->fits && !was_shown(w, door, TO_SAME))
		doctor_error(d,
		    "a certificate for that name, or server_name as in the "
		    "certificate (nginx: certificate.conf); then reload",
		    "%s: the certificate is for %s", text, c->names);
	if (was_shown(w, door, TO_ANY))
		return;
	judge_origin(d, w, door);
	if (c->chain[0])
		doctor_warn(d,
		    "the file must hold the whole chain (certbot: "
		    "fullchain.pem); for a CA of your own, its certificate "
		    "into /usr/local/share/ca-certificates and "
		    "update-ca-certificates",
		    "%s: clients that trust whom this host trusts refuse the "
		    "certificate: %s",
		    text, c->chain);
}

/* Each file once, whatever is served. */
static void
judge_files(struct doctor *d, const struct web *w)
{
	for (size_t i = 0; i < w->doors; i++)
		for (size_t k = 0; k < w->door[i].files; k++) {
			const char *path = w->door[i].file[k];
			struct certificate c;
			bool seen = false;

			for (size_t j = 0; j < i && !seen; j++)
				for (size_t n = 0; n < w->door[j].files; n++)
					seen = seen ||
					    strcmp(path, w->door[j].file[n]) ==
						0;
			if (seen)
				continue;
			if (tls_read(path, &c))
				report_age(d, w, path, &c);
			else
				doctor_unseen(d, "%s: not readable", path);
		}
}

void
doctor_certificate(struct doctor *d)
{
	struct web *w = NULL;

	if (!doctor_web(d, NULL))
		doctor_unseen(d, "nginx's or Apache's configuration");
	while ((w = doctor_web(d, w))) {
		judge_files(d, w);
		for (size_t i = 0; i < w->doors; i++)
			if (w->door[i].answer.certificate.there)
				judge_served(d, w, &w->door[i]);
	}
}
