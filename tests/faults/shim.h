/*
 * shim.h: which call fails. It is told by, and reports to, a page shared with
 * the test (faults.py has the same layout). For shim.c alone.
 */
#ifndef SHIM_H
#define SHIM_H

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

enum kind { MEMORY, DATABASE, CRYPTO, JSON, FILES, KINDS };
enum window { CLOSED, ARMED, OPEN };

#define SITES  2048
#define FRAMES 24
#define DEPTH  12

struct page {
	uint32_t window;
	uint32_t kind, nth; /* fails the nth call; 0: none, only count */
	uint32_t look;      /* notes who calls */
	uint32_t sticky;    /* and every later one of that kind */
	uint32_t fired;     /* how many calls have failed */
	uint32_t peer;      /* the failed call was about the client's socket */
	uint32_t idle;      /* how often the worker began to wait */
	uint32_t descriptors; /* open ones, then */
	uint32_t deadly;      /* a signal in the place of the failure */
	uint64_t heap;        /* bytes in use, then */
	uint32_t count[KINDS];
	char name[64];    /* the function that failed first */
	char stack[1024]; /* who called it: "file+0xoffset " each */
	/* of each call: the same for the same callers; 1: libfcgi for memory */
	uint32_t site[KINDS][SITES];
};

static struct page *page;
static int client = -1;
static int inside; /* calls of our own do not count */

static void *
next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		abort();
	return p;
}
/* The function that this library stands in front of. */
#define REAL(f)                                                                \
	static __typeof__(&f) real;                                            \
	if (!real)                                                             \
	real = (__typeof__(&f))next(#f)

struct callers {
	int n, max;
	void *frame[FRAMES];
};

static _Unwind_Reason_Code
next_caller(struct _Unwind_Context *context, void *arg)
{
	struct callers *c = arg;

	c->frame[c->n++] = (void *)_Unwind_GetIP(context);
	return c->n < c->max ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* Not backtrace(), which loads a library and asks for memory. */
static void
find_callers(struct callers *c, int max)
{
	c->n = 0;
	c->max = max;
	_Unwind_Backtrace(next_caller, c);
}

static void
note_stack(char *out, size_t size)
{
	struct callers c;
	size_t at = 0;
	Dl_info info;

	out[0] = '\0';
	find_callers(&c, FRAMES);
	for (int i = 0; i < c.n && at < size; i++) {
		const char *file;

		if (!dladdr(c.frame[i], &info) || !info.dli_fname)
			continue;
		file = strrchr(info.dli_fname, '/');
		at += (size_t)snprintf(out + at, size - at, "%s+0x%lx ",
		    file ? file + 1 : info.dli_fname,
		    (unsigned long)((char *)c.frame[i] -
			(char *)info.dli_fbase));
	}
}

/* Who calls, as a number, the same in each process. Memory for libfcgi: 1, it
 * gives up the process when there is none. */
static uint32_t
site_of(enum kind kind)
{
	struct callers c;
	uint32_t sum = 2;
	Dl_info info;

	find_callers(&c, DEPTH);
	for (int i = 0; i < c.n; i++) {
		uintptr_t at = (uintptr_t)c.frame[i];

		if (dladdr(c.frame[i], &info) && info.dli_fname) {
			if (kind == MEMORY && i < 7 &&
			    strstr(info.dli_fname, "libfcgi"))
				return 1;
			at -= (uintptr_t)info.dli_fbase;
		}
		sum = sum * 31 + (uint32_t)at;
	}
	return sum;
}

/* Counts a call; true: it has to fail. */
static int
hit(enum kind kind, const char *name, int fd)
{
	uint32_t n;
	int saved = errno, fails;

	if (!page || inside || page->window != OPEN)
		return 0;
	inside = 1;
	n = ++page->count[kind];
	if (page->look && n < SITES)
		page->site[kind][n] = site_of(kind);
	fails = kind == page->kind && page->nth > 0 &&
	    (n == page->nth || (page->sticky && n > page->nth));
	if (fails && page->fired++ == 0) {
		page->peer = fd >= 0 && fd == client;
		snprintf(page->name, sizeof(page->name), "%s", name);
		note_stack(page->stack, sizeof(page->stack));
	}
	if (fails && page->deadly) {
		kill(getpid(), (int)page->deadly);
		fails = 0;
	}
	inside = 0;
	errno = saved;
	return fails;
}
#define FAIL(kind, fd, error, value)                                           \
	do {                                                                   \
		if (hit(kind, __func__, fd)) {                                 \
			errno = error;                                         \
			return value;                                          \
		}                                                              \
	} while (0)

#endif
