/*
 * hints.c: what is left for people to do.
 */
#include "ctl/init/steps.h"

#include "base/cidr.h"
#include "ctl/copied.h"
#include "ctl/program.h"
#include "db/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

#define SITES  "/etc/nginx/sites-enabled/"
#define APACHE "/etc/apache2/sites-enabled/"

/* Over TCP nobody but the role's password says who we are. */
static void
hint_login(struct init *i)
{
	const char *conninfo = i->c->conf.database;
	struct db *db;
	char host[1024];

	if (!db_is_tcp(conninfo) || i->dry)
		return;
	unsetenv("PGPASSWORD"); /* the administrator's, who is done */
	db = db_new(conninfo, DB_API, i->c->conf.statement_timeout_ms);
	if (db && !db_connect(db))
		run_next(i,
		    "let the role codecourier log in (%s): name a passfile= in "
		    "CODECOURIER_DATABASE with the line "
		    "*:*:*:codecourier:PASSWORD, 0600, of the user "
		    "codecourier, "
		    "and give the role the same with psql's \\password",
		    db_reason(db));
	db_free(db);
	if (!db_option(conninfo, "hostaddr", host, sizeof(host)) &&
	    db_option(conninfo, "host", host, sizeof(host)) &&
	    !cidr_address(NULL, host))
		run_next(i,
		    "add hostaddr=ADDRESS to CODECOURIER_DATABASE, beside "
		    "host: the service may ask no name server");
}

static void
hint_keyring(struct init *i)
{
	char why[256], print[17];
	struct keyring *ring;

	if (i->dry)
		return;
	ring = keyring_load(i->c->conf.keyring, why, sizeof(why));
	if (ring)
		keyring_fingerprint(ring, print);
	keyring_free(ring);
	if (ring && copied_is(i->c, print))
		return;
	run_next(i,
	    "copy %s to a safe place now, apart from any backup of the "
	    "database: nothing sealed can be read without it; then say so: "
	    "codecourierctl doctor --keyring-copied",
	    i->c->conf.keyring);
}

/* What our shell knows and the unit does not. */
static void
hint_environment(struct init *i)
{
	if (i->by[0])
		run_next(i,
		    "the service has no %s: say in CODECOURIER_DATABASE and "
		    "CODECOURIER_ADMIN_DATABASE (%s) which server it is",
		    i->by, ctl_conf_path());
}

/* What systemctl says no to, also where there is no systemd. */
static bool
systemctl_denies(const char *question, const char *unit)
{
	static char systemctl[] = "/usr/bin/systemctl";
	char verb[32], name[80], *said;
	char *argv[] = {systemctl, verb, name, NULL};
	int status;

	snprintf(verb, sizeof(verb), "%s", question);
	snprintf(name, sizeof(name), "%s", unit);
	status = program_run(argv, &said);
	free(said);
	return status != 0;
}

static void
hint_unit(struct init *i, const char *unit)
{
	bool disabled = systemctl_denies("is-enabled", unit);
	bool stopped = systemctl_denies("is-active", unit);

	if (disabled || stopped)
		run_next(i, "systemctl %s %s",
		    !disabled     ? "start"
			: stopped ? "enable --now"
				  : "enable",
		    unit);
}

/* The front door; of another one than nginx or Apache we know nothing. */
static void
hint_site(struct init *i)
{
	if (access(APACHE "codecourier-proxy.conf", F_OK) == 0 ||
	    access(APACHE "codecourier-cgi.conf", F_OK) == 0)
		return;
	if (access("/usr/sbin/nginx", X_OK) != 0) {
		run_next(i,
		    "a web server: apt-get install nginx; for Apache see "
		    "/usr/share/doc/codecourier-api/examples/apache/README.md");
		return;
	}
	if (access(SITES "codecourier", F_OK) != 0)
		run_next(i,
		    "ln -s ../sites-available/codecourier " SITES
		    " && nginx -t && systemctl reload nginx");
	if (access(SITES "codecourier-tls", F_OK) != 0)
		run_next(i,
		    "TLS: name and certificate into "
		    "/etc/nginx/codecourier/certificate.conf, then ln -s "
		    "../codecourier/tls.conf " SITES
		    "codecourier-tls && nginx -t && systemctl reload nginx");
}

void
hints_say(struct init *i)
{
	char unit[80];

	hint_login(i);
	hint_keyring(i);
	if (!ctl_installed(unit))
		return;
	hint_environment(i);
	hint_unit(i, unit);
	hint_site(i);
	if (i->changed)
		run_next(i,
		    "back the database codecourier up, each day, and try to "
		    "restore it");
	run_next(i, "codecourierctl doctor looks over all of it");
}
