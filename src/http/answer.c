/*
 * answer.c: the text of an answer, the one writer of the error JSON, and the
 * headers: a table, a row each.
 * Size: 424 lines, as text, failure and head are of one answer.
 */
#include "http/answer.h"

#include "base/text.h"
#include "http/admit_rate.h"
#include "http/wire.h"
#include "json/json.h"

#include <json-c/printbuf.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

/* ---- the text ---- */

static bool
has_out(struct req *r)
{
	if (!r->out)
		r->out = printbuf_new();
	return r->out != NULL;
}

void
answer_reserve(struct req *r, size_t size)
{
	char *buf;

	if (!has_out(r))
		r->no_memory = true;
	else if (size <= INT32_MAX && size > (size_t)r->out->size &&
	    (buf = realloc(r->out->buf, size))) {
		r->out->buf = buf;
		r->out->size = (int)size;
	}
}

void
answer_raw(struct req *r, const char *json, size_t len)
{
	if (!has_out(r) || len > INT32_MAX ||
	    (len > 0 && printbuf_memappend(r->out, json, (int)len) < 0))
		r->no_memory = true;
}

void
answer_text(struct req *r, const char *json)
{
	answer_raw(r, json, strlen(json));
}

void
answer_quoted(struct req *r, const char *text, size_t len)
{
	if (!has_out(r) || !json_quote(r->out, text, len))
		r->no_memory = true;
}

enum err
answer_row(struct req *r, const struct db_query *q)
{
	return answer_object(r, q, 0);
}

enum err
answer_object(struct req *r, const struct db_query *q, int column)
{
	size_t len;
	const char *row = db_value(q, 0, column, &len);

	if (!row)
		return ERR_NOT_FOUND;
	answer_text(r, "{\"data\":");
	answer_raw(r, row, len);
	answer_text(r, "}");
	return ERR_OK;
}

void
answer_list(
    struct req *r, const char *array, size_t len, const char *next_cursor)
{
	answer_text(r, "{\"data\":");
	answer_raw(r, array, len);
	if (next_cursor) {
		answer_text(r, ",\"nextCursor\":\"");
		answer_text(r, next_cursor);
		answer_text(r, "\",\"hasMore\":true}");
	} else {
		answer_text(r, ",\"nextCursor\":null,\"hasMore\":false}");
	}
}

enum err
answer_array(struct req *r, const struct db_query *q)
{
	size_t len;
	const char *array = db_value(q, 0, 0, &len);

	answer_list(r, array, len, NULL);
	return ERR_OK;
}

/* ---- a failure ---- */

static bool
append(struct printbuf *out, const char *text)
{
	return printbuf_memappend(out, text, (int)strlen(text)) >= 0;
}

static bool
append_quoted(struct printbuf *out, const char *text)
{
	return json_quote(out, text, strlen(text));
}

static bool
append_details(struct printbuf *out, struct json_object *details)
{
	size_t len;
	char *text = json_text(details, &len);
	bool ok = text && append(out, ",\"details\":") && append(out, text);

	free(text);
	return ok;
}

/* {"error": {…}} of what is recorded. False: no memory. */
static bool
append_error(struct printbuf *out, const struct req *r)
{
	const struct err_info *info = err_info(r->result);
	bool ok = append(out, "{\"error\":{\"code\":\"") &&
	    append(out, info->code) && append(out, "\",\"message\":") &&
	    append_quoted(out, r->message);

	if (r->field[0])
		ok = ok && append(out, ",\"field\":") &&
		    append_quoted(out, r->field);
	if (r->details && r->result == ERR_VALIDATION)
		ok = ok && append_details(out, r->details);
	ok = ok && append(out, ",\"requestId\":\"") && append(out, r->rid) &&
	    append(out, "\"");
	if (info->status >= 500 || info->retryable)
		ok = ok && append(out, ",\"retryable\":") &&
		    append(out, info->retryable ? "true" : "false");
	return ok && append(out, "}}");
}

static void
drop_text(struct req *r)
{
	if (r->out)
		printbuf_free(r->out);
	r->out = NULL;
}

/* In the place of any text so far. */
static bool
fault_text(struct req *r)
{
	drop_text(r);
	if (has_out(r) && append_error(r->out, r))
		return true;
	drop_text(r);
	return false;
}

/* Three tries: the second is of a fault that is ours, in fewer words; the
 * third needs no memory, see answer_write. */
void
answer_fault(struct req *r, enum err e)
{
	r->result = e;
	if (r->fault != e)
		req_fail(r, e, NULL, NULL);
	if (!fault_text(r)) {
		if (err_info(e)->status < 500)
			r->result = ERR_INTERNAL;
		req_fail(r, r->result, NULL, NULL);
		if (!fault_text(r))
			req_fail(r, r->result, NULL, "Out of memory.");
	}
	r->status = err_info(r->result)->status;
	if (r->status == 503 && r->retry_after == 0)
		r->retry_after = 1;
}

/* ---- status and headers ---- */

#define STATUS "Status: "

