/*
 * allowed.c: lists of addresses, see allowed.h.
 */
#include "http/allowed.h"

#include "base/text.h"

#include <json-c/json.h>
#include <string.h>

#include "base/banned.h"

bool
allowed_has(const struct allowed *list, const struct cidr *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (cidr_has(&list->block[i], address))
			return true;
	return false;
}

int
allowed_beyond(const struct allowed *list, const struct allowed *own)
{
	for (size_t i = 0; i < list->n; i++)
		if (!allowed_has(own, &list->block[i]))
			return (int)i;
	return -1;
}

bool
allowed_read(struct allowed *out, const char *text)
{
	size_t len = strlen(text);
	const char *end = text + len - 1; /* the closing brace */

	out->n = 0;
	if (len < 2 || *text++ != '{' || *end != '}')
		return false;
	while (text < end && out->n < ALLOWED_MAX) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t size = (size_t)((comma ? comma : end) - text);

		if (cidr_parse(&out->block[out->n++], text, size) != CIDR_OK)
			return false;
		if (!comma)
			return true;
		text = comma + 1;
	}
	return text == end && out->n == 0;
}

void
allowed_write(const struct allowed *list, char out[ALLOWED_TEXT])
{
	*out++ = '{';
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			*out++ = ',';
		cidr_text(&list->block[i], out);
		out += strlen(out);
	}
	*out++ = '}';
	*out = '\0';
}

void
allowed_of_json(struct allowed *out, struct json_object *array)
{
	size_t n = json_object_array_length(array);

	out->n = 0;
	for (size_t i = 0; i < n && out->n < ALLOWED_MAX; i++) {
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

const struct allowed *
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

const struct allowed *
allowed_add(struct allowed_memory *m, const char *key_id,
    const unsigned char stamp[ALLOWED_STAMP], const char *text)
{
	struct allowed list;
	struct allowed_known *k;
	size_t place;

	if (!allowed_read(&list, text))
		return NULL;
	place = take_place(m, key_id);
	k = &m->known[place];
	m->mark[place] = mark_of(key_id, stamp);
	text_copy(k->key_id, sizeof(k->key_id), key_id);
	memcpy(k->stamp, stamp, ALLOWED_STAMP);
	k->list = list;
	return &k->list;
}
