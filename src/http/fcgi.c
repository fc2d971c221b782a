/*
 * fcgi.c: accept loop, parameters, body, answer; or cgi.c's in their place,
 * when the process was started as a CGI program. The loop pokes `ipcFd` and
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
#include "http/cgi.h"

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

static bool as_cgi, listens;
static volatile sig_atomic_t active_fd = -1; /* the request in hand; -1: none */
static _Atomic int64_t active_until;         /* its end, on clock_us() */
static FCGX_Request request;
static int epoll_fd, signal_fd;
static const int stops[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

#define N_STOPS (sizeof(stops) / sizeof(stops[0]))

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

static void
handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

/* Before FCGX_Init, which installs its own where it finds the default. The
 * stop signals stay blocked for good; the descriptor ends the wait for them. */
static bool
set_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < N_STOPS; i++)
		sigaddset(&mask, stops[i]);
	handle(SIGALRM, on_alarm, SA_RESTART);
	handle(SIGPIPE, SIG_IGN, 0);
	signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return sigprocmask(SIG_BLOCK, &mask, NULL) == 0 && signal_fd >= 0;
}

static bool
watch(int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

bool
fcgi_init(char *why, size_t size)
{
	int listening = 0, flags;
	socklen_t len = sizeof(listening);

	if (getsockopt(
		LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		listening = 0;
	if (!listening && cgi_here()) {
		as_cgi = set_signals();
		snprintf(why, size, "cannot set up: %s", strerror(errno));
		return as_cgi;
	}
	if (!listening) {
		snprintf(why, size,
		    "descriptor 0 is no listening socket; start me by "
		    "spawn-fcgi");
		return false;
	}
	flags = fcntl(LISTEN_FD, F_GETFL);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (flags < 0 || fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    epoll_fd < 0 || !set_signals() || !watch(signal_fd, EPOLLIN) ||
	    !watch(LISTEN_FD, EPOLLIN | EPOLLEXCLUSIVE) || FCGX_Init() != 0 ||
	    FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		snprintf(why, size, "cannot set up: %s", strerror(errno));
		return false;
	}
	listens = true;
	return true;
}

/* Hands the connection to libfcgi and reads the parameters. */
static bool
take(int fd)
{
	active_until = clock_us() + CLOCK_S(FCGI_WIRE_LIMIT);
	active_fd = fd;
	alarm(FCGI_WIRE_LIMIT);
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

	if (sigpending(&pending) != 0)
		return false;
	for (size_t i = 0; i < N_STOPS; i++)
		if (sigismember(&pending, stops[i]) == 1)
			return true;
	return false;
}

/* The signal of before the wait is seen first: no other request is taken. The
 * one of meanwhile ends the wait, but a connection that came with it is served:
 * the kernel has told nobody else of it (EPOLLEXCLUSIVE). */
enum fcgi_event
fcgi_next(int64_t wait_us)
{
	struct epoll_event ev[2];

	if (as_cgi)
		return cgi_next() ? FCGI_REQUEST : FCGI_STOP;
	while (!stop_pending()) {
		int fd = -1, n;

		n = epoll_wait(epoll_fd, ev, 2,
		    wait_us < 0 ? -1 : (int)(wait_us / 1000) + 1);
		if (n == 0)
			return FCGI_IDLE;
		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == LISTEN_FD)
				fd = accept_one();
		if (fd >= 0 && take(fd))
			return FCGI_REQUEST;
	}
	return FCGI_STOP;
}

const char *
fcgi_param(const char *name)
{
	return as_cgi ? cgi_param(name) : FCGX_GetParam(name, request.envp);
}

bool
fcgi_peer_gone(void)
{
	struct pollfd p = {.fd = request.ipcFd, .events = POLLRDHUP};

	if (as_cgi)
		return cgi_peer_gone();
	return poll(&p, 1, 0) > 0 &&
	    (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool
fcgi_others_wait(void)
{
	struct pollfd p = {.fd = LISTEN_FD, .events = POLLIN};

	return listens && poll(&p, 1, 0) > 0;
}

/* As CGI a chunked body comes without a length: its end could as well be
 * where it was cut off. */
static bool
content_length(size_t *len)
{
	const char *text = fcgi_param("CONTENT_LENGTH");

	*len = 0;
	if (!text || !text[0])
		return !as_cgi || !cgi_param("HTTP_TRANSFER_ENCODING");
	if (strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*len = strtoull(text, NULL, 10);
	return true;
}

/* Reads the record that ends the body. When it has come the peer says no more:
 * libfcgi then need not wait for it at the end (four calls and a turn of
 * nginx's), which it does lest a close with bytes unread take the answer with
 * it. */
static enum err
expect_end(void)
{
	if (as_cgi) /* nobody reads beyond the length: RFC 3875 4.2 */
		return ERR_OK;
	if (FCGX_GetChar(request.in) == EOF)
		FCGX_Detach(&request);
	return FCGX_GetError(request.in) == 0 ? ERR_OK : ERR_VALIDATION;
}

/* 0 at the end. */
static size_t
read_some(char *to, size_t len)
{
	int n;

	if (as_cgi)
		return cgi_read(to, len);
	n = FCGX_GetStr(to, (int)len, request.in);
	return n > 0 ? (size_t)n : 0;
}

enum err
fcgi_body(char **body, size_t *len, size_t limit)
{
	size_t got = 0, n = 1;

	*body = NULL;
	if (!content_length(len))
		return ERR_VALIDATION;
	if (*len > limit)
		return ERR_TOO_LARGE;
	if (*len == 0)
		return expect_end();
	*body = malloc(*len + 1);
	if (!*body)
		return ERR_INTERNAL;
	while (got < *len && n > 0) {
		n = read_some(*body + got, *len - got);
		got += n;
	}
	(*body)[got] = '\0';
	if (got == *len && expect_end() == ERR_OK)
		return ERR_OK;
	free(*body);
	*body = NULL;
	return ERR_VALIDATION;
}

void
fcgi_write(const void *data, size_t len)
{
	const char *p = data;

	if (as_cgi) {
		cgi_write(data, len);
		return;
	}
	while (len > 0) {
		int n = FCGX_PutStr(
		    p, (int)(len > 1 << 20 ? 1 << 20 : len), request.out);

		if (n <= 0)
			return; /* nobody reads any more */
		p += n;
		len -= (size_t)n;
	}
}

void
fcgi_finish(void)
{
	if (as_cgi) {
		cgi_finish();
		return;
	}
	FCGX_Finish_r(&request);
	active_fd = -1;
}
