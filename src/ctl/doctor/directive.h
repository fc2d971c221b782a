/*
 * directive.h: nginx's configuration, a directive at a time. Pure.
 */
#ifndef DIRECTIVE_H
#define DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#define DIRECTIVE_WORDS 20

/* Its name and what follows; what is longer is cut, and of no interest. Words
 * that it has not are "". */
struct directive {
	size_t n;
	char word[DIRECTIVE_WORDS][256];
};

/* The next one. Returns what has ended it, ';', '{' or '}'; '\0': there is
 * none.
 */
char directive_next(const char **text, struct directive *v);

/* Whether this is its name; whether this is among the words behind it. */
bool directive_is(const struct directive *v, const char *name);
bool directive_has(const struct directive *v, const char *word);

#endif
