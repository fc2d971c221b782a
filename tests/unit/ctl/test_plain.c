/*
 * test_plain.c: what people read: nothing in a value acts on a terminal, begins
 * a line or looks like the gap between two columns.
 */
#include "unit.h"

#include "ctl/plain.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

static void
is_shown(const char *text, size_t len, bool cell, const char *as)
{
	char *shown =
	    plain_text(walled(text, len), len, cell ? PLAIN_CELL : PLAIN_LINE);

	assert_non_null(shown);
	assert_string_equal(shown, as);
	free(shown);
}

static void
shows_what_it_can(void **state)
{
	static const char *const same[] = {"", "plain", "Näme", "山田　太郎",
	    "a b", "👨‍👩‍👧", "می‌خواهم", "C:\\temp\\x1b",
	    "é", "\\n", "~!@#$%^&*()\"'`"};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		is_shown(same[i], strlen(same[i]), false, same[i]);
		is_shown(same[i], strlen(same[i]), true, same[i]);
	}
}

static void
escapes_what_acts(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *as;
	} cases[] = {
	    {TEXT("a\nb"), "a\\nb"}, {TEXT("a\tb\rc"), "a\\tb\\rc"},
	    {TEXT("\x1b[31mred"), "\\x1b[31mred"},
	    {TEXT("\x1b]0;title\x07"), "\\x1b]0;title\\x07"},
	    {TEXT("a\0b"), "a\\x00b"}, {TEXT("\x7f"), "\\x7f"},
	    {TEXT("\b\v\f"), "\\x08\\x0b\\x0c"},
	    {TEXT("\xc2\x9b"
		  "31m"),
		"\\u009b31m"}, /* CSI in one character */
	    {TEXT("\xc2\xad"), "\\u00ad"}, {TEXT("\xd8\x9c"), "\\u061c"},
	    {TEXT("\xe2\x80\xae"
		  "evil"),
		"\\u202eevil"},
	    {TEXT("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029"},
	    {TEXT("\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f"),
		"\\u200b\\u200e\\u200f"},
	    {TEXT("\xe2\x81\xa6\xe2\x81\xa9"), "\\u2066\\u2069"},
	    {TEXT("\xe2\xa0\x80\xe3\x85\xa4"), "\\u2800\\u3164"},
	    {TEXT("\xef\xbb\xbf"), "\\ufeff"},
	    {TEXT("\xf3\xa0\x81\x81"), "\\ue0041"},
	    {TEXT("\xff\xfe"), "\\xff\\xfe"}, {TEXT("\xc3"), "\\xc3"}, /* cut */
	    {TEXT("\x9b"), "\\x9b"},                   /* CSI in one byte */
	    {TEXT("\xc0\x8a"), "\\xc0\\x8a"},          /* overlong */
	    {TEXT("\xed\xa0\x80"), "\\xed\\xa0\\x80"}, /* surrogate */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		is_shown(cases[i].text, cases[i].len, false, cases[i].as);
		is_shown(cases[i].text, cases[i].len, true, cases[i].as);
	}
}

static void
forges_no_column(void **state)
{
	static const struct {
		const char *text, *as;
	} cases[] = {
	    {"a  b", "a \\x20b"},
	    {" a", "\\x20a"},
	    {"a   b", "a \\x20\\x20b"},
	    {"a\xc2\xa0\xc2\xa0"
	     "b",
		"a\xc2\xa0\\u00a0b"},
	    {"a \xe3\x80\x80"
	     "b",
		"a \\u3000b"},
	    {"a\xe2\x80\x83 b", "a\xe2\x80\x83\\x20b"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		is_shown(
		    cases[i].text, strlen(cases[i].text), true, cases[i].as);
		is_shown(
		    cases[i].text, strlen(cases[i].text), false, cases[i].text);
	}
}

/* What stands on stdout when `f` has run. */
static const char *
printed(void (*f)(struct json_object *), const char *json)
{
	static char text[4096];
	struct json_object *o = json_tokener_parse(json);
	FILE *file = tmpfile();
	int kept;
	size_t n;

	assert_non_null(o);
	assert_non_null(file);
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	f(o);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	json_object_put(o);
	return text;
}

static void
prints_columns(void **state)
{
	(void)state;
	assert_string_equal(
	    printed(plain_print,
		"[{\"id\": \"i1\", \"_id\": \"i1\", \"name\": \"N\\u00e4me\", "
		"\"slug\": \"a\", \"_creationTime\": 1795850580000, "
		"\"updatedAt\": 5, \"lastUsedAt\": null}, "
		"{\"id\": \"i2\", \"_id\": \"i2\", "
		"\"name\": \"x  evil\\n\", \"slug\": \"\\u00e4\\u00f6\", "
		"\"_creationTime\": 0, \"updatedAt\": 5, \"lastUsedAt\": 5}]"),
	    "SLUG  ID  CREATED AT            LAST USED AT          NAME\n"
	    "a     i1  2026-11-28 07:23 UTC  -                     Näme\n"
	    "äö    i2  1970-01-01 00:00 UTC  1970-01-01 00:00 UTC  x "
	    "\\x20evil\\n\n");
	assert_string_equal(printed(plain_print, "[]"), "");
}

static void
prints_lines(void **state)
{
	(void)state;
	assert_string_equal(
	    printed(plain_print,
		"{\"_id\": \"i\", \"name\": \"a\\nslug: b\", \"n\": 5, "
		"\"revokedAt\": 1795850580999, \"revoked\": true, "
		"\"scopes\": [\"a\", \"b\\n  c\", 5], \"none\": null, "
		"\"workers\": [{\"pid\": 5, \"startedAt\": 0}], \"l\": []}"),
	    "name:        a\\nslug: b\n"
	    "n:           5\n"
	    "revoked at:  2026-11-28 07:23 UTC\n"
	    "revoked:     yes\n"
	    "scopes:      a, b\\n \\x20c, 5\n"
	    "none:        -\n"
	    "workers:\n"
	    "  PID  STARTED AT\n"
	    "  5    1970-01-01 00:00 UTC\n"
	    "l:           -\n");
}

static void
tells_times(void **state)
{
	static const struct {
		int64_t ms;
		const char *as;
	} cases[] = {
	    {0, "1970-01-01 00:00 UTC"},
	    {1795850580000, "2026-11-28 07:23 UTC"},
	    {1709251199999, "2024-02-29 23:59 UTC"},
	    {253402300799999, "9999-12-31 23:59 UTC"},
	    {253402300800000, "253402300800000"},
	    {INT64_MAX, "9223372036854775807"},
	    {INT64_MIN, "-9223372036854775808"},
	};
	char text[PLAIN_TIME];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		plain_time(cases[i].ms, text);
		assert_string_equal(text, cases[i].as);
	}
}

/* The same value, and nothing that a terminal would act on. */
static void
prints_json(void **state)
{
	(void)state;
	assert_string_equal(printed(plain_json,
				"{\"a\": \"\\u009b\\u202e\\u007f\\u00e4\\\\\\n/"
				"\\udb40\\udc41\"}"),
	    "{\"a\":\"\\u009b\\u202e\\u007f\xc3\xa4\\\\\\n/"
	    "\\udb40\\udc41\"}\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shows_what_it_can),
	    cmocka_unit_test(escapes_what_acts),
	    cmocka_unit_test(forges_no_column),
	    cmocka_unit_test(prints_columns),
	    cmocka_unit_test(prints_lines),
	    cmocka_unit_test(tells_times),
	    cmocka_unit_test(prints_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
