/*
 * test_scan.c: what the JSON scanner takes, what it refuses and where it says
 * the fault is; that json-c then takes all it took; that hostile texts cost
 * time in proportion to their length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/scan.h"
#include "scan_cases.h"

#include "base/banned.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10

/* Takes a copy of exact size, so that a sanitizer sees a read behind it. */
static bool
scan(const char *text, size_t len, struct scan_fault *fault)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(fault, 'x', sizeof(*fault));
	bool ok = scan_json(copy, len, SCAN_ANY, fault);
	free(copy);
	return ok;
}

/* As the program reads a body: with the NUL behind it, since json-c waits for
 * more behind a bare number. */
static bool
json_c_takes(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	struct json_tokener *t = json_tokener_new_ex(SCAN_MAX_DEPTH + 1);

	assert_non_null(copy);
	assert_non_null(t);
	memcpy(copy, text, len);
	copy[len] = '\0';
	json_tokener_set_flags(
	    t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(t, copy, (int)len + 1);
	bool ok = json_tokener_get_error(t) == json_tokener_success &&
	    json_tokener_get_parse_end(t) == len;
	json_object_put(o);
	json_tokener_free(t);
	free(copy);
	return ok;
}

static void
takes(void **state)
{
	struct scan_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!scan(good[i].text, good[i].len, &fault))
			fail_msg("%s: at %zu: %s", good[i].text, fault.offset,
			    fault.message);
		if (!json_c_takes(good[i].text, good[i].len))
			fail_msg("json-c refuses %s", good[i].text);
	}
}

static void
refuses(void **state)
{
	struct scan_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (scan(bad[i].text, bad[i].len, &fault))
			fail_msg("taken: %s", bad[i].text);
		if (strcmp(fault.field, bad[i].field) != 0 ||
		    strstr(fault.message, bad[i].message) == NULL ||
		    fault.offset != bad[i].offset)
			fail_msg("%s: field `%s` at %zu: %s", bad[i].text,
			    fault.field, fault.offset, fault.message);
	}
}

/* Whatever the text is cut to is refused, and nothing behind it is read. */
static void
refuses_every_cut(void **state)
{
	static const char text[] =
	    "{\"a\":[1,-2.5e+10,true,false,null,\"\\u00e9\\ud83d\\ude00\"],"
	    "\"\xf0\x9f\x98\x80\":{\"\xe2\x82\xac\":\"\xc3\xa9\\n\"}}";
	struct scan_fault fault;

	(void)state;
	assert_true(scan(text, sizeof(text) - 1, &fault));
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		if (scan(text, len, &fault) || fault.offset > len)
			fail_msg("cut at %zu", len);
}

#define TOO_MANY "Has more values than any body of this call needs."

/* With so many marks it is taken, with one less not. */
static void
counts_marks(void **state)
{
	static const struct {
		const char *text;
		size_t marks;
		const char *field; /* where the last one is missing */
	} cases[] = {
	    {"1", 1, ""},
	    {"true", 1, ""},
	    {"-123.456e7", 1, ""},
	    {"\"\"", 2, ""},
	    {"\"long enough, \\u00e9 and more\"", 2, ""},
	    {"[]", 2, ""},
	    {" { } ", 2, ""},
	    {"[1]", 3, ""},
	    {"[1,1]", 5, ""},
	    {"[{},{}]", 7, ""},
	    {"{\"a\":null}", 6, "a"},
	    {"{\"a\":{}}", 7, "a"},
	    {"{\"a\":[[[[]]]]}", 13, "a"},
	    {"{\"a\":{\"b\":{\"c\":[1,2,3]}}}", 22, "a"},
	    {"{\"name\" : \"x\" , \"other\" : [\"y\"]}", 15, "other"},
	};
	struct scan_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = cases[i].text;
		size_t len = strlen(text), marks = cases[i].marks;

		if (!scan_json(text, len, marks, &fault))
			fail_msg("%s: %s", text, fault.message);
		if (scan_json(text, len, marks - 1, &fault))
			fail_msg("%s: taken with %zu marks", text, marks - 1);
		assert_string_equal(fault.message, TOO_MANY);
		assert_string_equal(fault.field, cases[i].field);
		assert_true(fault.offset < len);
	}
	/* what comes first in the text is told */
	assert_false(scan_json("{\"a\":-0,\"b\":[]}", 15, 6, &fault));
	assert_string_equal(fault.field, "a");
	assert_non_null(strstr(fault.message, "-0"));
}

