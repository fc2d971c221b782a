/*
 * req.h: one request on its way through: what came over the wire, what was
 * found out about it, its statements, why it fails, and its answer. The rooms
 * beside this one fill it; all of its memory goes with it (req_end).
 */
#ifndef REQ_H
#define REQ_H

#include "base/cidr.h"
#include "base/err.h"
#include "base/uuid.h"
#include "crypt/seal.h"
#include "db/db.h"
#include "http/app.h"
#include "http/field.h"
#include "shm/host.h"
#include "shm/rate.h"
#include "shm/verified.h"

#include <json-c/json_types.h>
#include <stddef.h>
#include <stdint.h>

struct once;
struct route;
struct printbuf;

/* Parameters of a query string that have a few values, by their place among
 * these; the first one where none is given. See query.c. */
enum choice { CHOICE_SET, CHOICE_FORMAT, CHOICE_MODE, CHOICE_DRY_RUN, CHOICES };

#define REQ_QUERIES  10      /* statements of one request */
#define REQ_BODY_MAX 2097152 /* bytes: 2 MiB */
#define REQ_DEADLINE CLOCK_S(8)
#define REQ_FILTERS  5
#define REQ_TAG      40 /* bytes: quotes, 19 digits, 16 of hex, a NUL */

/* How the key's limit was judged, see admit_rate.h. */
struct req_rate {
	int limit; /* requests a minute; 0: it has none, or was not judged */
	bool counted;
	unsigned char window[RATE_ID];
	struct rate_seen seen;
};

struct req {
	struct app *app;

	/* from the wire; borrowed until the request is over; NULL: absent */
	char rid[UUID_TEXT];
	char method[16];    /* a copy (cut): the log line comes last */
	const char *target; /* path and query as sent */
	const char *authorization;
	const char *content_type;
	const char *content_encoding;
	const char *idempotency_key;
	const char *if_match;
	const char *if_none_match;
	const char
	    *address;     /* a valid one, else NULL; refusals.h has it late */
	char peer[46];    /* its text: a copy */
	struct cidr from; /* the same; without: of no family */
	const char *body;
	size_t body_len;
	int64_t start, deadline; /* clock_us() */

	/* found on the way */
	size_t path_len;
	const struct route *route;
	const char *key; /* well-formed; not yet known to be good */
	struct identity id;
	bool asked; /* the identity is of the row, read for this request */
	const char *refused; /* why, of a key whose secret is right; or NULL */
	bool pinned; /* something was decided on it: it may not change */
	struct req_rate rate;
	bool key_used;     /* its lastUsedAt is older than a minute */
	struct once *once; /* NULL: done as often as it is sent */
	struct json_object *json;
	char *room;                           /* of its names */
	struct json_object *value[FIELD_MAX]; /* in the order of the table */
	bool given[FIELD_MAX];
	int limit;
	const char *cursor; /* decoded from the query; NULL: first page */
	const char *filter[REQ_FILTERS]; /* the same: enum query_filter */
	int choice[CHOICES];
	const char *tags; /* of If-Match, as text[]; NULL: none was sent */

	/* statements, see guard.h: those before `ran` have their results */
	size_t n, ran;
	bool wants_project;        /* the guard gives the project's row, too */
	bool write;                /* one of the new ones writes */
	bool changes[REQ_QUERIES]; /* it does: a row tells that it has */
	bool committed;            /* one that did has run */

	/* a failure in words, see req_fail */
	enum err fault;  /* whose they are */
	char field[512]; /* of the body, query or header; or "" */
	char message[256];
	struct json_object *details;

	/* the answer, see answer.h */
	enum err result; /* set by answer_fault alone */
	int status;
	struct printbuf *out; /* the JSON text */
	char type[48];        /* of an answer that is no JSON, else "" */
	char allow[40];       /* Allow header, or "" */
	char etag[REQ_TAG];   /* ETag header, or "": see etag.h */
	int retry_after;      /* seconds; 0: by status */
	bool replayed;        /* it is that of the first time, see once.h */
	bool no_memory; /* for it, or for a complaint: the answer is a 500 */

	void *memory; /* see req_alloc */

	/* What req_begin leaves as it is: large, and each is made by
	 * db_query_init. `queries` are those of guard.h, of which there are n.
	 */
	struct db_query guard;
	struct db_query queries[REQ_QUERIES];
};

void req_begin(struct req *r, struct app *app);
void req_end(struct req *r);

/* Give back what was made of the body, once it is not needed: the value of
 * field i; all of it. A large answer is not to come on top of a large body. */
void req_drop_value(struct req *r, int i);
void req_drop_json(struct req *r);

/* Whether a body or an answer of so many bytes can have taken megabytes, which
 * malloc_trim then gives back: a heap by itself does not shrink below a block
 * that stays. */
bool req_is_large(size_t body, size_t answer);

/* Memory until req_end; NULL when there is none. */
MUST_CHECK void *req_alloc(struct req *r, size_t size);

/* The same for what malloc gave. False: no memory; it is freed at once. */
MUST_CHECK bool req_adopt(struct req *r, void *memory);

/*
 * Words for a failure; returns `e`. What a function returns is the one carrier
 * of a failure: whoever gets a code passes it on, up to serve.c, which makes
 * the answer of it. Words are needed where the code's own message says too
 * little, and count if that code arrives. `field` and `message` may be NULL.
 */
enum err req_fail(
    struct req *r, enum err e, const char *field, const char *message);

/*
 * One complaint about body, query or header; who makes one returns
 * ERR_VALIDATION. The first gives the failure's words, up to 100 stand in
 * `details`. Has field_check's signature.
 */
void req_complain(void *req, const char *field, const char *message);

/* ERR_NOT_FOUND of what field i named. */
enum err req_not_found(struct req *r, int i);

/* The value of field i as text, NULL when it is absent or null. */
const char *req_text(const struct req *r, int i);

/* The names of the given fields as a text[] of PostgreSQL: {a,b}. NULL: no
 * memory (the column refuses it). */
const char *req_given_names(struct req *r);
bool req_given_any(const struct req *r);

#endif
