/*
 * refusals.h: how often keys that are known were refused: counted here, in the
 * worker, and told in the audit log, a row a key, reason, minute and host. The
 * first of a minute is written once its answer is out, the others when the
 * minute is over: a loop costs two statements a minute, and no request waits
 * for one.
 */
#ifndef REFUSALS_H
#define REFUSALS_H

#include "base/uuid.h"

#include <stddef.h>
#include <stdint.h>

struct app;
struct req;

#define REFUSALS_MAX                                                           \
	64 /* different ones in a minute, before they are written */
#define REFUSALS_HOST 65 /* bytes of a host's name */

struct refusal {
	char project[UUID_TEXT], key[UUID_TEXT];
	const char *reason;
	int64_t minute;                   /* since 1970, by the host's clock */
	int64_t count;                    /* not yet written */
	int64_t due;                      /* when it is to be, on clock_us() */
	char rid[UUID_TEXT], address[46]; /* of the first one; "": unknown */
};

struct refusals {
	struct refusal one[REFUSALS_MAX];
	size_t n;
};

/* Counts the request, if it was refused for a reason that r->refused has. */
void refusals_note(struct req *r);

/* Microseconds until something is to be written, 0: now; -1: nothing is. */
int64_t refusals_wait(const struct app *app);

/* Writes what is due, or all of it. What cannot be written now is tried again.
 */
enum refusals_which { REFUSALS_DUE, REFUSALS_ALL };
void refusals_write(struct app *app, enum refusals_which which);

#endif
