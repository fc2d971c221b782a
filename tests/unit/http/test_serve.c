/*
 * test_serve.c: a request from its first byte to its last, on a wire in
 * memory: the order of refusals, what a failure becomes, who gets no answer.
 */
#include "worker.h"

#include "answers.h"
#include "http/guard.h"
#include "http/serve.h"

#include "base/banned.h"

/* ---- routes of this test ---- */

static int calls; /* of a handler */

static enum err
fine(struct req *r)
{
	calls++;
	answer_text(r, "{\"data\":1}");
	return ERR_OK;
}

static enum err
text(struct req *r)
{
	memcpy(r->type, "text/plain", sizeof("text/plain"));
	answer_text(r, "plain");
	return ERR_OK;
}

static enum err
taken(struct req *r)
{
	return req_fail(r, ERR_CONFLICT, "slug", "Taken.");
}

static enum err
busy(struct req *r)
{
	answer_text(r, "half an ans");
	return ERR_UNAVAILABLE;
}

/* The answer cannot be built. */
static enum err
large(struct req *r)
{
	answer_raw(r, "", (size_t)INT32_MAX + 1);
	return ERR_OK;
}

/* Words for one failure, and then another comes. */
static enum err
other(struct req *r)
{
	req_fail(r, ERR_CONFLICT, "slug", "Taken.");
	return ERR_NOT_FOUND;
}

static enum err
wrote(struct req *r)
{
	enum err e;

	calls++;
	guard_write(r, STMT_PROJECT_UPDATE);
	e = guard_run(r);
	return e ? e : fine(r);
}

static enum err
wrote_large(struct req *r)
{
	enum err e = wrote(r);

	return e ? e : large(r);
}

static const struct field name[] = {{.name = "name", .max = 5}};
static const struct body body = {name, 1, false, false},
			 no_body = {NULL, 0, true, false};

#define OPEN(path_, handler_)                                                  \
	{                                                                      \
		.method = "GET", .path = path_, .handler = handler_            \
	}
#define WRITE(path_, body_, handler_)                                          \
	{                                                                      \
		.method = "POST", .path = path_,                               \
		.scope = SCOPE_PROJECTS_WRITE, .body = body_,                  \
		.handler = handler_                                            \
	}
static const struct route table[] = {
    OPEN("/fine", fine),
    OPEN("/text", text),
    OPEN("/taken", taken),
    OPEN("/busy", busy),
    OPEN("/large", large),
    OPEN("/other", other),
    {.method = "GET",
	.path = "/key",
	.scope = SCOPE_PROJECTS_READ,
	.handler = fine},
    WRITE("/write", &body, wrote),
    WRITE("/delete", &no_body, wrote),
    WRITE("/large", &no_body, wrote_large),
    {.path = NULL},
};

/* ---- requests ---- */

#define JSON "CONTENT_TYPE", "application/json"
#define AUTH "HTTP_AUTHORIZATION", "Bearer " KEY

static const char *sent; /* the body of the next request, or NULL */

/* Serves a request: method, target, further parameters. The answer. */
static const char *
ask(const char *const *of)
{
	const char *params[32] = {
	    "REQUEST_ID", RID, "REQUEST_METHOD", of[0], "REQUEST_URI", of[1]};
	char length[24];
	size_t n = 6;

	snprintf(length, sizeof(length), "%zu", sent ? strlen(sent) : 0);
	if (sent) {
		params[n++] = "CONTENT_LENGTH";
		params[n++] = length;
		memory.body = sent;
		memory.body_len = strlen(sent);
	}
	for (of += 2; *of; of++)
		params[n++] = *of;
	memory.params = params;
	serve(&app_of_tests);
	assert_int_equal(memory.finished, 1);
	memory.params = NULL;
	sent = NULL;
	return memory.answer;
}

#define ASK(...) ask((const char *const[]){__VA_ARGS__, NULL})

static int
anew(void **state)
{
	(void)state;
	forget(true);
	asked.answers = database_content;
	app_of_tests.routes = table;
	calls = 0;
	return 0;
}

static void
assert_status(const char *answer_text, const char *status, const char *code)
{
	char line[64];

	snprintf(line, sizeof(line), "Status: %s ", status);
	if (strncmp(answer_text, line, strlen(line)) != 0)
		fail_msg("not %s: %s", status, answer_text);
	snprintf(line, sizeof(line), "{\"error\":{\"code\":\"%s\"", code);
	if (code[0] ? !strstr(answer_text, line)
		    : strstr(answer_text, "error") != NULL)
		fail_msg("not %s: %s", code, answer_text);
}

/* ---- answers ---- */

