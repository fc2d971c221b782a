/*
 * test_scope.c: names and sets of scopes, and what covers what.
 */
#include "unit.h"

#include "base/scope.h"

#include "base/banned.h"

#define BIT(scope) ((scope_set)1 << (scope))

static void
knows_every_name(void **state)
{
	(void)state;
	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++)
		assert_int_equal(scope_of(scope_name((enum scope)i)), i);
	assert_int_equal(SCOPE_COUNT, 30);
	assert_null(scope_name(SCOPE_OPEN));
	assert_null(scope_name(SCOPE_ANY));
}

static void
knows_no_other(void **state)
{
	static const char *const others[] = {"", "projects",
	    "projects:", "projects:rea", "projects:readx", "Projects:read",
	    ":read", "projects:read,", " projects:read", "projects:*",
	    "counters:write", "audit:write"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(scope_of(others[i]), SCOPE_OPEN);
}

static void
reads_arrays(void **state)
{
	(void)state;
	assert_int_equal(scope_set_of("{}"), 0);
	assert_int_equal(scope_set_of(""), 0);
	assert_int_equal(scope_set_of("{runs:read}"), BIT(SCOPE_RUNS_READ));
	assert_int_equal(scope_set_of("{settings:write,later:read,audit:read}"),
	    BIT(SCOPE_SETTINGS_WRITE) | BIT(SCOPE_AUDIT_READ));
	/* no part of a name is one */
	assert_int_equal(scope_set_of("{xprojects:read,projects:readx}"), 0);
}

static void
writes_arrays(void **state)
{
	scope_set all = 0;
	char text[SCOPE_TEXT];

	(void)state;
	scope_array(0, text);
	assert_string_equal(text, "{}");
	scope_array(BIT(SCOPE_WEBHOOKS_READ) | BIT(SCOPE_API_KEYS_WRITE) |
		BIT(SCOPE_API_KEYS_READ),
	    text);
	assert_string_equal(
	    text, "{api-keys:read,api-keys:write,webhooks:read}");
	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++)
		all |= BIT(i);
	scope_array(all, text);
	assert_int_equal(scope_set_of(text), all);
}

static void
covers(void **state)
{
	scope_set reads = BIT(SCOPE_PROJECTS_READ);
	scope_set writes = BIT(SCOPE_PROJECTS_WRITE);

	(void)state;
	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++) {
		enum scope s = (enum scope)i;

		assert_true(scope_covers(BIT(i), s));
		assert_false(scope_covers(~BIT(i) & ~reads & ~writes, s));
		assert_int_equal(scope_covers(reads, s), i <= SCOPE_AUDIT_READ);
		assert_int_equal(scope_covers(writes, s),
		    i >= SCOPE_PROJECTS_WRITE && i <= SCOPE_API_KEYS_WRITE);
	}
	assert_true(scope_covers(0, SCOPE_OPEN));
	assert_true(scope_covers(0, SCOPE_ANY));
}

static void
names_what_lacks(void **state)
{
	scope_set reads = BIT(SCOPE_PROJECTS_READ);

	(void)state;
	assert_int_equal(scope_lacking(0, 0), SCOPE_OPEN);
	assert_int_equal(
	    scope_lacking(BIT(SCOPE_MEMBERS_READ), reads), SCOPE_OPEN);
	assert_int_equal(scope_lacking(BIT(SCOPE_MEMBERS_WRITE), reads),
	    SCOPE_MEMBERS_WRITE);
	/* all of the reads together are not projects:read */
	assert_int_equal(scope_lacking(reads, scope_expand(reads) & ~reads),
	    SCOPE_PROJECTS_READ);
	assert_int_equal(
	    scope_lacking(BIT(SCOPE_RUNS_READ), reads), SCOPE_RUNS_READ);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_every_name),
	    cmocka_unit_test(knows_no_other),
	    cmocka_unit_test(reads_arrays),
	    cmocka_unit_test(writes_arrays),
	    cmocka_unit_test(covers),
	    cmocka_unit_test(names_what_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
