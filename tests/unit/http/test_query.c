/*
 * test_query.c: query parameters and cursors: what is unknown, repeated or
 * badly encoded, and what is no cursor of this list and project, is refused.
 */
#include "requests.h"

#include "http/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define LIST  "/api/v1/project/members"
#define PLAIN "/api/v1/project/settings"
#define OTHER "11111111-2222-4333-8444-555555555556"
#define UUID  "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define X10   "xxxxxxxxxx"
#define X100  X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* ---- parameters ---- */

static const struct {
	const char *query;
	int limit;
	const char *cursor;
} good[] = {
    {NULL, 50, NULL},
    {"", 50, NULL},
    {"&", 50, NULL},
    {"&&&", 50, NULL},
    {"limit=1", 1, NULL},
    {"limit=9", 9, NULL},
    {"limit=10", 10, NULL},
    {"limit=99&", 99, NULL},
    {"&limit=100", 100, NULL},
    {"%6cimit=%31%30", 10, NULL},
    {"cursor=abc", 50, "abc"},
    {"cursor=", 50, ""},
    {"cursor", 50, ""},
    {"cursor=a=b", 50, "a=b"},
    {"cursor=a+b%2B%26%3d%c3%A9", 50, "a b+&=\xc3\xa9"},
    {"cursor=x&limit=7", 7, "x"},
    {"limit=7&cursor=x", 7, "x"},
};

static void
takes_parameters(void **state)
{
	struct req r;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *q = good[i].query;

		request(&r, LIST);
		query_parse(&r, q ? walled(q, strlen(q) + 1) : NULL);
		if (r.err)
			fail_msg("%s: %s", q, r.message);
		assert_int_equal(r.limit, good[i].limit);
		if (good[i].cursor)
			assert_string_equal(r.cursor, good[i].cursor);
		else
			assert_null(r.cursor);
		req_end(&r);
	}
}

static const struct {
	const char *query, *field, *message;
} bad[] = {
#define RANGE "Must be a number from 1 to 100."
    {"limit", "limit", RANGE},
    {"limit=", "limit", RANGE},
    {"limit=0", "limit", RANGE},
    {"limit=00", "limit", RANGE},
    {"limit=01", "limit", RANGE},
    {"limit=010", "limit", RANGE},
    {"limit=101", "limit", RANGE},
    {"limit=999", "limit", RANGE},
    {"limit=1000", "limit", RANGE},
    {"limit=4294967297", "limit", RANGE},
    {"limit=18446744073709551617", "limit", RANGE},
    {"limit=-1", "limit", RANGE},
    {"limit=%2B1", "limit", RANGE},
    {"limit=+1", "limit", RANGE},
    {"limit=1+", "limit", RANGE},
    {"limit=1%20", "limit", RANGE},
    {"limit=1.0", "limit", RANGE},
    {"limit=1e1", "limit", RANGE},
    {"limit=0x1", "limit", RANGE},
    {"limit=ten", "limit", RANGE},
    {"limit=1,2", "limit", RANGE},
    {"limit=1;cursor=x", "limit", RANGE},
    {"limit=%D9%A1", "limit", RANGE}, /* an Arabic one */
#define TWICE "Must not be given twice."
    {"limit=1&limit=1", "limit", TWICE},
    {"limit=1&cursor=x&limit=2", "limit", TWICE},
    {"cursor=x&cursor=x", "cursor", TWICE},
    {"cursor&%63ursor", "cursor", TWICE},
#define UNKNOWN "Unknown query parameter."
    {"x", "x", UNKNOWN},
    {"x=1", "x", UNKNOWN},
    {"limit=1&x=", "x", UNKNOWN},
    {"=", "", UNKNOWN},
    {"=1", "", UNKNOWN},
    {"Limit=1", "Limit", UNKNOWN},
    {"limit =1", "limit ", UNKNOWN},
    {"+limit=1", " limit", UNKNOWN},
    {"limit[]=1", "limit[]", UNKNOWN},
    {"limi=1", "limi", UNKNOWN},
    {"limits=1", "limits", UNKNOWN},
    {"limit%3D1", "limit=1", UNKNOWN},
    {"?limit=1", "?limit", UNKNOWN},
    {"a%26b=1", "a&b", UNKNOWN},
    {"%c3%a9=1", "\xc3\xa9", UNKNOWN},
    {"a%ffb=1", "a", UNKNOWN}, /* not UTF-8: cut */
    {"\xff=1", "", UNKNOWN},
#define ENCODED "Is not correctly percent-encoded."
    {"limit=%", "limit", ENCODED},
    {"limit=%3", "limit", ENCODED},
    {"limit=%zz", "limit", ENCODED},
    {"limit=%3g", "limit", ENCODED},
    {"limit=%g3", "limit", ENCODED},
    {"limit=%%31", "limit", ENCODED},
    {"limit=% 31", "limit", ENCODED},
    {"limit=%-1", "limit", ENCODED},
    {"limit=%\x11\x11", "limit", ENCODED},
    {"limit=1%00", "limit", ENCODED},
    {"cursor=a%00b", "cursor", ENCODED},
    {"cursor=%u0041", "cursor", ENCODED},
    {"cursor=%4&1=x", "cursor", ENCODED}, /* the & is no part of it */
    {"limit=%3&=1", "limit", ENCODED},
    {"x=%", "x", ENCODED},
    {"%=1", "", ENCODED},
    {"lim%=1", "", ENCODED},
    {"%00limit=1", "", ENCODED},
};

