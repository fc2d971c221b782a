/*
 * test_answer.c: the JSON of answers and failures, status and headers.
 */
#include "requests.h"

#include "answers.h"
#include "base/text.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/banned.h"

#define FAULT(code, message, more)                                             \
	"{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"," more  \
	"}}"
#define ID "\"requestId\":\"" RID "\""

static void
writes_faults(void **state)
{
	static const struct {
		enum err err;
		const char *field, *message, *want;
		int status;
	} cases[] = {
	    {ERR_NOT_FOUND, NULL, NULL, FAULT("NOT_FOUND", "Not found.", ID),
		404},
	    {ERR_CONFLICT, "slug", "This slug is taken.",
		FAULT("CONFLICT", "This slug is taken.",
		    "\"field\":\"slug\"," ID),
		409},
	    {ERR_AUTH_INVALID, NULL, NULL,
		FAULT("AUTH_INVALID", "The API key is not valid.", ID), 401},
	    {ERR_VALIDATION, "a/\"b\\\n\x7f", "x",
		FAULT(
		    "VALIDATION", "x", "\"field\":\"a/\\\"b\\\\\\n\x7f\"," ID),
		400},
	    {ERR_INTERNAL, NULL, "Oh.",
		FAULT("INTERNAL", "Oh.", ID ",\"retryable\":true"), 500},
	    {ERR_UNAVAILABLE, NULL, "Later.",
		FAULT("UNAVAILABLE", "Later.", ID ",\"retryable\":true"), 503},
	    {ERR_IN_DOUBT, NULL, "Perhaps.",
		FAULT("TIMEOUT", "Perhaps.", ID ",\"retryable\":false"), 504},
	};
	struct req *r = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		answer_text(r, "{\"data\":half an ans"); /* is taken back */
		answer_fault(r,
		    req_fail(
			r, cases[i].err, cases[i].field, cases[i].message));
		assert_int_equal(r->result, cases[i].err);
		assert_int_equal(r->status, cases[i].status);
		assert_string_equal(answer(r), cases[i].want);
		assert_int_equal(r->out->bpos, strlen(cases[i].want));
	}
	/* those words are of another code: this one has its own */
	answer_fault(r, ERR_METHOD);
	assert_int_equal(r->status, 405);
	assert_non_null(strstr(answer(r), "see the Allow header."));
}

static void
writes_complaints(void **state)
{
	struct req *r = *state;

	req_complain(r, "envVars.FOO", "Must be a string.");
	req_complain(r, "\xc3\xa9\xff", "Unknown field.");
	answer_fault(r, ERR_VALIDATION);
	assert_string_equal(answer(r),
	    FAULT("VALIDATION", "Must be a string.",
		"\"field\":\"envVars.FOO\",\"details\":["
		"{\"field\":\"envVars.FOO\",\"message\":\"Must be a string.\"},"
		"{\"field\":\"\xc3\xa9\",\"message\":\"Unknown "
		"field.\"}]," ID));
	/* a refused key has no use for complaints about a body */
	answer_fault(r, ERR_AUTH_INVALID);
	assert_string_equal(
	    answer(r), FAULT("AUTH_INVALID", "The API key is not valid.", ID));
}

static void
writes_rows(void **state)
{
	static const char *const row[] = {"{\"id\":\"\xe2\x82\xac\"}"};
	static const char *const null[] = {NULL};
	struct req *r = *state;

	give_row(add_query(r), null, 1, false);
	give_row(add_query(r), null, 1, true);
	give_row(add_query(r), row, 1, true);
	assert_int_equal(answer_row(r, &r->queries[0]), ERR_NOT_FOUND);
	assert_int_equal(answer_row(r, &r->queries[1]), ERR_NOT_FOUND);
	assert_int_equal(answer_row(r, &r->queries[2]), ERR_OK);
	assert_string_equal(answer(r), "{\"data\":{\"id\":\"\xe2\x82\xac\"}}");
	assert_int_equal(r->status, 200);
	assert_false(r->no_memory);
}

