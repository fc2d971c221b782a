/*
 * worker.h: a worker's place in the shared file: who is there, who died and of
 * what, who serves whom. Every function takes NULL for "no such file".
 */
#ifndef SHM_WORKER_H
#define SHM_WORKER_H

#include "shm/host.h"

/* A worker that ended without giving its place back, as host_close does. */
struct worker_death {
	int pid;    /* 0: none has */
	int signal; /* what killed it; 9 where it could not say */
};

/* Takes a worker's place; the kernel frees it when the process ends.
 * `program`: its number, see db.h. *dead: who had it before. */
void worker_start(struct host *h, int program, struct worker_death *dead);
/* Leaves word that this worker dies of a signal. Async-signal-safe. */
void worker_dies(struct host *h, int signal);
/* One request more for this worker's place. */
void worker_request(struct host *h);

/* It has read a keyring with this fingerprint (16 hex digits). */
void worker_keyring(struct host *h, const char *fingerprint);
/* What this worker is doing, for the others to see (share.h): it reads a
 * request, it serves this project (`now`: clock_us()), it is free. */
void worker_reads(struct host *h);
void worker_serves(struct host *h, const char *project_id, int64_t now);
void worker_is_free(struct host *h);

/* Whether the project it serves has more than its share, see share_is_greedy.
 */
bool worker_is_greedy(struct host *h, int workers, int percent, int64_t now);
/* Whether a living worker is free. */
bool worker_any_free(const struct host *h);

struct worker_seen {
	int pid;
	int program;
	int64_t started_ms; /* since the epoch */
	uint64_t keyring;   /* fingerprint of the one it has; 0: none */
	uint64_t requests;
};
/* Living workers, at most `max`; returns their number. */
size_t worker_list(const struct host *h, struct worker_seen *out, size_t max);

#endif
