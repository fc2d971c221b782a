/*
 * late.c: a library for LD_PRELOAD: signals at their last moment. The alarm of
 * the request before comes while the next one's is being set; with LATE_STOP
 * the end comes when the kernel has told of a connection, and nobody else.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/banned.h"

unsigned int
alarm(unsigned int seconds)
{
	struct itimerval t = {.it_value = {.tv_sec = seconds}};

	kill(getpid(), SIGALRM);
	setitimer(ITIMER_REAL, &t, NULL);
	return 0;
}

int
epoll_wait(int epfd, struct epoll_event *ev, int max, int timeout)
{
	int n = epoll_pwait(epfd, ev, max, timeout, NULL);

	for (int i = 0; getenv("LATE_STOP") && i < n; i++) {
		if (ev[i].data.fd == STDIN_FILENO) {
			kill(getpid(), SIGUSR1);
			/* and now it tells of both */
			return epoll_pwait(epfd, ev, max, 0, NULL);
		}
	}
	return n;
}
