/*
 * test_field.c: the check of a body against a table of fields: types, null,
 * absence, lengths in characters and in bytes, lists, variables, objects; all
 * complaints are made, in the body's order.
 */
#include "bodies.h"

#include "json/scan.h"

#include "base/banned.h"

#define EMOJI "\xf0\x9f\x98\x80" /* one character, four bytes */

static bool
is_yes(const char *s, size_t len)
{
	return len == 3 && memcmp(s, "yes", 4) == 0;
}

static const char *const three[] = {"a", "b_c", "d", NULL};
static const char *const two[] = {"x", "y", NULL};

static const struct field fields[] = {
    {.name = "name", .trimmed = true, .one_line = true, .min = 1, .max = 5},
    {.name = "note", .nullable = true, .max = 4},
    {.name = "bytes", .nullable = true, .in_bytes = true, .max = 8},
    {.name = "must", .required = true, .max = 9},
    {.name = "rule", .max = 9, .valid = is_yes, .rule = "Must be yes."},
    {.name = "list", .type = FIELD_STRINGS, .nullable = true},
    {.name = "env", .type = FIELD_ENV, .nullable = true},
    {.name = "object",
	.type = FIELD_OBJECT,
	.nullable = true,
	.in_bytes = true,
	.max = 20},
    {.name = "line", .nullable = true, .one_line = true, .min = 2, .max = 9},
    {.name = "three", .nullable = true, .one_of = three},
    {.name = "two", .one_of = two},
    {.name = "whose", .is_id = true, .not_found = "Nobody's."},
};
static const struct body body = {fields, COUNT(fields), false};
/* the same without what is required */
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
static const struct body few = {few_fields, COUNT(few_fields), false};
static const struct body none = {NULL, 0, true};