static void
refuses_parameters(void **state)
{
	struct req r;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *q = bad[i].query;

		request(&r, LIST);
		query_parse(&r, walled(q, strlen(q) + 1));
		if (r.err != ERR_VALIDATION ||
		    strcmp(r.field, bad[i].field) != 0 ||
		    strcmp(r.message, bad[i].message) != 0)
			fail_msg("%s: %d %s: %s", q, r.err, r.field, r.message);
		req_end(&r);
	}
}

/* A route that is no list takes none. */
static void
refuses_all_elsewhere(void **state)
{
	static const char *const queries[] = {
	    "limit=1", "cursor=x", "cursor", "x=1", "limit=0"};
	struct req r;

	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		request(&r, PLAIN);
		query_parse(&r, queries[i]);
		assert_int_equal(r.err, ERR_VALIDATION);
		assert_string_equal(r.message, UNKNOWN);
		assert_null(r.cursor);
		req_end(&r);
	}
	request(&r, PLAIN);
	query_parse(&r, NULL);
	query_parse(&r, "");
	assert_int_equal(r.err, ERR_OK);
	req_end(&r);
}

static void
complains_of_all(void **state)
{
	char query[3000] = "";
	struct req r;

	(void)state;
	for (size_t i = 0; i < 300; i++)
		snprintf(query + strlen(query), sizeof(query) - strlen(query),
		    "x%zu=1&", i);
	request(&r, LIST);
	query_parse(&r, query);
	assert_string_equal(r.field, "x0");
	assert_int_equal(json_object_array_length(r.details), 100);
	req_end(&r);
}

/* ---- cursors ---- */

/* What cursor_read says to this text; the values are in `value`. */
static enum err
read_as(struct req *r, const char *list, size_t n, const char *cursor,
    const char *value[4])
{
	request(r, LIST);
	r->cursor = cursor;
	return cursor_read(r, list, value, n);
}

static void
assert_no_cursor(const char *list, size_t n, const char *cursor)
{
	const char *value[4];
	struct req r;

	if (read_as(&r, list, n, cursor, value) != ERR_VALIDATION ||
	    strcmp(r.field, "cursor") != 0)
		fail_msg("taken as one of %s: %s", list, cursor);
	req_end(&r);
}

/* base64url of the text, until the next call. */
static const char *
encoded(const char *text)
{
	static char out[BASE64_SIZE(1000)];

	secret_base64(out, sizeof(out), text, strlen(text));
	return out;
}

