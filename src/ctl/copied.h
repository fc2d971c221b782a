/*
 * copied.h: somebody's word (doctor --keyring-copied) that the keyring was
 * copied elsewhere: no program can see a safe.
 */
#ifndef COPIED_H
#define COPIED_H

#include "ctl/ctl.h"

/* Whether it was given for the keyring with this fingerprint. */
bool copied_is(const struct ctl *c, const char *fingerprint);

/* Keeps it, with fingerprint and time. */
MUST_CHECK int copied_confirm(struct ctl *c);

#endif
