/*
 * test_settings.c: settings.def as two read it, the compiler and settings.awk:
 * the statements have each of its rows, in its order.
 */
#include "unit.h"

#include "db/stmt.h"

#include <stdio.h>

#include "base/banned.h"

static const struct {
	const char *name, *column, *kind, *rule;
} settings[] = {
#define SETTING(name, column, kind, rule, max) {#name, #column, #kind, #rule},
#include "db/settings.def"
};

static bool
is_kind(size_t i, const char *kind)
{
	return strcmp(settings[i].kind, kind) == 0;
}

/* What a column is called, as it is shown. */
static const char *
shown(size_t i)
{
	static char out[100];

	snprintf(out, sizeof(out), "%s%s%s", settings[i].column,
	    is_kind(i, "WRITE_ONLY") ? "_last4" : "",
	    is_kind(i, "JSON") ? "::text" : "");
	return out;
}

static void
is_selected(void **state)
{
	const char *sql = stmt_info(STMT_SETTINGS_GET)->sql;
	char want[3000] = "SELECT ";

	(void)state;
	for (size_t i = 0; i < COUNT(settings); i++) {
		size_t at = strlen(want);

		snprintf(want + at, sizeof(want) - at, "%s%s",
		    i == 0 ? "" : ", ", shown(i));
	}
	/* what else an answer shows of the row may follow */
	assert_in_range(strlen(want), 1, sizeof(want) - 2);
	assert_memory_equal(sql, want, strlen(want));
	assert_true(sql[strlen(want)] == ',' || sql[strlen(want)] == ' ');
	assert_non_null(
	    strstr(sql, " FROM settings WHERE project_id = $1::uuid"));
}

/* Whether the words are set to parameter `n` behind *sql, which moves on. */
static void
assert_set(const char **sql, const char *name, const char *column, int n)
{
	char words[200], parameter[20];
	const char *at, *end;

	snprintf(words, sizeof(words),
	    "%s = CASE WHEN '%s' = ANY ($5::text[]) THEN ", column, name);
	at = strstr(*sql, words);
	if (!at)
		fail_msg("%s is not in: %s", words, *sql);
	end = strstr(at + strlen(words), " ELSE ");
	assert_non_null(end);
	snprintf(parameter, sizeof(parameter), "$%d", n);
	at = strstr(at + strlen(words), parameter);
	assert_true(at && at < end);
	*sql = end;
}

static void
is_updated(void **state)
{
	const struct stmt_info *s = stmt_info(STMT_SETTINGS_UPDATE);
	const char *sql = s->sql;
	char size[100];
	int n = 6; /* the tags */

	(void)state;
	for (size_t i = 0; i < COUNT(settings); i++)
		if (!is_kind(i, "WRITE_ONLY"))
			assert_set(
			    &sql, settings[i].name, settings[i].column, ++n);
	for (size_t i = 0; i < COUNT(settings); i++) {
		if (strcmp(settings[i].rule, "VARIABLES") != 0)
			continue;
		snprintf(size, sizeof(size), "%s_size", settings[i].column);
		assert_set(&sql, settings[i].name, size, ++n);
	}
	assert_int_equal(s->params, n);
}

int
main(void)
{
	const struct CMUnitTest settings_tests[] = {
	    cmocka_unit_test(is_selected),
	    cmocka_unit_test(is_updated),
	};

	return cmocka_run_group_tests(settings_tests, NULL, NULL);
}
