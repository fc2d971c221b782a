/*
 * version.c: the package's version, see version.h.
 */
#include "base/version.h"

#include "base/banned.h"

const char version[] = CODECOURIER_VERSION;
