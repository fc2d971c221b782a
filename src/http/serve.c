/*
 * serve.c: wire → route → auth → body check → handler → answer → log →
 * last-used. The order of refusals is the order of the calls in decide().
 */
#include "http/serve.h"

#include "base/cidr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/uuid.h"
#include "http/admit.h"
#include "http/admit_rate.h"
#include "http/answer.h"
#include "http/auth.h"
#include "http/etag.h"
#include "http/guard.h"
#include "http/metrics.h"
#include "http/once.h"
#include "http/query.h"
#include "http/route.h"
#include "http/wire.h"
#include "json/json.h"
#include "json/scan.h"
#include "shm/worker.h"

#include <json-c/json.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

/* `media`, any parameters behind it (charset). RFC 9110 8.3 */
static bool
is_media(const char *type, const char *media)
{
	if (!type || strncasecmp(type, media, strlen(media)) != 0)
		return false;
	type += strlen(media);
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

/* Of a type's parameters: JSON has no other encoding, whatever they say. */
static bool
is_in_utf8(const char *type)
{
	static const char charset[] = "charset=";

	while ((type = strchr(type, ';'))) {
		type += 1 + strspn(type + 1, " \t");
		if (strncasecmp(type, charset, strlen(charset)) != 0)
			continue;
		type += strlen(charset);
		type += *type == '"';
		if (strncasecmp(type, "utf-8", 5) != 0 ||
		    (type[5] && !strchr("\"; \t", type[5])))
			return false;
	}
	return true;
}

static enum err
check_media(struct req *r)
{
	const struct body *body = r->route->body;
	bool encoded = r->content_encoding && r->content_encoding[0];

	if (!body || r->body_len == 0)
		return ERR_OK;
	if (!body->text)
		return encoded || !is_media(r->content_type, "application/json")
		    ? ERR_MEDIA_TYPE
		    : ERR_OK;
	if (!encoded && is_media(r->content_type, "text/plain") &&
	    is_in_utf8(r->content_type))
		return ERR_OK;
	return req_fail(r, ERR_MEDIA_TYPE, NULL,
	    "The body must be text/plain, in UTF-8 and without "
	    "Content-Encoding.");
}

/* Text → one JSON object in r->json. */
static enum err
parse_body(struct req *r)
{
	struct scan_fault fault;

	if (!scan_json(
		r->body, r->body_len, field_marks(r->route->body), &fault)) {
		if (fault.offset == SIZE_MAX)
			return ERR_INTERNAL;
		req_complain(r, fault.field, fault.message);
		return ERR_VALIDATION;
	}
	r->room = malloc(r->body_len + 1);
	if (!r->room || !json_build(r->body, r->body_len, r->room, &r->json))
		return ERR_INTERNAL;
	if (json_object_is_type(r->json, json_type_object))
		return ERR_OK;
	req_complain(r, "", "The body must be a JSON object.");
	return ERR_VALIDATION;
}

/* A body that is there, or should be. */
static enum err
check_body(struct req *r, const struct body *body)
{
	enum err e;
	size_t n;
	int ill;

	if (r->body_len == 0) {
		req_complain(r, "",
		    body->text ? "A text is needed as body."
			       : "A JSON object is needed as body.");
		return ERR_VALIDATION;
	}
	if (body->text)
		return ERR_OK;
	e = parse_body(r);
	if (e)
		return e;
	n = field_check(body, r->json, r->value, r->given, req_complain, r);
	if (n > 0)
		return n == SIZE_MAX ? ERR_INTERNAL : ERR_VALIDATION;
	ill = field_ill_id(body, r->value);
	return ill < 0 ? ERR_OK : req_not_found(r, ill);
}

/* Query, the form of an Idempotency-Key, headers of tags, body. */
static enum err
check_input(struct req *r)
{
	const char *query = r->target + r->path_len;
	const struct body *body = r->route->body;

	query_parse(r, *query == '?' ? query + 1 : NULL);
	if (body && r->idempotency_key && !once_is_key(r->idempotency_key))
		req_complain(r, "Idempotency-Key",
		    "Must be 1 to 255 printable ASCII characters without "
		    "spaces.");
	etag_check(r);
	if (r->no_memory) /* perhaps for the very complaint */
		return ERR_INTERNAL;
	if (r->details)
		return ERR_VALIDATION;
	if (!body || (r->body_len == 0 && body->optional))
		return ERR_OK;
	return check_body(r, body);
}

/* Who calls, and whether it may. */
static enum err
check_caller(struct req *r)
{
	enum err e = auth_begin(r);

	if (!e)
		e = auth_share(r);
	return e ? e : admit(r);
}

static enum err
decide(struct req *r)
{
	enum err e;
	bool open;

	r->path_len = strcspn(r->target, "?");
	e = route_find(r->app->routes, r->method, r->target, r->path_len,
	    &r->route, r->allow);
	if (e == ERR_METHOD && strcmp(r->method, "OPTIONS") == 0) {
		r->status = 204;
		return ERR_OK;
	}
	if (e == ERR_NOT_FOUND)
		return req_fail(r, e, NULL, "There is no such path.");
	if (e)
		return e;
	open = r->route->scope == SCOPE_OPEN;
	if (open && !r->route->body)
		return r->route->handler(r);
	e = open ? ERR_OK : check_caller(r);
	if (e)
		return e;
	e = check_media(r);
	if (!e && !open)
		e = once_begin(r);
	if (!e)
		e = check_input(r);
	if (e)
		return open ? e : guard_refuse(r, e);
	return r->route->handler(r);
}

/* Of what was decided: is it told whole, and is it true? */
static enum err
last_word(struct req *r, enum err e)
{
	if (r->no_memory && err_info(e)->status < 500)
		e = ERR_INTERNAL;
	if (!r->committed || e == ERR_IN_DOUBT || err_info(e)->status < 500)
		return e;
	return req_fail(r, ERR_IN_DOUBT, NULL,
	    "The change was made, but its answer could not be built. Read the "
	    "object before you try again.");
}

void
serve_request(struct req *r, enum err e)
{
	e = last_word(r, once_end(r, e ? e : decide(r)));
	if (e == ERR_AUTH_INVALID) /* the window may be its successor's */
		admit_rate_back(r);
	if (e)
		answer_fault(r, e);
}

/* ---- the wire ---- */

/* nginx's REQUEST_ID, else the client's own, else a new one. */
static void
set_request_id(struct req *r)
{
	const char *names[] = {"REQUEST_ID", "HTTP_X_REQUEST_ID"};

	for (size_t i = 0; i < 2; i++) {
		const char *id = r->app->wire->param(names[i]);

		if (id && uuid_from(r->rid, id))
			return;
	}
	uuid_make(r->rid);
}

static const char *
or_empty(const char *s)
{
	return s ? s : "";
}

void
serve_read(struct req *r)
{
	const struct wire *w = r->app->wire;
	const char *address;

	set_request_id(r);
	log_set_request(r->rid);
	text_copy(
	    r->method, sizeof(r->method), or_empty(w->param("REQUEST_METHOD")));
	r->target = or_empty(w->param("REQUEST_URI"));
	r->authorization = w->param("HTTP_AUTHORIZATION");
	if (strcmp(r->method, "POST") == 0) { /* a look goes over all of them */
		r->content_type = w->param("CONTENT_TYPE");
		r->content_encoding = w->param("HTTP_CONTENT_ENCODING");
		r->idempotency_key = w->param("HTTP_IDEMPOTENCY_KEY");
		r->if_match = w->param("HTTP_IF_MATCH");
	}
	r->if_none_match = w->param("HTTP_IF_NONE_MATCH");
	address = w->param("REMOTE_ADDR");
	if (address && cidr_address(&r->from, address)) { /* not "unix:" */
		text_copy(r->peer, sizeof(r->peer), address);
		r->address = r->peer;
	}
}

static void
log_request(const struct req *r, int64_t db_us, size_t bytes)
{
	char status[TEXT_DECIMAL], us[TEXT_DECIMAL], dbus[TEXT_DECIMAL];
	char size[TEXT_DECIMAL];

	text_decimal(status, (uint64_t)r->status);
	text_decimal(us, (uint64_t)(clock_us() - r->start));
	text_decimal(dbus, (uint64_t)db_us);
	text_decimal(size, bytes);
	log_pairs(LOG_INFO, "key", r->id.key_id[0] ? r->id.key_id : NULL,
	    "project", r->id.project_id[0] ? r->id.project_id : NULL, "method",
	    r->method, "route", r->route ? r->route->path : "-", "status",
	    status, "us", us, "dbus", dbus, "bytes", size, NULL);
}

/* lastUsedAt, when the answer is out: nobody waits for it. */
static void
note_use(struct req *r)
{
	struct db_query q;
	struct db_fault fault;

	if (!r->key_used)
		return;
	db_query_init(&q, STMT_KEY_USED);
	db_text(&q, r->id.project_id);
	db_text(&q, r->id.key_id);
	if (db_ask(r->app->db, &q, clock_us() + CLOCK_S(2), &fault))
		log_msg(LOG_WARN, "last use of the key not noted");
	db_query_clear(&q);
}

void
serve(struct app *app)
{
	const struct wire *wire = app->wire;
	struct req r;
	char *body;
	size_t body_len, bytes = 0, sent;
	int64_t db_us;
	enum err e;

	req_begin(&r, app);
	worker_reads(app->host);
	db_take_wait(app->db);
	serve_read(&r);
	e = wire_body(wire, &body, &r.body_len, REQ_BODY_MAX);
	r.body = body;
	if (e == ERR_VALIDATION || wire->is_gone()) {
		/* cut off on the way, or given up while it queued: a write
		 * must not be done for a client that was told it failed */
		log_msg(LOG_INFO, "client gone, request dropped");
		wire->finish();
	} else {
		serve_request(&r, e);
		bytes = answer_write(&r);
		db_us = db_take_wait(app->db);
		/* first: who has the whole answer finds it counted */
		metrics_count(&r, db_us);
		wire->finish();
		log_request(&r, db_us, bytes);
		refusals_note(&r);
		note_use(&r);
		once_sweep(&r);
	}
	worker_is_free(app->host);
	log_set_request(NULL);
	body_len = r.body_len;
	sent = body_len + (r.once ? bytes : 0); /* with the answer to be kept */
	req_end(&r);
	free(body);
	if (req_is_large(body_len, bytes)) {
		db_slim(app->db, sent);
		malloc_trim(0);
	}
}
