/*
 * cidr_list.c: lists of blocks of addresses, see cidr_list.h.
 */
#include "base/cidr_list.h"

#include <string.h>

#include "base/banned.h"

bool
cidr_list_has(const struct cidr_list *list, const struct cidr *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (cidr_has(&list->block[i], address))
			return true;
	return false;
}

int
cidr_list_beyond(const struct cidr_list *list, const struct cidr_list *own)
{
	for (size_t i = 0; i < list->n; i++)
		if (!cidr_list_has(own, &list->block[i]))
			return (int)i;
	return -1;
}

bool
cidr_list_read(struct cidr_list *out, const char *text)
{
	size_t len = strlen(text);
	const char *end = text + len - 1; /* the closing brace */

	out->n = 0;
	if (len < 2 || *text++ != '{' || *end != '}')
		return false;
	while (text < end && out->n < CIDR_LIST_MAX) {
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
cidr_list_write(const struct cidr_list *list, char out[CIDR_LIST_TEXT])
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
