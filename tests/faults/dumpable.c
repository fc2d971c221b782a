/*
 * dumpable.c: a library for LD_PRELOAD that leaves a worker dumpable, so that
 * a plain user's tests may trace it and read its memory as root's do.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/banned.h"

int
prctl(int option, ...)
{
	int (*real)(int, ...) = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
	unsigned long a[4];
	va_list ap;

	if (!real)
		abort();
	if (option == PR_SET_DUMPABLE)
		return 0;
	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return real(option, a[0], a[1], a[2], a[3]);
}
