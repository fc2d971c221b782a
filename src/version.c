/*
 * version.c: the package's version, see version.h.
 */
#include "version.h"

#include "banned.h"

const char version[] = CODECOURIER_VERSION;
