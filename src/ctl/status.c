/*
 * status.c: status: versions, database, keyring, and what the workers of
 * this host have counted since its boot.
 */
#include "ctl/ctl.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/version.h"
#include "crypt/data_key.h"
#include "db/admin.h"
#include "json/object.h"
#include "shm/rate.h"
#include "shm/worker.h"

#include <json-c/json.h>
#include <stdio.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static void
add_totals(struct json_object *o, const struct host *h)
{
	static const struct {
		enum stats_total total;
		const char *name;
	} rows[] = {{STAT_REQUESTS, "requests"}, {STAT_ERRORS, "errors"},
	    {STAT_VERIFIED_HITS, "verifiedHits"},
	    {STAT_SCRYPT_RUNS, "scryptRuns"},
	    {STAT_CHECK_REFUSALS, "checkRefusals"},
	    {STAT_COLD_REFUSALS, "coldRefusals"},
	    {STAT_SHARE_REFUSALS, "shareRefusals"},
	    {STAT_RATE_REFUSALS, "rateRefusals"},
	    {STAT_DB_REQUESTS, "databaseRequests"},
	    {STAT_DB_WAIT_US, "databaseWaitUs"}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		object_uint(o, rows[i].name, host_stat(h, rows[i].total));
}

static void
add_workers(struct json_object *o, const struct host *h)
{
	struct worker_seen workers[HOST_WORKERS];
	struct json_object *list = object_list();
	size_t n = worker_list(h, workers, HOST_WORKERS);

	for (size_t i = 0; i < n; i++) {
		struct json_object *w = object_new();

		object_int(w, "pid", workers[i].pid);
		object_int(w, "program", workers[i].program);
		object_int(w, "startedAt", workers[i].started_ms);
		object_uint(w, "requests", workers[i].requests);
		object_push(list, w);
	}
	object_add(o, "workers", list);
}

/* The file is the workers'; a text in it that does not end is cut. */
static void
add_route(struct json_object *o, const struct stats *s, int32_t row)
{
	const struct stats_row *t;
	char text[sizeof(t->path) + 1];

	if (row <= 0 || row >= STATS_ROUTES || !stats_is_named(s, row)) {
		object_text(o, "method", NULL);
		object_text(o, "route", NULL);
		return;
	}
	t = &s->row[row];
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(t->method), t->method);
	object_text(o, "method", text);
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(t->path), t->path);
	object_text(o, "route", text);
}

static void
add_faults(struct json_object *o, const struct host *h)
{
	const struct stats *s = host_stats(h);
	struct json_object *list = object_list();
	struct stats_fault faults[STATS_FAULTS];
	size_t n = s ? stats_faults(s, faults, STATS_FAULTS) : 0;

	for (size_t i = 0; i < n; i++) {
		struct stats_fault *f = &faults[i];
		struct json_object *one = object_new();

		f->code[sizeof(f->code) - 1] = '\0';
		f->rid[sizeof(f->rid) - 1] = '\0';
		object_int(one, "at", f->at_ms);
		add_route(one, s, f->row);
		object_int(one, "status", f->status);
		object_text(one, "code", f->code);
		object_text(one, "requestId", f->rid);
		object_push(list, one);
	}
	object_add(o, "lastErrors", list);
}

static void
add_host(struct ctl *c, struct json_object *o)
{
	char why[256];
	struct host *h =
	    host_open(c->conf.runtime_dir, HOST_LOOK, why, sizeof(why));

	add_totals(o, h);
	object_int(o, "workersConfigured", c->conf.workers);
	add_workers(o, h);
	add_faults(o, h);
	object_text(o, "verifiedTable", h ? "ok" : why);
	object_text(o, "rateLimits",
	    h ? "counted by all workers together"
	      : "a worker that has no such file either counts alone");
	object_uint(o, "rateWindows", rate_in_use(host_rates(h), clock_us()));
	host_close(h);
}

/* Adds the keyring's state; false: it is of no use. `a` may be NULL: then
 * nobody knows whether it is the database's own. */
static bool
add_keyring(struct ctl *c, struct json_object *o, struct admin *a)
{
	char why[512], print[17];
	struct keyring *ring = keyring_load(c->conf.keyring, why, sizeof(why));
	bool ok = ring != NULL;
	struct db_query q;

	if (ring)
		keyring_fingerprint(ring, print);
	if (ring && a) {
		db_query_init(&q, STMT_MASTER_KEYS);
		ok = admin_ask(a, "data keys", &q, why, sizeof(why));
		for (int i = 0; ok && i < db_rows(&q); i++)
			ok = !ctl_foreign(ring, &q, i, why, sizeof(why));
		db_query_clear(&q);
	}
	object_text(o, "keyringFingerprint", ring ? print : NULL);
	object_text(o, "keyring", ok ? "ok" : why);
	keyring_free(ring);
	return ok;
}

/* As the workers log in, and what they would say of it. Whether a plain user
 * may look is no fault of theirs. */
static bool
add_login(struct ctl *c, struct json_object *o)
{
	struct db *db;
	const char *reason;
	bool ok;

	unsetenv("PGPASSWORD"); /* the administrator's; the workers have none */
	db =
	    db_new(c->conf.database, DB_API_ONCE, c->conf.statement_timeout_ms);
	ok = db && db_connect(db);
	reason = db ? db_reason(db) : "out of memory";
	object_text(o, "workersDatabase", ok ? "ok" : reason);
	ok = ok || (geteuid() != 0 && strstr(reason, "Peer authentication"));
	db_free(db);
	return ok;
}

/* A host that is half broken is what status is for: it shows what it can
 * and fails only by its exit status. */
int
ctl_status(struct ctl *c)
{
	struct json_object *o = object_new();
	char why[512], server[80];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	int schema = a ? admin_version(a, why, sizeof(why)) : -1;
	bool keyring, login;
	int rc;

	if (schema >= 0 &&
	    !admin_text(a, "version", STMT_ADMIN_SERVER_VERSION, server,
		sizeof(server), why, sizeof(why)))
		schema = -1;
	object_text(o, "version", version);
	object_int(o, "program", DB_PROGRAM);
	object_int(o, "oldestSchema", DB_OLDEST_SCHEMA);
	if (schema < 0)
		object_null(o, "schemaVersion");
	else
		object_int(o, "schemaVersion", schema);
	object_text(o, "database", schema < 0 ? why : "ok");
	object_text(o, "databaseVersion", schema < 0 ? NULL : server);
	keyring = add_keyring(c, o, schema > 0 ? a : NULL);
	admin_close(a);
	login = add_login(c, o);
	add_host(c, o);
	rc = ctl_print(c, o);
	return schema < 0 || !keyring || !login ? CTL_UNAVAILABLE : rc;
}
