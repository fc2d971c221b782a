/*
 * host.h: the file that all workers of a host share: statistics, a place for
 * each worker, the locks around cold keys, and the room for the verified-key
 * table (verified.h). It lives in the runtime directory (a tmpfs), so it is
 * as old as the boot at most. Every function takes NULL for "no such file":
 * the service works without it, slower.
 *
 * The file's name has a number, which belongs to its layout (this file's, that
 * of stats.h and share.h, the table's of verified.c). A program with another
 * layout takes the next number, so that the old and the new program serve side
 * by side in an upgrade, each with a file of its own: keys are verified once
 * more, and the statistics begin again at 0. The old file goes with the next
 * boot.
 */
#ifndef HOST_H
#define HOST_H

#include "base/err.h"
#include "shm/share.h"
#include "shm/stats.h"

#include <stddef.h>
#include <stdint.h>

#define HOST_FILE       "host.v3"
#define HOST_WORKERS    256
#define HOST_TABLE_SIZE (6 * 1024 * 1024)

struct host;

/*
 * Opens and maps `dir`/HOST_FILE, made if missing. It must be a regular file
 * of ours, mode 0600, of the right size. NULL: `why` says so.
 * `read_only`: for `status`; not made, nothing written.
 */
struct host *host_open(const char *dir, bool read_only, char *why, size_t size);
void host_close(struct host *h);

void host_count(struct host *h, enum stats_total s);
uint64_t host_stat(const struct host *h, enum stats_total s);
/* For all else of stats.h; NULL without a file. */
struct stats *host_stats(const struct host *h);

/* The route's row in the statistics, made if missing; 0, the row of requests
 * without a route: there is no room, or no file. */
int host_route(struct host *h, const char *method, const char *path);

/* A worker that ended without giving its place back, as host_close does. */
struct host_death {
	int pid;    /* 0: none has */
	int signal; /* what killed it; 9 where it could not say */
};

/* Takes a worker's place; the kernel frees it when the process ends.
 * `program`: its number, see db.h. *dead: who had it before. */
void host_worker_start(struct host *h, int program, struct host_death *dead);
/* Leaves word that this worker dies of a signal. Async-signal-safe. */
void host_worker_dies(struct host *h, int signal);
/* One request more for this worker's place. */
void host_worker_request(struct host *h);

/* It has read a keyring with this fingerprint (16 hex digits). */
void host_worker_keyring(struct host *h, const char *fingerprint);
/* What this worker is doing, for the others to see (share.h): it reads a
 * request, it serves this project (`now`: clock_us()), it is free. */
void host_reads(struct host *h);
void host_serves(struct host *h, const char *project_id, int64_t now);
void host_is_free(struct host *h);

/* Whether the project it serves has more than its share, see share_is_greedy.
 */
bool host_is_greedy(struct host *h, int workers, int percent, int64_t now);
/* Whether a living worker is free. */
bool host_has_free(const struct host *h);

struct host_worker {
	int pid;
	int program;
	int64_t started_ms; /* since the epoch */
	uint64_t keyring;   /* fingerprint of the one it has; 0: none */
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
