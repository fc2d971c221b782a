/*
 * unseal.h: opening a sealed value of a project, for the operator's commands.
 */
#ifndef CTL_UNSEAL_H
#define CTL_UNSEAL_H

#include "ctl/ctl.h"

/*
 * Opens it with that one of c->project_id's data keys, the rows of
 * STMT_DATA_KEYS, which it was sealed with; c->keyring is there. `out` has room
 * for `size` bytes; *out_len is set. False: longer than that, or the keyring
 * does not open it.
 */
MUST_CHECK bool unseal(struct ctl *c, const struct db_query *keys,
    struct seal_name what, const char *sealed, size_t len, unsigned char *out,
    size_t size, size_t *out_len);

#endif
