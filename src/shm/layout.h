/*
 * layout.h: what the shared file looks like, for the rooms of this wing; all
 * others see host.h. Its bytes are HOST_FILE's: see there before one is moved.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "shm/host.h"
#include "shm/rate.h"
#include "shm/share.h"

#include <stdbool.h>
#include <sys/types.h>

/* Bytes of the file used as locks only; they need not exist. */
#define LOCK_INIT   0
#define LOCK_WORKER 1000
#define LOCK_COLD   2000
#define LOCK_KEY    (1L << 24)
#define KEY_LOCKS   (1U << 20)

struct worker {
	_Atomic int64_t program;
	_Atomic int64_t started_ms;
	_Atomic uint64_t keyring;
	_Atomic uint64_t requests;
	_Atomic int32_t pid;    /* 0: it has ended as it should */
	_Atomic int32_t signal; /* that it dies of */
};

struct layout {
	_Atomic uint64_t magic;
	unsigned char secret[64];
	struct share share;
	struct stats stats;
	struct worker workers[HOST_WORKERS];
	struct rates rates;
	_Alignas(64) unsigned char table[HOST_TABLE_SIZE];
};

_Static_assert(SHARE_PLACES == HOST_WORKERS, "a place for each");

struct host {
	int fd;
	struct layout *map;
	struct worker *self;
	int cold_place; /* -1: not inside */
	uint32_t cold_key;
};

/* Takes the lock of a byte, at once or not at all; waiting for it. False: not
 * got (held by another, or the wait was interrupted by a signal). */
bool host_try_lock(const struct host *h, long byte);
bool host_lock(const struct host *h, long byte);
void host_unlock(const struct host *h, long byte);

/* Whether another process has it, and which. The kernel does not tell a
 * process of its own locks. */
bool host_is_locked(const struct host *h, long byte, pid_t *by);

#endif
