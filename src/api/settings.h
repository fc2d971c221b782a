/*
 * settings.h: what the settings and their history (history.c) have in common.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "api/vault.h"

/*
 * Answers row 0 of q, the settings as STMT_SETTINGS_GET gives them: 304, or
 * version and tag alone where the caller may not read them (asked behind the
 * guard, as only then is the identity the row's), else all. Keys are opened
 * with the rows of STMT_DATA_KEYS, unless `vault` is open, and only where a
 * column needs them: a keyring that is out of reach does not stop settings
 * that hold nothing sealed. `vault` is wiped.
 */
MUST_CHECK enum err settings_reply(struct req *r, const struct db_query *q,
    const struct db_query *data_keys, struct vault *vault);

/* The same of a row without a tag, to who may read it. */
MUST_CHECK enum err settings_reply_values(struct req *r,
    const struct db_query *q, const struct db_query *data_keys,
    struct vault *vault);

#endif