static void
answers(void **state)
{
	(void)state;
	ASK("GET", "/fine");
	ASSERT_ANSWER("Status: 200 OK", "{\"data\":1}", "X-Request-ID: " RID,
	    "Content-Type: application/json", "Content-Length: 10");
	anew(NULL);
	ASK("HEAD", "/fine");
	ASSERT_ANSWER("Status: 200 OK", "", "Content-Length: 10");
	anew(NULL);
	ASK("GET", "/text");
	ASSERT_ANSWER("Status: 200 OK", "plain", "Content-Type: text/plain");
	assert_int_equal(asked.n, 0);
}

static void
finds_routes(void **state)
{
	(void)state;
	ASK("OPTIONS", "/large?x");
	ASSERT_ANSWER("Status: 204 No Content", "",
	    "Allow: GET, HEAD, POST, OPTIONS", "!Content-Length");
	anew(NULL);
	assert_non_null(
	    strstr(ASK("PUT", "/fine"), "\r\nAllow: GET, HEAD, OPTIONS\r\n"));
	assert_status(memory.answer, "405", "METHOD_NOT_ALLOWED");
	anew(NULL);
	assert_non_null(strstr(ASK("GET", "/none"), "There is no such path."));
	assert_status(memory.answer, "404", "NOT_FOUND");
	anew(NULL);
	assert_status(ASK("OPTIONS", "/none"), "404", "NOT_FOUND");
	assert_int_equal(asked.n, 0);
}

/* nginx's, the client's own, or a new one. */
static void
has_a_request_id(void **state)
{
	static const char own[] = "12345678-1234-4234-8234-123456789abc";
	const char *params[] = {"REQUEST_METHOD", "GET", "REQUEST_URI", "/fine",
	    "HTTP_X_REQUEST_ID", own, NULL};
	const char *at;

	(void)state;
	memory.params = params;
	serve(&app_of_tests);
	assert_non_null(strstr(memory.answer, own));
	anew(NULL);
	params[5] = "not one";
	memory.params = params;
	serve(&app_of_tests);
	at = strstr(memory.answer, "X-Request-ID: ");
	assert_non_null(at);
	assert_int_equal(strcspn(at + 14, "\r"), 36);
	assert_null(strstr(memory.answer, "not one"));
}

static void
tells_failures(void **state)
{
	(void)state;
	assert_status(ASK("GET", "/taken"), "409", "CONFLICT");
	assert_non_null(
	    strstr(memory.answer, "\"message\":\"Taken.\",\"field\":\"slug\""));
	anew(NULL);
	assert_status(ASK("GET", "/busy"), "503", "UNAVAILABLE");
	assert_non_null(strstr(memory.answer, "\r\nRetry-After: 1\r\n"));
	assert_null(strstr(memory.answer, "half"));
	anew(NULL);
	assert_status(ASK("GET", "/large"), "500", "INTERNAL");
	anew(NULL);
	/* the words were another failure's */
	assert_status(ASK("GET", "/other"), "404", "NOT_FOUND");
	assert_null(strstr(memory.answer, "slug"));
	assert_null(strstr(memory.answer, "Taken"));
}

/* ---- the order of refusals ---- */

static void
asks_for_a_key_first(void **state)
{
	(void)state;
	sent = "no JSON";
	assert_status(ASK("POST", "/write?x=1"), "401", "AUTH_MISSING");
	assert_non_null(
	    strstr(memory.answer, "\r\nWWW-Authenticate: Bearer\r\n"));
	assert_int_equal(asked.n, 0);
	anew(NULL);
	assert_status(ASK("GET", "/key", "HTTP_AUTHORIZATION", "Bearer x"),
	    "401", "AUTH_INVALID");
	anew(NULL);
	assert_status(ASK("GET", "/key", AUTH), "200", "");
	assert_int_equal(calls, 1);
}

/* Each body, what is wrong with it, and with it all: the media type first. */
static void
refuses_bodies_of_good_keys_only(void **state)
{
	static const struct {
		const char *body, *type, *status, *code;
	} cases[] = {
	    {"{}", "text/plain", "415", "UNSUPPORTED_MEDIA_TYPE"},
	    {"{", "application/json", "400", "VALIDATION"},
	    {"[]", "application/json", "400", "VALIDATION"},
	    {"{\"name\":1}", "application/json", "400", "VALIDATION"},
	    {NULL, "application/json", "400", "VALIDATION"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int good = 0; good < 2; good++) {
			anew(NULL);
			if (!good)
				asked.answers = database_refuses;
			sent = cases[i].body;
			assert_status(ASK("POST", "/write", AUTH,
					  "CONTENT_TYPE", cases[i].type),
			    good ? cases[i].status : "401",
			    good ? cases[i].code : "AUTH_INVALID");
			assert_int_equal(
			    asked.batch[0].stmt[0], STMT_GUARD_READ);
			assert_int_equal(asked.batch[0].n, 1);
			assert_int_equal(calls, 0);
		}
	}
}

