/*
 * test_page.c: cursors: what is no cursor of this list and project is refused.
 */
#include "requests.h"

#include "base/base64.h"
#include "http/page.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define LIST  "/api/v1/project/members"
#define OTHER "11111111-2222-4333-8444-555555555556"
#define UUID  "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define X10   "xxxxxxxxxx"
#define X100  X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct page_list members = {"members",
				  {PAGE_NUMBER, PAGE_NUMBER, PAGE_NUMBER,
				      PAGE_ID}},
			      keys = {"api-keys", {PAGE_NUMBER, PAGE_ID}},
			      versions = {"versions", {PAGE_NUMBER}},
			      log_rows = {"log", {PAGE_ID, PAGE_NUMBER}};

/* What page_cursor says to this text; the values are in `value`. */
static enum err
read_as(struct req *r, const struct page_list *list, const char *cursor,
    const char *value[4])
{
	request(r, LIST);
	r->cursor = cursor;
	return page_cursor(r, list, value);
}

static void
assert_no_cursor(const struct page_list *list, const char *cursor)
{
	const char *value[4];
	struct req r;

	if (read_as(&r, list, cursor, value) != ERR_VALIDATION ||
	    strcmp(r.field, "cursor") != 0)
		fail_msg("taken as one of %s: %s", list->name, cursor);
	req_end(&r);
}

/* base64url of the text, until the next call. */
static const char *
encoded(const char *text)
{
	static char out[BASE64_SIZE(1000)];

	base64_encode(out, sizeof(out), text, strlen(text));
	return out;
}

/* The cursor that a page of this list with these sort values ends with. */
static char *
cursor_of(const struct page_list *list, const char *sort)
{
	const char *const row[] = {"[1]", "\x01", sort};
	struct json_object *answer_json, *next;
	struct req r;
	char *cursor;

	request(&r, LIST);
	give_row(add_query(&r), row, 3, true);
	assert_int_equal(page_answer(&r, list, &r.queries[0]), ERR_OK);
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
	char *member = cursor_of(&members, MEMBER);
	char *key = cursor_of(&keys, KEY);
	const char *value[4];
	struct req r;

	(void)state;
	assert_int_equal(read_as(&r, &members, member, value), ERR_OK);
	assert_string_equal(value[0], "0");
	assert_string_equal(value[1], "2");
	assert_string_equal(value[2], "1700000000123456"); /* full precision */
	assert_string_equal(value[3], UUID);
	req_end(&r);
	assert_int_equal(read_as(&r, &keys, key, value), ERR_OK);
	assert_string_equal(value[0], "1700000000123456");
	assert_string_equal(value[1], UUID);
	req_end(&r);
	assert_int_equal(read_as(&r, &members, NULL, value), ERR_OK);
	for (size_t i = 0; i < 4; i++)
		assert_null(value[i]);
	req_end(&r);
	/* opaque and needs no encoding */
	assert_int_equal(strspn(member,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_"),
	    strlen(member));
	assert_no_cursor(&keys, member);
	assert_no_cursor(&members, key);
	free(member);
	free(key);
}

static void
is_given_only_where_more_follows(void **state)
{
	static const char *const last[] = {"[1]", "", NULL};
	struct req r;

	(void)state;
	request(&r, LIST);
	give_row(add_query(&r), last, 3, true);
	assert_int_equal(page_answer(&r, &members, &r.queries[0]), ERR_OK);
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
		assert_no_cursor(&members, encoded(forged[i]));
	/* the one they are made from is fine */
	assert_int_equal(
	    read_as(&r, &members, encoded(M "0" TAIL), value), ERR_OK);
	req_end(&r);
}

/* Of each list its own forms, in its own order, and all of them. */
static void
knows_the_forms_of_a_list(void **state)
{
	static const struct {
		const struct page_list *list;
		const char *good;
		const char *bad[5];
	} rows[] = {
	    {&versions, "12", {UUID, "", "12:", "12:12", "12:" UUID}},
	    {&log_rows, UUID ":12",
		{"12:" UUID, UUID, "12", UUID ":" UUID, "12:12"}},
	};
	const char *value[4];
	char *cursor;
	struct req r;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		cursor = cursor_of(rows[i].list, rows[i].good);
		assert_int_equal(
		    read_as(&r, rows[i].list, cursor, value), ERR_OK);
		assert_string_equal(value[i], i == 0 ? rows[0].good : "12");
		req_end(&r);
		free(cursor);
		for (size_t k = 0; k < COUNT(rows[i].bad); k++) {
			cursor = cursor_of(rows[i].list, rows[i].bad[k]);
			assert_no_cursor(rows[i].list, cursor);
			free(cursor);
		}
	}
}

static void
refuses_what_is_not_base64(void **state)
{
	char *good_one = cursor_of(&members, MEMBER), *text;
	char nul[] = M "0" TAIL "\0"
		       ":x",
	     out[200];
	size_t len = strlen(good_one);

	(void)state;
	for (size_t i = 0; i < len; i++) { /* every cut */
		assert_true(asprintf(&text, "%.*s", (int)i, good_one) >= 0);
		assert_no_cursor(&members, text);
		free(text);
		assert_no_cursor(&members, good_one + i + 1);
	}
	for (int c = 1; c < 128; c++) { /* and everything added */
		assert_true(asprintf(&text, "%s%c", good_one, c) >= 0);
		assert_no_cursor(&members, text);
		memmove(text + 1, text, len);
		text[0] = (char)c;
		assert_no_cursor(&members, text);
		free(text);
	}
	base64_encode(out, sizeof(out), nul, sizeof(nul) - 1);
	assert_no_cursor(&members, out);
	base64_encode(out, sizeof(out), nul, sizeof(nul) - 3);
	assert_no_cursor(&members, out);
	free(good_one);
}

/* Any one character changed: refused, or digits and an id all the same. It
 * can never be another project's, or another list's. */
static void
refuses_or_keeps_the_form(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char *cursor = cursor_of(&members, MEMBER);
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
			if (read_as(&r, &members, cursor, value) == ERR_OK) {
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
	give_row(add_query(&r), row, 3, true);
	assert_int_equal(
	    page_answer(&r, &members, &r.queries[0]), ERR_INTERNAL);
	req_end(&r);
}

int
main(void)
{
	const struct CMUnitTest page_tests[] = {
	    cmocka_unit_test(comes_back),
	    cmocka_unit_test(is_given_only_where_more_follows),
	    cmocka_unit_test(refuses_forged_cursors),
	    cmocka_unit_test(knows_the_forms_of_a_list),
	    cmocka_unit_test(refuses_what_is_not_base64),
	    cmocka_unit_test(refuses_or_keeps_the_form),
	    cmocka_unit_test(fails_where_it_does_not_fit),
	};

	return cmocka_run_group_tests(page_tests, start_secrets, NULL);
}