static void
writes_lists(void **state)
{
	static const char *const array[] = {"[1]"};
	struct req *r = *state;

	answer_list(r, "[]junk", 2, NULL);
	assert_string_equal(
	    answer(r), "{\"data\":[],\"nextCursor\":null,\"hasMore\":false}");
	printbuf_reset(r->out);
	give_row(add_query(r), array, 1, true);
	assert_int_equal(answer_array(r, &r->queries[0]), ERR_OK);
	assert_string_equal(
	    answer(r), "{\"data\":[1],\"nextCursor\":null,\"hasMore\":false}");
	printbuf_reset(r->out);
	answer_list(r, "[1,2]", 5, "abc-_9");
	assert_string_equal(answer(r),
	    "{\"data\":[1,2],\"nextCursor\":\"abc-_9\",\"hasMore\":true}");
	assert_false(r->no_memory);
}

static void
writes_much(void **state)
{
	static char block[100000];
	struct req *r = *state;

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 30; i++)
		answer_raw(r, block, sizeof(block));
	answer_raw(r, "\0y", 2);
	assert_false(r->no_memory);
	assert_int_equal(r->out->bpos, 30 * sizeof(block) + 2);
	assert_int_equal(r->out->buf[r->out->bpos - 1], 'y');
	/* more than there can be: a 500, not a cut answer */
	answer_raw(r, block, (size_t)INT32_MAX + 1);
	assert_true(r->no_memory);
	answer_text(r, "more"); /* and that stays */
	assert_true(r->no_memory);
}

/* ---- status and headers ---- */

#define JSON "Content-Type: application/json"

static void
write_anew(struct req *r, const char *method)
{
	app_of_tests.wire = &memory_wire;
	memset(&memory, 0, sizeof(memory));
	text_copy(r->method, sizeof(r->method), method);
	answer_write(r);
}

static void
writes_heads(void **state)
{
	struct req *r = *state;

	answer_text(r, "{}");
	write_anew(r, "GET");
	ASSERT_ANSWER("Status: 200 OK", "{}", "X-Request-ID: " RID,
	    "Cache-Control: no-store", "X-Content-Type-Options: nosniff", JSON,
	    "Content-Length: 2", "!Allow", "!WWW-Authenticate", "!Retry-After");
	write_anew(r, "HEAD");
	ASSERT_ANSWER("Status: 200 OK", "", JSON, "Content-Length: 2");
	text_copy(r->type, sizeof(r->type), "text/plain");
	write_anew(r, "GET");
	ASSERT_ANSWER("Status: 200 OK", "{}", "Content-Type: text/plain");
	answer_fault(r, ERR_AUTH_MISSING); /* is JSON all the same */
	write_anew(r, "HEAD");
	ASSERT_ANSWER("Status: 401 Unauthorized", "", JSON,
	    "WWW-Authenticate: Bearer", "!Retry-After");
}

static void
writes_no_content(void **state)
{
	struct req *r = *state;

	r->status = 204;
	text_copy(r->allow, sizeof(r->allow), "GET");
	write_anew(r, "OPTIONS");
	ASSERT_ANSWER("Status: 204 No Content", "", "Allow: GET",
	    "X-Request-ID: " RID, "!Content-Type", "!Content-Length");
}

static void
says_when_to_come_again(void **state)
{
	struct req *r = *state;

	answer_fault(r, ERR_INTERNAL);
	assert_int_equal(r->retry_after, 0);
	answer_fault(r, ERR_UNAVAILABLE);
	assert_int_equal(r->retry_after, 1);
	r->retry_after = 3;
	answer_fault(r, ERR_UNAVAILABLE);
	write_anew(r, "HEAD");
	ASSERT_ANSWER(
	    "Status: 503 Service Unavailable", "", JSON, "Retry-After: 3");
}

