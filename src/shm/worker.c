/*
 * worker.c: places of workers: one lock and one row of the shared file each.
 */
#include "shm/worker.h"

#include "base/clock.h"
#include "shm/layout.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"

/* SIGKILL is the one signal that no process can leave word of. */
static void
read_death(struct worker *w, struct worker_death *dead)
{
	int signal = atomic_load(&w->signal);

	dead->pid = atomic_load(&w->pid);
	dead->signal = signal != 0 ? signal : SIGKILL;
}

void
worker_start(struct host *h, int program, struct worker_death *dead)
{
	dead->pid = 0;
	if (!h)
		return;
	for (int i = 0; i < HOST_WORKERS; i++) {
		if (!host_try_lock(h, LOCK_WORKER + i))
			continue;
		h->self = &h->map->workers[i];
		read_death(h->self, dead);
		atomic_store(&h->self->pid, getpid());
		atomic_store(&h->self->signal, 0);
		atomic_store(&h->self->program, program);
		atomic_store(&h->self->requests, 0);
		atomic_store(&h->self->keyring, 0);
		share_begin(&h->map->share, i);
		atomic_store(&h->self->started_ms, clock_wall_ms());
		return;
	}
}

void
worker_dies(struct host *h, int signal)
{
	if (h && h->self)
		atomic_store(&h->self->signal, signal);
}

void
worker_request(struct host *h)
{
	if (!h)
		return;
	host_count(h, STAT_REQUESTS);
	if (h->self)
		atomic_fetch_add_explicit(
		    &h->self->requests, 1, memory_order_relaxed);
}

void
worker_keyring(struct host *h, const char *fingerprint)
{
	if (h && h->self)
		atomic_store(
		    &h->self->keyring, strtoull(fingerprint, NULL, 16));
}

/* The process that holds a worker's place; 0: none. */
static int
holder(const struct host *h, int place)
{
	pid_t pid = 0;

	if (h->self == &h->map->workers[place])
		return getpid();
	host_is_locked(h, LOCK_WORKER + place, &pid);
	return pid;
}

static int
place_of(const struct host *h)
{
	return (int)(h->self - h->map->workers);
}

void
worker_reads(struct host *h)
{
	if (h && h->self)
		share_do(&h->map->share, place_of(h), SHARE_READING);
}

void
worker_serves(struct host *h, const char *project_id, int64_t now)
{
	if (h && h->self)
		share_serve(&h->map->share, place_of(h), project_id, now);
}

void
worker_is_free(struct host *h)
{
	if (h && h->self)
		share_do(&h->map->share, place_of(h), SHARE_FREE);
}

static bool
is_alive(const void *arg, int place)
{
	return holder(arg, place) != 0;
}

bool
worker_is_greedy(struct host *h, int workers, int percent, int64_t now)
{
	return h && h->self &&
	    share_is_greedy(&h->map->share, place_of(h), workers, percent, now,
		is_alive, h);
}

bool
worker_any_free(const struct host *h)
{
	return h && share_has_free(&h->map->share, is_alive, h);
}

size_t
worker_list(const struct host *h, struct worker_seen *out, size_t max)
{
	size_t n = 0;

	for (int i = 0; h && i < HOST_WORKERS && n < max; i++) {
		const struct worker *w = &h->map->workers[i];
		int pid = holder(h, i);

		if (pid == 0)
			continue;
		out[n].pid = pid;
		out[n].program = (int)atomic_load(&w->program);
		out[n].started_ms = atomic_load(&w->started_ms);
		out[n].keyring = atomic_load(&w->keyring);
		out[n].requests = atomic_load(&w->requests);
		n++;
	}
	return n;
}
