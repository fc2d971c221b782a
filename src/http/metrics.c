/*
 * metrics.c: counting a request, and GET /metrics: the statistics of the host
 * as Prometheus reads them (text format 0.0.4). Names, routes and codes are
 * ours: nothing that a client or a database sent can be a label.
 */
#include "http/metrics.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/version.h"
#include "http/answer.h"
#include "http/route.h"
#include "shm/worker.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

void
metrics_init(struct app *app)
{
	const struct route *t = app->routes;

	for (int i = 0; i < STATS_ROUTES && t[i].path; i++)
		app->row[i] = host_route(app->host, t[i].method, t[i].path);
}

static void
note_fault(struct stats *s, const struct req *r, int row)
{
	struct stats_fault f = {.row = row, .status = r->status};

	f.at_ms = clock_wall_ms();
	snprintf(f.code, sizeof(f.code), "%s", err_info(r->result)->code);
	snprintf(f.rid, sizeof(f.rid), "%s", r->rid);
	stats_fault_add(s, &f);
}

static void
count_kind(struct stats *s, const struct req *r)
{
	if (r->result == ERR_RATE_LIMITED)
		stats_add(s, STAT_RATE_REFUSALS, 1);
	else if (r->result == ERR_MISMATCH)
		stats_add(s, STAT_MISMATCHES, 1);
	else if (r->result == ERR_RUNNING)
		stats_add(s, STAT_STILL_RUNNING, 1);
	else if (r->replayed)
		stats_add(s, STAT_REPLAYS, 1);
}

void
metrics_count(const struct req *r, int64_t db_us)
{
	struct stats *s = host_stats(r->app->host);
	ptrdiff_t i = r->route ? r->route - r->app->routes : STATS_ROUTES;
	int row = i < STATS_ROUTES ? r->app->row[i] : 0;

	if (!s)
		return;
	worker_request(r->app->host);
	stats_answer(s, row, r->status, clock_us() - r->start);
	if (db_us > 0) {
		stats_add(s, STAT_DB_REQUESTS, 1);
		stats_add(s, STAT_DB_WAIT_US, (uint64_t)db_us);
	}
	count_kind(s, r);
	if (r->status >= 500) {
		stats_add(s, STAT_ERRORS, 1);
		note_fault(s, r, row);
	}
}

/* ---- GET /metrics ---- */

/* Appends a line or more, at most 511 bytes. */
static void PRINTF_LIKE(2, 3) say(struct req *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	answer_text(r, text);
}

static void
say_head(struct req *r, const char *name, const char *type, const char *help)
{
	say(r, "# HELP codecourier_%s %s\n# TYPE codecourier_%s %s\n", name,
	    help, name, type);
}

static void
say_gauge(struct req *r, const char *name, const char *help, uint64_t value)
{
	say_head(r, name, "gauge", help);
	say(r, "codecourier_%s %llu\n", name, (unsigned long long)value);
}

/* Microseconds as seconds, behind a name and its labels. */
static void
say_seconds(struct req *r, const char *name, const char *labels, uint64_t us)
{
	say(r, "codecourier_%s%s %llu.%06llu\n", name, labels,
	    (unsigned long long)(us / 1000000),
	    (unsigned long long)(us % 1000000));
}

static void
say_totals(struct req *r, const struct stats *s)
{
	static const struct {
		enum stats_total total;
		const char *name, *help;
	} rows[] = {
	    {STAT_VERIFIED_HITS, "verified_key_hits_total",
		"API keys that the host's table of verified keys knew."},
	    {STAT_SCRYPT_RUNS, "scrypt_runs_total",
		"API keys verified by a run of scrypt."},
	    {STAT_CHECK_REFUSALS, "check_refusals_total",
		"API keys with a wrong secret, refused without scrypt."},
	    {STAT_COLD_REFUSALS, "cold_refusals_total",
		"Requests refused with 503 because all places for keys not "
		"yet verified, or to be made, were taken."},
	    {STAT_SHARE_REFUSALS, "share_refusals_total",
		"Requests refused with 503 because their project had its "
		"share of the workers while others waited."},
	    {STAT_RATE_REFUSALS, "rate_refusals_total",
		"Requests refused with 429 because their key had made as many "
		"as it may within a minute."},
	    {STAT_REPLAYS, "idempotency_replays_total",
		"Answers of a first request, given again to its retry by its "
		"Idempotency-Key."},
	    {STAT_MISMATCHES, "idempotency_mismatches_total",
		"Requests refused with 409 because their Idempotency-Key "
		"was that of another one."},
	    {STAT_STILL_RUNNING, "idempotency_in_progress_total",
		"Requests refused with 409 because the first one with their "
		"Idempotency-Key was still running."},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say_head(r, rows[i].name, "counter", rows[i].help);
		say(r, "codecourier_%s %llu\n", rows[i].name,
		    (unsigned long long)stats_get(s, rows[i].total));
	}
	say_head(r, "database_wait_seconds", "summary",
	    "Time that requests waited for the database; those that did.");
	say_seconds(
	    r, "database_wait_seconds_sum", "", stats_get(s, STAT_DB_WAIT_US));
	say(r, "codecourier_database_wait_seconds_count %llu\n",
	    (unsigned long long)stats_get(s, STAT_DB_REQUESTS));
}

