/*
 * verified.c: a set-associative table of sealed entries in shared memory. No
 * locks: words are read and written with relaxed atomics, and an entry that
 * two writers mixed fails its MAC and is a miss. The tag is keyed, so the
 * file holds nothing that tells a key; the MAC key stands in the same file,
 * 0600, and whoever can write there owns the service's database role anyway.
 */
#include "shm/verified.h"

#include "base/random.h"
#include "base/secret.h"

#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "base/banned.h"

#define WAYS 4

struct entry {
	unsigned char tag[32]; /* keyed BLAKE2b-256 of the key; 0: empty */
	struct identity id;    /* the MAC covers every byte */
	unsigned char mac[32];
};

#define WORDS (sizeof(struct entry) / 8)
#define SETS  (HOST_TABLE_SIZE / (sizeof(struct entry) * WAYS))

_Static_assert(sizeof(struct entry) % 8 == 0, "whole words");
_Static_assert(sizeof(struct identity) ==
	    2 * UUID_TEXT + 32 + 2 + 1 + 3 + 3 * 8 + 16 + 4 + 4 &&
	offsetof(struct entry, mac) == 32 + sizeof(struct identity),
    "no bytes that nobody has set");

typedef _Atomic uint64_t slot[WORDS];

static bool
make_tag(const struct host *h, const char *key, unsigned char tag[32])
{
	return crypto_generichash(tag, 32, (const unsigned char *)key,
		   strlen(key), host_secret(h), 32) == 0;
}

static bool
make_mac(const struct host *h, const struct entry *e, unsigned char mac[32])
{
	return crypto_generichash(mac, 32, (const unsigned char *)e,
		   offsetof(struct entry, mac), host_secret(h) + 32, 32) == 0;
}

static slot *
set_of(struct host *h, const unsigned char tag[32])
{
	uint64_t n;

	memcpy(&n, tag, sizeof(n));
	return (slot *)host_table(h) + n % SETS * WAYS;
}

static void
load(const slot *s, struct entry *e)
{
	uint64_t word;

	for (size_t i = 0; i < WORDS; i++) {
		word = atomic_load_explicit(&(*s)[i], memory_order_relaxed);
		memcpy((unsigned char *)e + i * 8, &word, 8);
	}
}

static void
store(slot *s, const struct entry *e)
{
	uint64_t word;

	for (size_t i = 0; i < WORDS; i++) {
		memcpy(&word, (const unsigned char *)e + i * 8, 8);
		atomic_store_explicit(&(*s)[i], word, memory_order_relaxed);
	}
}

bool
verified_find(struct host *h, const char *key, struct identity *out)
{
	unsigned char tag[32], mac[32];
	struct entry e;
	slot *set;

	if (!h || !make_tag(h, key, tag))
		return false;
	set = set_of(h, tag);
	for (int i = 0; i < WAYS; i++) {
		load(&set[i], &e);
		if (memcmp(e.tag, tag, sizeof(tag)) != 0)
			continue;
		if (!make_mac(h, &e, mac) ||
		    !secret_equal(mac, e.mac, sizeof(mac)))
			continue;
		*out = e.id;
		return true;
	}
	return false;
}

void
verified_add(struct host *h, const char *key, const struct identity *id)
{
	static const unsigned char empty[32];
	struct entry e = {.id = *id}, old;
	int way = -1;
	slot *set;

	if (!h || !make_tag(h, key, e.tag) || !make_mac(h, &e, e.mac))
		return;
	set = set_of(h, e.tag);
	for (int i = 0; i < WAYS; i++) {
		load(&set[i], &old);
		if (memcmp(old.tag, e.tag, sizeof(e.tag)) == 0) {
			way = i;
			break;
		}
		if (way < 0 && memcmp(old.tag, empty, sizeof(empty)) == 0)
			way = i;
	}
	store(&set[way >= 0 ? way : (int)random_below(WAYS)], &e);
}

void
verified_drop(struct host *h, const char *key)
{
	static const struct entry empty;
	unsigned char tag[32];
	struct entry e;
	slot *set;

	if (!h || !make_tag(h, key, tag))
		return;
	set = set_of(h, tag);
	for (int i = 0; i < WAYS; i++) {
		load(&set[i], &e);
		if (memcmp(e.tag, tag, sizeof(tag)) == 0)
			store(&set[i], &empty);
	}
}

uint32_t
verified_number(const struct host *h, const char *key)
{
	unsigned char tag[32];
	uint32_t n;

	if (!h || !make_tag(h, key, tag))
		return 0;
	memcpy(&n, tag, sizeof(n));
	return n;
}
