/*
 * kept.c: reading heads that were kept.
 */
#include "ctl/kept.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

static bool
is_of(const char *s, size_t len, const char *letters)
{
	return strspn(s, letters) >= len;
}

static bool
add_head(struct kept *k, const struct kept_head *head)
{
	struct kept_head *more =
	    realloc(k->head, (k->n + 1) * sizeof(*k->head));

	if (!more)
		return false;
	k->head = more;
	k->head[k->n++] = *head;
	return true;
}

bool
kept_line(struct kept *k, const char *line)
{
	enum { PROJECT, NUMBER, HASH } wanted = PROJECT;
	struct kept_head head;
	size_t len;

	for (line += strcspn(line, WORD); *line;
	     line += len, line += strcspn(line, WORD)) {
		len = strspn(line, WORD);
		if (uuid_is_ours(line, len)) {
			memcpy(head.project, line, len);
			head.project[len] = '\0';
			wanted = NUMBER;
		} else if (wanted == NUMBER && len <= 18 &&
		    is_of(line, len, "0123456789")) {
			head.number = strtoll(line, NULL, 10);
			wanted = HASH;
		} else if (wanted == HASH && len == KEPT_HASH - 1 &&
		    is_of(line, len, "0123456789abcdef")) {
			memcpy(head.hash, line, len);
			head.hash[len] = '\0';
			wanted = PROJECT;
			if (!add_head(k, &head))
				return false;
		}
	}
	return true;
}

bool
kept_file(struct kept *k, const char *path, const char **why)
{
	char *line = NULL;
	size_t size = 0;
	bool ok = true;
	FILE *f = fopen(path, "re");

	if (!f) {
		*why = strerror(errno);
		return false;
	}
	while (ok && getline(&line, &size, f) >= 0)
		ok = kept_line(k, line);
	*why = !ok      ? "out of memory"
	    : ferror(f) ? "cannot be read"
	    : k->n == 0 ? "holds no head: project, number, hash"
			: NULL;
	free(line);
	fclose(f);
	return !*why;
}

void
kept_free(struct kept *k)
{
	free(k->head);
	*k = (struct kept){0};
}
