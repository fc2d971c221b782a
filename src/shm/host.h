/*
 * host.h: the file that all workers of a host share: statistics (stats.h), a
 * place for each worker (worker.h), the locks around cold keys (cold.h), the
 * windows of keys with a limit (rate.h), and the room for the verified-key
 * table (verified.h). It lives in the runtime directory (a tmpfs), so it is as
 * old as the boot at most. Every function takes NULL for "no such file": the
 * service works without it, slower, and each worker counts a key's limit alone.
 *
 * The file's name has a number, which belongs to its layout (that of layout.h,
 * stats.h, share.h and rate.h, the table's of verified.c). A program with
 * another layout takes the next number, so that the old and the new program
 * serve side by side in an upgrade, each with a file of its own: keys are
 * verified once more, the statistics begin again at 0, and a limit is counted
 * by each of them apart. The old file goes with the next boot.
 */
#ifndef HOST_H
#define HOST_H

#include "shm/stats.h"

#include <stddef.h>
#include <stdint.h>

#define HOST_FILE       "host.v4"
#define HOST_WORKERS    256
#define HOST_TABLE_SIZE (6 * 1024 * 1024)

struct host;
struct rates;

/*
 * Opens and maps `dir`/HOST_FILE, made if missing. It must be a regular file
 * of ours, mode 0600, of the right size. NULL: `why` says so.
 * HOST_LOOK: for `status`; not made, nothing written.
 */
enum host_use { HOST_WORK, HOST_LOOK };
struct host *host_open(
    const char *dir, enum host_use use, char *why, size_t size);
void host_close(struct host *h);

void host_count(struct host *h, enum stats_total s);
uint64_t host_stat(const struct host *h, enum stats_total s);
/* For all else of stats.h; NULL without a file. */
struct stats *host_stats(const struct host *h);
/* For rate.h; NULL without a file. */
struct rates *host_rates(const struct host *h);

/* The route's row in the statistics, made if missing; 0, the row of requests
 * without a route: there is no room, or no file. */
int host_route(struct host *h, const char *method, const char *path);

/* Room of the table and its secret, same for all workers of the boot. */
void *host_table(struct host *h);
const unsigned char *host_secret(const struct host *h); /* 64 bytes */

#endif
