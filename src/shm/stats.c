/*
 * stats.c: counting in shared memory.
 */
#include "shm/stats.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

_Static_assert(STAT__MAX <= STATS_TOTALS, "room for each total");
_Static_assert(sizeof(struct stats_fault) == STATS_FAULT_LEN * 8,
    "whole words, none of them padding");

const struct stats_bound stats_bounds[STATS_BUCKETS - 1] = {
    {500, "0.0005"},
    {1000, "0.001"},
    {2500, "0.0025"},
    {5000, "0.005"},
    {10000, "0.01"},
    {25000, "0.025"},
    {50000, "0.05"},
    {100000, "0.1"},
    {250000, "0.25"},
    {500000, "0.5"},
    {1000000, "1"},
    {2500000, "2.5"},
    {5000000, "5"},
    {10000000, "10"},
};

static void
add_to(_Atomic uint64_t *word, uint64_t n)
{
	atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

void
stats_add(struct stats *s, enum stats_total which, uint64_t n)
{
	add_to(&s->total[which], n);
}

uint64_t
stats_get(const struct stats *s, enum stats_total which)
{
	return atomic_load(&s->total[which]);
}

bool
stats_is_named(const struct stats *s, int row)
{
	return atomic_load(&s->row[row].named) != 0;
}

int
stats_find(const struct stats *s, const char *method, const char *path)
{
	const struct stats_row *r = s->row;

	for (int i = 1; i < STATS_ROUTES && stats_is_named(s, i); i++)
		if (strncmp(r[i].method, method, sizeof(r->method)) == 0 &&
		    strncmp(r[i].path, path, sizeof(r->path)) == 0)
			return i;
	return -1;
}

int
stats_name(struct stats *s, const char *method, const char *path)
{
	int row = stats_find(s, method, path);
	struct stats_row *r;

	if (row > 0)
		return row;
	if (strlen(method) >= sizeof(r->method) ||
	    strlen(path) >= sizeof(r->path))
		return 0;
	for (row = 1; row < STATS_ROUTES && stats_is_named(s, row);)
		row++;
	if (row == STATS_ROUTES)
		return 0;
	r = &s->row[row];
	snprintf(r->method, sizeof(r->method), "%s", method);
	snprintf(r->path, sizeof(r->path), "%s", path);
	/* last: who dies before this has named nothing */
	atomic_store(&r->named, 1);
	return row;
}

void
stats_answer(struct stats *s, int row, int status, int64_t us)
{
	struct stats_row *r = &s->row[row];
	int bucket = 0;

	while (bucket < STATS_BUCKETS - 1 && us > stats_bounds[bucket].us)
		bucket++;
	if (status >= STATS_FIRST && status < STATS_FIRST + STATS_STATUSES)
		add_to(&r->answers[status - STATS_FIRST], 1);
	add_to(&r->took[bucket], 1);
	add_to(&r->took_us, (uint64_t)us);
}

/* Tells an entry that two have written at once, or one has not finished. */
static uint64_t
checksum(const uint64_t word[STATS_FAULT_LEN])
{
	uint64_t sum = 1;

	for (size_t i = 0; i < STATS_FAULT_LEN; i++)
		sum = sum * 31 + word[i];
	return sum;
}

void
stats_fault_add(struct stats *s, const struct stats_fault *f)
{
	uint64_t n = atomic_fetch_add(&s->faults, 1);
	_Atomic uint64_t *to = s->fault[n % STATS_FAULTS];
	uint64_t word[STATS_FAULT_LEN];

	memcpy(word, f, sizeof(word));
	for (size_t i = 0; i < STATS_FAULT_LEN; i++)
		atomic_store(&to[i], word[i]);
	atomic_store(&to[STATS_FAULT_LEN], checksum(word));
}

size_t
stats_faults(const struct stats *s, struct stats_fault *out, size_t max)
{
	uint64_t end = atomic_load(&s->faults), word[STATS_FAULT_LEN];
	size_t n = 0;

	for (uint64_t i = 1; i <= STATS_FAULTS && i <= end && n < max; i++) {
		const _Atomic uint64_t *from =
		    s->fault[(end - i) % STATS_FAULTS];

		for (size_t k = 0; k < STATS_FAULT_LEN; k++)
			word[k] = atomic_load(&from[k]);
		if (atomic_load(&from[STATS_FAULT_LEN]) != checksum(word))
			continue;
		memcpy(&out[n], word, sizeof(word));
		n++;
	}
	return n;
}
