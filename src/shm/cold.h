/*
 * cold.h: how many processes of a host run scrypt at once: it wants the memory
 * of a bad day, and a flood of wrong keys must not get it. Every function takes
 * NULL for "no such file": then there is room for all.
 */
#ifndef COLD_H
#define COLD_H

#include "base/err.h"
#include "shm/host.h"

/*
 * A place for verifying a key that the table does not know. At most `places`
 * processes of the host are inside. `key_hash` is any number made from the
 * key: one process at a time per key, the others inside wait. False: all
 * places are taken, or the wait was interrupted.
 */
MUST_CHECK bool cold_enter(struct host *h, int places, uint32_t key_hash);
void cold_leave(struct host *h);
/* Whether another process is inside with this key. */
bool cold_is_under_way(const struct host *h, uint32_t key_hash);
/* Whether a place is free right now: no promise. */
bool cold_has_room(const struct host *h, int places);

#endif
