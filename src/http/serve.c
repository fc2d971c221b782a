/*
 * serve.c: wire → route → auth → body check → handler → answer → log →
 * last-used. The order of refusals is the order of the calls in decide().
 */
#include "http/serve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "http/auth.h"
#include "http/call.h"
#include "http/fcgi.h"
#include "http/metrics.h"
#include "http/query.h"
#include "http/route.h"
#include "json/json.h"
#include "json/scan.h"

#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

/* "application/json", any parameters behind it (charset). RFC 9110 8.3 */
static bool
is_json(const char *type)
{
	static const char json[] = "application/json";

	if (!type || strncasecmp(type, json, strlen(json)) != 0)
		return false;
	type += strlen(json);
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

static enum err
check_media(struct req *r)
{
	if (!r->route->body || r->body_len == 0)
		return ERR_OK;
	if (!is_json(r->content_type) ||
	    (r->content_encoding && r->content_encoding[0]))
		return req_fail(r, ERR_MEDIA_TYPE, NULL, NULL);
	return ERR_OK;
}

/* Text → one JSON object in r->json. */
static enum err
parse_body(struct req *r)
{
	struct scan_fault fault;

	if (!scan_json(
		r->body, r->body_len, field_marks(r->route->body), &fault)) {
		if (fault.offset == SIZE_MAX)
			return req_fail(r, ERR_INTERNAL, NULL, NULL);
		req_complain(r, fault.field, fault.message);
		return r->err;
	}
	r->room = malloc(r->body_len + 1);
	if (!r->room || !json_build(r->body, r->body_len, r->room, &r->json))
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	if (!json_object_is_type(r->json, json_type_object))
		req_complain(r, "", "The body must be a JSON object.");
	return r->err;
}

static void
check_fields(struct req *r)
{
	const struct body *body = r->route->body;
	size_t complaints =
	    field_check(body, r->json, r->value, r->given, req_complain, r);
	int ill;

	if (complaints == SIZE_MAX)
		req_fail(r, ERR_INTERNAL, NULL, NULL);
	if (complaints > 0)
		return;
	ill = field_ill_id(body, r->value);
	if (ill >= 0)
		req_not_found(r, ill);
}

/* Query, headers that promise what is not built yet, body. */
static enum err
check_input(struct req *r)
{
	const char *query = r->target + r->path_len;
	const struct body *body = r->route->body;

	query_parse(r, *query == '?' ? query + 1 : NULL);
	if (r->no_memory)
		return req_fail(r, ERR_INTERNAL, NULL, NULL);
	if (!body)
		return r->err;
	if (r->idempotency_key)
		req_complain(r, "Idempotency-Key", "Is not supported yet.");
	if (r->if_match)
		req_complain(r, "If-Match", "Is not supported yet.");
	if (r->err || (r->body_len == 0 && body->optional))
		return r->err;
	if (r->body_len == 0)
		req_complain(r, "", "A JSON object is needed as body.");
	else if (!parse_body(r))
		check_fields(r);
	return r->err;
}

static enum err
decide(struct req *r)
{
	enum err e;

	r->path_len = strcspn(r->target, "?");
	e = route_find(r->app->routes, r->method, r->target, r->path_len,
	    &r->route, r->allow);
	if (e == ERR_METHOD && strcmp(r->method, "OPTIONS") == 0) {
		r->status = 204;
		return ERR_OK;
	}
	if (e)
		return req_fail(r, e, NULL,
		    e == ERR_NOT_FOUND ? "There is no such path." : NULL);
	if (r->route->access == ACCESS_OPEN)
		return r->route->handler(r);
	e = auth_begin(r);
	if (!e)
		e = auth_share(r);
	if (e)
		return e;
	if (check_media(r) || check_input(r))
		return call_refuse(r, r->err);
	return r->route->handler(r);
}

void
serve_request(struct req *r)
{
	if (!r->err)
		decide(r); /* what fails is recorded in r->err */
	if (r->no_memory && err_info(r->err)->status < 500)
		req_fail(r, ERR_INTERNAL, NULL, NULL);
	if (r->committed && r->err != ERR_IN_DOUBT &&
	    err_info(r->err)->status >= 500)
		req_fail(r, ERR_IN_DOUBT, NULL,
		    "The change was made, but its answer could not be built. "
		    "Read the object before you try again.");
	if (r->err)
		reply_fault(r);
	if (r->err && !r->retry_after && err_info(r->err)->status == 503)
		r->retry_after = 1;
}

/* ---- the wire ---- */

/* nginx's REQUEST_ID, else the client's own, else a new one. */
static void
set_request_id(struct req *r)
{
	const char *names[] = {"REQUEST_ID", "HTTP_X_REQUEST_ID"};

	for (size_t i = 0; i < 2; i++) {
		const char *id = fcgi_param(names[i]);

		if (id && text_to_uuid(r->rid, id))
			return;
	}
	secret_uuid(r->rid);
}

static const char *
or_empty(const char *s)
{
	return s ? s : "";
}

static void
read_wire(struct req *r)
{
	set_request_id(r);
	log_set_request(r->rid);
	text_copy(r->method, sizeof(r->method),
	    or_empty(fcgi_param("REQUEST_METHOD")));
	r->target = or_empty(fcgi_param("REQUEST_URI"));
	r->authorization = fcgi_param("HTTP_AUTHORIZATION");
	r->content_type = fcgi_param("CONTENT_TYPE");
	r->content_encoding = fcgi_param("HTTP_CONTENT_ENCODING");
	r->idempotency_key = fcgi_param("HTTP_IDEMPOTENCY_KEY");
	r->if_match = fcgi_param("HTTP_IF_MATCH");
	r->address = fcgi_param("REMOTE_ADDR");
	if (r->address && !text_is_address(r->address))
		r->address = NULL; /* "unix:" */
}

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{200, "OK"}, {204, "No Content"}, {400, "Bad Request"},
	    {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
	    {405, "Method Not Allowed"}, {409, "Conflict"},
	    {412, "Precondition Failed"}, {413, "Content Too Large"},
	    {415, "Unsupported Media Type"}, {500, "Internal Server Error"},
	    {503, "Service Unavailable"}, {504, "Gateway Timeout"}};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

struct head {
	char text[512];
	size_t used;
};

static void
put(struct head *h, const char *s)
{
	size_t len = strlen(s);

	if (len > sizeof(h->text) - h->used)
		abort(); /* a header of ours, not anybody's input */
	memcpy(h->text + h->used, s, len);
	h->used += len;
}

static void
put_number(struct head *h, const char *name, uint64_t n, const char *then)
{
	char digits[TEXT_DECIMAL];

	text_decimal(digits, n);
	put(h, name);
	put(h, digits);
	put(h, then);
}

static void
put_header(struct head *h, const char *name, const char *value)
{
	put(h, name);
	put(h, value);
	put(h, "\r\n");
}

/* Content-Length always: an answer cut short would look whole otherwise. */
static void
make_head(const struct req *r, size_t body_len, struct head *h)
{
	h->used = 0;
	put_number(h, "Status: ", (uint64_t)r->status, " ");
	put_header(h, "", reason_of(r->status));
	put_header(h, "X-Request-ID: ", r->rid);
	put(h,
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
	if (r->status != 204) {
		put_header(h, "Content-Type: ",
		    r->type && !r->err ? r->type : "application/json");
		put_number(h, "Content-Length: ", body_len, "\r\n");
	}
	if (r->allow[0])
		put_header(h, "Allow: ", r->allow);
	if (r->status == 401)
		put_header(h, "WWW-Authenticate: ", "Bearer");
	if (r->retry_after)
		put_number(
		    h, "Retry-After: ", (uint64_t)r->retry_after, "\r\n");
	put(h, "\r\n");
}

/* A fault for which reply_fault had no memory. */
static size_t
short_fault(const struct req *r, char *out, size_t size)
{
	const struct err_info *info = err_info(r->err);

	/* neither code nor id has anything to quote */
	return (size_t)snprintf(out, size,
	    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\","
	    "\"requestId\":\"%s\"%s}}",
	    info->code, "Out of memory.", r->rid,
	    info->status < 500    ? ""
		: info->retryable ? ",\"retryable\":true"
				  : ",\"retryable\":false");
}

static size_t
write_answer(const struct req *r)
{
	struct head head;
	char fault[256];
	const char *body = r->out ? r->out->buf : fault;
	size_t len = r->out ? (size_t)r->out->bpos
			    : short_fault(r, fault, sizeof(fault));

	if (r->status == 204)
		len = 0;
	make_head(r, len, &head);
	fcgi_write(head.text, head.used);
	if (strcmp(r->method, "HEAD") != 0)
		fcgi_write(body, len);
	return len;
}

static void
log_request(const struct req *r, int64_t db_us, size_t bytes)
{
	char status[TEXT_DECIMAL], us[TEXT_DECIMAL], dbus[TEXT_DECIMAL];
	char size[TEXT_DECIMAL];
	bool named = r->route && r->route->access == ACCESS_KEY;

	text_decimal(status, (uint64_t)r->status);
	text_decimal(us, (uint64_t)(clock_us() - r->start));
	text_decimal(dbus, (uint64_t)db_us);
	text_decimal(size, bytes);
	log_pairs(LOG_INFO, "key",
	    named && r->id.key_id[0] ? r->id.key_id : NULL, "project",
	    r->id.project_id[0] ? r->id.project_id : NULL, "method", r->method,
	    "route", r->route ? r->route->path : "-", "status", status, "us",
	    us, "dbus", dbus, "bytes", size, NULL);
}

/* lastUsedAt, when the answer is out: nobody waits for it. */
static void
note_use(struct req *r)
{
	struct db_query query, *q = &query;
	struct db_fault fault;

	if (!r->key_used)
		return;
	db_query_init(q, STMT_KEY_USED);
	db_text(q, r->id.project_id);
	db_text(q, r->id.key_id);
	if (db_run(r->app->db, &q, 1, false, clock_us() + CLOCK_S(2), &fault))
		log_msg(LOG_WARN, "last use of the key not noted");
	db_query_clear(q);
}

void
serve(struct app *app)
{
	struct req r;
	char *body;
	size_t body_len, bytes = 0;
	int64_t db_us;

	req_begin(&r, app);
	host_reads(app->host);
	db_take_wait(app->db);
	read_wire(&r);
	r.err = fcgi_body(&body, &r.body_len, REQ_BODY_MAX);
	r.body = body;
	if (r.err == ERR_VALIDATION || fcgi_peer_gone()) {
		/* cut off on the way, or given up while it queued: a write
		 * must not be done for a client that was told it failed */
		log_msg(LOG_INFO, "client gone, request dropped");
		fcgi_finish();
	} else {
		serve_request(&r);
		bytes = write_answer(&r);
		db_us = db_take_wait(app->db);
		/* first: who has the whole answer finds it counted */
		metrics_count(&r, db_us);
		fcgi_finish();
		log_request(&r, db_us, bytes);
		note_use(&r);
	}
	host_is_free(app->host);
	log_set_request(NULL);
	body_len = r.body_len;
	req_end(&r);
	free(body);
	if (req_is_large(body_len, bytes)) {
		db_slim(app->db, body_len);
		malloc_trim(0);
	}
}
