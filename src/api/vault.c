/*
 * vault.c: data keys of a project, opened for one request.
 */
#include "api/vault.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypt/data_key.h"
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
	int rows = db_rows(q);
	enum err e;

	v->n = 0;
	if (!vault_load(r->app))
		return ERR_UNAVAILABLE;
	for (int i = 0; i < rows && i < VAULT_KEYS; i++) {
		e = open_key(r, q, i, &v->keys[i]);
		if (e) {
			vault_wipe(v);
			return e;
		}
		v->n++;
	}
	if (v->n > 0)
		return ERR_OK;
	log_msg(LOG_ERROR, "project %s has no data key", r->id.project_id);
	return ERR_INTERNAL;
}

void
vault_wipe(struct vault *v)
{
	for (size_t i = 0; i < VAULT_KEYS; i++)
		data_key_wipe(&v->keys[i]);
	v->n = 0;
}

const unsigned char *
vault_seal(struct req *r, const struct vault *v, struct seal_name what,
    const char *plain, size_t len, size_t *out_len)
{
	unsigned char *out = req_alloc(r, len + SEAL_OVERHEAD);

	if (!out || !seal_value(&v->keys[0], what, plain, len, out))
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

char *
vault_unseal(struct req *r, const struct vault *v, struct seal_name what,
    const void *sealed, size_t len, size_t *out_len)
{
	char *out = malloc(len + 1);

	for (size_t i = 0; out && i < v->n; i++) {
		if (!seal_is_of(&v->keys[i], sealed, len))
			continue;
		if (!seal_open(&v->keys[i], what, sealed, len,
			(unsigned char *)out, out_len))
			break;
		out[*out_len] = '\0';
		return out;
	}
	free(out);
	log_msg(LOG_ERROR, "%s.%s of project %s does not open", what.table,
	    what.name, r->id.project_id);
	return NULL;
}