static void
refuses_headers_not_taken(void **state)
{
	(void)state;
	sent = "{}";
	assert_status(ASK("POST", "/write", AUTH, JSON, "HTTP_IF_MATCH", "b"),
	    "400", "VALIDATION");
	assert_non_null(strstr(memory.answer, "\"field\":\"If-Match\""));
	anew(NULL);
	assert_status(ASK("GET", "/key?limit=1", AUTH), "400", "VALIDATION");
	assert_int_equal(calls, 0);
}

/* ---- writes ---- */

static void
writes(void **state)
{
	(void)state;
	sent = " {\"name\":\"four\"} ";
	assert_status(ASK("POST", "/write", AUTH, JSON), "200", "");
	assert_int_equal(asked.n, 1);
	assert_true(asked.batch[0].write);
	anew(NULL);
	assert_status(ASK("POST", "/delete", AUTH), "200", ""); /* no body */
}

/* The look and the record are in the transaction of the change, which begins
 * before it and is over when the record stands. */
static void
does_once(void **state)
{
	static const enum stmt first[] = {STMT_REPLAY_BEGIN, STMT_GUARD_WRITE,
	    STMT_GUARD_READ, STMT_REPLAY_CLAIM, STMT_REPLAY_LOOK,
	    STMT_REPLAY_HALT};
	const struct batch *b = asked.batch;

	(void)state;
	sent = " {\"name\":\"four\"} ";
	assert_status(
	    ASK("POST", "/write", AUTH, JSON, "HTTP_IDEMPOTENCY_KEY", "a"),
	    "200", "");
	assert_int_equal(b[0].n, COUNT(first) + 1);
	for (size_t i = 0; i < COUNT(first); i++)
		assert_int_equal(b[0].stmt[i], first[i]);
	assert_false(b[0].write); /* nothing of it can have been committed */
	assert_int_equal(b[1].n, 2);
	assert_int_equal(b[1].stmt[0], STMT_REPLAY_KEEP);
	assert_int_equal(b[1].stmt[1], STMT_REPLAY_COMMIT);
	assert_true(b[1].write);
	assert_int_equal(b[2].stmt[0], STMT_REPLAY_SWEEP);
	assert_int_equal(asked.n, 3);
}

/* Done, but its answer could not be built: no plain 500, which says that
 * nothing was changed. */
static void
says_what_was_done(void **state)
{
	(void)state;
	assert_status(ASK("POST", "/large", AUTH), "504", "TIMEOUT");
	assert_non_null(strstr(memory.answer, "The change was made"));
	anew(NULL);
	asked.answers = database_down;
	assert_status(ASK("POST", "/large", AUTH), "503", "UNAVAILABLE");
}

/* ---- who gets no answer ---- */

static void
drops_who_is_gone(void **state)
{
	(void)state;
	memory.gone = true;
	assert_string_equal(ASK("POST", "/delete", AUTH), "");
	anew(NULL);
	memory.cut = true;
	sent = "{}";
	assert_string_equal(ASK("POST", "/delete", AUTH, JSON), "");
	anew(NULL);
	assert_string_equal(
	    ASK("POST", "/delete", AUTH, "CONTENT_LENGTH", "1"), "");
	anew(NULL);
	assert_string_equal(
	    ASK("POST", "/delete", AUTH, "CONTENT_LENGTH", "-1"), "");
	assert_int_equal(calls, 0);
	assert_int_equal(asked.n, 0);
}

/* Not read; told to anybody. */
static void
refuses_large_bodies(void **state)
{
	(void)state;
	assert_status(ASK("POST", "/delete", "CONTENT_LENGTH", "2097153"),
	    "413", "PAYLOAD_TOO_LARGE");
	assert_int_equal(memory.read, 0);
}

#define ONE(test) cmocka_unit_test_setup(test, anew)

int
main(void)
{
	const struct CMUnitTest serve_tests[] = {
	    ONE(answers),
	    ONE(finds_routes),
	    ONE(has_a_request_id),
	    ONE(tells_failures),
	    ONE(asks_for_a_key_first),
	    ONE(refuses_bodies_of_good_keys_only),
	    ONE(refuses_headers_not_taken),
	    ONE(writes),
	    ONE(does_once),
	    ONE(says_what_was_done),
	    ONE(drops_who_is_gone),
	    ONE(refuses_large_bodies),
	};

	return cmocka_run_group_tests(serve_tests, begin_worker, end_worker);
}
