/*
 * fuzz_records.c: raw bytes on the worker's socket, through libfcgi, fcgi.c
 * and serve.c. The peer writes them, closes its side and reads; the worker
 * must answer in whole records or close, and be ready for the next one.
 *
 * A closed side is a client that is gone, and is not served: that look is
 * switched off here.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "http/fcgi.h"
#include "http/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/banned.h"

#define INPUT_MAX 65536 /* less than a socket takes while nobody reads */

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct app *app;
static struct wire wire;

static bool
is_never_gone(void)
{
	return false;
}

/* fcgi.c listens on descriptor 0, for good. */
static void
start(void)
{
	const struct wire *fcgi;
	char why[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sigset_t set;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/api.sock",
	    fuzz_folder());
	EXPECT(fd >= 0);
	EXPECT(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(listen(fd, 8) == 0);
	EXPECT(dup2(fd, 0) == 0);
	close(fd);
	fcgi = fcgi_open(why, sizeof(why));
	EXPECT(fcgi);
	wire = *fcgi;
	wire.is_gone = is_never_gone;
	/* the fuzzer is asked to end by it, and has a handler of its own */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	app = fuzz_app();
	app->wire = &wire;
}

/*
 * libfcgi of Debian 12 ends the process on parameters whose claimed lengths
 * overflow an int, and asks for gigabytes below that (the second half of
 * CVE-2025-23016); its answer to more than three names of values does not fit
 * its array. Only nginx can reach the socket. Left out for that: bytes that
 * could begin a length of 16 MiB and more, and a fourth name. It sees records
 * where there are none, so this looks at all bytes.
 */
static bool
is_known(const uint8_t *data, size_t len)
{
	static const char name[] = "FCGI_M";
	size_t names = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] > 0x80)
			return true;
		if (len - i >= sizeof(name) - 1 &&
		    memcmp(data + i, name, sizeof(name) - 1) == 0)
			names++;
	}
	return names > 3;
}

static int
connect_and_send(const uint8_t *data, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	EXPECT(fd >= 0);
	EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	EXPECT(shutdown(fd, SHUT_WR) == 0);
	return fd;
}

/* Whole records of the answer's two streams and its end; or nothing. */
static void
check_records(const unsigned char *p, size_t left)
{
	while (left > 0) {
		EXPECT(left >= 8);
		size_t size = 8 + (size_t)p[4] * 256 + p[5] + p[6];

		EXPECT(p[0] == 1);
		EXPECT(left >= size);
		p += size;
		left -= size;
	}
}

static void
read_answer(int fd)
{
	static unsigned char answer[1 << 20];
	size_t got = 0;
	ssize_t n;

	do {
		n = recv(fd, answer + got, sizeof(answer) - got, MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	/* the end, or a reset for what was not read of the input */
	EXPECT(n == 0 || errno == ECONNRESET);
	if (n == 0)
		check_records(answer, got);
}

void
fuzz_records(const uint8_t *data, size_t len)
{
	int64_t begin = clock_us();
	enum wire_event event;
	int fd;

	if (!app)
		start();
	if (len == 0 || len > INPUT_MAX || is_known(data, len))
		return;
	fd = connect_and_send(data, len);
	event = wire.next(0);
	EXPECT(event != WIRE_STOP);
	if (event == WIRE_REQUEST)
		serve(app);
	read_answer(fd);
	close(fd);
	/* nobody waits for a peer that has said all it had to say */
	EXPECT(clock_us() - begin < CLOCK_S(5));
}
