/*
 * test_cidr_list.c: lists of addresses: read, written, asked, compared.
 */
#include "unit.h"

#include "base/cidr_list.h"

#include "base/banned.h"

#define MIXED  "{10.0.0.0/8,2001:db8::/32,192.0.2.7}"
#define TEN    "1::1,1::2,1::3,1::4,1::5,1::6,1::7,1::8,1::9,1::a"
#define FIFTY  TEN "," TEN "," TEN "," TEN "," TEN
#define LONG   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/127"
#define LONG10 LONG "," LONG "," LONG "," LONG "," LONG

static struct cidr_list
list_of(const char *text)
{
	struct cidr_list list;

	if (!cidr_list_read(&list, text))
		fail_msg("not read: %s", text);
	return list;
}

static bool
lets(const struct cidr_list *list, const char *address)
{
	struct cidr c = {0};

	if (address)
		assert_true(cidr_address(&c, address));
	return cidr_list_has(list, &c);
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
	struct cidr_list list;
	char out[CIDR_LIST_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		list = list_of(texts[i][0]);
		memset(out, 'x', sizeof(out));
		cidr_list_write(&list, out);
		assert_string_equal(out, texts[i][1]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (cidr_list_read(&list, bad[i]))
			fail_msg("read: %s", bad[i]);
}

static void
has_room_for_the_longest(void **state)
{
	struct cidr_list list = {CIDR_LIST_MAX, {{0}}};
	char out[CIDR_LIST_TEXT];
	struct cidr longest;

	(void)state;
	assert_int_equal(
	    cidr_parse(
		&longest, TEXT("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127")),
	    CIDR_OK);
	for (size_t i = 0; i < CIDR_LIST_MAX; i++)
		list.block[i] = longest;
	cidr_list_write(&list, out);
	assert_in_range(strlen(out), 50 * 43 + 51, sizeof(out) - 1);
	list = list_of(out);
	assert_int_equal(list.n, CIDR_LIST_MAX);
}

static void
lets_in_who_is_on_it(void **state)
{
	struct cidr_list list = list_of(MIXED), none = list_of("{}");
	struct cidr_list all = list_of("{0.0.0.0/0,::/0}");

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
		struct cidr_list list = list_of(cases[i].list);
		struct cidr_list own = list_of(cases[i].own);

		if (cidr_list_beyond(&list, &own) != cases[i].beyond)
			fail_msg("%s, %s", cases[i].list, cases[i].own);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
