/*
 * share.h: what each worker of a host is doing, and whether one project has
 * too many of them. It lies in the shared file (host.h) and is written with
 * relaxed atomics: a reader may see what was true a moment ago.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define SHARE_PLACES  256
#define SHARE_FREE    0
#define SHARE_READING 1 /* a request whose caller is not known yet */

/* Another project counts as there so long after its last request. */
#define SHARE_LATELY CLOCK_S(10)

/* All 0: nobody has been here. */
struct share {
	/* two projects that were served lately: one is another than any */
	struct {
		_Atomic uint64_t project;
		_Atomic int64_t at; /* clock_us(), roughly */
	} seen[2];
	_Atomic int32_t places; /* that have ever been taken */
	/* FREE, READING, or the number of the project that is served */
	_Atomic uint64_t doing[SHARE_PLACES];
};

/* Whether a worker lives in this place: a system call, perhaps. */
typedef bool share_alive(const void *arg, int place);

/* A worker takes a place. */
void share_begin(struct share *s, int place);
/* It is free, or reading. */
void share_do(struct share *s, int place, uint64_t doing);
/* It serves this project; `now`: clock_us(). */
void share_serve(
    struct share *s, int place, const char *project_id, int64_t now);

/*
 * Whether the project served in `place` has more than `percent` of the living
 * workers (of which one is always fine) while none is free and another project
 * was here lately. `workers`: those configured. `alive` is asked only where it
 * has more than that of the places.
 */
bool share_is_greedy(const struct share *s, int place, int workers, int percent,
    int64_t now, share_alive *alive, const void *arg);

/* Whether a living worker is free. */
bool share_has_free(const struct share *s, share_alive *alive, const void *arg);

#endif
