/*
 * shim.c: a library for LD_PRELOAD that makes the n-th call of a kind fail in
 * a worker. Calls are counted from the moment a connection is accepted
 * until the worker waits for the next one.
 *
 * Memory: programs with src/base/wipe.c bring their own malloc, which asks
 * __libc_malloc; sanitizer builds and the libraries of others ask malloc. Both
 * names stand here, and no call passes through both.
 */
#include "shim.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <json-c/linkhash.h>
#include <json-c/printbuf.h>
#include <libpq-fe.h>
#include <libscrypt.h>
#include <malloc.h>
#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);

void *
__libc_malloc(size_t size)
{
	REAL(__libc_malloc);
	FAIL(MEMORY, -1, ENOMEM, NULL);
	return real(size);
}

void *
__libc_calloc(size_t n, size_t size)
{
	REAL(__libc_calloc);
	FAIL(MEMORY, -1, ENOMEM, NULL);
	return real(n, size);
}

void *
malloc(size_t size)
{
	REAL(malloc);
	FAIL(MEMORY, -1, ENOMEM, NULL);
	return real(size);
}

void *
realloc(void *p, size_t size)
{
	REAL(realloc);
	FAIL(MEMORY, -1, ENOMEM, NULL);
	return real(p, size);
}

void *
calloc(size_t n, size_t size)
{
	/* dlsym may want some itself, in a sanitizer's start */
	static _Alignas(16) char early[4096];
	static size_t used;
	static int looking;
	static void *(*real)(size_t, size_t);

	if (!real && looking) {
		used += (n * size + 15) & ~(size_t)15;
		if (used > sizeof(early))
			abort();
		return early + used - ((n * size + 15) & ~(size_t)15);
	}
	if (!real) {
		looking = 1;
		real = (void *(*)(size_t, size_t))next("calloc");
		looking = 0;
	}
	FAIL(MEMORY, -1, ENOMEM, NULL);
	return real(n, size);
}

/* ---- functions that fail by a value and do nothing ---- */

#define FAILING(kind, type, value, name, params, args)                         \
	type name params                                                       \
	{                                                                      \
		REAL(name);                                                    \
		FAIL(kind, -1, EIO, value);                                    \
		return real args;                                              \
	}
#define PQ(value, name, params, args)                                          \
	FAILING(DATABASE, int, value, name, params, args)

PQ(0, PQsendQueryPrepared,
    (PGconn * c, const char *s, int n, const char *const *v, const int *l,
	const int *f, int r),
    (c, s, n, v, l, f, r))
PQ(0, PQsendQueryParams,
    (PGconn * c, const char *s, int n, const Oid *t, const char *const *v,
	const int *l, const int *f, int r),
    (c, s, n, t, v, l, f, r))
PQ(0, PQsendPrepare,
    (PGconn * c, const char *s, const char *q, int n, const Oid *t),
    (c, s, q, n, t))
PQ(0, PQpipelineSync, (PGconn * c), (c))
PQ(0, PQconsumeInput, (PGconn * c), (c))
PQ(-1, PQflush, (PGconn * c), (c))
PQ(-1, PQsetnonblocking, (PGconn * c, int on), (c, on))
PQ(0, PQenterPipelineMode, (PGconn * c), (c))
FAILING(DATABASE, PGconn *, NULL, PQconnectdbParams,
    (const char *const *k, const char *const *v, int e), (k, v, e))

/* As when there was no memory for a result: an error made by libpq itself in
 * its place, while the server knows of nothing and goes on. */
PGresult *
PQgetResult(PGconn *c)
{
	REAL(PQgetResult);
	PGresult *res = real(c);

	if (res && PQresultStatus(res) != PGRES_PIPELINE_SYNC &&
	    hit(DATABASE, __func__, -1)) {
		PQclear(res);
		return PQmakeEmptyPGresult(c, PGRES_FATAL_ERROR);
	}
	return res;
}

#define BYTES const unsigned char *
#define BYTE(f) FAILING(CRYPTO, int, -1, f

BYTE(crypto_aead_xchacha20poly1305_ietf_encrypt),
    (unsigned char *o, unsigned long long *ol, BYTES m,
	unsigned long long ml, BYTES a, unsigned long long al, BYTES s,
	BYTES n, BYTES k),
    (o, ol, m, ml, a, al, s, n, k))
BYTE(crypto_aead_xchacha20poly1305_ietf_decrypt),
    (unsigned char *o, unsigned long long *ol, unsigned char *s, BYTES m,
	unsigned long long ml, BYTES a, unsigned long long al, BYTES n,
	BYTES k),
    (o, ol, s, m, ml, a, al, n, k))
