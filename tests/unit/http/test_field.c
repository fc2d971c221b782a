/*
 * test_field.c: the check of a body against a table of fields: types, null,
 * absence, lengths in characters and in bytes, choices, ids; all complaints are
 * made, in the body's order. How much lists and objects hold is
 * test_field_limits.c's.
 */
#include "bodies.h"

#include <ctype.h>

#include "base/banned.h"

#define EMOJI "\xf0\x9f\x98\x80" /* one character, four bytes */

static bool
is_yes(const char *s, size_t len)
{
	return len == 3 && memcmp(s, "yes", 4) == 0;
}

/* Letters in lower case; no digits: what stands before one was meant. */
static bool
to_lower(const char *s, size_t len, char out[FIELD_FORM])
{
	for (size_t i = 0; i <= len; i++) {
		out[i] = (char)tolower((unsigned char)s[i]);
		if (s[i] >= '0' && s[i] <= '9') {
			out[i] = '\0';
			return false;
		}
	}
	return true;
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
    {.name = "forms",
	.type = FIELD_STRINGS,
	.min = 1,
	.max = 3,
	.form = to_lower,
	.rule = "No digits."},
    {.name = "whose", .is_id = true, .not_found = "Nobody's."},
};
static const struct body body = {fields, COUNT(fields), false, false};
static const struct body none = {NULL, 0, true, false};

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
    {"{\"forms\":[\"a\",\"A\"],\"must\":\"\"}", "forms[1]" TWICE},
    {"{\"forms\":[\"A\",\"a1\",2],\"must\":\"\"}",
	"forms[1]: No digits. Did you mean a?\nforms[2]" STRING},
    {"{\"forms\":[\"1\",\"b\",\"B\"],\"must\":\"\"}",
	"forms[0]: No digits.\nforms[2]" TWICE},
    {"{\"forms\":[],\"must\":\"\"}", "forms: Must have 1 to 3 entries.\n"},
    {"{\"forms\":[\"a\",\"b\",\"c\",\"d\"],\"must\":\"\"}",
	"forms: Must have 1 to 3 entries.\n"},
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

/* In the order given. */
static void
gives_entries_their_form(void **state)
{
	struct checked c;
	struct json_object *list;

	(void)state;
	check_body(&c, &body, "{\"must\":\"\",\"forms\":[\"B\",\"a\",\"Cc\"]}");
	assert_string_equal(c.complaints, "");
	list = json_object_object_get(c.json, "forms");
	assert_string_equal(
	    json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN),
	    "[\"b\",\"a\",\"cc\"]");
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
	    cmocka_unit_test(gives_entries_their_form),
	    cmocka_unit_test(tells_ill_ids),
	    cmocka_unit_test(sizes_variables),
	};

	return cmocka_run_group_tests(field_tests, NULL, NULL);
}
