/*
 * first.c: the end of init: first project and key, and what is left for
 * people to do.
 */
#include "ctl/init/init.h"

#include "base/clock.h"
#include "base/text.h"
#include "ctl/doctor/doctor.h"
#include "ctl/plain.h"
#include "db/open.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define KEY_NAME "first key"
#define SITES    "/etc/nginx/sites-enabled/"
#define APACHE   "/etc/apache2/sites-enabled/"

/* False: an empty answer, or none. */
static bool
ask(const char *question, char *answer, size_t size)
{
	plain_ask(question);
	if (!fgets(answer, (int)size, stdin))
		return false;
	answer[strcspn(answer, "\r\n")] = '\0';
	return answer[0] != '\0';
}

/* Until the answers are good, or one is empty: then no project is made. */
static int
ask_all(struct init *i)
{
	static const enum ctl_option option[] = {
	    OPT_NAME, OPT_SLUG, OPT_OWNER_EMAIL};
	static const char *const question[] = {
	    "Name of the first project (empty: none)",
	    "Its slug (a-z, 0-9, hyphens)", "E-mail address of its owner"};

	do {
		for (int n = 0; n < 3; n++) {
			if (!ask(question[n], i->answer[n],
				sizeof(i->answer[n])))
				return CTL_DONE;
			i->c->option[option[n]] = i->answer[n];
		}
	} while (ctl_project_check(i->c) != CTL_DONE);
	i->project = true;
	return CTL_DONE;
}

/* Fills c->into with what a command prints. */
static int
take(struct ctl *c, ctl_command *command, struct json_object **value)
{
	int rc;

	*value = NULL;
	c->into = value;
	rc = command(c);
	c->into = NULL;
	return rc;
}

/* How many live projects there are, and whether one of them has our slug and
 * no key: an init that ended between the two goes on there. */
static int
count(struct init *i, size_t *projects, bool *keyless)
{
	struct json_object *list;
	int rc = take(i->c, ctl_project_list, &list);
	const char *slug = i->c->option[OPT_SLUG];

	*projects = rc ? 0 : json_object_array_length(list);
	*keyless = false;
	for (size_t n = 0; !rc && slug && n < *projects; n++) {
		struct json_object *value = json_object_object_get(
		    json_object_array_get_idx(list, n), "slug");

		*keyless = *keyless ||
		    strcmp(json_object_get_string(value), slug) == 0;
	}
	json_object_put(list);
	if (rc || !*keyless)
		return rc;
	i->c->arg[0] = slug;
	rc = take(i->c, ctl_key_list, &list);
	*keyless = !rc && json_object_array_length(list) == 0;
	json_object_put(list);
	return rc;
}

static int
make_key(struct init *i)
{
	const char *out = i->c->option[OPT_OUT];
	struct json_object *key;
	int rc;

	i->c->arg[0] = i->c->option[OPT_SLUG];
	i->c->option[OPT_NAME] = KEY_NAME;
	rc = take(i->c, ctl_key_create, &i->made_key);
	if (rc)
		return rc;
	init_step(
	    i, false, "its first key%s%s", out ? " in " : "", out ? out : "");
	if (json_object_object_get_ex(i->made_key, "key", &key) && !i->c->json)
		plain_line(stdout, "key, shown this once: %s",
		    json_object_get_string(key));
	return CTL_DONE;
}

static int
make(struct init *i)
{
	const char *slug;
	size_t projects = 0;
	bool keyless = false;
	int rc = CTL_DONE;

	if (!i->dry || (i->database && i->pending == 0))
		rc = count(i, &projects, &keyless);
	if (rc)
		return rc;
	if (projects > 0 && !keyless) {
		init_step(i, true,
		    "a project; project create and key create make others");
		return CTL_DONE;
	}
	if (i->ask && !keyless)
		rc = ask_all(i);
	if (rc || !i->project)
		return rc;
	slug = i->c->option[OPT_SLUG];
	if (i->out_taken)
		return ctl_fail(i->c, ERR_INTERNAL, "%s: exists already",
		    i->c->option[OPT_OUT]);
	if (i->dry) {
		if (!keyless)
			init_step(i, false, "project %s, owner %s", slug,
			    i->c->option[OPT_OWNER_EMAIL]);
		init_step(i, false, "its first key");
		return CTL_DONE;
	}
	if (!keyless) {
		rc = take(i->c, ctl_project_create, &i->made_project);
		if (rc)
			return rc;
		init_step(i, false, "project %s, owner %s", slug,
		    i->c->option[OPT_OWNER_EMAIL]);
	}
	return make_key(i);
}

int
init_project(struct init *i)
{
	return i->project || i->ask ? make(i) : CTL_DONE;
}

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
	if (db && !db_connect(db, true))
		init_next(i,
		    "let the role codecourier log in (%s): name a passfile= in "
		    "CODECOURIER_DATABASE with the line "
		    "*:*:*:codecourier:PASSWORD, 0600, of the user "
		    "codecourier, "
		    "and give the role the same with psql's \\password",
		    db_reason(db));
	db_free(db);
	if (!db_option(conninfo, "hostaddr", host, sizeof(host)) &&
	    db_option(conninfo, "host", host, sizeof(host)) &&
	    !text_is_address(host))
		init_next(i,
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
	if (ring && ctl_keyring_copied(i->c, print))
		return;
	init_next(i,
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
		init_next(i,
		    "the service has no %s: say in CODECOURIER_DATABASE and "
		    "CODECOURIER_ADMIN_DATABASE (%s) which server it is",
		    i->by, ctl_conf_path());
}

/* What systemctl says no to, also where there is no systemd. */
static bool
is_not(const char *question, const char *unit)
{
	static char systemctl[] = "/usr/bin/systemctl";
	char verb[32], name[80], *said;
	char *argv[] = {systemctl, verb, name, NULL};
	int status;

	snprintf(verb, sizeof(verb), "%s", question);
	snprintf(name, sizeof(name), "%s", unit);
	status = doctor_run(argv, &said);
	free(said);
	return status != 0;
}

static void
hint_unit(struct init *i, const char *unit)
{
	bool disabled = is_not("is-enabled", unit);
	bool stopped = is_not("is-active", unit);

	if (disabled || stopped)
		init_next(i, "systemctl %s %s",
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
		init_next(i,
		    "a web server: apt-get install nginx; for Apache see "
		    "/usr/share/doc/codecourier-api/examples/apache/README.md");
		return;
	}
	if (access(SITES "codecourier", F_OK) != 0)
		init_next(i,
		    "ln -s ../sites-available/codecourier " SITES
		    " && nginx -t && systemctl reload nginx");
	if (access(SITES "codecourier-tls", F_OK) != 0)
		init_next(i,
		    "TLS: name and certificate into "
		    "/etc/nginx/codecourier/certificate.conf, then ln -s "
		    "../codecourier/tls.conf " SITES
		    "codecourier-tls && nginx -t && systemctl reload nginx");
}

void
init_hints(struct init *i)
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
		init_next(i,
		    "back the database codecourier up, each day, and try to "
		    "restore it");
	init_next(i, "codecourierctl doctor looks over all of it");
}
