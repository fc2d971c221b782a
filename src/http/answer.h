/*
 * answer.h: all that makes an answer: its JSON text, the JSON of a failure,
 * status and headers. Handlers fill it and have nothing to check: without
 * memory the request is marked (no_memory), and serve.c, which looks once,
 * answers a 500.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "http/req.h"

/* Appends to the JSON text. */
void answer_raw(struct req *r, const char *json, size_t len);
void answer_text(struct req *r, const char *json);
void answer_quoted(struct req *r, const char *text, size_t len);

/* Room for so many bytes in all, or else it grows as it is filled. */
void answer_reserve(struct req *r, size_t size);

/* Answers {"data": <row 0, column 0 of q>}; ERR_NOT_FOUND without a row. */
enum err answer_row(struct req *r, const struct db_query *q);
/* The same of another column. */
enum err answer_object(struct req *r, const struct db_query *q, int column);

/* Answers {"data": <array>, "nextCursor": …, "hasMore": …}. */
void answer_list(
    struct req *r, const char *array, size_t len, const char *next_cursor);
/* The same of a list without pages: row 0, column 0 of q. */
enum err answer_array(struct req *r, const struct db_query *q);

/* The failure that has arrived is recorded here, and nowhere else: the answer
 * becomes `e`, with its words. */
void answer_fault(struct req *r, enum err e);

/* Writes status, headers and, but for HEAD, the text to the wire. Returns the
 * text's length. */
size_t answer_write(const struct req *r);

#endif