/* A path that does not fit ends with a whole character. */
static void
cuts_path(void **state)
{
	static const char ruble[] = "\xe2\x82\xbd"; /* three bytes */
	struct scan_fault fault;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		size_t shift = i % 3, n = 2 + shift, fits = shift;

		memcpy(text, "{\"xx", 4);
		for (size_t k = 0; k < 168 + i / 3; k++, n += 3) {
			memcpy(text + n, ruble, 3);
			if (fits + 3 < SCAN_FIELD_MAX)
				fits += 3;
		}
		memcpy(text + n, "\":-0}", 5);
		assert_false(scan(text, n + 5, &fault));
		assert_int_equal(strlen(fault.field), fits);
		assert_memory_equal(fault.field, text + 2, fits);
	}
	/* names that each fit: the whole does not */
	int n = snprintf(text, sizeof(text), "{\"%s\":{\"%s\":{\"%s\":-0}}}",
	    A50 A50 A50 A50, A50 A50 A50 A50, A50 A50 A50 A50);
	assert_false(scan(text, (size_t)n, &fault));
	assert_int_equal(strlen(fault.field), SCAN_FIELD_MAX - 1);
	assert_memory_equal(fault.field + 200, ".aaaaa", 6);
	/* one that fills it to the last byte stays whole */
	n = snprintf(text, sizeof(text), "{\"%s\":{\"%s\":[-0]}}",
	    A50 A50 A50 A50 A50, A50 A50 A50 A50 A50 "aaaaaa");
	assert_false(scan(text, (size_t)n, &fault));
	assert_int_equal(strlen(fault.field), 250 + 1 + 256 + 3);
	assert_string_equal(fault.field + 507, "[0]");
}

/* json-c's function, which can be made to fail. */
static bool no_table;

struct lh_table *
lh_kchar_table_new(int size, lh_entry_free_fn *free_fn)
{
	void *found = dlsym(RTLD_NEXT, "lh_kchar_table_new");
	struct lh_table *(*next)(int, lh_entry_free_fn *);

	assert_non_null(found);
	memcpy(&next, &found, sizeof(next)); /* no cast does that in ISO C */
	return no_table ? NULL : next(size, free_fn);
}

/* The caller must be able to tell that from a fault of the text. */
static void
runs_out_of_memory(void **state)
{
	struct scan_fault fault;

	(void)state;
	no_table = true;
	bool ok = scan(TEXT("{\"a\":1}"), &fault);
	no_table = false;
	assert_false(ok);
	assert_string_equal(fault.message, "Out of memory.");
	assert_string_equal(fault.field, "");
	assert_true(fault.offset == SIZE_MAX);
}

/* Texts near JSON: what the scanner takes of them json-c must take. */
static void
agrees_with_json_c(void **state)
{
	static const char pool[] =
	    "{}[]:,\"\"\\/ \n\t0123456789+-.eEnulltruefalse\\u00d8abN'\x01\x7f"
	    "\x80\xa0\xc2\xe2\xed\xf0\xff";
	struct scan_fault fault;
	uint64_t seed = 88172645463325252ULL;
	size_t taken = 0;

	(void)state;
	for (size_t round = 0; round < 40000; round++) {
		char text[128];
		size_t pick = round % COUNT(good);
		size_t len = good[pick].len;

		if (len > sizeof(text))
			continue;
		memcpy(text, good[pick].text, len);
		for (size_t i = 0; i <= round % 3; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			text[seed % len] =
			    pool[(seed >> 32) % (COUNT(pool) - 1)];
		}
		if (!scan(text, len, &fault))
			continue;
		taken++;
		if (!json_c_takes(text, len))
			fail_msg("json-c refuses %.*s", (int)len, text);
	}
	assert_true(taken > 1000);
}

