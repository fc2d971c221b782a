/*
 * auth.c: who calls. In order of cost: form and checksum (nobody asked), the
 * verified-key table (memory), the key's row (one statement), its check
 * value, scrypt (milliseconds, in one of the host's few cold places).
 */
#include "http/auth.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
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

/* Whether another worker verifies this key right now: all who wait for it are
 * through in a moment. An upgrade begins so, with the same few keys in all
 * workers. To be asked before one looks for a place: what is over by then has
 * left its place, or its entry in the table. */
static bool
is_under_way(const struct req *r, const char *key)
{
	struct host *h = r->app->host;

	return cold_is_under_way(h, verified_number(h, key));
}

/* A little of the wait for a place; false when it has to end: it took too long,
 * or nobody else is there for who waits outside, and it may be long. */
static bool
wait_cold(const struct req *r, bool soon, int64_t until)
{
	if (clock_us() >= until ||
	    (!soon && r->app->wire->others_wait() &&
		!worker_any_free(r->app->host)))
		return false;
	usleep(1000 + random_below(4000));
	return true;
}

enum err
auth_cold_enter(struct req *r, const char *key)
{
	struct host *h = r->app->host;
	int64_t until = clock_us() + COLD_WAIT;
	bool soon = is_under_way(r, key);

	while (!cold_enter(h, cold_places(r), verified_number(h, key))) {
		if (!wait_cold(r, soon, until))
			return refuse_cold(r);
		soon = is_under_way(r, key);
	}
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

/* Whether the table has seen this key to be that of this hash. */
static bool
is_verified(const struct req *r)
{
	struct identity known;

	return verified_find(r->app->host, r->key, &known) &&
	    strcmp(known.key_id, r->id.key_id) == 0 &&
	    memcmp(known.digest, r->id.digest, sizeof(known.digest)) == 0;
}

/* scrypt, by one worker a key and few workers a host; the others that wait
 * inside find the table filled. */
static enum err
verify_hash(struct req *r, const char *hash, size_t len)
{
	struct host *h = r->app->host;
	enum err e;

	if (is_verified(r)) {
		verified_add(h, r->key, &r->id);
		return ERR_OK;
	}
	e = auth_cold_enter(r, r->key);
	if (e)
		return e;
	if (is_verified(r)) {
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

bool
auth_identity(const struct db_query *q, struct identity *id)
{
	const char *column[IDENTITY_COLUMNS];
	size_t len[IDENTITY_COLUMNS];

	memset(id, 0, sizeof(*id));
	for (int i = 0; i < IDENTITY_COLUMNS; i++)
		if (!(column[i] = db_value(q, 0, i, &len[i])))
			return false;
	if (len[IDENTITY_DIGEST] != sizeof(id->digest) ||
	    len[IDENTITY_STAMP] != sizeof(id->stamp) ||
	    len[IDENTITY_WINDOW] != sizeof(id->window) ||
	    len[IDENTITY_ROOM] != sizeof(id->room))
		return false;
	text_copy(id->key_id, sizeof(id->key_id), column[IDENTITY_KEY]);
	text_copy(
	    id->project_id, sizeof(id->project_id), column[IDENTITY_PROJECT]);
	memcpy(id->digest, column[IDENTITY_DIGEST], sizeof(id->digest));
	memcpy(id->stamp, column[IDENTITY_STAMP], sizeof(id->stamp));
	id->scopes = scope_set_of(column[IDENTITY_SCOPES]);
	id->rate = (int32_t)db_bigint(q, 0, IDENTITY_RATE);
	memcpy(id->window, column[IDENTITY_WINDOW], sizeof(id->window));
	id->ends_ms = db_bigint(q, 0, IDENTITY_ENDS);
	memcpy(id->room, column[IDENTITY_ROOM], sizeof(id->room));
	id->listed = strcmp(column[IDENTITY_ADDRESSES], "{}") != 0;
	return true;
}

/* Of a key that only some addresses may use: admit asks for them. */
static enum err
remember_addresses(struct req *r, const struct db_query *q)
{
	const char *list = db_value(q, 0, IDENTITY_ADDRESSES, NULL);

	if (allowed_add(&r->app->allowed, r->id.key_id, r->id.stamp, list))
		return ERR_OK;
	log_msg(
	    LOG_ERROR, "the addresses of key %s cannot be read", r->id.key_id);
	return ERR_INTERNAL;
}

/* For the audit log, by the row's own word; NULL: not one that it tells. That
 * 32 bits of the secret were right is enough: nobody runs scrypt for a dead
 * key, and who guesses 32 bits adds one to a count. */
static const char *
reason_of(const char *state)
{
	static const char *const reasons[] = {"expired", "disabled", "revoked"};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strcmp(state, reasons[i]) == 0)
			return reasons[i];
	return NULL;
}

/* The row's columns against the key presented. */
static enum err
check_row(struct req *r, const struct db_query *q)
{
	unsigned char value[KEY_CHECK_VALUE];
	size_t hash_len, check_len;
	const char *hash = db_value(q, 0, IDENTITY_COLUMNS, &hash_len);
	const char *check = db_value(q, 0, IDENTITY_COLUMNS + 1, &check_len);
	const char *state = db_value(q, 0, IDENTITY_COLUMNS + 2, NULL);
	enum err e;

	if (!hash || !check || check_len != sizeof(value) || !state)
		return ERR_AUTH_INVALID;
	if (!key_check_value(r->key, value))
		return ERR_INTERNAL;
	if (!secret_equal(value, check, sizeof(value))) {
		host_count(r->app->host, STAT_CHECK_REFUSALS);
		return ERR_AUTH_INVALID;
	}
	if (!auth_identity(q, &r->id))
		return ERR_AUTH_INVALID;
	if (strcmp(state, "live") != 0) {
		log_msg(LOG_INFO, "key %s: %s", r->id.key_id, state);
		r->refused = reason_of(state);
		return ERR_AUTH_INVALID;
	}
	e = verify_hash(r, hash, hash_len);
	return e || !r->id.listed ? e : remember_addresses(r, q);
}

/* `stmt` gives the row, and says which keys are live. */
static enum err
ask_row(struct req *r, enum stmt stmt)
{
	struct db_query q;
	struct db_fault fault;
	char prefix[KEY_PREFIX + 1];
	enum err e;

	memset(&r->id, 0, sizeof(r->id));
	snprintf(prefix, sizeof(prefix), "%.*s", KEY_PREFIX, r->key);
	db_query_init(&q, stmt);
	db_text(&q, prefix);
	e = db_ask(r->app->db, &q, r->deadline, &fault);
	if (e)
		req_fail(r, e, NULL, fault.message);
	else
		e = check_row(r, &q);
	db_query_clear(&q);
	if (e == ERR_AUTH_INVALID)
		verified_drop(r->app->host, r->key);
	r->asked = !e;
	return e;
}

enum err
auth_again(struct req *r)
{
	return ask_row(r, STMT_KEY_ROW);
}

/* The row is read when there may be room for scrypt, or no need for it any
 * more: nobody's is read for an answer that would be "later" anyway. A bad key
 * takes no place, so it keeps no good one out. */
static enum err
ask_row_cold(struct req *r, enum stmt stmt)
{
	int64_t until = clock_us() + COLD_WAIT;
	bool soon = is_under_way(r, r->key);
	struct identity known;

	while (!cold_has_room(r->app->host, cold_places(r)) &&
	    !verified_find(r->app->host, r->key, &known)) {
		if (!wait_cold(r, soon, until))
			return refuse_cold(r);
		soon = is_under_way(r, r->key);
	}
	return ask_row(r, stmt);
}

enum err
auth_holder(struct req *r)
{
	return ask_row_cold(r, STMT_KEY_OF_HOLDER);
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
	return ask_row_cold(r, STMT_KEY_ROW);
}