BYTE(crypto_generichash),
    (unsigned char *o, size_t ol, BYTES m, unsigned long long ml, BYTES k,
	size_t kl),
    (o, ol, m, ml, k, kl))
BYTE(crypto_generichash_init),
    (crypto_generichash_state *s, BYTES k, const size_t kl, const size_t ol),
    (s, k, kl, ol))
BYTE(crypto_generichash_update),
    (crypto_generichash_state *s, BYTES m, unsigned long long ml), (s, m, ml))
BYTE(crypto_generichash_final),
    (crypto_generichash_state *s, unsigned char *o, const size_t ol),
    (s, o, ol))
BYTE(sodium_init), (void), ())
BYTE(libscrypt_scrypt),
    (const uint8_t *p, size_t pl, const uint8_t *s, size_t sl, uint64_t n,
	uint32_t r, uint32_t q, uint8_t *o, size_t ol),
    (p, pl, s, sl, n, r, q, o, ol))
BYTE(crypto_pwhash_scryptsalsa208sha256_ll),
    (const uint8_t *p, size_t pl, const uint8_t *s, size_t sl, uint64_t n,
	uint32_t r, uint32_t q, uint8_t *o, size_t ol),
    (p, pl, s, sl, n, r, q, o, ol))
FAILING(CRYPTO, int, 0, libscrypt_mcf,
    (uint32_t n, uint32_t r, uint32_t p, const char *s, const char *h, char *o),
    (n, r, p, s, h, o))
FAILING(CRYPTO, void *, NULL, sodium_malloc, (const size_t n), (n))

#define J(type, value, name, params, args)                                     \
	FAILING(JSON, type, value, name, params, args)
#define JO struct json_object *

J(JO, NULL, json_object_new_object, (void), ())
J(JO, NULL, json_object_new_array, (void), ())
J(JO, NULL, json_object_new_string, (const char *s), (s))
J(JO, NULL, json_object_new_boolean, (json_bool b), (b))
J(struct json_tokener *, NULL, json_tokener_new_ex, (int d), (d))
J(int, -1, json_object_object_add, (JO o, const char *k, JO v), (o, k, v))
J(JO, NULL, json_object_new_string_len, (const char *s, const int l), (s, l))
J(JO, NULL, json_object_new_int64, (int64_t i), (i))
J(JO, NULL, json_object_new_double_s, (double d, const char *s), (d, s))
J(int, -1, json_object_object_add_ex,
    (JO o, const char *const k, JO const v, const unsigned f), (o, k, v, f))
J(int, -1, json_object_array_add, (JO o, JO v), (o, v))
J(const char *, NULL, json_object_to_json_string_length,
    (JO o, int f, size_t *l), (o, f, l))
J(int, 0, json_object_set_string_len, (JO o, const char *s, int l), (o, s, l))
J(struct printbuf *, NULL, printbuf_new, (void), ())
J(int, -1, printbuf_memappend, (struct printbuf * p, const char *b, int n),
    (p, b, n))
J(struct lh_table *, NULL, lh_kchar_table_new,
    (int n, lh_entry_free_fn *f), (n, f))
J(int, -1, lh_table_insert, (struct lh_table * t, const void *k, const void *v),
    (t, k, v))
J(int, -1, lh_table_insert_w_hash,
    (struct lh_table * t, const void *k, const void *v, const unsigned long h,
	const unsigned o),
    (t, k, v, h, o))

/* ---- system calls ---- */

#define SYS(type, name, fd, error, params, args)                               \
	type name params                                                       \
	{                                                                      \
		REAL(name);                                                    \
		FAIL(FILES, fd, error, (type)-1);                              \
		return real args;                                              \
	}
/* The same for what may be a connection: it is broken from then on. */
#define LINE(name, file_error, error, params, args)                            \
	ssize_t name params                                                    \
	{                                                                      \
		REAL(name);                                                    \
		if (hit(FILES, __func__, fd)) {                                \
			errno = shutdown(fd, SHUT_RDWR) ? file_error : error;  \
			return -1;                                             \
		}                                                              \
		return real args;                                              \
	}

LINE(read, EIO, ECONNRESET, (int fd, void *b, size_t n), (fd, b, n))
LINE(write, ENOSPC, EPIPE, (int fd, const void *b, size_t n), (fd, b, n))
LINE(recv, EIO, ECONNRESET, (int fd, void *b, size_t n, int f), (fd, b, n, f))
LINE(send, EIO, EPIPE, (int fd, const void *b, size_t n, int f), (fd, b, n, f))
SYS(ssize_t, pwrite, fd, ENOSPC, (int fd, const void *b, size_t n, off_t o),
    (fd, b, n, o))
