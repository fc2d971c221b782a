/*
 * host.c: the shared file and its byte-range locks. Locks are POSIX record
 * locks: the kernel frees those of a dead process, and F_GETLK tells whose
 * they are. (They are lost when the process closes *any* descriptor of the
 * file: it is opened once.)
 */
#include "shm/host.h"

#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define MAGIC UINT64_C(0x3376746f68726363) /* "ccrhotv3": this layout */

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

/* False: not got (held by another, or a wait interrupted by a signal). */
static bool
lock(int fd, long byte, short type, bool wait)
{
	struct flock l = {
	    .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, wait ? F_SETLKW : F_SETLK, &l) == 0;
}

/* Brings a new file into being, under a lock, so that two first workers do
 * not both. posix_fallocate: on a full tmpfs an access to a hole would be a
 * SIGBUS later. */
static bool
fill(int fd, char *why, size_t size)
{
	unsigned char secret[sizeof(((struct layout *)0)->secret)];
	uint64_t magic = MAGIC;
	int rc;

	if ((rc = posix_fallocate(fd, 0, sizeof(struct layout))) != 0) {
		snprintf(why, size, "no room: %s", strerror(rc));
		return false;
	}
	secret_random(secret, sizeof(secret));
	if (pwrite(fd, secret, sizeof(secret),
		offsetof(struct layout, secret)) != sizeof(secret) ||
	    pwrite(fd, &magic, sizeof(magic), 0) != sizeof(magic)) {
		snprintf(why, size, "cannot write: %s", strerror(errno));
		return false;
	}
	return true;
}

static bool
check(int fd, bool read_only, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		snprintf(why, size, "%s", strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 ||
	    (!read_only && st.st_uid != geteuid())) {
		snprintf(why, size, "not a file of ours with mode 0600");
		return false;
	}
	if (st.st_size == 0 && !read_only)
		return fill(fd, why, size);
	if (st.st_size != sizeof(struct layout)) {
		snprintf(why, size, "wrong size, remove it");
		return false;
	}
	return true;
}

static bool
map(struct host *h, bool read_only, char *why, size_t size)
{
	int prot = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	bool ok;

	if (!read_only && !lock(h->fd, LOCK_INIT, F_WRLCK, true)) {
		snprintf(why, size, "cannot lock: %s", strerror(errno));
		return false;
	}
	ok = check(h->fd, read_only, why, size);
	if (!read_only)
		lock(h->fd, LOCK_INIT, F_UNLCK, false);
	if (!ok)
		return false;
	h->map = mmap(NULL, sizeof(struct layout), prot, MAP_SHARED, h->fd, 0);
	if (h->map == MAP_FAILED) {
		h->map = NULL;
		snprintf(why, size, "cannot map: %s", strerror(errno));
		return false;
	}
	if (atomic_load(&h->map->magic) != MAGIC) {
		snprintf(why, size, "not ours or half made, remove it");
		return false;
	}
	return true;
}

struct host *
host_open(const char *dir, bool read_only, char *why, size_t size)
{
	int flags = read_only ? O_RDONLY : O_RDWR | O_CREAT;
	struct host *h = calloc(1, sizeof(*h));
	char path[512];

	if (!h) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	h->cold_place = -1;
	snprintf(path, sizeof(path), "%s/%s", dir, HOST_FILE);
	/* O_NONBLOCK: the folder is the workers', a FIFO must not hold root */
	h->fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	if (h->fd < 0)
		snprintf(why, size, "cannot open: %s", strerror(errno));
	else if (map(h, read_only, why, size))
		return h;
	host_close(h);
	return NULL;
}

