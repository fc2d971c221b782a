/*
 * test_field_limits.c: how much lists, variables and objects of a body hold, to
 * the byte, and how many marks a body can have.
 */
#include "bodies.h"

#include "json/scan.h"

#include "base/banned.h"

#define EMOJI "\xf0\x9f\x98\x80" /* one character, four bytes */

static const struct field few_fields[] = {
    {.name = "list", .type = FIELD_STRINGS, .nullable = true},
    {.name = "env", .type = FIELD_ENV, .nullable = true},
    {.name = "object",
	.type = FIELD_OBJECT,
	.nullable = true,
	.in_bytes = true,
	.max = 65536},
    {.name = "text", .nullable = true, .max = 4},
};
static const struct body few = {few_fields, COUNT(few_fields), false, false};
static const struct body none = {NULL, 0, true, false};

/* {"list":["0…","1…",…]} of `n` different strings; free it. */
static char *
list_of(size_t n)
{
	char *out = malloc(n * 12 + 20), *at = out;

	assert_non_null(out);
	at += snprintf(at, 20, "{\"list\":[");
	for (size_t i = 0; i < n; i++)
		at += snprintf(at, 12, "%s\"s%zu\"", i ? "," : "", i);
	snprintf(at, 3, "]}");
	return out;
}

static void
limits_lists(void **state)
{
	char *text = list_of(500), *entry;

	(void)state;
	assert_taken(&few, text);
	free(text);
	text = list_of(501);
	assert_complaints(&few, text, "list: Must have at most 500 entries.\n");
	free(text);
	for (size_t n = 200; n <= 201; n++) {
		entry = repeat(EMOJI, n);
		assert_true(asprintf(&text, "{\"list\":[\"%s\"]}", entry) > 0);
		if (n == 200)
			assert_taken(&few, text);
		else
			assert_complaints(&few, text,
			    "list[0]: Must have 1 to 200 characters.\n");
		free(entry);
		free(text);
	}
}

/* {"env":{"<prefix>0":"<value>",…}}, `n` names of `digits` digits; free it. */
static char *
env_of(size_t n, const char *prefix, int digits, const char *value)
{
	size_t one = strlen(prefix) + (size_t)digits + strlen(value) + 6;
	char *out = malloc(n * one + 20), *at = out;

	assert_non_null(out);
	at += snprintf(at, 20, "{\"env\":{");
	for (size_t i = 0; i < n; i++)
		at += snprintf(at, one + 1, "%s\"%s%0*zu\":\"%s\"",
		    i ? "," : "", prefix, digits, i, value);
	snprintf(at, 3, "}}");
	return out;
}

static void
assert_env(char *text, const char *want)
{
	if (want)
		assert_complaints(&few, text, want);
	else
		assert_taken(&few, text);
	free(text);
}

static void
limits_variables(void **state)
{
	static const char total[] =
	    "env: Names and values must have at most 1048576 bytes.\n";
	char *name = repeat("A", 250), *full = repeat("x", 65536);
	char *more = repeat("x", 65537), *rest = repeat("x", 65532);
	char *emoji = repeat(EMOJI, 16384), *over = repeat(EMOJI, 16385);
	char long_name[500];

	(void)state;
	snprintf(long_name, sizeof(long_name),
	    "env.%s000000: A variable's name must match [A-Za-z_][A-Za-z0-9_]* "
	    "and have at most 255 characters.\n",
	    name);
	assert_env(env_of(1000, "A", 4, "x"), NULL);
	assert_env(env_of(1001, "A", 4, "x"),
	    "env: Must have at most 1000 variables.\n");
	assert_env(env_of(1, name, 5, "x"), NULL);
	assert_env(env_of(1, name, 6, "x"), long_name);
	assert_env(env_of(1, "A", 1, full), NULL);
	assert_env(env_of(1, "A", 1, emoji), NULL);
	assert_env(env_of(1, "A", 1, more),
	    "env.A0: Must have at most 65536 bytes.\n");
	assert_env(env_of(1, "A", 1, over),
	    "env.A0: Must have at most 65536 bytes.\n");
	/* names count: 16 times 4 + 65,532 are 1 MiB, one byte more is not */
	assert_env(env_of(16, "AB", 2, rest), NULL);
	assert_env(env_of(16, "ABC", 2, rest), total);
	assert_env(env_of(16, "AB", 2, full), total);
	free(name);
	free(full);
	free(more);
	free(rest);
	free(emoji);
	free(over);
}

