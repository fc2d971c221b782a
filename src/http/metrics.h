/*
 * metrics.h: what is counted of each request in the host's statistics
 * (stats.h). GET /metrics tells it.
 */
#ifndef METRICS_H
#define METRICS_H

#include "http/req.h"

/* At a worker's start: each route gets its row, in app->row. */
void metrics_init(struct app *app);

/* Counts a request that has its answer. `db_us`: how long it waited for the
 * database, in microseconds. */
void metrics_count(const struct req *r, int64_t db_us);

/* The handler of GET /metrics. */
enum err metrics_get(struct req *r);

#endif