void
host_close(struct host *h)
{
	if (!h)
		return;
	if (h->self)
		atomic_store(&h->self->pid, 0);
	if (h->map)
		munmap(h->map, sizeof(struct layout));
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

void
host_count(struct host *h, enum stats_total s)
{
	if (h)
		stats_add(&h->map->stats, s, 1);
}

uint64_t
host_stat(const struct host *h, enum stats_total s)
{
	return h ? stats_get(&h->map->stats, s) : 0;
}

struct stats *
host_stats(const struct host *h)
{
	return h ? &h->map->stats : NULL;
}

int
host_route(struct host *h, const char *method, const char *path)
{
	int row = h ? stats_find(&h->map->stats, method, path) : 0;

	if (row >= 0)
		return row;
	if (!lock(h->fd, LOCK_INIT, F_WRLCK, true))
		return 0;
	row = stats_name(&h->map->stats, method, path);
	lock(h->fd, LOCK_INIT, F_UNLCK, false);
	return row;
}

/* SIGKILL is the one signal that no process can leave word of. */
static void
read_death(struct worker *w, struct host_death *dead)
{
	int signal = atomic_load(&w->signal);

	dead->pid = atomic_load(&w->pid);
	dead->signal = signal != 0 ? signal : SIGKILL;
}

void
host_worker_start(struct host *h, int program, struct host_death *dead)
{
	struct timespec now;

	dead->pid = 0;
	if (!h)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	for (int i = 0; i < HOST_WORKERS; i++) {
		if (!lock(h->fd, LOCK_WORKER + i, F_WRLCK, false))
			continue;
		h->self = &h->map->workers[i];
		read_death(h->self, dead);
		atomic_store(&h->self->pid, getpid());
		atomic_store(&h->self->signal, 0);
		atomic_store(&h->self->program, program);
		atomic_store(&h->self->requests, 0);
		atomic_store(&h->self->keyring, 0);
		share_begin(&h->map->share, i);
		atomic_store(&h->self->started_ms,
		    (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
		return;
	}
}

void
host_worker_dies(struct host *h, int signal)
{
	if (h && h->self)
		atomic_store(&h->self->signal, signal);
}

void
host_worker_request(struct host *h)
{
	if (!h)
		return;
	host_count(h, STAT_REQUESTS);
	if (h->self)
		atomic_fetch_add_explicit(
		    &h->self->requests, 1, memory_order_relaxed);
}

void
host_worker_keyring(struct host *h, const char *fingerprint)
{
	if (h && h->self)
		atomic_store(
		    &h->self->keyring, strtoull(fingerprint, NULL, 16));
}

/* The process that holds a worker's place; 0: none. The kernel does not tell
 * a process of its own locks. */
static int
holder(const struct host *h, int place)
{
	struct flock l = {.l_type = F_RDLCK,
	    .l_whence = SEEK_SET,
	    .l_start = LOCK_WORKER + place,
	    .l_len = 1};

	if (h->self == &h->map->workers[place])
		return getpid();
	if (fcntl(h->fd, F_GETLK, &l) != 0 || l.l_type == F_UNLCK)
		return 0;
	return l.l_pid;
}

static int
place_of(const struct host *h)
{
	return (int)(h->self - h->map->workers);
}

void
host_reads(struct host *h)
{
	if (h && h->self)
		share_do(&h->map->share, place_of(h), SHARE_READING);
}

void
host_serves(struct host *h, const char *project_id, int64_t now)
{
	if (h && h->self)
		share_serve(&h->map->share, place_of(h), project_id, now);
}

void
host_is_free(struct host *h)
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
host_is_greedy(struct host *h, int workers, int percent, int64_t now)
{
	return h && h->self &&
	    share_is_greedy(&h->map->share, place_of(h), workers, percent, now,
		is_alive, h);
}

bool
host_has_free(const struct host *h)
{
	return h && share_has_free(&h->map->share, is_alive, h);
}

size_t
host_workers(const struct host *h, struct host_worker *out, size_t max)
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

bool
host_cold_room(const struct host *h, int places)
{
	for (int i = 0; h && i < places; i++) {
		struct flock l = {.l_type = F_WRLCK,
		    .l_whence = SEEK_SET,
		    .l_start = LOCK_COLD + i,
		    .l_len = 1};

		if (fcntl(h->fd, F_GETLK, &l) != 0 || l.l_type == F_UNLCK)
			return true;
	}
	return !h;
}

bool
host_cold_enter(struct host *h, int places, uint32_t key_hash)
{
	if (!h)
		return true;
	for (int i = 0; i < places && h->cold_place < 0; i++)
		if (lock(h->fd, LOCK_COLD + i, F_WRLCK, false))
			h->cold_place = i;
	if (h->cold_place < 0)
		return false;
	h->cold_key = key_hash % KEY_LOCKS;
	if (lock(h->fd, LOCK_KEY + (long)h->cold_key, F_WRLCK, true))
		return true;
	lock(h->fd, LOCK_COLD + h->cold_place, F_UNLCK, false);
	h->cold_place = -1;
	return false;
}

void
host_cold_leave(struct host *h)
{
	if (!h || h->cold_place < 0)
		return;
	lock(h->fd, LOCK_KEY + (long)h->cold_key, F_UNLCK, false);
	lock(h->fd, LOCK_COLD + h->cold_place, F_UNLCK, false);
	h->cold_place = -1;
}

void *
host_table(struct host *h)
{
	return h ? h->map->table : NULL;
}

const unsigned char *
host_secret(const struct host *h)
{
	return h->map->secret;
}
