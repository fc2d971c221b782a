/*
 * etag.h: the tag of an object (RFC 9110, 8.8.3), which changes with it: what
 * an answer has as ETag, and what a request names by If-None-Match, of what it
 * has read already, and If-Match, of what it means to change.
 */
#ifndef ETAG_H
#define ETAG_H

#include "http/req.h"

/* Looks at the headers of a POST, complains, and fills r->tags with what of
 * If-Match can be a tag of ours. */
void etag_check(struct req *r);

/* The answer's ETag; `tag` with its quotes, as statements give it. */
void etag_set(struct req *r, const char *tag);

/* Whether If-None-Match names the answer's tag. Then it is a 304, and has no
 * text. */
MUST_CHECK bool etag_unchanged(struct req *r);

/* Answers row 0 of q: {"data": <column>}, whose tag stands in the column behind
 * it. ERR_NOT_FOUND without a row. */
enum err etag_answer(struct req *r, const struct db_query *q, int column);

/* Of an object as it was read: ERR_PRECONDITION, and its tag as ETag, where
 * If-Match was sent and does not name it. NULL, for none: ERR_OK. */
MUST_CHECK enum err etag_judge(struct req *r, const char *tag);

/* Adds to a batch, behind a write that takes r->tags, the statement that tells
 * the tag that its object has then; `id` is its $2, or NULL. NULL: no If-Match
 * was sent, nobody will ask. */
const struct db_query *etag_ask(struct req *r, enum stmt stmt, const char *id);

/* Why the write met no row: as etag_judge where the object is there, else `e`;
 * `now` is what etag_ask gave. */
MUST_CHECK enum err etag_met_none(
    struct req *r, const struct db_query *now, enum err e);

#endif
