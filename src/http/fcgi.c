/*
 * fcgi.c: accept loop, parameters, body, answer. The loop pokes `ipcFd` and
 * `keepConnection` of libfcgi's request, which its header calls private:
 * tests/fcgi pins the behaviour that this relies on.
 *
 * Why not FCGX_Accept_r alone: its handler for SIGTERM is installed without
 * SA_RESTART, so a signal cuts reads and writes of the request in hand
 * (parameters missing, bodies short, answers truncated). Here the stop
 * signals are blocked while a request is served.
 */
#include "http/fcgi.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcgiapp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define LISTEN_FD 0

static volatile sig_atomic_t active_fd = -1; /* the request in hand; -1: none */
static _Atomic int64_t active_until;         /* its end, on clock_us() */
static FCGX_Request request;
static int epoll_fd, signal_fd;
static sigset_t stops;

/* The wire limit. Shutting the socket down (and not just interrupting a
 * call) leaves no moment in which a blocking read could start again. An alarm
 * that was set for the request before, and comes late, finds that the time of
 * this one is not over. */
static void
on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	if (active_fd >= 0 && clock_us() >= active_until)
		shutdown(active_fd, SHUT_RDWR);
	errno = saved;
}

/* Before FCGX_Init, which installs its own where it finds the default. The
 * stop signals stay blocked for good; the descriptor ends the wait for them. */
static bool
set_signals(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &sa, NULL);
	if (!wire_hold_stops(&stops))
		return false;
	signal_fd = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd >= 0;
}

static bool
watch(int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

bool
fcgi_here(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening,
		   &len) == 0 &&
	    listening;
}

static void
fcgi_finish(void)
{
	FCGX_Finish_r(&request);
	active_fd = -1;
}

/* Hands the connection to libfcgi and reads the parameters. */
static bool
take_connection(int fd)
{
	active_until = clock_us() + CLOCK_S(WIRE_LIMIT);
	active_fd = fd;
	alarm(WIRE_LIMIT);
	request.ipcFd = fd;
	/* or FCGX_Accept_r's opening FCGX_Finish_r would close it */
	request.keepConnection = 1;
	if (FCGX_Accept_r(&request) < 0) {
		active_fd = -1;
		return false; /* garbage, or gone: closed already */
	}
	request.keepConnection = 0; /* one request a connection */
	if (FCGX_GetError(request.in) != 0) {
		fcgi_finish();
		return false;
	}
	return true;
}

/* The next connection, or -1: another worker took it, or it is gone. */
static int
accept_one(void)
{
	int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN && errno != EINTR &&
	    errno != ECONNABORTED) {
		log_msg(LOG_ERROR, "accept: %s", strerror(errno));
		usleep(10000);
	}
	return fd;
}

static bool
stop_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	    sigandset(&pending, &pending, &stops) == 0 &&
	    !sigisemptyset(&pending);
}

/* The signal of before the wait is seen first: no other request is taken. The
 * one of meanwhile ends the wait, but a connection that came with it is served:
 * the kernel has told nobody else of it (EPOLLEXCLUSIVE). */
static enum wire_event
fcgi_next(int64_t wait_us)
{
	struct epoll_event ev[2];

	while (!stop_pending()) {
		int fd = -1, n;

		n = epoll_wait(epoll_fd, ev, 2,
		    wait_us < 0 ? -1 : (int)(wait_us / 1000) + 1);
		if (n == 0)
			return WIRE_IDLE;
		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == LISTEN_FD)
				fd = accept_one();
		if (fd >= 0 && take_connection(fd))
			return WIRE_REQUEST;
	}
	return WIRE_STOP;
}

static const char *
fcgi_param(const char *name)
{
	return FCGX_GetParam(name, request.envp);
}

static bool
fcgi_is_gone(void)
{
	struct pollfd p = {.fd = request.ipcFd, .events = POLLRDHUP};

	return poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool
fcgi_others_wait(void)
{
	struct pollfd p = {.fd = LISTEN_FD, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* When the record that ends the body has come the peer says no more: libfcgi
 * then need not wait for it at the end (four calls and a turn of nginx's),
 * which it does lest a close with bytes unread take the answer with it. */
static ssize_t
fcgi_read(void *to, size_t len)
{
	int n = FCGX_GetStr(to, (int)len, request.in);

	if (n > 0)
		return n;
	FCGX_Detach(&request);
	return FCGX_GetError(request.in) == 0 ? 0 : -1;
}

static void
fcgi_write(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		int n = FCGX_PutStr(
		    p, (int)(len > 1 << 20 ? 1 << 20 : len), request.out);

		if (n <= 0)
			return; /* nobody reads any more */
		p += n;
		len -= (size_t)n;
	}
}

static const struct wire fcgi_wire = {fcgi_next, fcgi_param, fcgi_read,
    fcgi_write, fcgi_finish, fcgi_is_gone, fcgi_others_wait};

const struct wire *
fcgi_open(char *why, size_t size)
{
	int flags = fcntl(LISTEN_FD, F_GETFL);

	if (!fcgi_here()) {
		snprintf(why, size,
		    "descriptor 0 is no listening socket; start me by "
		    "spawn-fcgi");
		return NULL;
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (flags < 0 || fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    epoll_fd < 0 || !set_signals() || !watch(signal_fd, EPOLLIN) ||
	    !watch(LISTEN_FD, EPOLLIN | EPOLLEXCLUSIVE) || FCGX_Init() != 0 ||
	    FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		snprintf(why, size, "cannot set up: %s", strerror(errno));
		return NULL;
	}
	return &fcgi_wire;
}
