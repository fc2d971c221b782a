/*
 * fuzz_scan.c: the JSON scanner. What it takes json-c reads to the last byte
 * and writes as a text that it takes again: the same one where there are no
 * escapes. What it refuses has a place and a field fit for an answer.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "json/scan.h"

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void
check_fault(const struct scan_fault *fault, size_t len)
{
	EXPECT(fault->message && fault->message[0]);
	EXPECT(fault->offset <= len);
	EXPECT(memchr(fault->field, '\0', sizeof(fault->field)));
	EXPECT(utf8_is_valid(fault->field));
}

/* Cuts the space outside strings off `text`, which has no escapes. */
static size_t
minify(char *text, size_t len)
{
	bool inside = false;
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		inside ^= text[i] == '"';
		if (inside || !strchr(" \t\r\n", text[i]))
			text[to++] = text[i];
	}
	return to;
}

/* A double holds each of them: none is infinite, none but zeros are zero. */
static void
check_numbers(struct json_object *json)
{
	double d = json_object_get_double(json);
	const char *text;

	switch (json_object_get_type(json)) {
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(json); i++)
			check_numbers(json_object_array_get_idx(json, i));
		break;
	case json_type_object: {
		json_object_object_foreach(json, name, value)
		{
			(void)name;
			check_numbers(value);
		}
		break;
	}
	case json_type_double:
		text = json_object_get_string(json);
		EXPECT(isfinite(d));
		EXPECT(d != 0 || text[strspn(text, "-0.")] == 'e' ||
		    text[strspn(text, "-0.")] == 'E' ||
		    text[strspn(text, "-0.")] == '\0');
		break;
	default:
		break;
	}
}

static void
check_kept(char *text, size_t len)
{
	struct json_object *first = fuzz_parse(text, len), *second;
	struct scan_fault fault;
	const char *once, *twice;
	size_t once_len, twice_len;

	check_numbers(first);
	once = json_object_to_json_string_length(first, PLAIN, &once_len);
	EXPECT(once);
	EXPECT(scan_json(once, once_len, SCAN_ANY, &fault));
	second = fuzz_parse(once, once_len);
	EXPECT(json_object_equal(first, second));
	twice = json_object_to_json_string_length(second, PLAIN, &twice_len);
	EXPECT(twice);
	EXPECT(once_len == twice_len && memcmp(once, twice, once_len) == 0);
	/* digits and all */
	if (!memchr(text, '\\', len)) {
		EXPECT(minify(text, len) == once_len);
		EXPECT(memcmp(text, once, once_len) == 0);
	}
	json_object_put(second);
	json_object_put(first);
}

void
fuzz_scan(const uint8_t *data, size_t len)
{
	struct scan_fault fault = {.offset = 0};
	char *text;

	/* these very bytes: nothing readable stands behind them */
	if (!scan_json((const char *)data, len, SCAN_ANY, &fault)) {
		check_fault(&fault, len);
		return;
	}
	text = fuzz_text(data, len);
	check_kept(text, len);
	free(text);
}
