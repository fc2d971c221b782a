/*
 * fcgi.h: the FastCGI side of a worker; nobody else sees libfcgi. It accepts
 * by itself (libfcgi's own loop loses requests to signals), one request a
 * connection, and bounds the time a request may take on the wire. Started as
 * a CGI program (cgi.h) it has one request and then stops; nobody else knows
 * the difference.
 */
#ifndef FCGI_H
#define FCGI_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum fcgi_event {
	FCGI_REQUEST, /* one has arrived whole, but for its body */
	FCGI_IDLE,    /* nothing came within the time */
	FCGI_STOP     /* a signal asked to end */
};

/* Seconds from accept to the last byte of the answer; a peer that is slower
 * (nginx never is: it buffers) is cut off. Above REQ_DEADLINE. */
#define FCGI_WIRE_LIMIT 10

/*
 * Once at start, with the listening socket on descriptor 0, or as CGI: from
 * now on TERM, INT, HUP, USR1 and USR2 are blocked, and fcgi_next tells of
 * them (finish, then stop). False: `why` says what failed.
 */
MUST_CHECK bool fcgi_init(char *why, size_t size);

/* The next request; the one before must be finished. */
enum fcgi_event fcgi_next(int64_t wait_us);

/* A parameter of the request, NULL when absent; lives until fcgi_finish. */
const char *fcgi_param(const char *name);

/* The client's connection (or nginx's for it) is gone: nobody waits. */
bool fcgi_peer_gone(void);

/* Whether a connection waits on the socket for a worker, as of now. One system
 * call; false as CGI, where each request has a process. */
bool fcgi_others_wait(void);

/*
 * Reads the body whole. ERR_OK with *body (NULL when empty; free it) and
 * *len; ERR_TOO_LARGE above `limit` bytes (nothing read, nothing allocated);
 * ERR_VALIDATION: a bad CONTENT_LENGTH or cut short; ERR_INTERNAL: memory.
 */
MUST_CHECK enum err fcgi_body(char **body, size_t *len, size_t limit);

void fcgi_write(const void *data, size_t len);
void fcgi_finish(void);

#endif
