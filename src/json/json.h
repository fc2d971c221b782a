/*
 * json.h: JSON to json-c's objects and back. json-c 0.16 does neither when
 * memory is short: its tokener drops members, cuts strings or dies, its
 * printer leaves out what it cannot append, and nobody is told. It also turns
 * some characters written as surrogates (U+1D800) into U+FFFD.
 */
#ifndef JSON_H
#define JSON_H

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stddef.h>

struct printbuf;

/*
 * The value of a text that scan_json has passed. `room` has `len` + 1 bytes
 * and must live as long as the value, which keeps its names there. False: no
 * memory (the value may be NULL: that is null).
 */
bool json_build(
    const char *text, size_t len, char *room, struct json_object **out);

/* Appends a text as a string, quoted. False: no memory. */
bool json_quote(struct printbuf *out, const char *s, size_t len);

/* How many bytes json_quote appends. */
size_t json_quoted_size(const char *s, size_t len);

/* A value from json_build as text, to be freed. NULL: no memory. */
char *json_text(struct json_object *v, size_t *len);

#endif
