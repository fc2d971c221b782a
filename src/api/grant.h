/*
 * grant.h: what a key is given by generate and update, as fields of a body, and
 * that it is never more than its giver has: scopes, addresses, life, rate.
 */
#ifndef GRANT_H
#define GRANT_H

#include "crypt/key.h"
#include "http/req.h"

/* The fields that both bodies begin with. */
enum {
	GRANT_NAME,
	GRANT_SCOPES,
	GRANT_EXPIRES,
	GRANT_ADDRESSES,
	GRANT_RATE,
	GRANT_DISABLED,
	GRANT_FIELDS
};

/* Their rows; a name may be needed. */
#define GRANT_ROWS(name_required)                                              \
	[GRANT_NAME] = {.name = "name",                                        \
	    .required = name_required,                                         \
	    .trimmed = true,                                                   \
	    .one_line = true,                                                  \
	    .min = 1,                                                          \
	    .max = 100},                                                       \
	[GRANT_SCOPES] = {.name = "scopes",                                    \
	    .type = FIELD_STRINGS,                                             \
	    .min = 1,                                                          \
	    .max = SCOPE_COUNT,                                                \
	    .valid = grant_is_scope,                                           \
	    .rule = "Is no scope; see the table of scopes."},                  \
	[GRANT_EXPIRES] = {.name = "expiresAt",                                \
	    .type = FIELD_NUMBER,                                              \
	    .nullable = true,                                                  \
	    .max = GRANT_TIME_MAX},                                            \
	[GRANT_ADDRESSES] = {.name = "allowedIps",                             \
	    .type = FIELD_STRINGS,                                             \
	    .nullable = true,                                                  \
	    .max = CIDR_LIST_MAX,                                              \
	    .form = grant_block,                                               \
	    .rule = "Must be an address or a block of addresses such as "      \
		    "10.0.0.0/8, without bits behind its length."},            \
	[GRANT_RATE] = {.name = "rateLimit",                                   \
	    .type = FIELD_NUMBER,                                              \
	    .nullable = true,                                                  \
	    .min = 1,                                                          \
	    .max = KEY_RATE},                                                  \
	[GRANT_DISABLED] = {.name = "disabled", .type = FIELD_BOOL}

#define GRANT_TIME_MAX 8640000000000000 /* ms: the last of ECMAScript */

bool grant_is_scope(const char *name, size_t len);
bool grant_block(const char *s, size_t len, char out[FIELD_FORM]);

/* A key of the project as api_key_look shows it: what it may, and the rest;
 * pointers are valid until req_end. */
struct grant {
	struct identity id;
	const char *row; /* JSON */
	size_t row_len;
	const char *etag;
	const char *environment, *scopes, *addresses;
	struct cidr_list allowed; /* the addresses, read */
	const char *state;        /* "live", or why it is not */
	bool rotated;             /* it has a successor */
	int64_t now_ms;           /* the database's clock */
};

/* Reads the caller's own and, where `key_id` is not NULL, another one. From
 * here on the caller must stay what it is (r->pinned). ERR_NOT_FOUND, without
 * words: no such key. */
MUST_CHECK enum err grant_look(
    struct req *r, struct grant *own, const char *key_id, struct grant *other);

/* Complains of what the body gives and the caller does not have, or nobody
 * may. ERR_VALIDATION: it did. */
MUST_CHECK enum err grant_check(struct req *r, const struct grant *own);

/* ERR_SCOPE_DENIED where another key has a scope that the caller lacks. */
MUST_CHECK enum err grant_scope(struct req *r, const struct grant *other);

/* Whether its end, addresses or rate go further than the caller's: NULL, or
 * which of them. */
const char *grant_beyond(const struct grant *own, const struct grant *other);

/* Complains of an update that gives a key more than it has, in scopes, end,
 * addresses or rate, or by switching it on, and leaves it with an end,
 * addresses or a rate that go further than the caller's: a scope, say, would be
 * given for longer than the caller has it. */
void grant_more(
    struct req *r, const struct grant *own, const struct grant *key);

/* Adds scopes, end, addresses, rate as parameters: what the body gives; what it
 * does not is the caller's own. False: no memory. */
MUST_CHECK bool grant_add(
    struct req *r, const struct grant *own, struct db_query *q);

#endif
