/*
 * text.h: rules on text that a body is held to. Text is valid
 * UTF-8 without NUL (scan.h sees to that) unless said otherwise. Pure.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A macro's value as a literal: a limit and what is said of it are one. */
#define TEXT_OF(macro)    TEXT_OF_IT(macro)
#define TEXT_OF_IT(value) #value

/* Is `s` (or NULL, which is not) one of these, behind which NULL stands? */
bool text_is_one_of(const char *s, const char *const list[]);

/* Copies what fits, always terminated; `size` is at least 1. */
void text_copy(char *out, size_t size, const char *s);

/* The digits of `n`, terminated: a request has many, and printf is a tenth of
 * the worker's own work for it. */
#define TEXT_DECIMAL 21 /* bytes of the longest */
void text_decimal(char out[TEXT_DECIMAL], uint64_t n);

/* Without U+0020 at both ends: the new start, *len changed. */
const char *text_trim(const char *s, size_t *len);

/* What a member of a project can be: "owner", "admin", "member", NULL. */
extern const char *const text_roles[];

/* Printable ASCII, one @ with something on both sides, at most 254. */
bool text_is_email(const char *s, size_t len);

/* An address that every mailer takes for one recipient, written as it is into a
 * header and an argument: RFC 5322's dot-atom, no hyphen first, @, a name or an
 * [address] of a host. Most of text_is_email are. */
bool text_is_mailbox(const char *s, size_t len);

/* a-z 0-9 and inner hyphens, 1 to 63; not the form of a UUID: somebody would
 * take it for the id of another project. */
bool text_is_slug(const char *s, size_t len);

/* git takes it as it is as the name and as the e-mail address of an author:
 * no angle brackets, and a name with more than what git strips. */
bool text_is_git_name(const char *s, size_t len);
bool text_is_git_email(const char *s, size_t len);

/* https (in any case), a host by name or address, perhaps a port, a path of
 * two or more segments; no user, query or fragment. All of it is ASCII. */
#define TEXT_REPO_URL 500 /* characters of one, at most */
bool text_is_repo_url(const char *s, size_t len);

/* A name of an environment variable: [A-Za-z_][A-Za-z0-9_]*. */
bool text_is_env_name(const char *s, size_t len);

/* Printable ASCII, without and with spaces: credentials. */
bool text_is_token(const char *s, size_t len);
bool text_is_printable(const char *s, size_t len);

/* The byte that the escape at `s` (%xx) stands for, -1 where there is none in
 * these `len` bytes. */
int text_escape(const char *s, size_t len);

#endif
