/*
 * fcgi.h: the FastCGI side of a worker; nobody else sees libfcgi. It accepts
 * by itself (libfcgi's own loop loses requests to signals), one request a
 * connection, and bounds the time a request may take on the wire.
 */
#ifndef FCGI_H
#define FCGI_H

#include "http/wire.h"

/* Whether descriptor 0 is a listening socket. */
bool fcgi_here(void);

/*
 * Once at start: from now on the stop signals are held (wire_hold_stops), and
 * the wire's `next` tells of them (finish, then stop). NULL: `why` says what
 * failed. To wait for others costs one system call.
 */
MUST_CHECK const struct wire *fcgi_open(char *why, size_t size);

#endif
