/*
 * status.c: status: versions, database, keyring, and what the workers of
 * this host have counted since its boot.
 */
#include "ctl/ctl.h"

#include "base/array.h"
#include "base/version.h"
#include "crypt/data_key.h"
#include "db/admin.h"
#include "shm/worker.h"

#include <json-c/json.h>
#include <stdio.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static void
add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(
	    o, name, text ? json_object_new_string(text) : NULL);
}

static void
add_int(struct json_object *o, const char *name, int64_t n)
{
	json_object_object_add(o, name, json_object_new_int64(n));
}

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
	    {STAT_DB_REQUESTS, "databaseRequests"},
	    {STAT_DB_WAIT_US, "databaseWaitUs"}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		json_object_object_add(o, rows[i].name,
		    json_object_new_uint64(host_stat(h, rows[i].total)));
}

static void
add_workers(struct json_object *o, const struct host *h)
{
	struct worker_seen workers[HOST_WORKERS];
	struct json_object *list = json_object_new_array();
	size_t n = worker_list(h, workers, HOST_WORKERS);

	for (size_t i = 0; i < n; i++) {
		struct json_object *w = json_object_new_object();

		add_int(w, "pid", workers[i].pid);
		add_int(w, "program", workers[i].program);
		add_int(w, "startedAt", workers[i].started_ms);
		json_object_object_add(
		    w, "requests", json_object_new_uint64(workers[i].requests));
		json_object_array_add(list, w);
	}
	json_object_object_add(o, "workers", list);
}

/* The file is the workers'; a text in it that does not end is cut. */
static void
add_names(struct json_object *o, const struct stats *s, int32_t row)
{
	const struct stats_row *t;
	char text[sizeof(t->path) + 1];

	if (row <= 0 || row >= STATS_ROUTES || !stats_is_named(s, row)) {
		add_text(o, "method", NULL);
		add_text(o, "route", NULL);
		return;
	}
	t = &s->row[row];
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(t->method), t->method);
	add_text(o, "method", text);
	snprintf(text, sizeof(text), "%.*s", (int)sizeof(t->path), t->path);
	add_text(o, "route", text);
}

static void
add_faults(struct json_object *o, const struct host *h)
{
	const struct stats *s = host_stats(h);
	struct json_object *list = json_object_new_array();
	struct stats_fault faults[STATS_FAULTS];
	size_t n = s ? stats_faults(s, faults, STATS_FAULTS) : 0;

	for (size_t i = 0; i < n; i++) {
		struct stats_fault *f = &faults[i];
		struct json_object *one = json_object_new_object();

		f->code[sizeof(f->code) - 1] = '\0';
		f->rid[sizeof(f->rid) - 1] = '\0';
		add_int(one, "at", f->at_ms);
		add_names(one, s, f->row);
		add_int(one, "status", f->status);
		add_text(one, "code", f->code);
		add_text(one, "requestId", f->rid);
		json_object_array_add(list, one);
	}
	json_object_object_add(o, "lastErrors", list);
}

static void
add_host(struct ctl *c, struct json_object *o)
{
	char why[256];
	struct host *h =
	    host_open(c->conf.runtime_dir, HOST_LOOK, why, sizeof(why));

	add_totals(o, h);
	add_int(o, "workersConfigured", c->conf.workers);
	add_workers(o, h);
	add_faults(o, h);
	add_text(o, "verifiedTable", h ? "ok" : why);
	host_close(h);
}

/* Adds the keyring's state; false: it is of no use. `a` may be NULL: then
 * nobody knows whether it is the database's own. */
static bool
add_keyring(struct ctl *c, struct json_object *o, struct admin *a)
{
	char why[512], rows[8192] = "", *lines = rows, print[17];
	struct keyring *ring = keyring_load(c->conf.keyring, why, sizeof(why));
	bool ok = ring != NULL;

	if (ring)
		keyring_fingerprint(ring, print);
	if (ring && a)
		ok = admin_text(a, "data keys", STMT_MASTER_KEYS, rows,
			 sizeof(rows), why, sizeof(why)) &&
		    !data_key_foreign(ring, &lines, why, sizeof(why));
	add_text(o, "keyringFingerprint", ring ? print : NULL);
	add_text(o, "keyring", ok ? "ok" : why);
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
	ok = db && db_connect(db, true);
	reason = db ? db_reason(db) : "out of memory";
	add_text(o, "workersDatabase", ok ? "ok" : reason);
	ok = ok || (geteuid() != 0 && strstr(reason, "Peer authentication"));
	db_free(db);
	return ok;
}

/* A host that is half broken is what status is for: it shows what it can
 * and fails only by its exit status. */
int
ctl_status(struct ctl *c)
{
	struct json_object *o = json_object_new_object();
	char why[512], server[80];
	struct admin *a =
	    admin_open(c->conf.admin_database, DB_NAME, why, sizeof(why));
	int schema = a ? admin_version(a, why, sizeof(why)) : -1;
	bool keyring, login;

	if (schema >= 0 &&
	    !admin_text(a, "version", STMT_ADMIN_SERVER_VERSION, server,
		sizeof(server), why, sizeof(why)))
		schema = -1;
	add_text(o, "version", version);
	add_int(o, "program", DB_PROGRAM);
	add_int(o, "oldestSchema", DB_OLDEST_SCHEMA);
	json_object_object_add(o, "schemaVersion",
	    schema < 0 ? NULL : json_object_new_int(schema));
	add_text(o, "database", schema < 0 ? why : "ok");
	add_text(o, "databaseVersion", schema < 0 ? NULL : server);
	keyring = add_keyring(c, o, schema > 0 ? a : NULL);
	admin_close(a);
	login = add_login(c, o);
	add_host(c, o);
	ctl_print(c, o);
	return schema < 0 || !keyring || !login ? CTL_UNAVAILABLE : CTL_DONE;
}
