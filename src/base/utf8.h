/*
 * utf8.h: UTF-8 by RFC 3629, one character at a time. Pure.
 */
#ifndef UTF8_H
#define UTF8_H

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

#endif
