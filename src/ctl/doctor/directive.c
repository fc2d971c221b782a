/*
 * directive.c: words, quotes and comments of nginx's configuration.
 */
#include "ctl/doctor/directive.h"

#include <string.h>

#include "base/banned.h"

static const char *
skip_blank(const char *p)
{
	for (;;) {
		p += strspn(p, " \t\r\n");
		if (*p != '#')
			return p;
		p += strcspn(p, "\n");
	}
}

/* The word at p; quotes are taken off. */
static const char *
take_quoted(const char *p, char *word, size_t size)
{
	char quote = *p == '"' || *p == '\'' ? *p++ : '\0';
	size_t n = 0;

	while (*p && (quote ? *p != quote : !strchr(" \t\r\n;{}", *p))) {
		size_t length = *p == '\\' && p[1] ? 2 : 1;

		if (!quote && *p == '$' && p[1] == '{') /* ${name} */
			length = strcspn(p, "}") + 1;
		for (; *p && length > 0; length--, p++)
			if (n + 1 < size)
				word[n++] = *p;
	}
	word[n] = '\0';
	return p + (quote && *p);
}

char
directive_next(const char **text, struct directive *v)
{
	const char *p = skip_blank(*text);
	char spare[256] = "", end;

	for (v->n = 0; *p && !strchr(";{}", *p); p = skip_blank(p)) {
		p = take_quoted(
		    p, v->n < DIRECTIVE_WORDS ? v->word[v->n] : spare, 256);
		v->n += v->n < DIRECTIVE_WORDS;
	}
	for (size_t i = v->n; i < DIRECTIVE_WORDS; i++)
		v->word[i][0] = '\0';
	end = *p;
	*text = p + (end != '\0');
	return end;
}

bool
directive_is(const struct directive *v, const char *name)
{
	return strcmp(v->word[0], name) == 0;
}

bool
directive_has(const struct directive *v, const char *word)
{
	for (size_t i = 1; i < v->n; i++)
		if (strcmp(v->word[i], word) == 0)
			return true;
	return false;
}
