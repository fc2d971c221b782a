/*
 * vault.c: data keys of a project, opened for one request.
 */
#include "api/vault.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypt/data_key.h"
#include "http/guard.h"
#include "shm/worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LAST4 4

bool
vault_reload(struct app *app)
{
	static char last[256]; /* said once, not with every request */
	struct keyring *ring;
	char why[256], print[17];

	ring = keyring_load(app->conf.keyring, why, sizeof(why));
	if (!ring) {
		if (strcmp(why, last) != 0)
			log_msg(LOG_ERROR, "keyring: %s", why);
		memcpy(last, why, sizeof(last));
		return false;
	}
	last[0] = '\0';
	keyring_free(app->keyring);
	app->keyring = ring;
	keyring_fingerprint(ring, print);
	worker_keyring(app->host, print);
	log_msg(LOG_INFO, "keyring read, fingerprint %s", print);
	return true;
}

bool
vault_load(struct app *app)
{
	return app->keyring || vault_reload(app);
}

static bool
is_foreign(
    struct app *app, const struct db_query *q, int row, char *why, size_t size)
{
	size_t len = 0;
	const char *wrapped = db_value(q, row, 3, &len);

	return data_key_foreign(app->keyring, db_value(q, row, 0, NULL),
	    db_value(q, row, 1, NULL), db_value(q, row, 2, NULL), wrapped, len,
	    why, size);
}

bool
vault_check(struct app *app)
{
	struct db_query q;
	struct db_fault fault;
	char why[256];
	bool ok;

	db_query_init(&q, STMT_MASTER_KEYS);
	/* db_run says why it could not be found out */
	ok = !db_ask(app->db, &q, clock_us() + CLOCK_S(8), &fault);
	for (int i = 0; ok && i < db_rows(&q); i++) {
		ok = !is_foreign(app, &q, i, why, sizeof(why));
		if (!ok)
			log_msg(LOG_ERROR, "keyring: %s", why);
	}
	db_query_clear(&q);
	return ok;
}

static enum err
open_key(struct req *r, const struct db_query *q, int row, struct data_key *k)
{
	const char *id = db_value(q, row, 0, NULL);
	const char *master = db_value(q, row, 1, NULL);
	size_t len = 0;
	const char *wrapped = db_value(q, row, 2, &len);
	char print[17];
	enum err e;

	e = data_key_open(
	    r->app->keyring, r->id.project_id, id, master, wrapped, len, k);
	if (e == ERR_NOT_FOUND && vault_reload(r->app))
		e = data_key_open(r->app->keyring, r->id.project_id, id, master,
		    wrapped, len, k);
	if (!e)
		return ERR_OK;
	keyring_fingerprint(r->app->keyring, print);
	log_msg(LOG_ERROR, "data key %s: %s master key %s (keyring %s)", id,
	    e == ERR_NOT_FOUND ? "the keyring lacks" : "does not open with",
	    master, print);
	return e == ERR_NOT_FOUND ? ERR_UNAVAILABLE : e;
}

enum err
vault_open(struct req *r, const struct db_query *q, struct vault *v)
{
	enum err e;

	memset(v, 0, sizeof(*v));
	if (!vault_load(r->app))
		return ERR_UNAVAILABLE;
	if (db_rows(q) == 0) {
		log_msg(
		    LOG_ERROR, "project %s has no data key", r->id.project_id);
		return ERR_INTERNAL;
	}
	e = open_key(r, q, 0, &v->newest);
	if (e)
		vault_wipe(v);
	else
		v->data_keys = q;
	return e;
}

enum err
vault_read(struct req *r, struct vault *v)
{
	struct db_query *data_keys = guard_read(r, STMT_DATA_KEYS);
	enum err e = guard_run(r);

	return e ? e : vault_open(r, data_keys, v);
}

void
vault_wipe(struct vault *v)
{
	data_key_wipe(&v->newest);
	data_key_wipe(&v->other);
	v->data_keys = NULL;
}

const unsigned char *
vault_seal(struct req *r, const struct vault *v, struct seal_name what,
    const char *plain, size_t len, size_t *out_len)
{
	unsigned char *out = req_alloc(r, len + SEAL_OVERHEAD);

	if (!out || !seal_value(&v->newest, what, plain, len, out))
		return NULL;
	*out_len = len + SEAL_OVERHEAD;
	return out;
}

bool
vault_add_key(struct req *r, const struct vault *v, struct seal_name what,
    const char *key, struct db_query *q)
{
	const unsigned char *sealed;
	size_t len;

	if (!key) {
		db_text(q, NULL);
		db_text(q, NULL);
		return true;
	}
	sealed = vault_seal(r, v, what, key, strlen(key), &len);
	if (!sealed)
		return false;
	db_bytes(q, sealed, len);
	db_text(q, key + strlen(key) - LAST4);
	return true;
}

/* The key that the value names. ERR_INTERNAL: the project has it not. */
static enum err
find_key(struct req *r, struct vault *v, const void *sealed, size_t len,
    const struct data_key **key)
{
	struct data_key named;

	*key = &v->newest;
	if (seal_is_of(&v->newest, sealed, len))
		return ERR_OK;
	*key = &v->other;
	if (v->other.id[0] && seal_is_of(&v->other, sealed, len))
		return ERR_OK;
	for (int i = 1; i < db_rows(v->data_keys); i++) {
		text_copy(named.id, sizeof(named.id),
		    db_value(v->data_keys, i, 0, NULL));
		if (seal_is_of(&named, sealed, len))
			return open_key(r, v->data_keys, i, &v->other);
	}
	return ERR_INTERNAL;
}

enum err
vault_unseal(struct req *r, struct vault *v, struct seal_name what,
    const void *sealed, size_t len, char **out, size_t *out_len)
{
	const struct data_key *key;
	enum err e = find_key(r, v, sealed, len, &key);

	*out = e ? NULL : malloc(len + 1);
	if (*out &&
	    seal_open(key, what, sealed, len, (unsigned char *)*out, out_len)) {
		(*out)[*out_len] = '\0';
		return ERR_OK;
	}
	free(*out);
	*out = NULL;
	log_msg(LOG_ERROR, "%s.%s of project %s does not open", what.table,
	    what.name, r->id.project_id);
	return e ? e : ERR_INTERNAL;
}
