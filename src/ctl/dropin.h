/*
 * dropin.h: lets the service of an installed host reach a database over TCP.
 */
#ifndef DROPIN_H
#define DROPIN_H

#include "ctl/ctl.h"

enum dropin_way { DROPIN_WRITE, DROPIN_LOOK };

/* The drop-in of its unit, `path`; "": none is needed. `changed`: it had to be
 * written; with DROPIN_LOOK nothing is. False: `why`. */
MUST_CHECK bool dropin_write(const struct ctl *c, enum dropin_way way,
    char path[128], bool *changed, char *why, size_t size);

#endif
