/*
 * text.h: rules on text that CONTRACT-minded callers rely on. Text is valid
 * UTF-8 without NUL (scan.h sees to that) unless said otherwise. Pure.
 */
#ifndef TEXT_H
#define TEXT_H

#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A macro's value as a literal: a limit and what is said of it are one. */
#define TEXT_OF(macro)    TEXT_OF_IT(macro)
#define TEXT_OF_IT(value) #value

/* For text that no scanner has seen: arguments of a command. */
bool text_is_utf8(const char *s);

/* Is `s` (or NULL, which is not) one of these, behind which NULL stands? */
bool text_is_one_of(const char *s, const char *const list[]);

size_t text_count(const char *s, size_t len); /* Unicode code points */

/* A character of category Cc, U+2028, U+2029 or a bidi control is in it. */
bool text_has_control(const char *s, size_t len);

/* At least one character is to be seen: none of category Z or C, none that
 * Unicode says to ignore, no blank Braille pattern. A code point that Unicode
 * has not assigned yet counts as seen, but for planes 4 and up. */
bool text_has_visible(const char *s, size_t len);

/* Copies what fits, always terminated; `size` is at least 1. */
void text_copy(char *out, size_t size, const char *s);

/* The digits of `n`, terminated: a request has many, and printf is a tenth of
 * the worker's own work for it. */
#define TEXT_DECIMAL 21 /* bytes of the longest */
void text_decimal(char out[TEXT_DECIMAL], uint64_t n);

/* Without U+0020 at both ends: the new start, *len changed. */
const char *text_trim(const char *s, size_t *len);

/* 8-4-4-4-12 hex digits, NUL-terminated. `lower`: no upper-case digits. */
bool text_is_uuid(const char *s, bool lower);

/* A UUID in any case, or the same as 32 hex digits: in the form 8-4-4-4-12,
 * letters as they were; false: it is neither. */
bool text_to_uuid(char out[UUID_TEXT], const char *s);

/* Printable ASCII, one @ with something on both sides, at most 254. */
bool text_is_email(const char *s, size_t len);

/* a-z 0-9 and inner hyphens, 1 to 63; not the form of a UUID: somebody would
 * take it for the id of another project. */
bool text_is_slug(const char *s, size_t len);

/* git takes it as it is as the name and as the e-mail address of an author:
 * no angle brackets, and a name with more than what git strips. */
bool text_is_git_name(const char *s, size_t len);
bool text_is_git_email(const char *s, size_t len);

/* https (in any case), a host by name or address, perhaps a port, a path of
 * two or more segments; no user, query or fragment. */
bool text_is_repo_url(const char *s, size_t len);

/* A name of an environment variable: [A-Za-z_][A-Za-z0-9_]*. */
bool text_is_env_name(const char *s, size_t len);

/* Printable ASCII, without and with spaces: credentials. */
bool text_is_token(const char *s, size_t len);
bool text_is_printable(const char *s, size_t len);

/* The byte that the escape at `s` (%xx) stands for, -1 where there is none in
 * these `len` bytes. */
int text_escape(const char *s, size_t len);

/* An IPv4 or IPv6 address. */
bool text_is_address(const char *s);

#endif
