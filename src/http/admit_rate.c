/*
 * admit_rate.c: one count a request, whatever comes of it.
 */
#include "http/admit_rate.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#include "base/banned.h"

void
admit_rate_back(struct req *r)
{
	if (r->rate.counted)
		rate_take_back(
		    r->app->rates, r->rate.window, clock_us, &r->rate.seen);
	memset(&r->rate, 0, sizeof(r->rate));
}

static enum err
refuse_uncounted(struct req *r, const char *why)
{
	log_msg(LOG_ERROR, "key %s: cannot count its requests: %s",
	    r->id.key_id, why);
	return req_fail(r, ERR_UNAVAILABLE, NULL,
	    "The requests of this API key cannot be counted right now. Nothing "
	    "was changed; try again shortly.");
}

enum err
admit_rate(struct req *r)
{
	struct rate_seen seen;
	enum rate_answer a;

	admit_rate_back(r);
	if (r->id.rate == 0)
		return ERR_OK;
	a = rate_enter(
	    r->app->rates, r->id.window, r->id.rate, clock_us, &seen);
	if (a == RATE_BUSY)
		return refuse_uncounted(r, "a worker is stopped");
	if (a == RATE_NO_ROOM)
		return refuse_uncounted(r,
		    r->app->rates ? "too many keys have a limit"
				  : "there is no shared file");
	r->rate.limit = r->id.rate;
	r->rate.counted = a == RATE_LET_IN;
	r->rate.seen = seen;
	memcpy(r->rate.window, r->id.window, sizeof(r->rate.window));
	return a == RATE_LET_IN ? ERR_OK : ERR_RATE_LIMITED;
}

/* ---- what the headers say ---- */

/* "key";q=600;w=60 of the numbers and what stands before each. */
static const char *
make_item(char out[ADMIT_RATE_ITEM], const char *name, int n, const char *then,
    int seconds)
{
	char number[2][TEXT_DECIMAL];
	const char *part[] = {name, number[0], then, number[1]};
	size_t used = 0;

	text_decimal(number[0], (uint64_t)n);
	text_decimal(number[1], (uint64_t)seconds);
	for (int i = 0; i < 4; i++) {
		text_copy(out + used, ADMIT_RATE_ITEM - used, part[i]);
		used += strlen(part[i]);
	}
	return out;
}

const char *
admit_rate_policy(const struct req *r, char out[ADMIT_RATE_ITEM])
{
	if (r->rate.limit == 0)
		return NULL;
	return make_item(out, "\"key\";q=", r->rate.limit, ";w=", RATE_SECONDS);
}

const char *
admit_rate_left(const struct req *r, char out[ADMIT_RATE_ITEM])
{
	const struct rate_seen *seen = &r->rate.seen;

	if (r->rate.limit == 0)
		return NULL;
	return make_item(out, "\"key\";r=", seen->left, ";t=", seen->oldest);
}
