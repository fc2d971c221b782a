/*
 * test_allowed.c: lists of addresses of keys: of a body, and remembered by key
 * and stamp.
 */
#include "unit.h"

#include "http/allowed.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/banned.h"

#define KEY   "00000000-0000-4000-8000-000000000001"
#define OTHER "00000000-0000-4000-8000-000000000002"
#define STAMP ((const unsigned char *)"12345678")
#define LATER ((const unsigned char *)"12345679")
#define MADE  ((const unsigned char *)"\0\0\0\0\0\0\0\0")

static bool
lets(const struct cidr_list *list, const char *address)
{
	struct cidr c;

	assert_true(cidr_address(&c, address));
	return cidr_list_has(list, &c);
}

static void
is_made_of_a_body(void **state)
{
	struct json_object *array =
	    json_tokener_parse("[\"10.0.0.0/8\", \"2001:DB8::1/128\","
			       " \"::ffff:192.0.2.7\"]");
	struct cidr_list list;
	char out[CIDR_LIST_TEXT];

	(void)state;
	allowed_of_json(&list, array);
	json_object_put(array);
	cidr_list_write(&list, out);
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
	const struct cidr_list *list;

	(void)state;
	memset(&m, 0, sizeof(m));
	assert_null(allowed_find(&m, KEY, STAMP));
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
			const struct cidr_list *list =
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
	    cmocka_unit_test(is_made_of_a_body),
	    cmocka_unit_test(remembers),
	    cmocka_unit_test(forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