static void
takes(void **state)
{
	static const char *const good[] = {
	    "{\"must\":\"\"}",
	    "{\"must\":\"123456789\"}",
	    "{\"must\":\"x\",\"name\":\"12345\"}",
	    "{\"must\":\"x\",\"name\":\"   12345   \"}",
	    "{\"must\":\"x\",\"name\":\"1   5\"}",
	    "{\"must\":\"x\",\"name\":\"" EMOJI EMOJI EMOJI EMOJI EMOJI "\"}",
	    "{\"must\":\"a\\nb\",\"note\":\"\\t\"}",
	    "{\"must\":\"x\",\"note\":\"\"}",
	    "{\"must\":\"x\",\"note\":null,\"bytes\":null,\"list\":null,"
	    "\"env\":null,\"object\":null}",
	    "{\"must\":\"x\",\"bytes\":\"" EMOJI EMOJI "\"}",
	    "{\"rule\":\"yes\",\"must\":\"x\"}",
	    "{\"must\":\"x\",\"list\":[],\"env\":{},\"object\":{}}",
	    "{\"must\":\"x\",\"list\":[\"a\",\"A\",\" a\",\"a \"]}",
	    "{\"must\":\"x\",\"env\":{\"A\":\"\",\"a\":\"b\",\"_\":\"\\n\"}}",
	    "{\"must\":\"x\",\"object\":{\"a\":[1,{\"b\":null}]}}",
	    "{\"must\":\"x\",\"three\":\"b_c\",\"two\":\"y\"}",
	    "{\"must\":\"x\",\"three\":null,\"two\":\"x\"}",
	    "{\"must\":\"x\",\"whose\":\"\"}",
	    "{\"must\":\"x\",\"whose\":\"any text\\n at all\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_taken(&body, good[i]);
	assert_taken(&none, "{}");
}

#define STRING ": Must be a string.\n"
#define ARRAY  "list: Must be an array of strings.\n"
#define MAP                                                                    \
	"list: Must be an array of strings, no object: [] for none, in PHP "   \
	"array_values($list).\n"
#define ENV "env: Must be an object of strings.\n"
#define ROWS                                                                   \
	"env: Must be an object of strings, no array: {} for none, in PHP "    \
	"(object)[].\n"
#define OBJECT "object: Must be an object.\n"
#define EMPTY                                                                  \
	"object: Must be an object, no array: {} for none, in PHP "            \
	"(object)[].\n"
#define NAME   "name: Must have 1 to 5 characters.\n"
#define NOTE   "note: Must have at most 4 characters.\n"
#define BYTES  "bytes: Must have at most 8 bytes.\n"
#define LINE   "name: Must not have control characters.\n"
#define RULE   "rule: Must be yes.\n"
#define THREE  "three: Must be \"a\", \"b_c\" or \"d\"."
#define TWO    "two: Must be \"x\" or \"y\".\n"
#define BLANK  ": Must have at least one visible character."
#define CLEAR  " Send null to clear it.\n"
#define NULLED ": Must not be null.\n"
#define OUT    ": Must not be null. Leave it out instead.\n"
#define SET    ": Cannot be set: leave it out.\n"
#define TWICE  ": Must not be in the list twice.\n"
#define ENTRY  ": Must have 1 to 200 characters.\n"
#define NEED   "must: Is required.\n"

static const struct {
	const char *text, *want;
} bad[] = {
    {"{\"must\":1}", "must" STRING},
    {"{\"must\":true}", "must" STRING},
    {"{\"must\":[\"a\"]}", "must" STRING},
    {"{\"must\":{}}", "must" STRING},
    {"{\"must\":1.5}", "must" STRING},
    {"{\"must\":null}", "must" NULLED},
    {"{\"name\":null,\"must\":\"\"}", "name" OUT},
    {"{\"rule\":null,\"must\":\"\"}", "rule" OUT},
    {"{\"note\":{\"last4\":\"abcd\"},\"must\":\"\"}",
	"note: Must be a string. Leave it out to keep it.\n"},
    {"{\"note\":[],\"must\":\"\"}", "note" STRING},
    {"{\"name\":{},\"must\":\"\"}", "name" STRING},
    {"{\"line\":\"\",\"must\":\"\"}",
	"line: Must have 2 to 9 characters." CLEAR},
    {"{\"line\":\"  \",\"must\":\"\"}", "line" BLANK "\n"},
    {"{\"line\":\"x\",\"must\":\"\"}", "line: Must have 2 to 9 characters.\n"},
    {"{\"name\":\"\\u200b\",\"must\":\"\"}", "name" BLANK "\n"},
    {"{\"name\":\" \\u3000 \",\"must\":\"\"}", "name" BLANK "\n"},
    {"{}", NEED},
    {"{\"name\":\"\",\"must\":\"\"}", NAME},
    {"{\"name\":\"     \",\"must\":\"\"}", NAME},
    {"{\"name\":\"123456\",\"must\":\"\"}", NAME},
    {"{\"name\":\" 123456 \",\"must\":\"\"}", NAME},
    {"{\"name\":\"" EMOJI EMOJI EMOJI EMOJI EMOJI "x\",\"must\":\"\"}", NAME},
    {"{\"name\":\"a\\nb\",\"must\":\"\"}", LINE},
    {"{\"name\":\"\\ta\",\"must\":\"\"}", LINE},
    {"{\"name\":\"a\\u007f\",\"must\":\"\"}", LINE},
    {"{\"name\":\"\\u0085\",\"must\":\"\"}", LINE},
    {"{\"name\":\"a\\u2028b\",\"must\":\"\"}", LINE},
    {"{\"name\":\"a\\u202e\",\"must\":\"\"}", LINE},
    {"{\"name\":\"\\u2066a\",\"must\":\"\"}", LINE},
    {"{\"note\":\"12345\",\"must\":\"\"}", NOTE},
    {"{\"note\":\" 123 \",\"must\":\"\"}", NOTE}, /* not trimmed */
    {"{\"bytes\":\"123456789\",\"must\":\"\"}", BYTES},
    {"{\"bytes\":\"" EMOJI EMOJI "x\",\"must\":\"\"}", BYTES},
    {"{\"rule\":\"no\",\"must\":\"\"}", RULE},
    {"{\"rule\":\"\",\"must\":\"\"}", RULE},
    {"{\"three\":\"b\",\"must\":\"\"}", THREE "\n"},
    {"{\"three\":\"b_cd\",\"must\":\"\"}", THREE "\n"},
    {"{\"three\":\"A\",\"must\":\"\"}", THREE "\n"},
    {"{\"three\":\"\",\"must\":\"\"}", THREE CLEAR},
    {"{\"two\":\"\",\"must\":\"\"}", TWO},
    {"{\"two\":\"x \",\"must\":\"\"}", TWO},
    {"{\"whose\":1,\"must\":\"\"}", "whose" STRING},
    {"{\"whose\":null,\"must\":\"\"}", "whose" OUT},
    {"{\"list\":\"a\",\"must\":\"\"}", ARRAY},
    {"{\"list\":{},\"must\":\"\"}", MAP},
    {"{\"list\":{\"1\":\"a\"},\"must\":\"\"}", MAP},
    {"{\"list\":[1,\"a\",null,[],\"a\"],\"must\":\"\"}",
	"list[0]" STRING "list[2]" STRING "list[3]" STRING "list[4]" TWICE},
    {"{\"list\":[\"\",\"b\",\"b\",\"b\"],\"must\":\"\"}",
	"list[0]" ENTRY "list[2]" TWICE "list[3]" TWICE},
    {"{\"env\":[],\"must\":\"\"}", ROWS},
    {"{\"env\":[\"A=b\"],\"must\":\"\"}", ROWS},
    {"{\"env\":\"A=b\",\"must\":\"\"}", ENV},
    {"{\"env\":{\"A\":1,\"B\":null,\"C\":{}},\"must\":\"\"}",
	"env.A: Must be a string, in quotes.\n"
	"env.B: Must be a string. Leave the variable out to remove it.\n"
	"env.C: Must be a string, in quotes.\n"},
    {"{\"object\":[],\"must\":\"\"}", EMPTY},
    {"{\"object\":\"{}\",\"must\":\"\"}", OBJECT},
    {"{\"object\":1,\"must\":\"\"}", OBJECT},
    {"{\"object\":{\"a\":\"123456789012345\"},\"must\":\"\"}",
	"object: Must have at most 20 bytes.\n"},
    {"{\"x\":1,\"must\":\"\"}", "x: Unknown field.\n"},
    {"{\"x\":null,\"must\":\"\"}", "x: Unknown field.\n"},
    {"{\"id\":1,\"_id\":2,\"must\":\"\"}", "id" SET "_id" SET},
    {"{\"updatedAt\":1,\"must\":\"\",\"last4\":null}",
	"updatedAt" SET "last4" SET},
    {"{\"ids\":1,\"must\":\"\"}", "ids: Unknown field.\n"},
    {"{\"\":\"\",\"must\":\"\"}", ": Unknown field.\n"},
    {"{\"Must\":\"\"}", "Must: Unknown field.\n" NEED},
    {"{\"must \":\"\"}", "must : Unknown field.\n" NEED},
    {"{\"mus\":\"\"}", "mus: Unknown field.\n" NEED},
    {"{\"musta\":\"\"}", "musta: Unknown field.\n" NEED},
    {"{\"list[0]\":\"\",\"must\":\"\"}", "list[0]: Unknown field.\n"},
    /* all of them, in the order of the body; what is missing last */
    {"{\"x\":1,\"rule\":\"no\",\"note\":\"12345\",\"name\":\"\",\"y\":2}",
	"x: Unknown field.\n" RULE NOTE NAME "y: Unknown field.\n" NEED},
};

static void
complains(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_complaints(&body, bad[i].text, bad[i].want);
	assert_complaints(&none, "{\"x\":1}", "x: Unknown field.\n");
	assert_complaints(&none, "{\"must\":\"\"}", "must: Unknown field.\n");
}

/* Absent, null and a value are three things. */
static void
hands_out_values(void **state)
{
	struct checked c;

	(void)state;
	check_body(
	    &c, &body, "{\"note\":null,\"must\":\"m\",\"name\":\"  a b  \"}");
	assert_int_equal(c.n, 0);
	for (size_t i = 0; i < FIELD_MAX; i++) {
		assert_int_equal(c.given[i], i == 0 || i == 1 || i == 3);
		if (i == 0)
			assert_string_equal(
			    json_object_get_string(c.value[i]), "a b");
		else if (i == 3)
			assert_string_equal(
			    json_object_get_string(c.value[i]), "m");
		else
			assert_null(c.value[i]);
	}
	json_object_put(c.json);
}

/* An id of another form is no complaint: there is no such thing. */
static void
tells_ill_ids(void **state)
{
	static const struct {
		const char *id;
		bool ill;
	} cases[] = {
	    {"11111111-2222-4333-8444-5555555555ef", false},
	    {"00000000-0000-0000-0000-000000000000", false},
	    {"11111111-2222-4333-8444-5555555555EF", true},
	    {"11111111-2222-4333-8444-55555555555", true},
	    {"11111111-2222-4333-8444-5555555555eff", true},
	    {"1111111122224333844455555555555f", true},
	    {" 11111111-2222-4333-8444-5555555555ef", true},
	    {"", true},
	};
	struct checked c;
	char text[100];
	int whose = COUNT(fields) - 1;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"must\":\"\",\"whose\":\"%s\"}",
		    cases[i].id);
		check_body(&c, &body, text);
		assert_int_equal(c.n, 0);
		assert_int_equal(
		    field_ill_id(&body, c.value), cases[i].ill ? whose : -1);
		json_object_put(c.json);
	}
	check_body(&c, &body, "{\"must\":\"no id\"}");
	assert_int_equal(field_ill_id(&body, c.value), -1);
	json_object_put(c.json);
}

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
			assert_complaints(&few, text, "list[0]" ENTRY);
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

static void
sizes_variables(void **state)
{
	struct json_object *env =
	    json_tokener_parse("{\"A\":\"\",\"BC\":\"d\\n\",\"D\":\"\u20ac\"}");

	(void)state;
	assert_int_equal(field_env_size(NULL), 0);
	assert_int_equal(field_env_size(env), 1 + 2 + 2 + 1 + 3);
	json_object_put(env);
}

int
main(void)
{
	const struct CMUnitTest field_tests[] = {
	    cmocka_unit_test(takes),
	    cmocka_unit_test(complains),
	    cmocka_unit_test(hands_out_values),
	    cmocka_unit_test(tells_ill_ids),
	    cmocka_unit_test(limits_lists),
	    cmocka_unit_test(limits_variables),
	    cmocka_unit_test(limits_total_to_the_byte),
	    cmocka_unit_test(names_bad_variables),
	    cmocka_unit_test(names_endless_variables),
	    cmocka_unit_test(limits_objects),
	    cmocka_unit_test(counts_marks),
	    cmocka_unit_test(sizes_variables),
	};

	return cmocka_run_group_tests(field_tests, NULL, NULL);
}
