/*
 * stats.h: what the workers of a host have counted since its boot: totals, a
 * row a route, the last failures. It lies in the shared file (host.h) and is
 * written with relaxed atomics, without locks or system calls. What a worker
 * has counted stays when it ends. A reader may see a request half counted.
 *
 * The file names its routes by itself, so that programs with other tables of
 * routes share it. All else in here is the file's layout: a change, but for
 * a total more at the end, wants a new HOST_FILE.
 */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stats_total {
	STAT_REQUESTS,
	STAT_ERRORS, /* answers with a 5xx */
	STAT_VERIFIED_HITS,
	STAT_SCRYPT_RUNS,
	STAT_CHECK_REFUSALS, /* wrong secrets refused by the check value */
	STAT_COLD_REFUSALS,  /* 503: all cold places taken */
	STAT_DB_REQUESTS,    /* requests that waited for the database */
	STAT_DB_WAIT_US,     /* how long, all together */
	STAT_SHARE_REFUSALS, /* 503: the project had its share of workers */
	STAT_RATE_REFUSALS,  /* 429: the key had its requests of the minute */
	STAT_REPLAYS,        /* answers of a first time, given again */
	STAT_MISMATCHES,     /* 409: another request with the same key */
	STAT_STILL_RUNNING,  /* 409: the first time is not over */
	STAT__MAX
};

#define STATS_TOTALS    32
#define STATS_ROUTES    64 /* rows; row 0 has the requests without a route */
#define STATS_FIRST     200
#define STATS_STATUSES  400 /* from STATS_FIRST on */
#define STATS_BUCKETS   15  /* the last is for all that took longer */
#define STATS_FAULTS    16
#define STATS_FAULT_LEN 11 /* words */

struct stats_row {
	_Atomic uint64_t named; /* method and path stand */
	char method[8];
	char path[56];
	_Atomic uint64_t answers[STATS_STATUSES];
	_Atomic uint64_t took[STATS_BUCKETS];
	_Atomic uint64_t took_us;
};

/* All 0: nothing counted. */
struct stats {
	_Atomic uint64_t total[STATS_TOTALS];
	struct stats_row row[STATS_ROUTES];
	_Atomic uint64_t faults; /* so many since the boot */
	_Atomic uint64_t fault[STATS_FAULTS][STATS_FAULT_LEN + 1];
};

/* The longest time of each bucket but the last, in microseconds, and in
 * seconds as Prometheus writes it. */
struct stats_bound {
	int64_t us;
	const char *seconds;
};
extern const struct stats_bound stats_bounds[STATS_BUCKETS - 1];

void stats_add(struct stats *s, enum stats_total which, uint64_t n);
uint64_t stats_get(const struct stats *s, enum stats_total which);

/* The row of a route; -1: it has none yet. */
int stats_find(const struct stats *s, const char *method, const char *path);
/* The same, made if missing, by one process at a time; 0: all are taken. */
int stats_name(struct stats *s, const char *method, const char *path);
bool stats_is_named(const struct stats *s, int row);

/* One answer more: its row, HTTP status and the time it took. */
void stats_answer(struct stats *s, int row, int status, int64_t us);

/* A failure of ours (5xx), for people. Nothing of it comes from the client
 * but the request id, which is a UUID. */
struct stats_fault {
	int64_t at_ms; /* since the epoch */
	int32_t row;
	int32_t status;
	char code[32]; /* "UNAVAILABLE" */
	char rid[40];
};

void stats_fault_add(struct stats *s, const struct stats_fault *f);
/* The last ones, newest first, at most `max`; returns how many. */
size_t stats_faults(const struct stats *s, struct stats_fault *out, size_t max);

#endif
