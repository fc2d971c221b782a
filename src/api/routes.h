/*
 * routes.h: what the API serves.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "http/route.h"

/* All routes, for struct app; the last row has path NULL. */
extern const struct route routes[];

#endif
