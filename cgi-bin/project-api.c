/*
 * project-api.c: the worker. One process, one connection to PostgreSQL, one
 * request at a time; spawned by spawn-fcgi and multiwatch on one socket.
 *
 *   project-api.fcgi      serve the listening socket on descriptor 0
 *   project-api.fcgi -t   check configuration, keyring (also that it is this
 *                         database's), schema and every statement; exit 0 or 1
 *   project-api.fcgi -w   print the number of workers that is configured
 *
 * Started by a web server as a CGI program it serves one request and ends.
 */
#include "api/routes.h"
#include "api/vault.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/version.h"
#include "http/cgi.h"
#include "http/fcgi.h"
#include "http/metrics.h"
#include "http/serve.h"
#include "shm/fatal.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

/* For start-up only. multiwatch starts a worker that ended at once: the pause
 * keeps a bad configuration from becoming a busy loop. */
static void
die(const char *what, const char *why, unsigned pause)
{
	log_msg(LOG_ERROR, "%s: %s", what, why);
	sleep(pause);
	exit(1);
}

static void
load(struct app *app, enum db_mode mode, unsigned pause)
{
	char why[256];

	if (!secret_init())
		die("cannot start", "no source of random numbers", pause);
	if (!conf_load(&app->conf, why, sizeof(why)))
		die("configuration", why, pause);
	log_set_level(app->conf.log_level);
	app->db =
	    db_new(app->conf.database, mode, app->conf.statement_timeout_ms);
	if (!app->db)
		die("cannot start", "out of memory", pause);
	db_keep_history(app->db,
	    (struct db_history){
		app->conf.history_versions, app->conf.history_mib});
}

/* -t: every finding on a line of its own. */
static int
check(struct app *app)
{
	bool keyring, database, ok;

	keyring = vault_load(app);
	database = db_connect(app->db);
	ok = keyring && database && vault_check(app);
	if (ok)
		printf("configuration, keyring, schema version %d and "
		       "statements are fine\n",
		    db_schema_version(app->db));
	return ok ? 0 : 1;
}

/* Before anything secret is read: no core, whatever a host does with cores, no
 * debugger and no look into /proc by another process of the same user, no
 * privilege to be had. A program that is executed anew does it anew. */
static void
harden(void)
{
	struct rlimit none = {0, 0};

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Not after its parent's end, and freed memory is given back. */
static void
settle(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it ended before the line above */
		raise(SIGTERM);
	/* fixed, or one scrypt run or large body would raise it for good and
	 * the heap would keep the memory */
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

/* How long to sleep when nothing comes: to the next try to connect, or until
 * refusals are to be written. */
static int64_t
wait_time(const struct app *app)
{
	int64_t next = db_next_attempt(app->db), now = clock_us();

	if (next == 0)
		return refusals_wait(app);
	return next > now ? next - now : 0;
}

/* A pool's socket is served even where the environment speaks of CGI. */
static const struct wire *
open_wire(char *why, size_t size)
{
	if (cgi_here() && !fcgi_here())
		return cgi_open(why, size);
	return fcgi_open(why, size);
}

static int
run(struct app *app, bool once, pid_t parent)
{
	enum wire_event event;
	char why[256];

	log_pairs(once ? LOG_DEBUG : LOG_INFO, "msg", "worker starts",
	    "version", version, NULL);
	app->wire = open_wire(why, sizeof(why));
	if (!app->wire)
		die("cannot start", why, once ? 0 : 3);
	settle(parent);
	app->host =
	    host_open(app->conf.runtime_dir, HOST_WORK, why, sizeof(why));
	if (!app->host)
		log_msg(LOG_ERROR,
		    "working without the shared file %s/%s: %s; %s",
		    app->conf.runtime_dir, HOST_FILE, why,
		    once ? "a key with a rate limit is not let in"
			 : "a key's rate limit counts in this worker alone");
	/* a single request has nothing to count by itself */
	app->rates = app->host ? host_rates(app->host)
	    : once             ? NULL
			       : rate_alone();
	fatal_start(app->host, DB_PROGRAM);
	metrics_init(app);
	/* Neither is needed to stay up: requests get 503 until they are. A
	 * single request fetches what it needs when it is there whole: a slow
	 * client holds no connection. */
	if (!once && (!vault_load(app) || !db_connect(app->db)))
		log_msg(LOG_WARN, "starting without keyring or database");
	while ((event = app->wire->next(wait_time(app))) != WIRE_STOP) {
		if (event == WIRE_REQUEST)
			serve(app);
		else if (db_next_attempt(app->db) != 0 &&
		    db_connect_in_turn(app->db))
			log_msg(LOG_DEBUG, "idle reconnect");
		refusals_write(app, REFUSALS_DUE);
	}
	refusals_write(app, REFUSALS_ALL);
	log_msg(once ? LOG_DEBUG : LOG_INFO, "worker ends");
	return 0;
}

static void
unload(struct app *app)
{
	db_free(app->db);
	keyring_free(app->keyring);
	if (!app->host)
		free(app->rates);
	host_close(app->host);
	conf_free(&app->conf);
}

int
main(int argc, char **argv)
{
	const char *option = argc > 1 ? argv[1] : "";
	bool cgi = cgi_here();
	pid_t parent = getppid();
	static struct app app; /* memory that few need */
	int rc;

	harden();
	app.routes = routes;
	if (cgi) /* what follows is the client's: of the query, RFC 3875 4.4 */
		argc = 1;
	if (argc > 2 ||
	    (argc == 2 && strcmp(option, "-t") != 0 &&
		strcmp(option, "-w") != 0)) {
		fprintf(stderr, "usage: project-api.fcgi [-t | -w]\n");
		return 2;
	}
	log_to_journal();
	load(&app, cgi ? DB_API_ONCE : DB_API, argc == 1 && !cgi ? 3 : 0);
	if (argc == 1)
		rc = run(&app, cgi, parent);
	else if (option[1] == 't')
		rc = check(&app);
	else
		rc = printf("%d\n", app.conf.workers) < 0;
	unload(&app);
	return rc;
}
