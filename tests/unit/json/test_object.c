/*
 * test_object.c: what was added is in it, and where something is missing, all
 * that it was put into says so.
 */
#include "unit.h"

#include "json/object.h"

#include <json-c/json.h>

#include "base/banned.h"

static void
assert_text(struct json_object *v, const char *text)
{
	assert_string_equal(
	    json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN), text);
}

static void
holds_what_was_added(void **state)
{
	struct json_object *o = object_new(), *list = object_list();

	(void)state;
	object_text(o, "text", "a");
	object_text(o, "none", NULL);
	object_null(o, "null");
	object_int(o, "int", INT64_MIN);
	object_uint(o, "uint", UINT64_MAX);
	object_bool(o, "bool", true);
	object_push_text(list, "b");
	object_push(list, object_new());
	object_add(o, "list", list);
	assert_true(object_is_whole(o));
	assert_text(o,
	    "{\"text\":\"a\",\"none\":null,\"null\":null,"
	    "\"int\":-9223372036854775808,\"uint\":18446744073709551615,"
	    "\"bool\":true,\"list\":[\"b\",{}]}");
	json_object_put(o);
}

static void
knows_what_is_missing(void **state)
{
	struct json_object *o = object_new(), *list = object_list();
	struct json_object *top = object_new();

	(void)state;
	object_add(o, "lost", NULL);
	assert_false(object_is_whole(o));
	object_text(o, "more", "a");
	assert_false(object_is_whole(o));
	assert_true(object_is_whole(list));
	object_push(list, o);
	assert_false(object_is_whole(list));
	object_add(top, "list", list);
	assert_false(object_is_whole(top));
	assert_text(top, "{\"list\":[{\"more\":\"a\"}]}");
	json_object_put(top);
	list = object_list();
	object_push(list, NULL);
	assert_false(object_is_whole(list));
	json_object_put(list);
}

/* Into nothing goes nothing, and it is freed. */
static void
works_without_an_object(void **state)
{
	(void)state;
	object_text(NULL, "a", "b");
	object_null(NULL, "a");
	object_add(NULL, "a", object_new());
	object_push(NULL, object_new());
	object_push(NULL, NULL);
	assert_false(object_is_whole(NULL));
}

int
main(void)
{
	const struct CMUnitTest object_tests[] = {
	    cmocka_unit_test(holds_what_was_added),
	    cmocka_unit_test(knows_what_is_missing),
	    cmocka_unit_test(works_without_an_object),
	};

	return cmocka_run_group_tests(object_tests, NULL, NULL);
}