#define HOSTILE_SIZE ((size_t)2 << 20)

/* `head`, as many `unit`s as fit and `tail`, `%zu` of the unit being a
 * running number. */
static char *
repeated(const char *head, const char *unit, const char *tail, size_t *len)
{
	char *text = malloc(HOSTILE_SIZE);
	const char *hole = strstr(unit, "%zu");
	size_t n = strlen(head), size = strlen(unit);

	assert_non_null(text);
	memcpy(text, head, n);
	for (size_t i = 0; n + size + 30 < HOSTILE_SIZE; i++) {
		if (hole != NULL) {
			n += (size_t)snprintf(text + n, HOSTILE_SIZE - n,
			    "%.*s%zu%s", (int)(hole - unit), unit, i, hole + 3);
			continue;
		}
		memcpy(text + n, unit, size);
		n += size;
	}
	memcpy(text + n, tail, strlen(tail) + 1);
	*len = n + strlen(tail);
	return text;
}

/* 2 MiB, the largest body, made of what might be slow. Each takes well below
 * 0.5 s; what is quadratic would take minutes. */
static void
is_linear(void **state)
{
	static const struct {
		const char *head, *unit, *tail;
		bool ok;
	} cases[] = {
	    {"{\"x\":0", ",\"%zu\":0", "}", true}, /* many names */
	    {"{\"", "a", "\":0,\"a\":0}", true},   /* a long name */
	    {"[0", ",{\"a\":0}", "]", true},       /* many objects */
	    {"[0", ",{}", "]", true},
	    {"[0", ",5e-324", "]", true}, /* what needs the trial */
	    {"[0", ",1.7976931348623157e308", "]", true},
	    {"[0.1", "0", "]", true}, /* a long number */
	    {"[0.1", "3", "]", false},
	    {"[0.", "0", "1]", false}, /* far below the smallest */
	    {"[1", "0", ".0]", false},
	    {"[1e", "0", "1]", true}, /* a long exponent */
	    {"[1e", "9", "]", false}, {"[", "[", "", false},
	    {" ", " ", "{}", true}, {"\"", "\\u00e9", "\"", true},
	    {"\"", "\xf0\x9f\x98\x80", "\"", true},
	    {"{\"", "\\\\", "\":-0}", false}, /* its path is cut */
	};
	struct scan_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len;
		char *text =
		    repeated(cases[i].head, cases[i].unit, cases[i].tail, &len);
		clock_t begin = clock();
		bool ok = scan_json(text, len, SCAN_ANY, &fault);
		double took = (double)(clock() - begin) / CLOCKS_PER_SEC;
		bool agrees = !ok || json_c_takes(text, len);

		free(text);
		if (ok != cases[i].ok)
			fail_msg("%s%s…: %s", cases[i].head, cases[i].unit,
			    ok ? "taken" : fault.message);
		if (!agrees)
			fail_msg("json-c refuses %s%s…", cases[i].head,
			    cases[i].unit);
		if (getenv("SCAN_TIMES") != NULL)
			print_message("%.3f s %s%s\n", took, cases[i].head,
			    cases[i].unit);
		if (took > 5)
			fail_msg("%s%s… took %.1f s", cases[i].head,
			    cases[i].unit, took);
	}
}

int
main(void)
{
	const struct CMUnitTest scan_tests[] = {
	    cmocka_unit_test(takes),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(refuses_every_cut),
	    cmocka_unit_test(cuts_path),
	    cmocka_unit_test(counts_marks),
	    cmocka_unit_test(runs_out_of_memory),
	    cmocka_unit_test(agrees_with_json_c),
	    cmocka_unit_test(is_linear),
	};

	return cmocka_run_group_tests(scan_tests, NULL, NULL);
}
