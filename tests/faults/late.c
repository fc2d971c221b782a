/*
 * late.c: a library for LD_PRELOAD. The alarm of the request before comes at
 * the last moment: while the next one's is being set.
 */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "banned.h"

unsigned int
alarm(unsigned int seconds)
{
	struct itimerval t = {.it_value = {.tv_sec = seconds}};

	kill(getpid(), SIGALRM);
	setitimer(ITIMER_REAL, &t, NULL);
	return 0;
}
