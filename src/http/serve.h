/*
 * serve.h: a request from its first byte to its log line.
 */
#ifndef SERVE_H
#define SERVE_H

#include "http/req.h"

/* Serves the request that the wire's `next` has found. */
void serve(struct app *app);

/* The same without a wire: decides on a request whose wire fields are set and
 * fills its answer. `e`: how its body came. For serve() and for tests. */
void serve_request(struct req *r, enum err e);

#endif
