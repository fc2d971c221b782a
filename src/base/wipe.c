/*
 * wipe.c: freed memory is wiped. Requests and answers pass through the
 * buffers of libfcgi, json-c and libpq, which free them as they are; a core
 * of an idle worker would still show what they held. The C library lets a
 * program replace these functions ("Replacing malloc" in its manual); the
 * work itself stays with the library's own. Left out of sanitizer builds,
 * which replace them, too.
 */
#if !defined(__SANITIZE_ADDRESS__) && !defined(NO_WIPE)

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* From this size on (DEFAULT_MMAP_THRESHOLD_MAX of 64-bit glibc) a block is
 * a mapping of its own, which goes back to the kernel. Wiping it would touch
 * pages that nobody has: what a broken length has promised. */
#define MAPPED ((size_t)32 << 20)

/* Seen by the libraries, or they would go on using the C library's own. */
#pragma GCC visibility push(default)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void __libc_free(void *p);

void *
malloc(size_t size)
{
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return __libc_calloc(n, size);
}

void
free(void *p)
{
	size_t size = p ? malloc_usable_size(p) : 0;

	if (size > 0 && size < MAPPED)
		explicit_bzero(p, size);
	__libc_free(p);
}

void *
realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *q;

	if (p && size > 0 && size <= old && size >= old / 2)
		return p;
	q = __libc_malloc(size);
	if (!q)
		return NULL;
	if (p) {
		memcpy(q, p, old < size ? old : size);
		free(p);
	}
	return q;
}

#endif
