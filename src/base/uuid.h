/*
 * uuid.h: UUIDs (RFC 9562) as text, 8-4-4-4-12 hex digits.
 */
#ifndef UUID_H
#define UUID_H

#include <stdbool.h>
#include <stddef.h>

#define UUID_TEXT 37 /* 36 characters and a NUL */

/* A random one, version 4. */
void uuid_make(char out[UUID_TEXT]);

/* Whether a text is one, in any case; in the form that ours have: in lower
 * case. */
bool uuid_is(const char *s);
bool uuid_is_ours(const char *s, size_t len);

/* A UUID in any case, or the same as 32 hex digits: in the form 8-4-4-4-12,
 * letters as they were; false: it is neither. */
bool uuid_from(char out[UUID_TEXT], const char *s);

#endif