SYS(int, fstat, fd, EIO, (int fd, struct stat *s), (fd, s))
SYS(int, socket, -1, EMFILE, (int d, int t, int p), (d, t, p))
SYS(int, epoll_create1, -1, EMFILE, (int f), (f))
SYS(int, signalfd, -1, EMFILE, (int fd, const sigset_t *m, int f), (fd, m, f))
SYS(void *, mmap, fd, ENOMEM,
    (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o))

int
posix_fallocate(int fd, off_t at, off_t n)
{
	REAL(posix_fallocate);
	return hit(FILES, __func__, fd) ? ENOSPC : real(fd, at, n);
}

int
open(const char *path, int flags, ...)
{
	REAL(open);
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	FAIL(FILES, -1, EMFILE, -1);
	return real(path, flags, mode);
}

static int
lock_or_flag(int fd, int command, void *arg)
{
	static int (*real)(int, int, ...);

	if (!real)
		real = (int (*)(int, int, ...))next("fcntl");
	FAIL(FILES, fd, ENOLCK, -1);
	return real(fd, command, arg);
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return lock_or_flag(fd, command, arg);
}

int
fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return lock_or_flag(fd, command, arg);
}

/* ---- time ---- */

/* When nobody says anything for so long after a failure, nobody will: the
 * clock goes on to the end of the wait. */
#define PATIENCE 60

static int64_t ahead_us; /* how much the clock is fast */

static int
is_hurt(void)
{
	return page && page->window == OPEN && page->fired;
}

int
poll(struct pollfd *p, nfds_t n, int wait)
{
	REAL(poll);
	int rc;

	FAIL(FILES, n == 1 ? p->fd : -1, ENOMEM, -1);
	if (!is_hurt() || (wait >= 0 && wait <= PATIENCE))
		return real(p, n, wait);
	rc = real(p, n, PATIENCE);
	if (rc == 0 && wait > 0)
		ahead_us += (int64_t)(wait - PATIENCE) * 1000;
	return rc;
}

/* The name under which a fortified build calls it at times. */
int __poll_chk(struct pollfd *p, nfds_t n, int wait, size_t size);

int
__poll_chk(struct pollfd *p, nfds_t n, int wait, size_t size)
{
	(void)size;
	return poll(p, n, wait);
}

int
usleep(useconds_t us)
{
	REAL(usleep);
	if (!is_hurt())
		return real(us);
	ahead_us += (int64_t)us * 20;
	return 0;
}

/* Only a start that failed pauses so. */
unsigned
sleep(unsigned seconds)
{
	REAL(sleep);
	return is_hurt() ? 0 : real(seconds);
}

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	REAL(clock_gettime);
	int rc = real(clock, t);
	int64_t us;

	if (rc == 0 && clock == CLOCK_MONOTONIC) {
		us = t->tv_nsec / 1000 + ahead_us;
		t->tv_sec += (time_t)(us / 1000000);
		t->tv_nsec = (long)(us % 1000000) * 1000;
	}
	return rc;
}

/* ---- when to count ---- */

int
accept4(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
	REAL(accept4);
	if (page && page->window == ARMED)
		page->window = OPEN;
	FAIL(FILES, -1, EMFILE, -1);
	client = real(fd, a, n, flags);
	return client;
}

static uint32_t
open_descriptors(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += lseek(fd, 0, SEEK_CUR) != -1 || errno != EBADF;
	return n;
}

int
epoll_wait(int fd, struct epoll_event *e, int n, int wait)
{
	REAL(epoll_wait);
	if (page) {
		struct mallinfo2 info = mallinfo2();
		int saved = errno;

		client = -1;
		if (is_hurt()) /* past the pause before a new connection */
			ahead_us += 4000000;
		page->heap = info.uordblks + info.hblkhd;
		page->descriptors = open_descriptors();
		errno = saved;
		if (page->window == OPEN)
			page->window = CLOSED;
		page->idle++;
	}
	return real(fd, e, n, wait);
}

/* FAULT_PAGE is the shared file; the test has made it, and a window that is
 * open from the start counts the worker's own start. */
static __attribute__((constructor)) void
begin(void)
{
	const char *path = getenv("FAULT_PAGE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(
	    NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		page = p;
}
