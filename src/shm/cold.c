/*
 * cold.c: places and keys are locks of the shared file.
 */
#include "shm/cold.h"

#include "shm/layout.h"

#include "base/banned.h"

bool
cold_has_room(const struct host *h, int places)
{
	pid_t by;

	for (int i = 0; h && i < places; i++)
		if (!host_is_locked(h, LOCK_COLD + i, &by))
			return true;
	return !h;
}

bool
cold_is_under_way(const struct host *h, uint32_t key_hash)
{
	pid_t by;

	return h && host_is_locked(h, LOCK_KEY + key_hash % KEY_LOCKS, &by);
}

bool
cold_enter(struct host *h, int places, uint32_t key_hash)
{
	if (!h)
		return true;
	for (int i = 0; i < places && h->cold_place < 0; i++)
		if (host_try_lock(h, LOCK_COLD + i))
			h->cold_place = i;
	if (h->cold_place < 0)
		return false;
	h->cold_key = key_hash % KEY_LOCKS;
	if (host_lock(h, LOCK_KEY + (long)h->cold_key))
		return true;
	host_unlock(h, LOCK_COLD + h->cold_place);
	h->cold_place = -1;
	return false;
}

void
cold_leave(struct host *h)
{
	if (!h || h->cold_place < 0)
		return;
	host_unlock(h, LOCK_KEY + (long)h->cold_key);
	host_unlock(h, LOCK_COLD + h->cold_place);
	h->cold_place = -1;
}
