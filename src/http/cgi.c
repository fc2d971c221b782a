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
#include "http/fcgi.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static int64_t deadline; /* 0: the request has not been handed out */

bool
cgi_here(void)
{
	const char *text = getenv("GATEWAY_INTERFACE");

	return text && strncmp(text, "CGI/", 4) == 0;
}

bool
cgi_next(void)
{
	if (deadline)
		return false;
	deadline = clock_us() + CLOCK_S(FCGI_WIRE_LIMIT);
	return true;
}

const char *
cgi_param(const char *name)
{
	return getenv(name);
}

/* No POLLRDHUP: a server that has sent the body says just that. */
bool
cgi_peer_gone(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return poll(&p, 1, 0) > 0;
}

/* Until a read or write would not wait. False: the time is over. */
static bool
wait_until(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int n = 0;

	while (n == 0 && (left = deadline - clock_us()) > 0) {
		n = poll(&p, 1, (int)(left / 1000) + 1);
		if (n < 0 && errno == EINTR)
			n = 0;
	}
	return n > 0;
}

size_t
cgi_read(void *to, size_t len)
{
	ssize_t n;

	if (!wait_until(STDIN_FILENO, POLLIN))
		return 0;
	n = read(STDIN_FILENO, to, len);
	return n > 0 ? (size_t)n : 0;
}

/* A pipe or socket that is ready takes PIPE_BUF bytes without a wait. */
void
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

void
cgi_finish(void)
{
	char *key = getenv("HTTP_AUTHORIZATION");

	if (key)
		secret_wipe(key, strlen(key));
}
