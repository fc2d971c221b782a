/*
 * unit.h: what the unit tests share: cmocka and what its header asks for,
 * memory whose end is a wall, and the beginning of those with secrets.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/secret.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) literal, sizeof(literal) - 1

/*
 * A copy of `len` bytes (at most 1 MiB) that ends where memory ends: reading
 * one byte more is a SIGSEGV, which cmocka counts as a failed test, with and
 * without sanitizers. Valid until the next call.
 */
static inline char *
walled(const void *bytes, size_t len)
{
	enum { ROOM = 1 << 20, WALL = 65536 };
	const int rw = PROT_READ | PROT_WRITE;
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	static char *start;

	assert_true(len <= ROOM);
	if (!start) {
		/* cppcheck-suppress invalidFunctionArg ; mmap wants the -1 */
		start = mmap(NULL, ROOM + WALL, rw, anon, -1, 0);
		assert_ptr_not_equal(start, MAP_FAILED);
		assert_int_equal(mprotect(start + ROOM, WALL, PROT_NONE), 0);
	}
	if (len > 0)
		memcpy(start + ROOM - len, bytes, len);
	return start + ROOM - len;
}

/* As group setup: what is secret may be compared, and random numbers drawn. */
static inline int
start_secrets(void **state)
{
	(void)state;
	return secret_init() ? 0 : -1;
}

#endif
