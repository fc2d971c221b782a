/*
 * app.h: what a worker has, for every request.
 */
#ifndef APP_H
#define APP_H

#include "base/conf.h"
#include "shm/rate.h"
#include "http/allowed.h"
#include "http/refusals.h"
#include "shm/stats.h"

struct app {
	struct conf conf;
	const struct route *routes; /* see route.h */
	const struct wire *wire;    /* how requests come in */
	struct db *db;
	struct host *host;       /* NULL: works without */
	struct rates *rates;     /* its windows, or a worker's own; NULL: none,
				  * and who has a limit is not let in */
	struct keyring *keyring; /* NULL: sealed values are out of reach */
	int row[STATS_ROUTES];   /* of each route, see metrics.h */
	struct allowed_memory allowed;
	struct refusals refusals;
};

#endif
