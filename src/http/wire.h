/*
 * wire.h: how a request comes in and its answer goes out: as FastCGI (fcgi.h),
 * as CGI (cgi.h), or in memory (tests/unit/wire.h). Who serves it knows no
 * difference. One request at a time.
 */
#ifndef WIRE_H
#define WIRE_H

#include "base/err.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum wire_event {
	WIRE_REQUEST, /* one has arrived whole, but for its body */
	WIRE_IDLE,    /* nothing came within the time */
	WIRE_STOP     /* a signal asked to end, or there is no other */
};

/* Seconds from accept to the last byte of the answer; a peer that is slower
 * (nginx never is: it buffers) is cut off. Above REQ_DEADLINE. */
#define WIRE_LIMIT 10

struct wire {
	/* The next request; the one before must be finished. */
	enum wire_event (*next)(int64_t wait_us);

	/* A parameter of the request by its CGI name, NULL when absent; lives
	 * until finish. */
	const char *(*param)(const char *name);

	/* At most `len` bytes of the body, at least one; 0: it has ended, or
	 * the time on the wire is over; -1: its end is not a good one. */
	ssize_t (*read)(void *to, size_t len);

	/* A part of the answer; dropped when nobody reads it. */
	void (*write)(const void *data, size_t len);
	void (*finish)(void);

	/* The client's connection (or the web server's for it) is gone: nobody
	 * waits for the answer. */
	bool (*is_gone)(void);

	/* Whether a request waits for a worker, as of now. */
	bool (*others_wait)(void);
};

/*
 * Reads the body whole. ERR_OK with *body (NULL when empty; free it) and
 * *len; ERR_TOO_LARGE above `limit` bytes (nothing read, nothing allocated);
 * ERR_VALIDATION: a bad CONTENT_LENGTH or cut short; ERR_INTERNAL: memory.
 */
MUST_CHECK enum err wire_body(
    const struct wire *w, char **body, size_t *len, size_t limit);

/* A CONTENT_LENGTH's value: false when it is none; absent is 0. */
MUST_CHECK bool wire_length(const char *text, size_t *len);

/* From now on TERM, INT, HUP, USR1 and USR2 are blocked, so that none of them
 * cuts a request in hand; `stops` is the set of them. And nobody dies of a
 * reader that is gone. */
MUST_CHECK bool wire_hold_stops(sigset_t *stops);

#endif
