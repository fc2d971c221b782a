/*
 * wire.h: the third wire, for unit tests and fuzz targets: a request in memory
 * and its answer there, too.
 */
#ifndef MEMORY_WIRE_H
#define MEMORY_WIRE_H

#include "http/wire.h"

#include <string.h>

static struct {
	/* the request */
	const char *const *params; /* name, value, …, NULL; NULL: none */
	const char *body;
	size_t body_len;
	bool cut;    /* its body has no good end */
	bool gone;   /* its client is */
	bool others; /* wait for a worker */

	/* what came of it */
	char answer[65536]; /* cut at its end */
	size_t written, read;
	int finished;
} memory;

static enum wire_event
memory_next(int64_t wait_us)
{
	(void)wait_us;
	return memory.finished ? WIRE_STOP : WIRE_REQUEST;
}

static const char *
memory_param(const char *name)
{
	for (const char *const *p = memory.params; p && p[0]; p += 2)
		if (strcmp(p[0], name) == 0)
			return p[1];
	return NULL;
}

/* In small pieces, as a network may bring them. */
static ssize_t
memory_read(void *to, size_t len)
{
	size_t left = memory.body_len - memory.read, n = len < 7 ? len : 7;

	if (left == 0)
		return memory.cut ? -1 : 0;
	n = n < left ? n : left;
	memcpy(to, memory.body + memory.read, n);
	memory.read += n;
	return (ssize_t)n;
}

static void
memory_write(const void *data, size_t len)
{
	size_t left = sizeof(memory.answer) - 1 - memory.written;
	size_t n = len < left ? len : left;

	if (n > 0)
		memcpy(memory.answer + memory.written, data, n);
	memory.written += n;
}

static void
memory_finish(void)
{
	memory.finished++;
}

static bool
memory_is_gone(void)
{
	return memory.gone;
}

static bool
memory_others_wait(void)
{
	return memory.others;
}

static const struct wire memory_wire = {memory_next, memory_param, memory_read,
    memory_write, memory_finish, memory_is_gone, memory_others_wait};

#endif
