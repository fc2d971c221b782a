/*
 * fatal.h: a worker that dies of a signal leaves word of it in the file that
 * the workers of a host share. Whoever takes its place finds that and says so:
 * nobody else tells which worker died, and of what.
 */
#ifndef FATAL_H
#define FATAL_H

#include "shm/host.h"

/* Takes a place for this worker, logs the death of the one before, and from
 * then on leaves word of its own. After the handlers of everybody else were
 * set: only signals that end the process by default are looked at. */
void fatal_start(struct host *h, int program);

#endif