/* The cursor that a page of this list with these sort values ends with. */
static char *
cursor_of(const char *list, const char *sort)
{
	const char *const row[] = {"[1]", "\x01", sort};
	struct json_object *answer_json, *next;
	struct req r;
	char *cursor;

	request(&r, LIST);
	give_row(&r.queries[r.n++], row, 3, true);
	assert_int_equal(reply_page(&r, list, &r.queries[0]), ERR_OK);
	answer_json = json_tokener_parse(answer(&r));
	assert_true(
	    json_object_object_get_ex(answer_json, "nextCursor", &next));
	cursor = strdup(json_object_get_string(next));
	json_object_put(answer_json);
	req_end(&r);
	return cursor;
}

#define MEMBER "0:2:1700000000123456:" UUID
#define KEY    "1700000000123456:" UUID

static void
comes_back(void **state)
{
	char *members = cursor_of("members", MEMBER);
	char *keys = cursor_of("api-keys", KEY);
	const char *value[4];
	struct req r;

	(void)state;
	assert_int_equal(read_as(&r, "members", 4, members, value), ERR_OK);
	assert_string_equal(value[0], "0");
	assert_string_equal(value[1], "2");
	assert_string_equal(value[2], "1700000000123456"); /* full precision */
	assert_string_equal(value[3], UUID);
	req_end(&r);
	assert_int_equal(read_as(&r, "api-keys", 2, keys, value), ERR_OK);
	assert_string_equal(value[0], "1700000000123456");
	assert_string_equal(value[1], UUID);
	req_end(&r);
	assert_int_equal(read_as(&r, "members", 4, NULL, value), ERR_OK);
	for (size_t i = 0; i < 4; i++)
		assert_null(value[i]);
	req_end(&r);
	/* opaque and needs no encoding */
	assert_int_equal(strspn(members,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_"),
	    strlen(members));
	assert_no_cursor("api-keys", 2, members);
	assert_no_cursor("members", 4, keys);
	free(members);
	free(keys);
}

static void
is_given_only_where_more_follows(void **state)
{
	static const char *const last[] = {"[1]", "", NULL};
	struct req r;

	(void)state;
	request(&r, LIST);
	give_row(&r.queries[r.n++], last, 3, true);
	assert_int_equal(reply_page(&r, "members", &r.queries[0]), ERR_OK);
	assert_string_equal(
	    answer(&r), "{\"data\":[1],\"nextCursor\":null,\"hasMore\":false}");
	req_end(&r);
}

#define M       "members:" PROJECT ":"
#define TAIL    ":2:1700000000123456:" UUID
#define DATE(t) M "0:2:" t ":" UUID
#define ID(t)   M "0:2:1700000000123456:" t
static const char *const forged[] = {
    "",
    ":",
    "::::::",
    "members",
    "members:",
    "members:" PROJECT,
    M,
    M UUID,
    M "0",
    M "0"
      ":2:1700000000123456",
    M "0"
      ":2:1700000000123456:",
    M "2:1700000000123456:" UUID, /* one too few, one too many */
    M "0:0" TAIL,
    M "0" TAIL ":",
    M "0" TAIL ":0",
    ":" M "0" TAIL,
    " " M "0" TAIL,
    "Members:" PROJECT ":0" TAIL,
    "member:" PROJECT ":0" TAIL,
    "api-keys:" PROJECT ":0" TAIL,
    ":" PROJECT ":0" TAIL,
    "members:" OTHER ":0" TAIL,
    "members::0" TAIL,
    "members:" PROJECT " :0" TAIL,
    M TAIL,
    M "-1" TAIL,
    M "+1" TAIL,
    M " 0" TAIL,
    M "0 " TAIL,
    M "0.0" TAIL,
    M "0x0" TAIL,
    M "a" TAIL,
    M "\xd9\xa1" TAIL,
    M "1 or 1=1" TAIL,
    M "0\n" TAIL,
    DATE(""),
    DATE("-1700000000123456"),
    DATE("1.7e15"),
    DATE("170000000012345678"), /* 18 digits */
    DATE("9223372036854775808"),
    DATE("now()"),
    DATE("infinity"),
    ID("AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"),
    ID("aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"),
    ID("{" UUID "}"),
    ID(UUID " "),
    ID(UUID "'"),
    ID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeeg"),
    ID("0"),
    "members:" X100 X100 X100 X100,
    X100 X100 X100,
};

static void
refuses_forged_cursors(void **state)
{
	const char *value[4];
	struct req r;

	(void)state;
	for (size_t i = 0; i < COUNT(forged); i++)
		assert_no_cursor("members", 4, encoded(forged[i]));
	/* the one they are made from is fine */
	assert_int_equal(
	    read_as(&r, "members", 4, encoded(M "0" TAIL), value), ERR_OK);
	req_end(&r);
}

static void
refuses_what_is_not_base64(void **state)
{
	char *good_one = cursor_of("members", MEMBER), *text;
	char nul[] = M "0" TAIL "\0"
		       ":x",
	     out[200];
	size_t len = strlen(good_one);

	(void)state;
	for (size_t i = 0; i < len; i++) { /* every cut */
		assert_true(asprintf(&text, "%.*s", (int)i, good_one) >= 0);
		assert_no_cursor("members", 4, text);
		free(text);
		assert_no_cursor("members", 4, good_one + i + 1);
	}
	for (int c = 1; c < 128; c++) { /* and everything added */
		assert_true(asprintf(&text, "%s%c", good_one, c) >= 0);
		assert_no_cursor("members", 4, text);
		memmove(text + 1, text, len);
		text[0] = (char)c;
		assert_no_cursor("members", 4, text);
		free(text);
	}
	secret_base64(out, sizeof(out), nul, sizeof(nul) - 1);
	assert_no_cursor("members", 4, out);
	secret_base64(out, sizeof(out), nul, sizeof(nul) - 3);
	assert_no_cursor("members", 4, out);
	free(good_one);
}

/* Any one character changed: refused, or digits and an id all the same. It
 * can never be another project's, or another list's. */
static void
refuses_or_keeps_the_form(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char *cursor = cursor_of("members", MEMBER);
	const char *value[4];
	size_t taken = 0;
	struct req r;

	(void)state;
	for (size_t i = 0; i < strlen(cursor); i++) {
		char was = cursor[i];

		for (const char *c = digits; *c; c++) {
			cursor[i] = *c;
			if (*c == was)
				continue;
			if (read_as(&r, "members", 4, cursor, value) ==
			    ERR_OK) {
				taken++;
				assert_true(i > strlen(M) * 4 / 3 - 2);
				for (size_t k = 0; k < 3; k++)
					assert_int_equal(
					    strspn(value[k], "0123456789"),
					    strlen(value[k]));
				assert_int_equal(strlen(value[3]), 36);
				assert_int_equal(value[3][8], '-');
			}
			req_end(&r);
		}
		cursor[i] = was;
	}
	assert_true(taken > 0);
	free(cursor);
}

static void
fails_where_it_does_not_fit(void **state)
{
	static const char *const row[] = {"[1]", "\x01", X100 X100 X100};
	struct req r;

	(void)state;
	request(&r, LIST);
	give_row(&r.queries[r.n++], row, 3, true);
	assert_int_equal(
	    reply_page(&r, "members", &r.queries[0]), ERR_INTERNAL);
	req_end(&r);
}

static int
start(void **state)
{
	(void)state;
	return secret_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest query_tests[] = {
	    cmocka_unit_test(takes_parameters),
	    cmocka_unit_test(refuses_parameters),
	    cmocka_unit_test(refuses_all_elsewhere),
	    cmocka_unit_test(complains_of_all),
	    cmocka_unit_test(comes_back),
	    cmocka_unit_test(is_given_only_where_more_follows),
	    cmocka_unit_test(refuses_forged_cursors),
	    cmocka_unit_test(refuses_what_is_not_base64),
	    cmocka_unit_test(refuses_or_keeps_the_form),
	    cmocka_unit_test(fails_where_it_does_not_fit),
	};

	return cmocka_run_group_tests(query_tests, start, NULL);
}
