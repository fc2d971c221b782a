/*
 * test_query.c: query parameters: what is unknown, repeated or badly encoded is
 * refused.
 */
#include "requests.h"

#include "http/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define LIST  "/api/v1/project/members"
#define PLAIN "/api/v1/project/settings"
#define AUDIT "/api/v1/project/audit-log"

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
		if (r.details)
			fail_msg("%s: %s", q, r.message);
		assert_int_equal(r.limit, good[i].limit);
		if (good[i].cursor)
			assert_string_equal(r.cursor, good[i].cursor);
		else
			assert_null(r.cursor);
		req_end(&r);
	}
}

/* Each to its place, and of that route only. */
static void
takes_filters(void **state)
{
	static const char q[] =
	    "until=5&action=1&limit=7&actor=%32&object=3&since=4";
	struct req r;

	(void)state;
	request(&r, AUDIT);
	query_parse(&r, q);
	assert_null(r.details);
	assert_int_equal(r.limit, 7);
	for (int i = 0; i < REQ_FILTERS; i++) {
		assert_int_equal(r.filter[i][0], '1' + i);
		assert_int_equal(r.filter[i][1], '\0');
	}
	req_end(&r);
	request(&r, AUDIT);
	query_parse(&r, "since=1&since=1");
	assert_string_equal(r.field, "since");
	req_end(&r);
	request(&r, LIST);
	query_parse(&r, "since=1");
	assert_string_equal(r.message, "Unknown query parameter.");
	req_end(&r);
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
		if (!r.details || r.fault != ERR_VALIDATION ||
		    strcmp(r.field, bad[i].field) != 0 ||
		    strcmp(r.message, bad[i].message) != 0)
			fail_msg("%s: %s: %s", q, r.field, r.message);
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
		assert_int_equal(r.fault, ERR_VALIDATION);
		assert_string_equal(r.message, UNKNOWN);
		assert_null(r.cursor);
		req_end(&r);
	}
	request(&r, PLAIN);
	query_parse(&r, NULL);
	query_parse(&r, "");
	assert_null(r.details);
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

int
main(void)
{
	const struct CMUnitTest query_tests[] = {
	    cmocka_unit_test(takes_parameters),
	    cmocka_unit_test(takes_filters),
	    cmocka_unit_test(refuses_parameters),
	    cmocka_unit_test(refuses_all_elsewhere),
	    cmocka_unit_test(complains_of_all),
	};

	return cmocka_run_group_tests(query_tests, NULL, NULL);
}