/* Of a key with a limit: what it is, and what is left of it. */
static void
says_what_is_left(void **state)
{
	static const struct rate_seen full = {0, 7, 3, 0, 0};
	struct req *r = *state;

	r->rate.limit = 600;
	r->rate.seen = (struct rate_seen){599, 60, 0, 0, 0};
	answer_text(r, "{}");
	write_anew(r, "GET");
	ASSERT_ANSWER("Status: 200 OK", "{}",
	    "RateLimit-Policy: \"key\";q=600;w=60",
	    "RateLimit: \"key\";r=599;t=60", "!Retry-After");
	r->rate.limit = RATE_MAX;
	r->rate.seen = full;
	answer_fault(r, ERR_RATE_LIMITED);
	write_anew(r, "HEAD");
	ASSERT_ANSWER("Status: 429 Too Many Requests", "", JSON,
	    "Retry-After: 3", "RateLimit-Policy: \"key\";q=1000000;w=60",
	    "RateLimit: \"key\";r=0;t=7");
	r->rate.seen.left = RATE_MAX;
	answer_fault(r, ERR_NOT_FOUND);
	write_anew(r, "HEAD");
	ASSERT_ANSWER(
	    "Status: 404 Not Found", "", "RateLimit: \"key\";r=1000000;t=7");
	r->rate.limit = 0; /* it has none */
	write_anew(r, "HEAD");
	ASSERT_ANSWER(
	    "Status: 404 Not Found", "", "!RateLimit-Policy", "!RateLimit");
}

/* No header is there without its row, no value is longer than its room. */
static void
has_room_for_the_longest(void **state)
{
	struct req *r = *state;

	memset(r->type, 't', sizeof(r->type) - 1);
	memset(r->allow, 'a', sizeof(r->allow) - 1);
	r->retry_after = INT32_MAX;
	r->status = 401;
	r->rate.limit = INT32_MAX; /* more than there can be */
	r->rate.seen = (struct rate_seen){INT32_MAX, INT32_MAX, 0, 0, 0};
	memcpy(r->method, "HEAD", 5);
	answer_text(r, "{}");
	r->app->wire = &memory_wire;
	memset(&memory, 0, sizeof(memory));
	answer_write(r);
	assert_non_null(strstr(memory.answer, r->type));
	assert_non_null(strstr(memory.answer, r->allow));
	assert_non_null(strstr(memory.answer, "Retry-After: 2147483647\r\n"));
	assert_non_null(strstr(
	    memory.answer, "RateLimit: \"key\";r=2147483647;t=2147483647\r"));
	assert_string_equal(memory.answer + memory.written - 4, "\r\n\r\n");
}

/* Every code has a reason, and fits the room of one told without memory. */
static void
says_any_failure_in_brief(void **state)
{
	struct req *r = *state;
	char want[300];

	r->app->wire = &memory_wire;
	for (int e = ERR_OK + 1; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);

		answer_fault(
		    r, req_fail(r, (enum err)e, NULL, "Out of memory."));
		printbuf_free(r->out);
		r->out = NULL;
		memset(&memory, 0, sizeof(memory));
		assert_in_range(answer_write(r), 100, 250);
		snprintf(want, sizeof(want),
		    "\r\n\r\n{\"error\":{\"code\":\"%s\",\"message\":\"Out of "
		    "memory.\"," ID "%s}}",
		    info->code,
		    info->retryable           ? ",\"retryable\":true"
			: info->status >= 500 ? ",\"retryable\":false"
					      : "");
		assert_non_null(strstr(memory.answer, want));
		assert_null(strstr(memory.answer, "Status: 500 \r\n"));
		assert_true(memory.answer[12] >= 'A');
	}
}

#define ONE(test)                                                              \
	cmocka_unit_test_setup_teardown(test, begin_request, end_request)

int
main(void)
{
	const struct CMUnitTest answer_tests[] = {
	    ONE(writes_faults),
	    ONE(writes_complaints),
	    ONE(writes_rows),
	    ONE(writes_lists),
	    ONE(writes_much),
	    ONE(writes_heads),
	    ONE(writes_no_content),
	    ONE(says_when_to_come_again),
	    ONE(says_what_is_left),
	    ONE(has_room_for_the_longest),
	    ONE(says_any_failure_in_brief),
	};

	return cmocka_run_group_tests(answer_tests, NULL, NULL);
}
