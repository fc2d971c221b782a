/*
 * cgi.h: the other way a request comes in: one process a request, started by
 * a web server (RFC 3875). The wire has one request, then it stops; nobody
 * waits for this process.
 */
#ifndef CGI_H
#define CGI_H

#include "http/wire.h"

/* Whether a web server started this process as a CGI program. */
bool cgi_here(void);

/* Once at start; holds the stop signals. NULL: `why` says what failed. */
MUST_CHECK const struct wire *cgi_open(char *why, size_t size);

#endif
