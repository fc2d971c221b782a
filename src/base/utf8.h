/*
 * utf8.h: UTF-8 by RFC 3629, and what Unicode says of a text. Pure.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the character at `p` (`left` bytes can be read), 0 when there
 * is none: end, overlong form, surrogate, beyond U+10FFFF, cut. */
size_t utf8_length(const char *p, size_t left);

/* The code of the character of `length` bytes at `p`, as utf8_length gave it.
 */
int utf8_get(const char *p, size_t length);

/* Writes the character `code` (no surrogate, at most 0x10ffff) in 1 to 4
 * bytes; returns the place behind it. */
char *utf8_put(char *out, int code);

/* ---- of a whole text: valid (but for the first), without NUL ---- */

/* For text that no scanner has seen: arguments of a command. */
bool utf8_is_valid(const char *s);

size_t utf8_count(const char *s, size_t len); /* Unicode code points */

/* A character of category Cc, U+2028, U+2029 or a bidi control is in it. */
bool utf8_has_control(const char *s, size_t len);

/* At least one character is to be seen: none of category Z or C, none that
 * Unicode says to ignore, no blank Braille pattern. A code point that Unicode
 * has not assigned yet counts as seen, but for planes 4 and up. */
bool utf8_has_visible(const char *s, size_t len);

#endif