static void
limits_total_to_the_byte(void **state)
{
	/* 15 of 65,540 bytes leave 65,476 for the last; 61 make its name */
	char *value = repeat("x", 65536), *last = repeat("x", 65536 - 121);
	char *text, *env = env_of(15, "AB", 2, value);

	(void)state;
	env[strlen(env) - 2] = '\0'; /* open again */
	for (int more = 0; more <= 1; more++) {
		assert_true(asprintf(&text, "%s,\"L%060d\":\"%s%s\"}}", env, 0,
				last, more ? "y" : "") > 0);
		if (!more)
			assert_taken(&few, text);
		else
			assert_complaints(&few, text,
			    "env: Names and values must have at most 1048576 "
			    "bytes.\n");
		free(text);
	}
	free(env);
	free(value);
	free(last);
}

static void
names_bad_variables(void **state)
{
	static const char *const names[] = {"", "0", "0A", "A-B", "A B", "A.B",
	    "A=B", " A", "A ", "A\\n", "\xc3\x84", "A" EMOJI, "$A", "A[0]"};
	char text[100], want[300];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(
		    text, sizeof(text), "{\"env\":{\"%s\":\"x\"}}", names[i]);
		snprintf(want, sizeof(want),
		    "env.%s: A variable's name must match "
		    "[A-Za-z_][A-Za-z0-9_]* and have at most 255 characters.\n",
		    strcmp(names[i], "A\\n") == 0 ? "A\n" : names[i]);
		assert_complaints(&few, text, want);
	}
}

/* A name of any length: its complaint keeps to some room. */
static void
names_endless_variables(void **state)
{
	char *name = repeat(EMOJI, 10000);
	struct checked c;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		char *text = NULL;

		assert_true(asprintf(&text, "{\"env\":{\"%s%s\":\"x\"}}",
				"AAAA" + shift, name) > 0);
		check_body(&c, &few, text);
		assert_int_equal(c.n, 1);
		assert_memory_equal(c.complaints, "env.", 4);
		assert_true(strlen(c.complaints) < 1000);
		json_object_put(c.json);
		free(text);
	}
	free(name);
}

static void
limits_objects(void **state)
{
	char *filler = repeat("x", 65536 - 8), *text;

	(void)state;
	assert_true(asprintf(&text, "{\"object\":{\"a\":\"%s\"}}", filler) > 0);
	assert_taken(&few, text); /* {"a":"…"}: 65,536 bytes */
	free(text);
	assert_true(
	    asprintf(&text, "{\"object\":{\"ab\":\"%s\"}}", filler) > 0);
	assert_complaints(
	    &few, text, "object: Must have at most 65536 bytes.\n");
	free(text);
	/* white space is not part of it, a slash is one byte */
	filler[0] = filler[1] = '/';
	assert_true(asprintf(&text, "{\"object\":{   \"a\"  : \"%s\" \n}}",
			filler) > 0);
	assert_taken(&few, text);
	free(text);
	free(filler);
}

/* The fullest body that is taken has the marks it needs without the spare ones;
 * a few hundred more and it would have to use those. */
static void
counts_marks(void **state)
{
	size_t size, marks = field_marks(&few) - FIELD_SPARE;
	struct scan_fault fault;
	char *text;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fprintf(out, "{\"text\":\"\",\"list\":[\"0\"");
	for (int i = 1; i < 500; i++)
		fprintf(out, ",\"%d\"", i);
	fprintf(out, "],\"env\":{\"_\":\"\"");
	for (int i = 1; i < 1000; i++)
		fprintf(out, ",\"_%d\":\"\"", i);
	fprintf(out, "},\"object\":{\"a\":[10");
	for (int i = 0; i < (65536 - 10) / 2; i++)
		fprintf(out, ",1");
	fprintf(out, "]}}");
	assert_int_equal(fclose(out), 0);
	assert_taken(&few, text);
	if (!scan_json(text, size, marks, &fault))
		fail_msg("%s: %s", fault.field, fault.message);
	assert_false(scan_json(text, size, marks - 10, &fault));
	free(text);
	assert_int_equal(field_marks(&none), 2 + FIELD_SPARE);
}

int
main(void)
{
	const struct CMUnitTest limit_tests[] = {
	    cmocka_unit_test(limits_lists),
	    cmocka_unit_test(limits_variables),
	    cmocka_unit_test(limits_total_to_the_byte),
	    cmocka_unit_test(names_bad_variables),
	    cmocka_unit_test(names_endless_variables),
	    cmocka_unit_test(limits_objects),
	    cmocka_unit_test(counts_marks),
	};

	return cmocka_run_group_tests(limit_tests, NULL, NULL);
}