static const struct {
	int status;
	char reason[24];
} reasons[] = {{200, "OK"}, {204, "No Content"}, {304, "Not Modified"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {409, "Conflict"},
    {412, "Precondition Failed"}, {413, "Content Too Large"},
    {415, "Unsupported Media Type"}, {429, "Too Many Requests"},
    {500, "Internal Server Error"}, {503, "Service Unavailable"},
    {504, "Gateway Timeout"}};

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

/* What the functions of the headers see. */
struct facts {
	const struct req *r;
	size_t length;             /* of the text */
	char number[TEXT_DECIMAL]; /* room for a value */
	char item[ADMIT_RATE_ITEM];
};

static const char *
decimal(struct facts *f, uint64_t n)
{
	text_decimal(f->number, n);
	return f->number;
}

static const char *
request_id(struct facts *f)
{
	return f->r->rid;
}

static const char *
cache_control(struct facts *f)
{
	(void)f;
	return "no-store";
}

static const char *
content_type_options(struct facts *f)
{
	(void)f;
	return "nosniff";
}

/* An answer that has no text, whatever the method. */
static bool
is_bare(const struct req *r)
{
	return r->status == 204 || r->status == 304;
}

static const char *
content_type(struct facts *f)
{
	if (is_bare(f->r))
		return NULL;
	return f->r->type[0] && !f->r->result ? f->r->type : "application/json";
}

/* Always: an answer cut short would look whole otherwise. */
static const char *
content_length(struct facts *f)
{
	return is_bare(f->r) ? NULL : decimal(f, f->length);
}

static const char *
etag(struct facts *f)
{
	const struct req *r = f->r;

	if (r->result && r->result != ERR_PRECONDITION)
		return NULL;
	return r->etag[0] ? r->etag : NULL;
}

static const char *
allow(struct facts *f)
{
	return f->r->allow[0] ? f->r->allow : NULL;
}

static const char *
authenticate(struct facts *f)
{
	return f->r->status == 401 ? "Bearer" : NULL;
}

static const char *
retry_after(struct facts *f)
{
	const struct req *r = f->r;
	int seconds =
	    r->result == ERR_RATE_LIMITED ? r->rate.seen.wait : r->retry_after;

	return seconds > 0 ? decimal(f, (uint64_t)seconds) : NULL;
}

static const char *
replayed(struct facts *f)
{
	return f->r->replayed && !f->r->result ? "true" : NULL;
}

static const char *
rate_policy(struct facts *f)
{
	return admit_rate_policy(f->r, f->item);
}

static const char *
rate_left(struct facts *f)
{
	return admit_rate_left(f->r, f->item);
}

/* The headers in their order: name, most bytes of a value, the function that
 * gives it, or NULL where the answer has none. One more is a row and a
 * function; what it needs of the request stands in req.h, in a text of a size
 * that OF can ask for. */
#define OF(member) (sizeof(((struct req *)0)->member) - 1)
#define HEADERS(X)                                                             \
	X("X-Request-ID", OF(rid), request_id)                                 \
	X("Cache-Control", 8, cache_control)                                   \
	X("X-Content-Type-Options", 7, content_type_options)                   \
	X("Content-Type", OF(type), content_type)                              \
	X("Content-Length", TEXT_DECIMAL - 1, content_length)                  \
	X("ETag", OF(etag), etag)                                              \
	X("Allow", OF(allow), allow)                                           \
	X("WWW-Authenticate", 6, authenticate)                                 \
	X("Retry-After", TEXT_DECIMAL - 1, retry_after)                        \
	X("Idempotency-Replayed", 4, replayed)                                 \
	X("RateLimit-Policy", ADMIT_RATE_ITEM - 1, rate_policy)                \
	X("RateLimit", ADMIT_RATE_ITEM - 1, rate_left)

/* A line ends where the next one begins. */
#define LINE(name) "\r\n" name ": "
#define END        "\r\n\r\n"

#define ROW(name, max, value) {LINE(name), sizeof(LINE(name)) - 1, max, value},
static const struct {
	const char *line;
	size_t len, max;
	const char *(*value)(struct facts *f);
} headers[] = {HEADERS(ROW)};

#define SIZE(name, max, value) +sizeof(LINE(name)) - 1 + (max)
enum {
	STATUS_SIZE = sizeof(STATUS) - 1 + TEXT_DECIMAL - 1 + 1 +
	    sizeof(reasons[0].reason),
	HEAD_SIZE = STATUS_SIZE HEADERS(SIZE) + sizeof(END) - 1
};
/* nginx and libfcgi take it in one piece */
_Static_assert(HEAD_SIZE <= 4096, "a head fits a page");

struct head {
	char text[HEAD_SIZE];
	size_t used;
};

static void
head_add(struct head *h, const char *text, size_t len)
{
	memcpy(h->text + h->used, text, len);
	h->used += len;
}

/* No more than was reckoned with. */
static void
head_value(struct head *h, const char *text, size_t max)
{
	head_add(h, text, strnlen(text, max));
}

static void
make_head(const struct req *r, size_t length, struct head *h)
{
	struct facts f = {.r = r, .length = length};

	h->used = 0;
	head_add(h, STATUS, sizeof(STATUS) - 1);
	head_value(h, decimal(&f, (uint64_t)r->status), TEXT_DECIMAL - 1);
	head_add(h, " ", 1);
	head_value(h, reason_of(r->status), sizeof(reasons[0].reason));
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const char *value = headers[i].value(&f);

		if (!value)
			continue;
		head_add(h, headers[i].line, headers[i].len);
		head_value(h, value, headers[i].max);
	}
	head_add(h, END, sizeof(END) - 1);
}

size_t
answer_write(const struct req *r)
{
	const struct wire *wire = r->app->wire;
	char room[256]; /* enough for any code in few words */
	struct printbuf brief = {.buf = room, .size = sizeof(room)};
	const struct printbuf *out = r->out ? r->out : &brief;
	struct head head;

	if (r->result && !r->out)
		(void)append_error(&brief, r);
	make_head(r, (size_t)out->bpos, &head);
	wire->write(head.text, head.used);
	if (strcmp(r->method, "HEAD") != 0)
		wire->write(out->buf, (size_t)out->bpos);
	return (size_t)out->bpos;
}
