/*
 * allowed.c: lists of addresses, see allowed.h.
 */
#include "http/allowed.h"

#include "base/text.h"

#include <json-c/json.h>
#include <string.h>

#include "base/banned.h"

void
allowed_of_json(struct cidr_list *out, struct json_object *array)
{
	size_t n = json_object_array_length(array);

	out->n = 0;
	for (size_t i = 0; i < n && out->n < CIDR_LIST_MAX; i++) {
		struct json_object *e = json_object_array_get_idx(array, i);

		if (cidr_parse(&out->block[out->n], json_object_get_string(e),
			(size_t)json_object_get_string_len(e)) == CIDR_OK)
			out->n++;
	}
}

/* Ids are random, and stamps but for 0, that of a key as it was made. */
static uint64_t
mark_of(const char *key_id, const unsigned char stamp[ALLOWED_STAMP])
{
	uint64_t id, number;

	memcpy(&id, key_id, sizeof(id));
	memcpy(&number, stamp, sizeof(number));
	return id ^ number;
}

static bool
is_of(const struct allowed_known *k, const char *key_id)
{
	return strcmp(k->key_id, key_id) == 0;
}

const struct cidr_list *
allowed_find(const struct allowed_memory *m, const char *key_id,
    const unsigned char stamp[ALLOWED_STAMP])
{
	uint64_t mark = mark_of(key_id, stamp);

	for (size_t i = 0; i < ALLOWED_KEYS; i++)
		if (m->mark[i] == mark && is_of(&m->known[i], key_id) &&
		    memcmp(m->known[i].stamp, stamp, ALLOWED_STAMP) == 0)
			return &m->known[i].list;
	return NULL;
}

/* That of the key, or the oldest one. */
static size_t
take_place(struct allowed_memory *m, const char *key_id)
{
	size_t place;

	for (place = 0; place < ALLOWED_KEYS; place++)
		if (is_of(&m->known[place], key_id))
			return place;
	place = m->next;
	m->next = (m->next + 1) % ALLOWED_KEYS;
	return place;
}

const struct cidr_list *
allowed_add(struct allowed_memory *m, const char *key_id,
    const unsigned char stamp[ALLOWED_STAMP], const char *text)
{
	struct cidr_list list;
	struct allowed_known *k;
	size_t place;

	if (!cidr_list_read(&list, text))
		return NULL;
	place = take_place(m, key_id);
	k = &m->known[place];
	m->mark[place] = mark_of(key_id, stamp);
	text_copy(k->key_id, sizeof(k->key_id), key_id);
	memcpy(k->stamp, stamp, ALLOWED_STAMP);
	k->list = list;
	return &k->list;
}
