/*
 * test_allowed.c: lists of addresses: read, written, asked, remembered by key
 * and stamp.
 */
#include "unit.h"

#include "http/allowed.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/banned.h"

#define KEY    "00000000-0000-4000-8000-000000000001"
#define OTHER  "00000000-0000-4000-8000-000000000002"
#define STAMP  ((const unsigned char *)"12345678")
#define LATER  ((const unsigned char *)"12345679")
#define MADE   ((const unsigned char *)"\0\0\0\0\0\0\0\0")
#define MIXED  "{10.0.0.0/8,2001:db8::/32,192.0.2.7}"
#define TEN    "1::1,1::2,1::3,1::4,1::5,1::6,1::7,1::8,1::9,1::a"
#define FIFTY  TEN "," TEN "," TEN "," TEN "," TEN
#define LONG   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/127"
#define LONG10 LONG "," LONG "," LONG "," LONG "," LONG

static struct allowed
list_of(const char *text)
{
	struct allowed list;

	if (!allowed_read(&list, text))
		fail_msg("not read: %s", text);
	return list;
}

static bool
lets(const struct allowed *list, const char *address)
{
	struct cidr c = {0};

	if (address)
		assert_true(cidr_address(&c, address));
	return allowed_has(list, &c);
}

/* As PostgreSQL writes it, and as it may be told to it. */
static void
reads_and_writes(void **state)
{
	static const char *const texts[][2] = {
	    {"{}", "{}"},
	    {MIXED, MIXED},
	    {"{10.0.0.1/32,2001:db8::1/128}", "{10.0.0.1,2001:db8::1}"},
	    {"{::ffff:10.0.0.0/104}", "{10.0.0.0/8}"},
	    {"{" FIFTY "}", "{" FIFTY "}"},
	    {"{" LONG10 "," LONG10 "}", "{" LONG10 "," LONG10 "}"},
	};
	static const char *const bad[] = {"", "{", "}", "10.0.0.1", "{10.0.0.1",
	    "10.0.0.1}", "{,}", "{10.0.0.1,}", "{,10.0.0.1}", "{NULL}", "{ }",
	    "{10.0.0.1, 10.0.0.2}", "{\"10.0.0.1\"}", "{10.0.0.1/8}",
	    "{10.0.0.1}}", "{{10.0.0.1}}", "{" FIFTY ",1::b}"};
	struct allowed list;
	char out[ALLOWED_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		list = list_of(texts[i][0]);
		memset(out, 'x', sizeof(out));
		allowed_write(&list, out);
		assert_string_equal(out, texts[i][1]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (allowed_read(&list, bad[i]))
			fail_msg("read: %s", bad[i]);
}

static void
has_room_for_the_longest(void **state)
{
	struct allowed list = {ALLOWED_MAX, {{0}}};
	char out[ALLOWED_TEXT];
	struct cidr longest;

	(void)state;
	assert_int_equal(
	    cidr_parse(
		&longest, TEXT("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127")),
	    CIDR_OK);
	for (size_t i = 0; i < ALLOWED_MAX; i++)
		list.block[i] = longest;
	allowed_write(&list, out);
	assert_in_range(strlen(out), 50 * 43 + 51, sizeof(out) - 1);
	list = list_of(out);
	assert_int_equal(list.n, ALLOWED_MAX);
}

static void
lets_in_who_is_on_it(void **state)
{
	struct allowed list = list_of(MIXED), none = list_of("{}");
	struct allowed all = list_of("{0.0.0.0/0,::/0}");

	(void)state;
	assert_true(lets(&list, "10.1.2.3"));
	assert_true(lets(&list, "::ffff:10.1.2.3"));
	assert_true(lets(&list, "2001:db8::1"));
	assert_true(lets(&list, "192.0.2.7"));
	assert_false(lets(&list, "192.0.2.8"));
	assert_false(lets(&list, "11.0.0.0"));
	assert_false(lets(&list, "2001:db9::"));
	assert_false(lets(&list, NULL));
	assert_true(lets(&all, "::1"));
	assert_true(lets(&all, "127.0.0.1"));
	assert_false(lets(&all, NULL));
	assert_false(lets(&none, "127.0.0.1"));
	assert_false(lets(&none, NULL));
}

static void
knows_what_is_beyond(void **state)
{
	static const struct {
		const char *list, *own;
		int beyond;
	} cases[] = {
	    {MIXED, MIXED, -1},
	    {"{}", MIXED, -1},
	    {MIXED, "{}", 0},
	    {"{192.0.2.7,10.1.0.0/16}", MIXED, -1},
	    {"{192.0.2.7,10.1.0.0/16,192.0.2.6/31}", MIXED, 2},
	    {"{10.0.0.0/7}", MIXED, 0},
	    {"{10.0.0.0/8}", "{10.0.0.0/9,10.128.0.0/9}", 0},
	    {"{2001:db8::/31}", MIXED, 0},
	    {"{10.1.2.3}", "{::/0}", 0},
	    {"{::1,10.1.2.3}", "{::/0,0.0.0.0/0}", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct allowed list = list_of(cases[i].list);
		struct allowed own = list_of(cases[i].own);

		if (allowed_beyond(&list, &own) != cases[i].beyond)
			fail_msg("%s, %s", cases[i].list, cases[i].own);
	}
}

static void
is_made_of_a_body(void **state)
{
	struct json_object *array =
	    json_tokener_parse("[\"10.0.0.0/8\", \"2001:DB8::1/128\","
			       " \"::ffff:192.0.2.7\"]");
	struct allowed list;
	char out[ALLOWED_TEXT];

	(void)state;
	allowed_of_json(&list, array);
	json_object_put(array);
	allowed_write(&list, out);
	assert_string_equal(out, "{10.0.0.0/8,2001:db8::1,192.0.2.7}");
	array = json_object_new_array();
	allowed_of_json(&list, array);
	json_object_put(array);
	assert_int_equal(list.n, 0);
}

/* By key and stamp, and no other. */
static void
remembers(void **state)
{
	static struct allowed_memory m;
	const struct allowed *list;

	(void)state;
	memset(&m, 0, sizeof(m));
	assert_null(allowed_find(&m, KEY, STAMP));
	assert_null(allowed_find(&m, "", MADE));
	list = allowed_add(&m, KEY, STAMP, "{10.0.0.1}");
	assert_non_null(list);
	assert_ptr_equal(allowed_find(&m, KEY, STAMP), list);
	assert_true(lets(list, "10.0.0.1"));
	assert_null(allowed_find(&m, OTHER, STAMP));
	assert_null(allowed_find(&m, KEY, LATER));

	/* another list of the same key: the first is forgotten */
	list = allowed_add(&m, KEY, LATER, "{10.0.0.2}");
	assert_ptr_equal(allowed_find(&m, KEY, LATER), list);
	assert_false(lets(list, "10.0.0.1"));
	assert_null(allowed_find(&m, KEY, STAMP));

	/* keys as they were made have the same stamp */
	assert_non_null(allowed_add(&m, KEY, MADE, "{10.0.0.3}"));
	assert_non_null(allowed_add(&m, OTHER, MADE, "{10.0.0.4}"));
	assert_true(lets(allowed_find(&m, KEY, MADE), "10.0.0.3"));
	assert_true(lets(allowed_find(&m, OTHER, MADE), "10.0.0.4"));

	/* a text that cannot be read changes nothing */
	assert_null(allowed_add(&m, KEY, STAMP, "{10.0.0.1"));
	assert_null(allowed_find(&m, KEY, STAMP));
	assert_non_null(allowed_find(&m, KEY, MADE));
}

/* The id and the list of the i-th key. */
static const char *
id_of(int i)
{
	static char id[UUID_TEXT];

	snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000000", i);
	return id;
}

static void
forgets_the_oldest(void **state)
{
	enum { KEYS = 3 * ALLOWED_KEYS };
	static struct allowed_memory m;
	char text[32], address[32];

	(void)state;
	memset(&m, 0, sizeof(m));
	for (int i = 0; i < KEYS; i++) {
		snprintf(text, sizeof(text), "{10.0.%d.1}", i);
		assert_non_null(allowed_add(&m, id_of(i), MADE, text));
		for (int k = 0; k <= i; k++) {
			const struct allowed *list =
			    allowed_find(&m, id_of(k), MADE);

			assert_int_equal(list != NULL, k > i - ALLOWED_KEYS);
			snprintf(address, sizeof(address), "10.0.%d.1", k);
			if (list)
				assert_true(lets(list, address));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes),
	    cmocka_unit_test(has_room_for_the_longest),
	    cmocka_unit_test(lets_in_who_is_on_it),
	    cmocka_unit_test(knows_what_is_beyond),
	    cmocka_unit_test(is_made_of_a_body),
	    cmocka_unit_test(remembers),
	    cmocka_unit_test(forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
