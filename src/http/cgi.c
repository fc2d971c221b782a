/*
 * cgi.c: one request from environment and standard input, its answer to
 * standard output.
 *
 * The client's headers come as HTTP_*: no request can set a variable that
 * steers this program (CODECOURIER_*) or libpq (PG*). The one name that other
 * programs believe, HTTP_PROXY, nobody reads in here. A server makes arguments
 * of a query without "=": main() takes none as CGI.
 *
 * Every wait is a poll() up to one deadline. The descriptors stay blocking,
 * since others may share them.
 */
#include "http/cgi.h"

#include "base/clock.h"
#include "base/secret.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static int64_t deadline; /* 0: the request has not been handed out */
static size_t left;      /* of the body */

bool
cgi_here(void)
{
	const char *text = getenv("GATEWAY_INTERFACE");

	return text && strncmp(text, "CGI/", 4) == 0;
}

/* Its time on the wire starts here. */
static enum wire_event
cgi_next(int64_t wait_us)
{
	(void)wait_us;
	if (deadline)
		return WIRE_STOP;
	deadline = clock_us() + CLOCK_S(WIRE_LIMIT);
	if (!wire_length(getenv("CONTENT_LENGTH"), &left))
		left = 0; /* and wire_body refuses it */
	return WIRE_REQUEST;
}

static const char *
cgi_param(const char *name)
{
	return getenv(name);
}

/* No POLLRDHUP: a server that has sent the body says just that. */
static bool
cgi_is_gone(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return poll(&p, 1, 0) > 0;
}

/* Until a read or write would not wait. False: the time is over. */
static bool
wait_until(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t us;
	int n = 0;

	while (n == 0 && (us = deadline - clock_us()) > 0) {
		n = poll(&p, 1, (int)(us / 1000) + 1);
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	return n > 0;
}

/* A chunked body comes without a length: its end could as well be where it was
 * cut off. */
static bool
has_end(void)
{
	const char *length = getenv("CONTENT_LENGTH");

	return (length && length[0]) || !getenv("HTTP_TRANSFER_ENCODING");
}

/* Nobody reads beyond the length: RFC 3875 4.2. */
static ssize_t
cgi_read(void *to, size_t len)
{
	ssize_t n;

	if (left == 0)
		return has_end() ? 0 : -1;
	if (!wait_until(STDIN_FILENO, POLLIN))
		return 0;
	n = read(STDIN_FILENO, to, len < left ? len : left);
	if (n <= 0)
		return 0;
	left -= (size_t)n;
	return n;
}

/* A pipe or socket that is ready takes PIPE_BUF bytes without a wait. */
static void
cgi_write(const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0 && wait_until(STDOUT_FILENO, POLLOUT)) {
		n = write(STDOUT_FILENO, p, len < PIPE_BUF ? len : PIPE_BUF);
		if (n <= 0)
			return; /* nobody reads any more */
		p += n;
		len -= (size_t)n;
	}
}

/* Forgets the key. The end of the process is the end of the answer. */
static void
cgi_finish(void)
{
	char *key = getenv("HTTP_AUTHORIZATION");

	if (key)
		secret_wipe(key, strlen(key));
}

static bool
cgi_others_wait(void)
{
	return false; /* each request has a process */
}

static const struct wire cgi_wire = {cgi_next, cgi_param, cgi_read, cgi_write,
    cgi_finish, cgi_is_gone, cgi_others_wait};

/* An alarm of whoever executed this program is still set (alarm(2)). */
const struct wire *
cgi_open(char *why, size_t size)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t stops;

	sigaction(SIGALRM, &ignore, NULL);
	if (wire_hold_stops(&stops))
		return &cgi_wire;
	snprintf(why, size, "cannot set up: %s", strerror(errno));
	return NULL;
}
