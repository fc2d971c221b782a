/*
 * host.h: the file that all workers of a host share: statistics, a place for
 * each worker, the locks around cold keys, and the room for the verified-key
 * table (verified.h). It lives in the runtime directory (a tmpfs), so it is
 * as old as the boot at most. Every function takes NULL for "no such file":
 * the service works without it, slower.
 */
#ifndef HOST_H
#define HOST_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define HOST_FILE       "host.v1"
#define HOST_WORKERS    256
#define HOST_TABLE_SIZE (6 * 1024 * 1024)

struct host;

enum host_stat {
	STAT_REQUESTS,
	STAT_ERRORS, /* answers with a 5xx */
	STAT_VERIFIED_HITS,
	STAT_SCRYPT_RUNS,
	STAT_CHECK_REFUSALS, /* wrong secrets refused by the check value */
	STAT_COLD_REFUSALS,  /* 503: all cold places taken */
	STAT__MAX
};

/*
 * Opens and maps `dir`/host.v1, made if missing. It must be a regular file
 * of ours, mode 0600, of the right size. NULL: `why` says so.
 * `read_only`: for `status`; not made, nothing written.
 */
struct host *host_open(const char *dir, bool read_only, char *why, size_t size);
void host_close(struct host *h);

void host_count(struct host *h, enum host_stat s);
uint64_t host_stat(const struct host *h, enum host_stat s);

/* Takes a worker's place; the kernel frees it when the process ends. */
void host_worker_start(struct host *h);
/* One request more for this worker's place. */
void host_worker_request(struct host *h);

struct host_worker {
	int pid;
	int64_t started_ms; /* since the epoch */
	uint64_t requests;
};
/* Living workers, at most `max`; returns their number. */
size_t host_workers(const struct host *h, struct host_worker *out, size_t max);

/*
 * A place for verifying a key that the table does not know. At most `places`
 * processes of the host are inside. `key_hash` is any number made from the
 * key: one process at a time per key, the others inside wait. False: all
 * places are taken, or the wait was interrupted.
 */
MUST_CHECK bool host_cold_enter(struct host *h, int places, uint32_t key_hash);
void host_cold_leave(struct host *h);
/* Whether a place is free right now: no promise. */
bool host_cold_room(const struct host *h, int places);

/* Room of the table and its secret, same for all workers of the boot. */
void *host_table(struct host *h);
const unsigned char *host_secret(const struct host *h); /* 64 bytes */

#endif
