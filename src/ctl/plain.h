/*
 * plain.h: what the operator's command prints for people. Each line of it goes
 * through here, so that no value (of the database, the shared file, a server's
 * message, a configuration, an argument) can act on a terminal, begin a line or
 * forge a column. tests/lint/check-plain.sh holds the command to this.
 */
#ifndef PLAIN_H
#define PLAIN_H

#include "base/err.h"

#include <json-c/json_types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The text with everything made visible that is not: control characters as \n,
 * \t, \r or \x1b, other characters without a shape (bidi controls, line and
 * paragraph separators, zero-width spaces, tags …) as \u202e, bytes that are
 * no UTF-8 as \xff. A backslash stays as it is, so a printable value is shown
 * as it is; --json is exact. In a cell a second blank in a row, too, is \x20 or
 * \u00a0: it would look like the gap between two columns. NULL: no memory.
 * To be freed.
 */
enum plain_place { PLAIN_LINE, PLAIN_CELL };
char *plain_text(const char *text, size_t len, enum plain_place place);

/* One line, whatever is in it; the newline is added. */
void plain_line(FILE *to, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A value as one line of JSON, for programs; as it may be a terminal that reads
 * it, characters without a shape are \u202e in it, and what is no UTF-8 is
 * \ufffd. */
void plain_json(struct json_object *value);

/* The names, and the values, of an object as a line of CSV (RFC 4180): each in
 * quotes, as plain_text has it, lists with spaces between; "" for null. What a
 * spreadsheet would take for a formula has ' before it. */
void plain_csv_head(struct json_object *value);
void plain_csv(struct json_object *value);

/* The beginning of a line that is typed on, flushed. */
void plain_ask(const char *question);

/* "2026-11-28 07:23 UTC" of milliseconds since the epoch; outside of the years
 * 0 to 9999 the number itself. */
#define PLAIN_TIME 24
void plain_time(int64_t ms, char out[PLAIN_TIME]);

/* An object as `name: value` lines, a list of objects in columns, the widths
 * by content and in characters. Times (…At, _creationTime) as plain_time has
 * them; `_id` is left out, in lists also what would make lines long. */
void plain_print(struct json_object *value);

#endif
