/*
 * answers.h: what an answer on the wire in memory must hold.
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "unit.h"

#include "wire.h"

#include <stdio.h>

/* The status line, the text behind the headers, and of the headers these:
 * whole lines, or the name of one that is absent behind a `!`. */
static inline void
assert_answer(const char *status, const char *body, const char *const *headers)
{
	const char *end = strstr(memory.answer, "\r\n\r\n"), *at;
	size_t len = strlen(status);
	char line[256];

	if (!end || strncmp(memory.answer, status, len) != 0 ||
	    strncmp(memory.answer + len, "\r\n", 2) != 0)
		fail_msg("not %s: %s", status, memory.answer);
	for (; *headers; headers++) {
		bool absent = headers[0][0] == '!';

		snprintf(line, sizeof(line), "\r\n%s%s", *headers + absent,
		    absent ? ": " : "\r\n");
		at = strstr(memory.answer, line);
		if (absent ? at && at < end : !at || at > end)
			fail_msg("%s: %s", *headers, memory.answer);
	}
	assert_string_equal(end + 4, body);
}

#define ASSERT_ANSWER(status, body, ...)                                       \
	assert_answer(status, body, (const char *const[]){__VA_ARGS__, NULL})

#endif
