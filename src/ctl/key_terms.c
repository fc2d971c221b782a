/*
 * key_terms.c: --scope, --expires, --allow-ip, --rate, see key_terms.h.
 */
#include "ctl/key_terms.h"

#include "base/text.h"
#include "crypt/key.h"
#include "ctl/when.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

void
key_terms_init(struct key_terms *t)
{
	memset(t, 0, sizeof(*t));
	text_copy(
	    t->scopes, sizeof(t->scopes), "{projects:read,projects:write}");
	text_copy(t->addresses, sizeof(t->addresses), "{}");
}

/* The next one of a list with commas, *len bytes; NULL: there is none. An empty
 * one is one, too. */
static const char *
next_of(const char **list, size_t *len)
{
	const char *one = *list;

	if (!one)
		return NULL;
	*len = strcspn(one, ",");
	*list = one[*len] ? one + *len + 1 : NULL;
	return one;
}

static int
read_scopes(struct ctl *c, const char *list, char out[SCOPE_TEXT])
{
	scope_set set = 0;
	const char *one;
	char name[64];
	size_t len;

	while ((one = next_of(&list, &len))) {
		enum scope scope;

		text_copy(
		    name, len < sizeof(name) ? len + 1 : sizeof(name), one);
		scope = scope_of(name);
		if (scope == SCOPE_OPEN)
			return ctl_fail(c, ERR_VALIDATION,
			    "--scope: no scope \"%.*s\"; the table of scopes "
			    "is in codecourierctl(8)",
			    (int)len, one);
		if (set & (scope_set)1 << scope)
			return ctl_fail(
			    c, ERR_VALIDATION, "--scope: \"%s\" twice", name);
		set |= (scope_set)1 << scope;
	}
	scope_array(set, out);
	return CTL_DONE;
}

static int
read_block(struct ctl *c, const char *one, size_t len, struct cidr *block)
{
	char fits[CIDR_TEXT];

	switch (cidr_parse(block, one, len)) {
	case CIDR_OK:
		return CTL_DONE;
	case CIDR_HOST_BITS:
		cidr_text(block, fits);
		return ctl_fail(c, ERR_VALIDATION,
		    "--allow-ip: \"%.*s\" has bits behind its length; the "
		    "block is %s",
		    (int)len, one, fits);
	default:
		return ctl_fail(c, ERR_VALIDATION,
		    "--allow-ip: \"%.*s\" is no address and no block of "
		    "addresses such as 10.0.0.0/8",
		    (int)len, one);
	}
}

/* The same one may be written in two ways. */
static bool
has_block(const struct cidr_list *list, const struct cidr *block)
{
	for (size_t i = 0; i < list->n; i++)
		if (memcmp(&list->block[i], block, sizeof(*block)) == 0)
			return true;
	return false;
}

static int
read_addresses(struct ctl *c, const char *given, char out[CIDR_LIST_TEXT])
{
	struct cidr_list list = {0};
	const char *one, *rest = strcmp(given, "any") ? given : NULL;
	char text[CIDR_TEXT];
	size_t len;
	int rc;

	while ((one = next_of(&rest, &len))) {
		if (list.n == CIDR_LIST_MAX)
			return ctl_fail(c, ERR_VALIDATION,
			    "--allow-ip: more than " TEXT_OF(CIDR_LIST_MAX));
		rc = read_block(c, one, len, &list.block[list.n]);
		if (rc)
			return rc;
		if (has_block(&list, &list.block[list.n])) {
			cidr_text(&list.block[list.n], text);
			return ctl_fail(
			    c, ERR_VALIDATION, "--allow-ip: %s twice", text);
		}
		list.n++;
	}
	cidr_list_write(&list, out);
	return CTL_DONE;
}

static int
read_rate(struct ctl *c, const char *given, int64_t *rate)
{
	size_t digits = strspn(given, "0123456789");

	*rate = 0;
	if (strcmp(given, "none") == 0)
		return CTL_DONE;
	if (digits > 0 && digits < 10 && !given[digits])
		*rate = strtol(given, NULL, 10);
	if (*rate >= 1 && *rate <= KEY_RATE)
		return CTL_DONE;
	return ctl_fail(c, ERR_VALIDATION,
	    "--rate: 1 to " TEXT_OF(KEY_RATE) " requests a minute, or none");
}

static int
read_end(struct ctl *c, const char *given, struct key_terms *t)
{
	int64_t seconds;

	if (strcmp(given, "never") == 0) {
		t->end = KEY_ENDS_NEVER;
	} else if (when_length(given, &seconds)) {
		t->end = KEY_ENDS_IN;
		t->end_ms = seconds * 1000;
	} else if (when_moment(given, &t->end_ms)) {
		t->end = KEY_ENDS_AT;
	} else {
		return ctl_fail(c, ERR_VALIDATION,
		    "--expires: 90d, 12h, 30m, 2027-03-31, "
		    "2027-03-31T18:30:00Z, or never");
	}
	return CTL_DONE;
}

int
key_terms_read(struct ctl *c, struct key_terms *t)
{
	const char *scopes = c->option[OPT_SCOPE];
	const char *addresses = c->option[OPT_ALLOW_IP];
	const char *end = c->option[OPT_EXPIRES], *rate = c->option[OPT_RATE];
	int rc;

	key_terms_init(t);
	if ((scopes && (rc = read_scopes(c, scopes, t->scopes))) ||
	    (end && (rc = read_end(c, end, t))) ||
	    (addresses && (rc = read_addresses(c, addresses, t->addresses))) ||
	    (rate && (rc = read_rate(c, rate, &t->rate))))
		return rc;
	t->disabled = c->option[OPT_DISABLE] != NULL;
	if (t->disabled && c->option[OPT_ENABLE])
		return ctl_fail(c, ERR_VALIDATION,
		    "--disable or --enable, not both of them");
	return CTL_DONE;
}

int
key_terms_date(struct ctl *c, struct key_terms *t, int64_t now_ms)
{
	if (t->end == KEY_ENDS_NEVER)
		return CTL_DONE;
	if (t->end == KEY_ENDS_IN)
		t->end_ms += now_ms;
	t->end = KEY_ENDS_AT;
	if (t->end_ms >= now_ms + KEY_LIFE_MIN &&
	    t->end_ms <= now_ms + KEY_LIFE_MAX)
		return CTL_DONE;
	return ctl_fail(
	    c, ERR_VALIDATION, "--expires: from one minute to ten years ahead");
}

void
key_terms_add(struct db_query *q, const struct key_terms *t)
{
	db_text(q, t->scopes);
	if (t->end == KEY_ENDS_NEVER)
		db_text(q, NULL);
	else
		db_int(q, t->end_ms);
	db_text(q, t->addresses);
	if (t->rate == 0)
		db_text(q, NULL);
	else
		db_int(q, t->rate);
	db_text(q, t->disabled ? "t" : "f");
}
