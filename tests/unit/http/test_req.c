/*
 * test_req.c: a request's memory, its complaints, and what its body gave.
 */
#include "requests.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

#define EMOJI "\xf0\x9f\x98\x80"

static void
gives_memory(void **state)
{
	struct req *r = *state;
	unsigned char *blocks[100];

	for (size_t i = 0; i < COUNT(blocks); i++) {
		blocks[i] = req_alloc(r, i * i);
		assert_non_null(blocks[i]);
		assert_int_equal(
		    (uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		memset(blocks[i], (int)i, i * i);
	}
	for (size_t i = 1; i < COUNT(blocks); i++) {
		assert_int_equal(blocks[i][0], i);
		assert_int_equal(blocks[i][i * i - 1], i);
	}
}

/* What malloc gave goes with the request, once. */
static void
adopts_memory(void **state)
{
	struct req *r = *state;

	for (size_t i = 1; i < 10; i++) {
		char *text = malloc(i);

		assert_non_null(text);
		memset(text, 'x', i);
		assert_true(req_adopt(r, text));
		assert_non_null(req_alloc(r, i));
	}
}

/* A size that wraps when its head is added is not had for a few bytes. */
static void
gives_no_memory_for_nonsense(void **state)
{
	struct req *r = *state;
	volatile size_t size = SIZE_MAX;

	for (int i = 0; i < 16; i++)
		if (req_alloc(r, size - (size_t)i))
			fail_msg("SIZE_MAX - %d", i);
}

static void
records_a_fault(void **state)
{
	struct req *r = *state;
	char *field = malloc(1000);

	assert_non_null(field);
	assert_int_equal(
	    req_fail(r, ERR_CONFLICT, "slug", "Taken."), ERR_CONFLICT);
	assert_int_equal(r->fault, ERR_CONFLICT);
	assert_string_equal(r->field, "slug");
	assert_string_equal(r->message, "Taken.");
	assert_int_equal(req_fail(r, ERR_NOT_FOUND, NULL, NULL), ERR_NOT_FOUND);
	assert_string_equal(r->field, "");
	assert_string_equal(r->message, "Not found.");
	memset(field, 'f', 999);
	field[999] = '\0';
	req_fail(r, ERR_CONFLICT, field, field);
	assert_int_equal(strlen(r->field), sizeof(r->field) - 1);
	assert_int_equal(strlen(r->message), sizeof(r->message) - 1);
	free(field);
}

/* Whatever a name in a body or a query was, the answer is UTF-8. */
static void
cuts_fields_between_characters(void **state)
{
	static const struct {
		const char *field, *want;
	} cases[] = {
	    {"", ""},
	    {"envVars.\xc3\x84", "envVars.\xc3\x84"},
	    {"a\xff"
	     "b",
		"a"},
	    {"\xc3", ""},
	    {"a\xf0\x9f", "a"},
	    {"a\xed\xa0\x80", "a"},
	};
	struct req *r = *state;
	char field[600];

	for (size_t i = 0; i < COUNT(cases); i++) {
		req_fail(r, ERR_VALIDATION, cases[i].field, NULL);
		assert_string_equal(r->field, cases[i].want);
	}
	for (size_t shift = 0; shift < 4; shift++) {
		memset(field, 'a', sizeof(field));
		for (size_t i = shift; i + 4 < sizeof(field); i += 4)
			memcpy(field + i, EMOJI, 4);
		field[sizeof(field) - 1] = '\0';
		req_fail(r, ERR_VALIDATION, field, NULL);
		assert_int_equal(strlen(r->field), 508 + shift);
		assert_memory_equal(r->field, field, strlen(r->field));
		assert_memory_equal(r->field + strlen(r->field) - 4, EMOJI, 4);
	}
}

static void
complains_a_hundred_times(void **state)
{
	struct req *r = *state;
	struct json_object *one, *member;
	char name[20];

	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		req_complain(r, name, i == 0 ? "First." : "More.");
	}
	assert_int_equal(r->fault, ERR_VALIDATION);
	assert_string_equal(r->field, "f0");
	assert_string_equal(r->message, "First.");
	assert_int_equal(json_object_array_length(r->details), 100);
	for (size_t i = 0; i < 100; i++) {
		one = json_object_array_get_idx(r->details, i);
		snprintf(name, sizeof(name), "f%zu", i);
		assert_int_equal(json_object_object_length(one), 2);
		assert_true(json_object_object_get_ex(one, "field", &member));
		assert_string_equal(json_object_get_string(member), name);
		assert_true(json_object_object_get_ex(one, "message", &member));
		assert_string_equal(json_object_get_string(member),
		    i == 0 ? "First." : "More.");
	}
}

static void
names_given_fields(void **state)
{
	static const char longest[] = "abcdefghijklmnopqrstuvwxyzABCDE";
	struct req *r = *state;
	char body[2000] = "{", want[1000] = "{";

	assert_string_equal(req_given_names(r), "{}"); /* no body at all */
	r->json = json_tokener_parse("{}");
	assert_string_equal(req_given_names(r), "{}");
	json_object_put(r->json);
	/* as many and as long as they can be, in the body's order */
	assert_int_equal(strlen(longest), FIELD_NAME - 1);
	for (int i = FIELD_MAX; i > 0; i--) {
		size_t at = strlen(body), end = strlen(want);
		const char *comma = i < FIELD_MAX ? "," : "";

		snprintf(body + at, sizeof(body) - at, "%s\"%c%s\":null", comma,
		    'A' + i, longest + 1);
		snprintf(want + end, sizeof(want) - end, "%s%c%s", comma,
		    'A' + i, longest + 1);
	}
	memcpy(body + strlen(body), "}", 2);
	memcpy(want + strlen(want), "}", 2);
	r->json = json_tokener_parse(body);
	assert_int_equal(json_object_object_length(r->json), FIELD_MAX);
	assert_string_equal(req_given_names(r), want);
}

static void
hands_out_values(void **state)
{
	struct req *r = *state;

	assert_false(req_given_any(r));
	assert_null(req_text(r, 0));
	r->given[FIELD_MAX - 1] = true;
	assert_true(req_given_any(r));
	assert_null(req_text(r, FIELD_MAX - 1)); /* given as null */
	r->value[3] = json_object_new_string("text");
	assert_string_equal(req_text(r, 3), "text");
	json_object_put(r->value[3]);
}

static void
has_a_deadline(void **state)
{
	struct req *r = *state;

	assert_int_equal(r->deadline - r->start, 8000000);
	assert_ptr_equal(r->app, &app_of_tests);
}

#define ONE(test)                                                              \
	cmocka_unit_test_setup_teardown(test, begin_request, end_request)

int
main(void)
{
	const struct CMUnitTest req_tests[] = {
	    ONE(gives_memory),
	    ONE(adopts_memory),
	    ONE(gives_no_memory_for_nonsense),
	    ONE(records_a_fault),
	    ONE(cuts_fields_between_characters),
	    ONE(complains_a_hundred_times),
	    ONE(names_given_fields),
	    ONE(hands_out_values),
	    ONE(has_a_deadline),
	};

	return cmocka_run_group_tests(req_tests, NULL, NULL);
}
