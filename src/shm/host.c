/*
 * host.c: the shared file and its byte-range locks. Locks are POSIX record
 * locks: the kernel frees those of a dead process, and F_GETLK tells whose
 * they are. (They are lost when the process closes *any* descriptor of the
 * file: it is opened once.)
 */
#include "shm/host.h"

#include "base/random.h"
#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define MAGIC UINT64_C(0x3476746f68726363) /* "ccrhotv4": this layout */

static bool
change_lock(int fd, long byte, short type, int how)
{
	struct flock l = {
	    .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, how, &l) == 0;
}

bool
host_try_lock(const struct host *h, long byte)
{
	return change_lock(h->fd, byte, F_WRLCK, F_SETLK);
}

bool
host_lock(const struct host *h, long byte)
{
	return change_lock(h->fd, byte, F_WRLCK, F_SETLKW);
}

void
host_unlock(const struct host *h, long byte)
{
	change_lock(h->fd, byte, F_UNLCK, F_SETLK);
}

bool
host_is_locked(const struct host *h, long byte, pid_t *by)
{
	struct flock l = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = byte,
	    .l_len = 1};

	if (fcntl(h->fd, F_GETLK, &l) != 0 || l.l_type == F_UNLCK)
		return false;
	*by = l.l_pid;
	return true;
}

/* posix_fallocate: on a full tmpfs an access to a hole would be a SIGBUS
 * later. */
static bool
make_room(int fd, char *why, size_t size)
{
	int rc = posix_fallocate(fd, 0, sizeof(struct layout));

	if (rc != 0)
		snprintf(why, size, "no room: %s", strerror(rc));
	return rc == 0;
}

/* *made: it is all 0, and wants to be filled. */
static bool
check_file(int fd, enum host_use use, bool *made, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0) {
		snprintf(why, size, "%s", strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0 ||
	    (use == HOST_WORK && st.st_uid != geteuid())) {
		snprintf(why, size, "not a file of ours with mode 0600");
		return false;
	}
	*made = st.st_size == 0 && use == HOST_WORK;
	if (*made)
		return make_room(fd, why, size);
	if (st.st_size != sizeof(struct layout)) {
		snprintf(why, size, "wrong size, remove it");
		return false;
	}
	return true;
}

static void
fill_new(struct layout *l)
{
	random_bytes(l->secret, sizeof(l->secret));
	rate_init(&l->rates);
	/* last: who dies before this has made nothing */
	atomic_store(&l->magic, MAGIC);
}

static bool
map_checked(struct host *h, enum host_use use, char *why, size_t size)
{
	int prot = use == HOST_LOOK ? PROT_READ : PROT_READ | PROT_WRITE;
	bool made;

	if (!check_file(h->fd, use, &made, why, size))
		return false;
	h->map = mmap(NULL, sizeof(struct layout), prot, MAP_SHARED, h->fd, 0);
	if (h->map == MAP_FAILED) {
		h->map = NULL;
		snprintf(why, size, "cannot map: %s", strerror(errno));
		return false;
	}
	if (made)
		fill_new(h->map);
	if (atomic_load(&h->map->magic) != MAGIC) {
		snprintf(why, size, "not ours or half made, remove it");
		return false;
	}
	return true;
}

/* Under a lock: two first workers are not both to make it. */
static bool
map_file(struct host *h, enum host_use use, char *why, size_t size)
{
	bool ok;

	if (use == HOST_WORK && !host_lock(h, LOCK_INIT)) {
		snprintf(why, size, "cannot lock: %s", strerror(errno));
		return false;
	}
	ok = map_checked(h, use, why, size);
	if (use == HOST_WORK)
		host_unlock(h, LOCK_INIT);
	return ok;
}

struct host *
host_open(const char *dir, enum host_use use, char *why, size_t size)
{
	int flags = use == HOST_LOOK ? O_RDONLY : O_RDWR | O_CREAT;
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
	else if (map_file(h, use, why, size))
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

struct rates *
host_rates(const struct host *h)
{
	return h ? &h->map->rates : NULL;
}

int
host_route(struct host *h, const char *method, const char *path)
{
	int row = h ? stats_find(&h->map->stats, method, path) : 0;

	if (row >= 0)
		return row;
	if (!host_lock(h, LOCK_INIT))
		return 0;
	row = stats_name(&h->map->stats, method, path);
	host_unlock(h, LOCK_INIT);
	return row;
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
