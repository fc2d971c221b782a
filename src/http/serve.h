/*
 * serve.h: a request from its first byte to its log line.
 */
#ifndef SERVE_H
#define SERVE_H

#include "http/req.h"

/* Serves the request that fcgi_next has found. */
void serve(struct app *app);

/* The same without a socket: decides on a request whose wire fields are set
 * and fills its answer. For serve() and for tests. */
void serve_request(struct req *r);

#endif
