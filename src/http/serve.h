/*
 * serve.h: a request from its first byte to its log line.
 */
#ifndef SERVE_H
#define SERVE_H

#include "http/req.h"

/* Serves the request that the wire's `next` has found. */
void serve(struct app *app);

/* Its two halves, for tests: what the wire brings of a request, but for the
 * body; then decides on it and fills its answer. `e`: how its body came. */
void serve_read(struct req *r);
void serve_request(struct req *r, enum err e);

#endif
