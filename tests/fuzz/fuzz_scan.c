/*
 * fuzz_scan.c: the JSON scanner. What it takes json-c reads to the last byte
 * and writes as a text that it takes again and that says the same; what it
 * refuses has a place and a field fit for an answer.
 */
#include "fuzz.h"

#include "scan.h"
#include "text.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "banned.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

static void
check_fault(const struct scan_fault *fault, size_t len)
{
	EXPECT(fault->message && fault->message[0]);
	EXPECT(fault->offset <= len);
	EXPECT(memchr(fault->field, '\0', sizeof(fault->field)));
	EXPECT(text_is_utf8(fault->field));
}

static void
check_kept(const char *text, size_t len)
{
	struct json_object *first = fuzz_parse(text, len), *second;
	struct scan_fault fault;
	const char *once, *twice;
	size_t once_len, twice_len;

	once = json_object_to_json_string_length(first, PLAIN, &once_len);
	EXPECT(once);
	EXPECT(scan_json(once, once_len, &fault));
	second = fuzz_parse(once, once_len);
	EXPECT(json_object_equal(first, second));
	twice = json_object_to_json_string_length(second, PLAIN, &twice_len);
	EXPECT(twice);
	EXPECT(once_len == twice_len && memcmp(once, twice, once_len) == 0);
	json_object_put(second);
	json_object_put(first);
}

void
fuzz_scan(const uint8_t *data, size_t len)
{
	struct scan_fault fault = {.offset = 0};
	char *text;

	/* these very bytes: nothing readable stands behind them */
	if (!scan_json((const char *)data, len, &fault)) {
		check_fault(&fault, len);
		return;
	}
	text = fuzz_text(data, len);
	check_kept(text, len);
	free(text);
}
