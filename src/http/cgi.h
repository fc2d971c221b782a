/*
 * cgi.h: the other way a request comes in: one process a request, started by
 * a web server (RFC 3875). For fcgi.c, which puts both ways behind the same
 * functions, and for main().
 */
#ifndef CGI_H
#define CGI_H

#include "base/err.h"

#include <stddef.h>

/* Whether a web server started this process as a CGI program. */
bool cgi_here(void);

/* The request, the first time; its time on the wire starts here. */
MUST_CHECK bool cgi_next(void);

/* A variable of the environment, NULL when absent. */
const char *cgi_param(const char *name);

/* Nobody reads the answer any more. */
bool cgi_peer_gone(void);

/* At most `len` bytes of the body, at least one; 0: it has ended, or the time
 * on the wire is over. */
MUST_CHECK size_t cgi_read(void *to, size_t len);

/* Writes a part of the answer; dropped when nobody reads it in time. */
void cgi_write(const void *data, size_t len);

/* Forgets the key. The end of the process is the end of the answer. */
void cgi_finish(void);

#endif
