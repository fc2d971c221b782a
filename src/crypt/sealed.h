/*
 * sealed.h: whether a keyring is the one that a database was sealed with. A
 * whole keyring of somebody else's looks as good as ours until a secret is
 * wanted.
 */
#ifndef SEALED_H
#define SEALED_H

#include "crypt/seal.h"

/*
 * Tries the lines of STMT_MASTER_KEYS, of each master key its newest data key,
 * from *lines on, which are cut to pieces. True: one does not open, `why` says
 * which; *lines is behind it. False: there is no further one.
 */
bool sealed_foreign(
    const struct keyring *ring, char **lines, char *why, size_t size);

#endif
