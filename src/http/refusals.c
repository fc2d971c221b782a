/*
 * refusals.c: counting and writing refusals of known keys.
 */
#include "http/refusals.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "http/app.h"
#include "http/req.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

#define AGAIN CLOCK_S(5) /* after one that could not be written */

static int64_t
minute_now(void)
{
	return (int64_t)time(NULL) / 60;
}

/* Those that are written and over make room. */
static void
forget_old(struct refusals *list)
{
	int64_t now = minute_now();
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->one[i].count > 0 || list->one[i].minute == now)
			list->one[kept++] = list->one[i];
	list->n = kept;
}

static struct refusal *
find_refusal(struct refusals *list, const struct req *r, int64_t minute)
{
	for (size_t i = 0; i < list->n; i++) {
		struct refusal *one = &list->one[i];

		if (one->minute == minute && one->reason == r->refused &&
		    strcmp(one->key, r->id.key_id) == 0)
			return one;
	}
	return NULL;
}

void
refusals_note(struct req *r)
{
	struct refusals *list = &r->app->refusals;
	int64_t minute = minute_now();
	struct refusal *one;

	if (!r->refused ||
	    (r->status != 401 && r->status != 403 && r->status != 429))
		return;
	one = find_refusal(list, r, minute);
	if (one) {
		one->count++;
		return;
	}
	if (list->n == REFUSALS_MAX)
		forget_old(list);
	if (list->n == REFUSALS_MAX) {
		refusals_write(r->app, REFUSALS_ALL);
		list->n = 0; /* the count of a key that has one more is anew */
	}
	one = &list->one[list->n++];
	*one = (struct refusal){.reason = r->refused,
	    .minute = minute,
	    .count = 1,
	    .due = clock_us()};
	text_copy(one->project, UUID_TEXT, r->id.project_id);
	text_copy(one->key, UUID_TEXT, r->id.key_id);
	text_copy(one->rid, UUID_TEXT, r->rid);
	if (r->address)
		text_copy(one->address, sizeof(one->address), r->address);
}

int64_t
refusals_wait(const struct app *app)
{
	const struct refusals *list = &app->refusals;
	int64_t now = clock_us(), wait = -1;

	for (size_t i = 0; i < list->n; i++) {
		int64_t left = list->one[i].due - now;

		if (list->one[i].count == 0)
			continue;
		left = left > 0 ? left : 0;
		wait = wait < 0 || left < wait ? left : wait;
	}
	return wait;
}

/* False: not now. */
static bool
write_one(struct app *app, struct refusal *one, const char *host)
{
	struct db_query q;
	struct db_fault fault;
	enum err e;

	db_query_init(&q, STMT_REFUSAL_ADD);
	db_text(&q, one->project);
	db_text(&q, one->key);
	db_text(&q, one->reason);
	db_int(&q, one->minute * 60 * 1000);
	db_text(&q, host);
	db_int(&q, one->count);
	db_text(&q, one->rid);
	db_text(&q, one->address[0] ? one->address : NULL);
	e = db_ask(app->db, &q, clock_us() + CLOCK_S(2), &fault);
	db_query_clear(&q);
	if (e == ERR_UNAVAILABLE)
		return false;
	if (e)
		log_msg(LOG_WARN, "refusals of key %s not noted", one->key);
	one->count = 0;
	one->due = clock_us() + CLOCK_S(60 - (int64_t)time(NULL) % 60);
	return true;
}

void
refusals_write(struct app *app, enum refusals_which which)
{
	struct refusals *list = &app->refusals;
	char host[REFUSALS_HOST] = "";
	bool can = true;

	if (list->n == 0)
		return;
	if (gethostname(host, sizeof(host) - 1) != 0)
		text_copy(host, sizeof(host), "unknown");
	for (size_t i = 0; i < list->n; i++) {
		struct refusal *one = &list->one[i];

		if (one->count == 0 ||
		    (which == REFUSALS_DUE && one->due > clock_us()))
			continue;
		/* where one waits in vain, all would, one after the other */
		can = can && write_one(app, one, host);
		if (!can)
			one->due = clock_us() + AGAIN;
	}
	forget_old(list);
}
