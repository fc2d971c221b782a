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

#include "base/log.h"
#include "http/route.h"
#include "http/serve.h"
#include "wire.h"

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
	IF_NONE_MATCH,
	ADDRESS,
	REQUEST_ID,
	LINES
};
static const char *const names[] = {
    [METHOD] = "REQUEST_METHOD",
    [TARGET] = "REQUEST_URI",
    [AUTHORIZATION] = "HTTP_AUTHORIZATION",
    [CONTENT_TYPE] = "CONTENT_TYPE",
    [CONTENT_ENCODING] = "HTTP_CONTENT_ENCODING",
    [IDEMPOTENCY_KEY] = "HTTP_IDEMPOTENCY_KEY",
    [IF_MATCH] = "HTTP_IF_MATCH",
    [IF_NONE_MATCH] = "HTTP_IF_NONE_MATCH",
    [ADDRESS] = "REMOTE_ADDR",
    [REQUEST_ID] = "REQUEST_ID",
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

/* Cuts the lines off `text`, for the wire; returns what is left of it. */
static char *
cut_lines(char *text, const char *params[2 * LINES + 1])
{
	for (int i = 0; i < LINES; i++) {
		char *value = strsep(&text, "\n");

		if (!text)
			text = value + strlen(value);
		for (char *p = value; *p; p++)
			if (*p == '\v')
				*p = '\n';
		if (strcmp(value, "-") != 0) {
			*params++ = names[i];
			*params++ = value;
		}
	}
	*params = NULL;
	return text;
}

static bool
is_open(const struct req *r)
{
	return r->route && r->route->scope == SCOPE_OPEN;
}

/* A body that does not say that it is JSON is not looked at. */
static void
check_media(const struct req *r)
{
	static const char json[] = "application/json";
	const struct body *body = r->route ? r->route->body : NULL;
	bool named = r->content_type &&
	    strncasecmp(r->content_type, json, sizeof(json) - 1) == 0;
	bool let_in = is_open(r) || r->id.key_id[0];

	if (let_in && body && !body->text && r->body_len > 0 && !named)
		EXPECT(r->status == 415);
	EXPECT(r->status != 415 || (let_in && r->body_len > 0));
}

/* Without a database nothing can have been done or found. */
static void
check_outcome(const struct req *r)
{
	if (is_open(r) && r->route->body) {
		EXPECT(
		    r->status == 400 || r->status == 415 || r->status == 503);
		return;
	}
	if (is_open(r)) {
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
	const char *params[2 * LINES + 1];
	struct app *app = fuzz_app();
	struct req r;

	app->wire = &memory_wire;
	req_begin(&r, app);
	body = cut_lines(text, params);
	memory.params = params;
	/* NUL bytes, too: `text` may end early, the body does not */
	r.body_len = len - (size_t)(body - text);
	r.body = r.body_len > 0 ? body : NULL;
	serve_read(&r);
	serve_request(&r, ERR_OK);
	fuzz_check_answer(&r);
	check_outcome(&r);
	check_media(&r);
	log_set_request(NULL);
	req_end(&r);
	free(text);
}
