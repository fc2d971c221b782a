/*
 * fuzz_wire.c: a request as the FastCGI parameters bring it, without a
 * database: whatever stands in them, the answer is well-formed and its code is
 * one of ours. The input is lines, one a parameter in the order below, `-`:
 * absent, \v stands for a newline; the body is what comes behind them.
 *
 * The guard alone succeeds here (linked with --wrap=db_run), or no complaint
 * about a query or a body would ever be answered.
 */
#include "fuzz.h"

#include "base/cidr.h"
#include "base/uuid.h"
#include "http/route.h"
#include "http/serve.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

enum line {
	METHOD,
	TARGET,
	AUTHORIZATION,
	CONTENT_TYPE,
	CONTENT_ENCODING,
	IDEMPOTENCY_KEY,
	IF_MATCH,
	ADDRESS,
	REQUEST_ID,
	LINES
};

enum err __real_db_run(struct db *db, struct db_query *const q[], size_t n,
    bool write, int64_t deadline, struct db_fault *fault);
enum err __wrap_db_run(struct db *db, struct db_query *const q[], size_t n,
    bool write, int64_t deadline, struct db_fault *fault);

enum err
__wrap_db_run(struct db *db, struct db_query *const q[], size_t n, bool write,
    int64_t deadline, struct db_fault *fault)
{
	if (n > 1 || q[0]->stmt != STMT_GUARD_READ)
		return __real_db_run(db, q, n, write, deadline, fault);
	memset(fault, 0, sizeof(*fault));
	return ERR_OK;
}

/* Cuts the lines off `text`; returns what is left of it. */
static char *
cut_lines(char *text, const char *line[LINES])
{
	for (int i = 0; i < LINES; i++) {
		char *value = strsep(&text, "\n");

		if (!text)
			text = value + strlen(value);
		for (char *p = value; *p; p++)
			if (*p == '\v')
				*p = '\n';
		line[i] = strcmp(value, "-") == 0 ? NULL : value;
	}
	return text;
}

/* As read_wire of serve.c does it. */
static void
fill(struct req *r, const char *line[LINES])
{
	const char *id = line[REQUEST_ID];

	if (!id || !uuid_from(r->rid, id))
		uuid_make(r->rid);
	snprintf(r->method, sizeof(r->method), "%s",
	    line[METHOD] ? line[METHOD] : "");
	r->target = line[TARGET] ? line[TARGET] : "";
	r->authorization = line[AUTHORIZATION];
	r->content_type = line[CONTENT_TYPE];
	r->content_encoding = line[CONTENT_ENCODING];
	r->idempotency_key = line[IDEMPOTENCY_KEY];
	r->if_match = line[IF_MATCH];
	if (line[ADDRESS] && cidr_address(&r->from, line[ADDRESS]))
		r->address = line[ADDRESS];
}

/* A body that does not say that it is JSON is not looked at. */
static void
check_media(const struct req *r)
{
	static const char json[] = "application/json";
	bool named = r->content_type &&
	    strncasecmp(r->content_type, json, sizeof(json) - 1) == 0;
	bool known = r->id.key_id[0];

	if (known && r->route->body && r->body_len > 0 && !named)
		EXPECT(r->status == 415);
	EXPECT(r->status != 415 || (known && r->body_len > 0));
}

/* Without a database nothing can have been done or found. */
static void
check_outcome(const struct req *r)
{
	if (r->route && r->route->scope == SCOPE_OPEN) {
		EXPECT(r->status == 200 || r->status == 503);
		return;
	}
	EXPECT(r->status == 204 || r->status >= 400);
	EXPECT(r->status != 500 && r->status != 504);
	EXPECT(!r->route || r->authorization || r->status == 401);
	if (!r->route)
		EXPECT(
		    r->status == 204 || r->status == 404 || r->status == 405);
}

void
fuzz_wire(const uint8_t *data, size_t len)
{
	char *text = fuzz_text(data, len), *body;
	const char *line[LINES];
	struct req r;

	req_begin(&r, fuzz_app());
	body = cut_lines(text, line);
	/* NUL bytes, too: `text` may end early, the body does not */
	r.body_len = len - (size_t)(body - text);
	r.body = r.body_len > 0 ? body : NULL;
	fill(&r, line);
	serve_request(&r, ERR_OK);
	fuzz_check_answer(&r);
	check_outcome(&r);
	check_media(&r);
	req_end(&r);
	free(text);
}
