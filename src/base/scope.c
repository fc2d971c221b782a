/*
 * scope.c: the names and what covers what.
 */
#include "base/scope.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define BIT(scope) ((scope_set)1 << (scope))

#define NAME(id, name) [SCOPE_##id] = name,
static const char *const names[SCOPE__MAX] = {
    SCOPES_READ(NAME) SCOPES_WRITE(NAME) SCOPES_CARRIED(NAME)};

#define MEMBER(id, name) | BIT(SCOPE_##id)
static const scope_set all_reads = 0 SCOPES_READ(MEMBER);
static const scope_set all_writes = 0 SCOPES_WRITE(MEMBER);

const char *
scope_name(enum scope scope)
{
	return names[scope];
}

static enum scope
find(const char *name, size_t len)
{
	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return (enum scope)i;
	return SCOPE_OPEN;
}

enum scope
scope_of(const char *name)
{
	return find(name, strlen(name));
}

scope_set
scope_set_of(const char *array)
{
	scope_set set = 0;

	for (const char *s = array; *s; s += *s != '\0') {
		size_t len;
		enum scope one;

		s += strspn(s, "{},");
		len = strcspn(s, "{},");
		one = find(s, len);
		if (one != SCOPE_OPEN)
			set |= BIT(one);
		s += len;
	}
	return set;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
scope_array(scope_set set, char out[SCOPE_TEXT])
{
	const char *sorted[SCOPE_COUNT] = {NULL};
	size_t n = 0, at = 0;

	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++)
		if (set & BIT(i))
			sorted[n++] = names[i];
	qsort(sorted, n, sizeof(sorted[0]), by_bytes);
	out[at++] = '{';
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(sorted[i]);

		if (i > 0)
			out[at++] = ',';
		memcpy(out + at, sorted[i], len);
		at += len;
	}
	out[at++] = '}';
	out[at] = '\0';
}

scope_set
scope_expand(scope_set set)
{
	if (set & BIT(SCOPE_PROJECTS_READ))
		set |= all_reads;
	if (set & BIT(SCOPE_PROJECTS_WRITE))
		set |= all_writes;
	return set;
}

bool
scope_covers(scope_set set, enum scope need)
{
	return need == SCOPE_OPEN || need == SCOPE_ANY ||
	    (scope_expand(set) & BIT(need)) != 0;
}

enum scope
scope_lacking(scope_set wanted, scope_set had)
{
	scope_set lacking = wanted & ~scope_expand(had);

	for (int i = SCOPE_ANY + 1; i < SCOPE__MAX; i++)
		if (lacking & BIT(i))
			return (enum scope)i;
	return SCOPE_OPEN;
}
