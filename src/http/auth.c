/*
 * auth.c: who calls. In order of cost: form and checksum (nobody asked), the
 * verified-key table (memory), the key's row (one statement), its check
 * value, scrypt (milliseconds, in one of the host's few cold places).
 */
#include "http/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/uuid.h"
#include "crypt/key.h"
#include "http/wire.h"
#include "shm/cold.h"
#include "shm/worker.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/banned.h"

#define COLD_WAIT CLOCK_S(1) /* for a place, at most */

/* "Bearer <key>" (RFC 6750 section 2.1): scheme in any case, then spaces; and
 * around the field's value spaces and tabs (OWS, RFC 9110 section 5.5). nginx
 * judges the same form before it reads a body: nginx/errors.conf. Sets r->key;
 * false: no memory. */
static bool
take_key(struct req *r, const char *value)
{
	size_t len;
	char *key;

	if (strncasecmp(value, "Bearer", 6) != 0 || value[6] != ' ')
		return true;
	value += 6 + strspn(value + 6, " ");
	len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	key = req_alloc(r, len + 1);
	if (!key)
		return false;
	memcpy(key, value, len);
	key[len] = '\0';
	if (key_well_formed(key))
		r->key = key;
	return true;
}

enum err
auth_begin(struct req *r)
{
	const char *value = r->authorization ? r->authorization : "";

	value += strspn(value, " \t");
	if (!value[0])
		return ERR_AUTH_MISSING;
	if (!take_key(r, value))
		return ERR_INTERNAL;
	if (!r->key)
		return ERR_AUTH_INVALID;
	if (verified_find(r->app->host, r->key, &r->id)) {
		host_count(r->app->host, STAT_VERIFIED_HITS);
		return ERR_OK;
	}
	return auth_cold(r);
}

/* How many workers of a host may verify keys that the table does not know: a
 * worker that computes serves nobody. */
static int
cold_places(const struct req *r)
{
	int places = r->app->conf.workers / 4;

	return places > 0 ? places : 1;
}

/* Come again: not all in step, or they would meet each other again. */
static enum err
refuse_now(struct req *r, enum stats_total count, const char *message)
{
	host_count(r->app->host, count);
	r->retry_after = 1 + (int)random_below(3);
	return req_fail(r, ERR_UNAVAILABLE, NULL, message);
}

static enum err
refuse_cold(struct req *r)
{
	return refuse_now(r, STAT_COLD_REFUSALS,
	    "Too many keys are being made or verified for the first time; try "
	    "again in a few seconds.");
}

/* A little of the wait for a place; false when it has to end: it took too long,
 * or nobody else is there for who waits outside. */
static bool
wait_cold(const struct req *r, int64_t until)
{
	if (clock_us() >= until ||
	    (r->app->wire->others_wait() && !worker_any_free(r->app->host)))
		return false;
	usleep(1000 + random_below(4000));
	return true;
}

enum err
auth_cold_enter(struct req *r, const char *key)
{
	struct host *h = r->app->host;
	int64_t until = clock_us() + COLD_WAIT;

	while (!cold_enter(h, cold_places(r), verified_number(h, key)))
		if (!wait_cold(r, until))
			return refuse_cold(r);
	return ERR_OK;
}

enum err
auth_share(struct req *r)
{
	const struct conf *conf = &r->app->conf;
	struct host *h = r->app->host;

	worker_serves(h, r->id.project_id, r->start);
	if (!worker_is_greedy(
		h, conf->workers, conf->project_share, r->start) ||
	    !r->app->wire->others_wait())
		return ERR_OK;
	return refuse_now(r, STAT_SHARE_REFUSALS,
	    "This project has its share of the service's workers while others "
	    "wait; try again in a few seconds.");
}

/* scrypt, by one worker a key and few workers a host; the others that wait
 * inside find the table filled. */
static enum err
verify_hash(struct req *r, const char *hash, size_t len)
{
	struct host *h = r->app->host;
	struct identity known;
	enum err e;

	e = auth_cold_enter(r, r->key);
	if (e)
		return e;
	if (verified_find(h, r->key, &known) &&
	    memcmp(&known, &r->id, sizeof(known)) == 0) {
		e = ERR_OK;
	} else {
		host_count(h, STAT_SCRYPT_RUNS);
		e = key_verify(r->key, hash, len);
		if (!e)
			verified_add(h, r->key, &r->id);
		else if (e == ERR_INTERNAL)
			log_msg(LOG_ERROR, "stored hash of key %s is damaged",
			    r->id.key_id);
	}
	cold_leave(h);
	return e;
}

/* The row's columns against the key presented. */
static enum err
check_row(struct req *r, const struct db_query *q)
{
	unsigned char value[KEY_CHECK_VALUE];
	size_t hash_len, digest_len, check_len;
	const char *hash = db_value(q, 0, 2, &hash_len);
	const char *digest = db_value(q, 0, 3, &digest_len);
	const char *check = db_value(q, 0, 4, &check_len);

	if (!hash || !digest || digest_len != sizeof(r->id.digest) || !check ||
	    check_len != sizeof(value))
		return ERR_AUTH_INVALID;
	if (!key_check_value(r->key, value))
		return ERR_INTERNAL;
	if (!secret_equal(value, check, sizeof(value))) {
		host_count(r->app->host, STAT_CHECK_REFUSALS);
		return ERR_AUTH_INVALID;
	}
	if (!db_bool(q, 0, 5)) /* revoked, expired, project deleted */
		return ERR_AUTH_INVALID;
	snprintf(r->id.key_id, UUID_TEXT, "%s", db_value(q, 0, 0, NULL));
	snprintf(r->id.project_id, UUID_TEXT, "%s", db_value(q, 0, 1, NULL));
	memcpy(r->id.digest, digest, sizeof(r->id.digest));
	return verify_hash(r, hash, hash_len);
}

enum err
auth_cold(struct req *r)
{
	struct db_query q;
	struct db_fault fault;
	char prefix[KEY_PREFIX + 1];
	int64_t until;
	enum err e;

	memset(&r->id, 0, sizeof(r->id));
	/* Nobody's row is read for an answer that would be "later" anyway. A
	 * bad key takes no place, so it keeps no good one out. */
	until = clock_us() + COLD_WAIT;
	while (!cold_has_room(r->app->host, cold_places(r)))
		if (!wait_cold(r, until))
			return refuse_cold(r);
	snprintf(prefix, sizeof(prefix), "%.*s", KEY_PREFIX, r->key);
	db_query_init(&q, STMT_KEY_BY_PREFIX);
	db_text(&q, prefix);
	e = db_ask(r->app->db, &q, r->deadline, &fault);
	if (e)
		req_fail(r, e, NULL, fault.message);
	else
		e = check_row(r, &q);
	db_query_clear(&q);
	return e;
}
