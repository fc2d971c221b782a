/*
 * admit_rate.c: one count a request, whatever comes of it.
 */
#include "http/admit_rate.h"

#include <string.h>

#include "base/banned.h"

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