static bool
is_row(const struct stats *s, int row)
{
	return row == 0 || stats_is_named(s, row);
}

/* Row 0 has no names: "-", as in the log. */
static void
make_labels(const struct stats *s, int row, char *out, size_t size)
{
	const struct stats_row *t = &s->row[row];

	snprintf(out, size, "method=\"%.*s\",route=\"%.*s\"",
	    (int)sizeof(t->method), row == 0 ? "-" : t->method,
	    (int)sizeof(t->path), row == 0 ? "-" : t->path);
}

/* A status that a route has never answered with is left out, but for these:
 * a rate cannot see the first of a line that begins with it. */
static bool
is_always_told(int status)
{
	return status == 200 || status == 500 || status == 503 || status == 504;
}

static void
say_requests(struct req *r, const struct stats *s)
{
	char labels[128];

	say_head(r, "requests_total", "counter",
	    "Requests answered, by route and HTTP status; without a route "
	    "(404, 405, OPTIONS) it is \"-\".");
	for (int row = 0; row < STATS_ROUTES; row++) {
		if (!is_row(s, row))
			continue;
		make_labels(s, row, labels, sizeof(labels));
		for (int i = 0; i < STATS_STATUSES; i++) {
			uint64_t n = atomic_load(&s->row[row].answers[i]);

			if (n > 0 || is_always_told(STATS_FIRST + i))
				say(r,
				    "codecourier_requests_total{%s,"
				    "code=\"%d\"} %llu\n",
				    labels, STATS_FIRST + i,
				    (unsigned long long)n);
		}
	}
}

#define DURATION "request_duration_seconds"

/* The count is the last bucket's, so that they agree whatever happens. */
static void
say_duration(struct req *r, const struct stats *s, int row)
{
	const struct stats_row *t = &s->row[row];
	char labels[128], braced[132];
	uint64_t n = 0;

	make_labels(s, row, labels, sizeof(labels));
	snprintf(braced, sizeof(braced), "{%s}", labels);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		n += atomic_load(&t->took[i]);
		say(r, "codecourier_" DURATION "_bucket{%s,le=\"%s\"} %llu\n",
		    labels,
		    i < STATS_BUCKETS - 1 ? stats_bounds[i].seconds : "+Inf",
		    (unsigned long long)n);
	}
	say_seconds(r, DURATION "_sum", braced, atomic_load(&t->took_us));
	say(r, "codecourier_" DURATION "_count%s %llu\n", braced,
	    (unsigned long long)n);
}

static void
say_gauges(struct req *r)
{
	struct worker_seen workers[HOST_WORKERS];

	say_gauge(r, "workers", "Workers of this host that are alive.",
	    worker_list(r->app->host, workers, HOST_WORKERS));
	say_gauge(r, "workers_configured", "Workers that there should be.",
	    (uint64_t)r->app->conf.workers);
	say_gauge(r, "rate_windows",
	    "Windows of API keys with a rate limit that are in use.",
	    rate_in_use(r->app->rates, clock_us()));
	say_gauge(r, "schema_version",
	    "Schema of the database; 0: the worker asked has no connection.",
	    (uint64_t)db_schema_version(r->app->db));
	say_head(
	    r, "build_info", "gauge", "The program that answers, always 1.");
	say(r,
	    "codecourier_build_info{version=\"%s\",program=\"%d\","
	    "oldest_schema=\"%d\"} 1\n",
	    version, DB_PROGRAM, DB_OLDEST_SCHEMA);
}

enum err
metrics_get(struct req *r)
{
	const struct stats *s = host_stats(r->app->host);

	if (!s)
		return req_fail(r, ERR_UNAVAILABLE, NULL,
		    "This worker has no statistics; the reason is in its log.");
	text_copy(r->type, sizeof(r->type),
	    "text/plain; version=0.0.4; charset=utf-8");
	say_gauges(r);
	say_totals(r, s);
	say_requests(r, s);
	say_head(r, DURATION, "histogram",
	    "Time from a request's arrival at a worker to its answer.");
	for (int row = 0; row < STATS_ROUTES; row++)
		if (is_row(s, row))
			say_duration(r, s, row);
	return ERR_OK;
}
