/*
 * key_terms.h: what a key may, from where and for how long, as options of the
 * operator's commands. The forms are the API's; that nobody gives more than it
 * has is not the operator's to mind.
 */
#ifndef CTL_KEY_TERMS_H
#define CTL_KEY_TERMS_H

#include "base/cidr_list.h"
#include "base/scope.h"
#include "ctl/ctl.h"

enum key_end { KEY_ENDS_NEVER, KEY_ENDS_IN, KEY_ENDS_AT };

struct key_terms {
	char scopes[SCOPE_TEXT];
	char addresses[CIDR_LIST_TEXT];
	int64_t rate; /* requests a minute; 0: without a limit */
	enum key_end end;
	int64_t end_ms; /* from now, or since 1970 */
	bool disabled;
};

/* Those of a key of which nothing is said: it has all, for ever. */
void key_terms_init(struct key_terms *t);

/* Takes --scope, --expires, --allow-ip, --rate, --disable and --enable: reports
 * a bad one. What is not given is as key_terms_init has it. */
MUST_CHECK int key_terms_read(struct ctl *c, struct key_terms *t);

/* With the database's clock, ms since 1970, an end becomes a moment: reports
 * one that is not from a minute to ten years ahead. */
MUST_CHECK int key_terms_date(
    struct ctl *c, struct key_terms *t, int64_t now_ms);

/* Adds scopes, end, addresses, rate, disabled as parameters; `t`, dated, must
 * live until the query has run. */
void key_terms_add(struct db_query *q, const struct key_terms *t);

#endif
