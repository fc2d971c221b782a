/*
 * test_etag.c: lists of entity tags against an object's.
 */
#include "requests.h"

#include "answers.h"
#include "http/etag.h"
#include "http/route.h"

#include "base/banned.h"

#define TAG "\"12-9b1d0c5e7f2a4b68\""

static const struct body no_body = {NULL, 0, true, false};
static const struct route tagged = {
    .method = "POST", .if_match = true, .body = &no_body};
static const struct route other = {.method = "POST", .body = &no_body};

static void
takes_what_can_be_ours(void **state)
{
	static const struct {
		const char *sent, *tags;
	} cases[] = {
	    {"*", "{*}"},
	    {" *\t", "{*}"},
	    {TAG, "{12-9b1d0c5e7f2a4b68}"},
	    {"\"1-0\" , " TAG ",\"2-a\"", "{1-0,12-9b1d0c5e7f2a4b68,2-a}"},
	    {",, \"1-0\",\t,", "{1-0}"},
	    {"W/\"1-0\"", "{}"},
	    {"\"x\", W/\"1-0\",\"3-b\"", "{3-b}"},
	    {"\"\"", "{}"},
	    {"\"-1\",\"1-\",\"1\",\"1-G\",\"1-0}\",\"a1-0\",\"1-0,2-0\"", "{}"},
	    {"\"\\\",\"{\",\"\xc3\xa9\",\"\xff\"", "{}"},
	};
	struct req *r = *state;

	r->route = &tagged;
	for (size_t i = 0; i < COUNT(cases); i++) {
		r->if_match = cases[i].sent;
		r->tags = NULL;
		etag_check(r);
		assert_null(r->details);
		assert_string_equal(r->tags, cases[i].tags);
	}
}

static void
complains(void **state)
{
	static const char *const ill[] = {"", " ", ",", "x", "1-0", "\"",
	    "\"1-0", "1-0\"", "\"a\"\"b\"", "\"a\" \"b\"", "\"a b\"",
	    "\"\x7f\"", "W/", "W/x", "w/\"a\"", "W/ \"a\"", "W/*", "**",
	    "*,\"a\"", "\"a\",*", "\"a\", x", "\"a\";\"b\""};
	struct req *r = *state;

	for (size_t i = 0; i < COUNT(ill); i++) {
		r->route = &tagged;
		r->if_match = ill[i];
		etag_check(r);
		assert_non_null(r->details);
		assert_string_equal(r->field, "If-Match");
		json_object_put(r->details);
		r->details = NULL;
	}
	r->route = &other;
	r->if_match = "*";
	etag_check(r);
	assert_string_equal(r->field, "If-Match");
	json_object_put(r->details);
	r->details = NULL;
	r->if_match = NULL;
	r->if_none_match = "";
	etag_check(r);
	assert_string_equal(r->field, "If-None-Match");
}

/* What a list names, weakly and strongly. */
static void
compares(void **state)
{
	static const struct {
		const char *list;
		bool weakly, strongly;
	} cases[] = {
	    {"*", true, true},
	    {TAG, true, true},
	    {"\"a\"," TAG, true, true},
	    {"W/" TAG, true, false},
	    {"\"a\", W/" TAG " , \"b\"", true, false},
	    {"\"12-9b1d0c5e7f2a4b6\"", false, false},
	    {"\"12-9b1d0c5e7f2a4b680\"", false, false},
	    {"\"\"", false, false},
	    {"", false, false},
	    {"x, " TAG, false, false},
	};
	struct req *r = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		r->status = 200;
		r->tags = "";
		r->if_match = r->if_none_match = cases[i].list;
		r->etag[0] = '\0';
		assert_int_equal(etag_judge(r, TAG),
		    cases[i].strongly ? ERR_OK : ERR_PRECONDITION);
		assert_string_equal(r->etag, cases[i].strongly ? "" : TAG);
		etag_set(r, TAG);
		assert_int_equal(etag_unchanged(r), cases[i].weakly);
		assert_int_equal(r->status, cases[i].weakly ? 304 : 200);
	}
	r->tags = NULL;
	r->if_none_match = NULL;
	assert_int_equal(etag_judge(r, TAG), ERR_OK);
	assert_false(etag_unchanged(r));
}

#define ONE(test)                                                              \
	cmocka_unit_test_setup_teardown(test, begin_request, end_request)

int
main(void)
{
	const struct CMUnitTest etag_tests[] = {
	    ONE(takes_what_can_be_ours),
	    ONE(complains),
	    ONE(compares),
	};

	return cmocka_run_group_tests(etag_tests, NULL, NULL);
}
