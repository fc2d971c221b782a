/*
 * etag.c: lists of entity tags, held against an object's.
 */
#include "http/etag.h"

#include "base/text.h"
#include "http/answer.h"
#include "http/guard.h"
#include "http/route.h"

#include <string.h>

#include "base/banned.h"

#define BLANKS " \t"

struct tag {
	const char *text; /* between its quotes */
	size_t len;
	bool weak;
};

/* RFC 9110 8.8.3: etagc */
static size_t
tag_length(const char *s)
{
	size_t n = 0;

	while ((unsigned char)s[n] > ' ' && s[n] != '"' && s[n] != 0x7f)
		n++;
	return n;
}

/* Cuts the next tag off a list, in which commas may stand alone. False: it has
 * ended; *at is its end then, unless it is ill-formed. */
static bool
next_tag(const char **at, struct tag *t)
{
	const char *s = *at + strspn(*at, BLANKS ",");

	t->weak = strncmp(s, "W/", 2) == 0;
	t->text = s + (t->weak ? 3 : 1);
	if (*s == '\0')
		*at = s;
	if (*s == '\0' || t->text[-1] != '"')
		return false;
	t->len = tag_length(t->text);
	s = t->text + t->len;
	if (*s++ != '"')
		return false;
	s += strspn(s, BLANKS);
	if (*s != '\0' && *s != ',')
		return false;
	*at = s;
	return true;
}

static bool
is_any(const char *list)
{
	list += strspn(list, BLANKS);
	return *list == '*' && list[1 + strspn(list + 1, BLANKS)] == '\0';
}

/* Weak tags count where the caller only means to save a transfer. */
static bool
names(const char *list, const char *tag, bool weakly)
{
	size_t len = strlen(tag) - 2;
	struct tag t;

	if (is_any(list))
		return true;
	while (next_tag(&list, &t))
		if (t.len == len && memcmp(t.text, tag + 1, len) == 0 &&
		    (weakly || !t.weak))
			return true;
	return false;
}

/* As @TAG of shared.sql makes them: no other can be an object's. */
static bool
is_ours(const struct tag *t)
{
	size_t n = strspn(t->text, "0123456789");
	size_t hex = strspn(t->text + n + 1, "0123456789abcdef");

	return n > 0 && t->text[n] == '-' && hex > 0 && n + 1 + hex == t->len;
}

/* If-Match as a text[]. False: it is ill-formed. */
static bool
read_tags(struct req *r)
{
	const char *list = r->if_match;
	char *out = req_alloc(r, strlen(list) + 3), *at = out;
	size_t n = 0;
	struct tag t;

	if (!out) {
		r->no_memory = true;
		return true;
	}
	r->tags = out;
	if (is_any(list)) {
		memcpy(out, "{*}", 4);
		return true;
	}
	*at++ = '{';
	for (; next_tag(&list, &t); n++) {
		if (t.weak || !is_ours(&t))
			continue;
		if (at > out + 1)
			*at++ = ',';
		memcpy(at, t.text, t.len);
		at += t.len;
	}
	memcpy(at, "}", 2);
	return n > 0 && *list == '\0';
}

void
etag_check(struct req *r)
{
	if (!r->route->body)
		return;
	if (r->if_none_match)
		req_complain(r, "If-None-Match",
		    "Belongs to GET; a write has If-Match.");
	if (!r->if_match)
		return;
	if (!r->route->if_match)
		req_complain(r, "If-Match", "This call does not take it.");
	else if (!read_tags(r))
		req_complain(r, "If-Match",
		    "Must be * or entity tags, in their quotes, with commas "
		    "between.");
}

void
etag_set(struct req *r, const char *tag)
{
	text_copy(r->etag, sizeof(r->etag), tag);
}

bool
etag_unchanged(struct req *r)
{
	if (!r->if_none_match || !names(r->if_none_match, r->etag, true))
		return false;
	r->status = 304;
	return true;
}

enum err
etag_answer(struct req *r, const struct db_query *q, int column)
{
	const char *tag = db_value(q, 0, column + 1, NULL);

	if (!tag)
		return ERR_NOT_FOUND;
	etag_set(r, tag);
	return etag_unchanged(r) ? ERR_OK : answer_object(r, q, column);
}

enum err
etag_judge(struct req *r, const char *tag)
{
	if (!r->tags || !tag || names(r->if_match, tag, false))
		return ERR_OK;
	etag_set(r, tag);
	return ERR_PRECONDITION;
}

const struct db_query *
etag_ask(struct req *r, enum stmt stmt, const char *id)
{
	struct db_query *q;

	if (!r->tags)
		return NULL;
	q = guard_read(r, stmt);
	if (id)
		db_text(q, id);
	return q;
}

enum err
etag_met_none(struct req *r, const struct db_query *now, enum err e)
{
	const char *tag = now ? db_value(now, 0, 0, NULL) : NULL;
	enum err judged = etag_judge(r, tag);

	return judged ? judged : e;
}
