/*
 * share.c: who does what, in shared memory.
 */
#include "shm/share.h"

#include "base/clock.h"

#include <stdatomic.h>

#include "base/banned.h"

#define STEP CLOCK_MS(100) /* all workers read it: written no more often */

static void
put_word(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

static uint64_t
get_word(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

/* The file is the workers', and a reader does not trust it. */
static int
places_of(const struct share *s)
{
	int n = s->places;

	return n < 0 ? 0 : n < SHARE_PLACES ? n : SHARE_PLACES;
}

void
share_begin(struct share *s, int place)
{
	share_do(s, place, SHARE_FREE);
	if (s->places <= place)
		s->places = place + 1;
}

void
share_do(struct share *s, int place, uint64_t doing)
{
	put_word(&s->doing[place], doing);
}

/* FNV-1a; ids are random, and nobody chooses his own. */
static uint64_t
number_of(const char *project_id)
{
	uint64_t n = UINT64_C(0xcbf29ce484222325);

	for (; *project_id; project_id++)
		n = (n ^ (unsigned char)*project_id) * UINT64_C(0x100000001b3);
	return n <= SHARE_READING ? n + 2 : n;
}

/* Two writers at once may lose one of two projects, not make one up. */
void
share_serve(struct share *s, int place, const char *project_id, int64_t now)
{
	uint64_t n = number_of(project_id);
	int i = 0;

	share_do(s, place, n);
	if (get_word(&s->seen[1].project) == n ||
	    (get_word(&s->seen[0].project) != n &&
		s->seen[1].at < s->seen[0].at))
		i = 1;
	if (get_word(&s->seen[i].project) != n)
		put_word(&s->seen[i].project, n);
	else if (now - s->seen[i].at < STEP)
		return;
	s->seen[i].at = now;
}

static bool
others_lately(const struct share *s, uint64_t project, int64_t now)
{
	for (int i = 0; i < 2; i++) {
		uint64_t other = get_word(&s->seen[i].project);
		int64_t age = now - s->seen[i].at;

		/* a file that outlived a boot may be ahead of the clock */
		if (other != 0 && other != project && age > -SHARE_LATELY &&
		    age < SHARE_LATELY)
			return true;
	}
	return false;
}

/* Rounded down, at least one. */
static int
part_of(int workers, int percent)
{
	int n = workers * percent / 100;

	return n < 1 ? 1 : n;
}

struct load {
	int living; /* workers */
	int same;   /* of them at work for a project */
	bool free;  /* one of them is */
};

static struct load
look_at_all(const struct share *s, uint64_t project, share_alive *alive,
    const void *arg)
{
	struct load l = {0, 0, false};

	for (int i = 0; i < places_of(s); i++) {
		uint64_t doing = get_word(&s->doing[i]);

		if (!alive(arg, i))
			continue;
		l.living++;
		l.same += doing == project;
		l.free = l.free || doing == SHARE_FREE;
	}
	return l;
}

bool
share_is_greedy(const struct share *s, int place, int workers, int percent,
    int64_t now, share_alive *alive, const void *arg)
{
	uint64_t project = get_word(&s->doing[place]);
	int places = places_of(s), same = 0;
	struct load l;

	for (int i = 0; i < places; i++)
		same += get_word(&s->doing[i]) == project;
	if (same <= part_of(places < workers ? places : workers, percent) ||
	    !others_lately(s, project, now))
		return false;
	/* among them may be who was killed at work */
	l = look_at_all(s, project, alive, arg);
	return !l.free && l.same > part_of(l.living, percent);
}

bool
share_has_free(const struct share *s, share_alive *alive, const void *arg)
{
	return look_at_all(s, SHARE_FREE, alive, arg).free;
}
